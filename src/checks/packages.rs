//! The virtual environment and what is installed in it.
//!
//! Invariant: pure. What could not be read is no finding ([`unseen`] lists it), and one cause is
//! told once: a missing environment hides everything else, a Python that was upgraded is not told
//! as fifty missing packages. No command holds a name that the service user could have chosen.

mod database;
mod distributions;
mod interpreter;
mod launcher;
mod required;

use std::path::PathBuf;

use crate::model::{Fact, Finding, Kind, Owner, Severity, finding};
use crate::python::{Environment, Platform, RequirementSet};

/// The kinds that [`check`] can find.
pub const KINDS: &[&Kind] = &[
    &finding::PKG_VENV_MISSING,
    &finding::PKG_INTERPRETER_GONE,
    &finding::PKG_PYTHON_UPGRADED,
    &finding::PKG_CFG_MISSING,
    &finding::PKG_GUNICORN_MISSING,
    &finding::PKG_SHEBANG_GONE,
    &finding::PKG_NOT_EXECUTABLE,
    &finding::PKG_SCRIPT,
    &finding::PKG_PKG_RESOURCES,
    &finding::PKG_GUNICORN_OLD,
    &finding::PKG_MISSING,
    &finding::PKG_VERSION,
    &finding::PKG_CONFLICT,
    &finding::PKG_FILES_GONE,
    &finding::PKG_METADATA,
    &finding::PKG_DUPLICATE,
    &finding::PKG_LEFTOVER,
    &finding::PKG_FOREIGN,
    &finding::PKG_DRIVER_MISSING,
    &finding::PKG_DRIVER_HALF,
    &finding::PKG_NO_ZONES,
    &finding::PKG_REQUIREMENTS,
    &finding::PKG_UNPINNED,
    &finding::PKG_UNUSED,
];

/// The environment of the service.
pub const PACKAGES: super::Check = super::Check { kinds: || KINDS.to_vec(), run: verdict };

fn verdict(facts: &super::Facts) -> super::Verdict {
    let seen = &facts.packages;
    let service = facts.config.service.value.as_str();
    let (environment, requirements) = (&seen.environment, &seen.requirements);
    let facts = PackageFacts { environment, requirements, context: &seen.context };
    let mut found = check(facts);
    // What kept the service from starting is mended; systemd may have given it up.
    for finding in found.iter_mut().filter(|f| f.kind.severity == Severity::Error) {
        if !finding.commands.is_empty() {
            finding.commands.push(["systemctl", "restart", service].map(str::to_owned).to_vec());
        }
    }
    match unseen(facts).into_iter().next() {
        Some(reason) => super::Verdict::Partly { found, reason, needs: "root".to_owned() },
        None => super::Verdict::Looked(found),
    }
}

/// What the settings and the rest of the host contribute.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Context {
    /// The service user, as the settings name it.
    pub user: String,
    /// Its ids, where they are known.
    pub runs_as: Option<Owner>,
    /// The requirements files of the settings, not those that they include.
    pub requirement_files: Vec<PathBuf>,
    /// Root alone can change the environment's place and these files.
    pub guarded: bool,
    /// The service answers at every address: what is missing was not needed so far.
    pub serving: bool,
    /// DATABASE_URL is for PostgreSQL.
    pub postgres: bool,
    /// The system's `libpq.so.5`.
    pub libpq: Fact<()>,
    /// `/usr/share/zoneinfo`.
    pub zoneinfo: Fact<()>,
    pub platform: Platform,
}

/// All that the checks are told.
#[derive(Clone, Copy, Debug)]
pub struct PackageFacts<'a> {
    pub environment: &'a Environment,
    pub requirements: &'a RequirementSet,
    pub context: &'a Context,
}

/// Everything that is wrong, causes before symptoms. Empty on a healthy environment.
pub fn check(facts: PackageFacts<'_>) -> Vec<Finding> {
    match &facts.environment.facts.dir {
        Fact::Absent => return interpreter::venv_missing(facts),
        Fact::Unknown(_) => return Vec::new(),
        Fact::Known(_) => {}
    }
    let mut found = interpreter::check(facts);
    found.extend(launcher::check(facts));
    found.extend(distributions::check(facts));
    found.extend(required::check(facts));
    found.extend(database::check(facts));
    found
}

/// What could not be looked at, in words.
pub fn unseen(facts: PackageFacts<'_>) -> Vec<String> {
    facts.environment.unseen()
}

// Commands that work when pasted as root.
impl PackageFacts<'_> {
    fn is_roots(&self) -> bool {
        self.environment.facts.dir.known().is_some_and(|dir| dir.uid == 0)
    }

    /// As the service user, unless all of it is root's: code that the service user wrote, or can put
    /// in the place of root's, is not for root to run.
    fn as_owner(&self, words: &[&str]) -> Vec<String> {
        let user = ["runuser", "-u", self.context.user.as_str(), "--"];
        let roots = self.is_roots() && self.context.guarded;
        let prefix = if roots { &[][..] } else { &user[..] };
        prefix.iter().chain(words).map(|word| (*word).to_owned()).collect()
    }

    /// Root's environment in a place of the service user's becomes that user's.
    fn given(&self) -> Option<Vec<String>> {
        let venv = self.environment.facts.path.display().to_string();
        let owner = format!("{}:", self.context.user);
        let words = ["chown", "-hR", &owner, &venv].map(str::to_owned).to_vec();
        (self.is_roots() && !self.context.guarded).then_some(words)
    }

    /// `VENV/bin/python3 -m pip …`, with pip made first where there is none.
    fn pip(&self, words: &[&str]) -> Vec<Vec<String>> {
        let python = self.environment.facts.path.join("bin/python3").display().to_string();
        let mut commands: Vec<_> = self.given().into_iter().collect();
        if self.environment.judged().find("pip").is_none() {
            commands.push(self.as_owner(&[python.as_str(), "-m", "ensurepip"]));
        }
        let command = [&[python.as_str(), "-m", "pip"], words].concat();
        commands.push(self.as_owner(&command));
        commands
    }

    /// Installs the requirements, or only what is given when the settings name no file.
    fn install(&self, otherwise: &[&str]) -> Vec<Vec<String>> {
        let files: Vec<_> =
            self.context.requirement_files.iter().map(|f| f.display().to_string()).collect();
        let named: Vec<_> = files.iter().flat_map(|file| ["-r", file.as_str()]).collect();
        match (named.is_empty(), otherwise.is_empty()) {
            (false, _) => self.pip(&[&["install"], named.as_slice()].concat()),
            (true, false) => self.pip(&[&["install"], otherwise].concat()),
            (true, true) => Vec::new(),
        }
    }

    /// Makes the environment again with the system's Python and installs into it.
    fn rebuild(&self) -> Vec<Vec<String>> {
        let venv = self.environment.facts.path.display().to_string();
        let mut commands: Vec<_> = self.given().into_iter().collect();
        if self.environment.facts.dir.is_absent() && self.context.guarded {
            // The service user can make nothing in a directory of root's.
            let words = ["install", "-d", "-o", self.context.user.as_str(), &venv];
            commands.push(words.map(str::to_owned).to_vec());
        }
        commands.push(self.as_owner(&["python3", "-m", "venv", "--clear", &venv]));
        commands.extend(self.install(&["gunicorn"]).pop());
        commands
    }
}

/// Several things of one kind as one finding: the first names in the sentence, all (to a limit) as
/// evidence.
fn listed(mut finding: Finding, what: &str, items: &[(String, String)]) -> Finding {
    const NAMED: usize = 3;
    const SHOWN: usize = 30;
    let names: Vec<_> = items.iter().take(NAMED).map(|(name, _)| name.as_str()).collect();
    let more = match items.len().saturating_sub(NAMED) {
        0 => String::new(),
        n => format!(" and {n} more"),
    };
    finding.detail = format!("{what}: {}{more}", names.join(", "));
    for (source, text) in items.iter().take(SHOWN) {
        finding = finding.evidence(source.as_str(), text.as_str());
    }
    finding
}
