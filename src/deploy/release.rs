//! Releases: directories of root's with code and environment, and the link `current` to the one
//! that is live. A release is complete once it has been live and healthy; only complete ones are
//! gone back to, and failed ones stay to be looked at until they are pruned.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::facts::{DeployFacts, check_facts};
use super::parts::{
    Target, as_root, collect_static, dump, health, health_work, look, migrate, settings, systemctl,
    trial,
};
use super::step::{Command, Reads, RunAs, Step, Surroundings, Undo, Work};
use crate::config::{Config, STATE_DIR};
use crate::model::{Effect, Finding, Owner, Secret, Subject, finding};

const ROOT: Owner = Owner { uid: 0, gid: 0 };
/// The file that marks a complete release.
const COMPLETE: &str = ".complete";
const UNPACK: u64 = 600;
/// Building an environment may compile; it may not take for ever.
const BUILD: u64 = 1800;

/// Where releases live, and which parts of one the settings point into.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Layout {
    /// `APP_DIR/releases`.
    pub releases: PathBuf,
    /// `APP_DIR/current`.
    pub current: PathBuf,
    /// `APP_DIR/shared`: what outlives a release, at the same place in its tree.
    pub shared: PathBuf,
    /// The project directory within a release, `backend`.
    pub project: PathBuf,
    /// The environment within a release, `venv`.
    pub venv: PathBuf,
}

impl Layout {
    /// The layout of the settings.
    ///
    /// # Errors
    /// The settings do not point into `current`; the finding says what to set.
    pub fn of_config(config: &Config) -> Result<Self, Box<Finding>> {
        let app = &config.app_dir.value;
        let current = app.join("current");
        let inside = |path: &Path| path.strip_prefix(&current).ok().map(Path::to_owned);
        match (inside(&config.working_directory), inside(&config.venv)) {
            (Some(project), Some(venv)) if project != venv => Ok(Self {
                releases: app.join("releases"),
                current,
                shared: app.join("shared"),
                project,
                venv,
            }),
            _ => Err(Box::new(not_the_layout(config, &current))),
        }
    }

    /// The directory of a release.
    pub fn release(&self, name: &str) -> PathBuf {
        self.releases.join(name)
    }

    /// The mark of a complete one.
    pub fn mark(&self, name: &str) -> PathBuf {
        self.release(name).join(COMPLETE)
    }

    fn target(&self, name: &str) -> Target {
        let release = self.release(name);
        Target { directory: release.join(&self.project), venv: release.join(&self.venv) }
    }

    /// What the link holds: relative, so that it stays beneath the directory of the application.
    fn link(name: &str) -> PathBuf {
        Path::new("releases").join(name)
    }
}

fn not_the_layout(config: &Config, current: &Path) -> Finding {
    let app = config.app_dir.display();
    let detail = format!(
        "working_directory and venv do not lie below \"{}\"; set in [paths]: \
         working_directory = {app}/current/backend, venv = {app}/current/venv, \
         writable = {app}/shared/backend/media {app}/shared/backend/staticfiles",
        current.display()
    );
    Finding::new(&finding::DEP_LAYOUT, Subject::file(crate::config::FILE), detail)
}

/// A release as found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Release {
    pub name: String,
    pub complete: bool,
    /// `current` points at it.
    pub live: bool,
    /// A process of the service still runs from it.
    pub in_use: bool,
}

/// True for a name that is one plain directory entry.
pub fn is_release_name(name: &str) -> bool {
    let plain = |b: u8| b.is_ascii_alphanumeric() || b"._-".contains(&b);
    !name.is_empty()
        && name.len() <= 100
        && !name.starts_with(['.', '-'])
        && name.bytes().all(plain)
}

/// What `--from` names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SourceKind {
    Directory,
    Archive,
}

/// The new code as found.
#[derive(Clone, Debug)]
pub struct SourceFacts {
    pub path: PathBuf,
    pub kind: SourceKind,
    /// Leading directories of an archive that are cut off.
    pub strip: usize,
    /// The requirements file within it, relative.
    pub requirements: PathBuf,
    /// Wheels to install from; then nothing is fetched.
    pub wheelhouse: Option<PathBuf>,
}

/// Written before the link is switched and removed when the new release is complete: whoever finds
/// it knows which release to go back to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Journal {
    pub old: Option<String>,
    pub new: String,
}

impl Journal {
    /// Where it lies; root only.
    pub fn path() -> PathBuf {
        Path::new(STATE_DIR).join("deploy/switch.json")
    }

    /// Reads it back; names are checked, since they become paths.
    pub fn parse(bytes: &[u8]) -> Option<Self> {
        let journal: Self = serde_json::from_slice(bytes).ok()?;
        let fine = |name: &String| is_release_name(name);
        (fine(&journal.new) && journal.old.iter().all(fine)).then_some(journal)
    }

    fn render(&self) -> Secret {
        Secret::new(serde_json::json!({ "old": self.old, "new": self.new }).to_string())
    }
}

/// What one deployment has at hand.
#[derive(Debug)]
pub struct Deployment<'a> {
    pub config: &'a Config,
    pub facts: &'a DeployFacts,
    pub layout: &'a Layout,
    /// The release that is live now.
    pub old: Option<&'a str>,
    pub new: &'a str,
    pub in_the_way: Vec<Finding>,
    /// Directories of the tree that exist already.
    pub existing: &'a [PathBuf],
    pub seconds: u64,
}

/// Unpack, build, try, switch, ask, and back if it does not answer.
pub fn plan_release(deployment: &Deployment, source: &SourceFacts) -> Vec<Step> {
    let Deployment { config, layout, new, seconds, .. } = deployment;
    let target = layout.target(new);
    let mut steps = vec![preflight(deployment), unpack(deployment, source)];
    steps.push(environment(deployment, source));
    steps.extend([settings(&target, config), collect_static(&target)]);
    steps.extend(dump(deployment.facts, new));
    steps.extend([migrate(&target), trial(&target, config, *seconds)]);
    steps.extend(go_live(deployment));
    steps
}

/// To a complete release, without touching the database.
pub fn plan_rollback(deployment: &Deployment) -> Vec<Step> {
    let Deployment { config, layout, new, seconds, .. } = deployment;
    let target = layout.target(new);
    let mut steps =
        vec![preflight(deployment), settings(&target, config), trial(&target, config, *seconds)];
    steps.extend(go_live(deployment));
    steps
}

fn preflight(deployment: &Deployment) -> Step {
    let mut found = deployment.in_the_way.clone();
    // The programs are those of the new release, which is not there yet.
    let about_old = |f: &Finding| {
        [&finding::DEP_NO_PROJECT, &finding::DEP_NO_VENV, &finding::SVC_PROGRAM_MISSING]
            .iter()
            .any(|kind| kind.id == f.kind.id)
    };
    found.retain(|f| !about_old(f));
    let facts = check_facts(deployment.config, deployment.facts);
    found.extend(facts.into_iter().filter(|f| !about_old(f)));
    look("preflight", vec![Work::Judge(found)])
}

fn unpack(deployment: &Deployment, source: &SourceFacts) -> Step {
    let Deployment { layout, new, .. } = deployment;
    let release = layout.release(new);
    let mut work = Vec::new();
    let mut make = |path: &Path| {
        if !deployment.existing.iter().any(|known| known == path) {
            let path = path.to_owned();
            work.push(Work::Effect(Effect::MakeDir { path, owner: ROOT, mode: 0o755 }));
        }
    };
    make(&layout.releases);
    make(&release);
    work.extend(copy(source, &release, new));
    work.extend(shared(deployment));
    Step {
        name: "unpack",
        changes: format!("{}: the code, root's, readable by all", release.display()),
        work,
        undo: Undo::Kept(format!(
            "{} stays to be looked at; meats-deploy prune removes it",
            release.display()
        )),
    }
}

/// What is never part of a release: history, caches, other environments, local data and secrets.
const LEFT_OUT: &[&str] = &[
    ".git",
    "__pycache__",
    "*.pyc",
    "venv",
    ".venv",
    "node_modules",
    "*.sqlite3",
    ".env",
    ".env.*",
];

fn copy(source: &SourceFacts, release: &Path, name: &str) -> Vec<Work> {
    match source.kind {
        SourceKind::Archive => extract(&source.path, release, source.strip),
        SourceKind::Directory => {
            let packed = Path::new(STATE_DIR).join(format!("deploy/{name}.tar"));
            copy_code(&source.path, &packed, release)
        }
    }
}

/// Copies code by way of the archive `packed`: without history, caches, local data and secrets.
pub(super) fn copy_code(from: &Path, packed: &Path, to: &Path) -> Vec<Work> {
    let mut words = vec!["/usr/bin/tar".to_owned(), "--create".to_owned()];
    words.push(format!("--file={}", packed.display()));
    words.push(format!("--directory={}", from.display()));
    words.extend(LEFT_OUT.iter().map(|pattern| format!("--exclude={pattern}")));
    words.push(".".to_owned());
    let mut work = vec![as_root(words, UNPACK)];
    work.extend(extract(packed, to, 0));
    work.push(Work::Effect(Effect::Remove { path: packed.to_owned() }));
    work
}

/// Unpacks as root's, readable by all, without set-id bits.
fn extract(packed: &Path, to: &Path, strip: usize) -> Vec<Work> {
    let words = vec![
        "/usr/bin/tar".to_owned(),
        "--extract".to_owned(),
        format!("--file={}", packed.display()),
        format!("--directory={}", to.display()),
        format!("--strip-components={strip}"),
        "--no-same-owner".to_owned(),
        "--no-same-permissions".to_owned(),
        "--touch".to_owned(),
    ];
    let to = to.display().to_string();
    let modes = ["/usr/bin/chmod", "--recursive", "u+rwX,go+rX,go-w,ug-s", &to];
    vec![as_root(words, UNPACK), as_root(modes.map(str::to_owned).to_vec(), UNPACK)]
}

/// Links from the release to what outlives it: every writable directory below `shared`.
fn shared(deployment: &Deployment) -> Vec<Work> {
    let Deployment { config, layout, new, .. } = deployment;
    let mut work = Vec::new();
    let mut made: Vec<PathBuf> = deployment.existing.to_vec();
    let service = deployment.facts.service.unwrap_or(ROOT);
    for path in config.writable.iter() {
        let Ok(within) = path.strip_prefix(&layout.shared) else { continue };
        let mut above: Vec<&Path> =
            path.ancestors().take_while(|p| p.starts_with(&layout.shared)).collect();
        above.reverse();
        for directory in above {
            if !made.iter().any(|known| known == directory) {
                let last = directory == path;
                let (owner, mode) = if last { (service, 0o775) } else { (ROOT, 0o755) };
                let path = directory.to_owned();
                work.push(Work::Effect(Effect::MakeDir { path: path.clone(), owner, mode }));
                made.push(path);
            }
        }
        let link = layout.release(new).join(within);
        // An empty directory of the same name came with the code, or nothing did.
        let link_text = link.display().to_string();
        let away = ["/usr/bin/rm", "--recursive", "--force", "--one-file-system", &link_text];
        work.push(as_root(away.map(str::to_owned).to_vec(), UNPACK));
        work.push(Work::Effect(Effect::Symlink { path: link, target: path.clone() }));
    }
    work
}

/// The environment: wheels are fetched or built as the service user, since that runs code of
/// packages; root only unpacks wheels, which runs none.
fn environment(deployment: &Deployment, source: &SourceFacts) -> Step {
    let Deployment { layout, new, .. } = deployment;
    let venv = layout.target(new).venv.display().to_string();
    let python = format!("{venv}/bin/python");
    let requirements = layout.release(new).join(&source.requirements).display().to_string();
    let words = |list: &[&str]| list.iter().map(|w| (*w).to_owned()).collect::<Vec<_>>();
    let mut work = vec![as_root(words(&["/usr/bin/python3", "-I", "-m", "venv", &venv]), BUILD)];
    let wheels = match &source.wheelhouse {
        Some(directory) => directory.display().to_string(),
        None => {
            let cache = Path::new(WHEELS).display().to_string();
            let argv = words(&[
                &python,
                "-m",
                "pip",
                "wheel",
                "--no-cache-dir",
                "--wheel-dir",
                &cache,
                "--find-links",
                &cache,
                "--requirement",
                &requirements,
            ]);
            work.push(Work::Command(Command {
                argv,
                directory: "/".into(),
                run_as: RunAs::Service,
                surroundings: Surroundings::Closed,
                seconds: BUILD,
                reads: Reads::Nothing,
            }));
            cache
        }
    };
    let install = words(&[
        &python,
        "-I",
        "-m",
        "pip",
        "install",
        "--no-cache-dir",
        "--no-index",
        "--only-binary=:all:",
        "--find-links",
        &wheels,
        "--requirement",
        &requirements,
    ]);
    work.push(Work::Command(Command {
        argv: install,
        directory: "/".into(),
        run_as: RunAs::Root,
        surroundings: Surroundings::Closed,
        seconds: BUILD,
        reads: Reads::Packages,
    }));
    Step {
        name: "venv",
        changes: format!("{venv}: a new environment"),
        work,
        undo: Undo::Kept("it is part of the release that stays to be looked at".to_owned()),
    }
}

/// Where wheels are kept between deployments; the service user's.
pub const WHEELS: &str = "/var/cache/projectmeats-fixes/wheels";

/// Switch, restart, ask, mark.
fn go_live(deployment: &Deployment) -> Vec<Step> {
    let Deployment { config, layout, new, seconds, .. } = deployment;
    let old = deployment.old.map(str::to_owned);
    let journal = Journal { old: old.clone(), new: (*new).to_owned() };
    let write = |path: PathBuf, content: Secret, mode| {
        Work::Effect(Effect::Write { path, content, owner: ROOT, mode })
    };
    let switch = Step {
        name: "switch",
        changes: format!("{} -> {}", layout.current.display(), Layout::link(new).display()),
        work: vec![
            write(Journal::path(), journal.render(), 0o600),
            Work::Effect(Effect::Relink {
                path: layout.current.clone(),
                target: Layout::link(new),
            }),
        ],
        undo: back(config, layout, old.as_deref(), *seconds),
    };
    let restart = Step {
        name: "restart",
        changes: format!("{}: the release {new} is loaded", config.unit()),
        work: vec![reload(), systemctl(config, "restart")],
        undo: Undo::Kept("done again with the switch back".to_owned()),
    };
    let finish = Step {
        name: "mark complete",
        changes: layout.mark(new).display().to_string(),
        work: vec![
            write(layout.mark(new), Secret::new("live and healthy once\n"), 0o644),
            Work::Effect(Effect::Remove { path: Journal::path() }),
        ],
        undo: Undo::Kept("a mark does no harm".to_owned()),
    };
    vec![switch, restart, health(config, *seconds), finish]
}

/// systemd reads settings that the generator made of fixes.conf.
fn reload() -> Work {
    as_root(["/usr/bin/systemctl", "daemon-reload"].map(str::to_owned).to_vec(), 120)
}

fn back(config: &Config, layout: &Layout, old: Option<&str>, seconds: u64) -> Undo {
    let forget = Work::Effect(Effect::Remove { path: Journal::path() });
    match old {
        Some(old) => Undo::By {
            text: format!(
                "{} -> {}, restarted",
                layout.current.display(),
                Layout::link(old).display()
            ),
            work: vec![
                Work::Effect(Effect::Relink {
                    path: layout.current.clone(),
                    target: Layout::link(old),
                }),
                systemctl(config, "restart"),
                health_work(config, seconds),
                forget,
            ],
        },
        None => Undo::By {
            text: format!("{} removed: there was no release before", layout.current.display()),
            work: vec![Work::Effect(Effect::Remove { path: layout.current.clone() }), forget],
        },
    }
}

/// What an interrupted deployment left: back to the release before it. `live` is where `current`
/// points now.
pub fn plan_recovery(
    config: &Config,
    layout: &Layout,
    journal: &Journal,
    live: Option<&str>,
    seconds: u64,
) -> Step {
    let forget = Work::Effect(Effect::Remove { path: Journal::path() });
    let moved = live == Some(journal.new.as_str());
    let (changes, work) = match (&journal.old, moved) {
        (Some(old), true) => match back(config, layout, Some(old), seconds) {
            Undo::By { text, work } => (text, work),
            Undo::Nothing | Undo::Kept(_) => (String::new(), vec![forget]),
        },
        _ => ("nothing but the note of the interrupted run".to_owned(), vec![forget]),
    };
    Step {
        name: "recover",
        changes,
        work,
        undo: Undo::Kept("the interrupted run is not resumed".to_owned()),
    }
}

/// Removes old releases: `keep` complete ones stay besides the live one; incomplete ones go.
/// Never the live one, the newest complete one before it, or one that a process runs from.
pub fn plan_prune(layout: &Layout, releases: &[Release], keep: usize) -> Vec<Step> {
    let mut complete: Vec<&Release> = releases.iter().filter(|r| r.complete && !r.live).collect();
    complete.sort_by(|a, b| b.name.cmp(&a.name));
    let kept: Vec<&str> = complete.iter().take(keep.max(1)).map(|r| r.name.as_str()).collect();
    let goes = |r: &&Release| !r.live && !r.in_use && !kept.contains(&r.name.as_str());
    let remove = |release: &Release| {
        let path = layout.release(&release.name).display().to_string();
        let argv = ["/usr/bin/rm", "--recursive", "--force", "--one-file-system", "--", &path];
        Step {
            name: "remove",
            changes: format!("{path} is removed"),
            work: vec![as_root(argv.map(str::to_owned).to_vec(), UNPACK)],
            undo: Undo::Kept("what is removed is gone".to_owned()),
        }
    };
    releases.iter().filter(goes).map(remove).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Source, resolve};
    use crate::model::Fact;

    fn config() -> Config {
        let text = "[paths]\nworking_directory = /opt/projectmeats/current/backend\n\
                    venv = /opt/projectmeats/current/venv\n\
                    writable = /opt/projectmeats/shared/backend/media\n";
        let bytes = Fact::Known(text.as_bytes().to_vec());
        resolve(&[Source { path: "/f".into(), bytes }]).0
    }

    fn facts() -> DeployFacts {
        DeployFacts {
            service: Some(Owner { uid: 998, gid: 33 }),
            variables: Fact::Known(Vec::new()),
            manage_py: Fact::Absent,
            gunicorn: Fact::Absent,
            python: Fact::Absent,
            free: Fact::Known(1 << 40),
            pg_dump: false,
            systemd: true,
            live: Ok(()),
        }
    }

    fn steps(old: Option<&str>) -> Vec<Step> {
        let (config, facts) = (config(), facts());
        let layout = Layout::of_config(&config).expect("a layout");
        let source = SourceFacts {
            path: "/src".into(),
            kind: SourceKind::Directory,
            strip: 0,
            requirements: "requirements.txt".into(),
            wheelhouse: None,
        };
        let deployment = Deployment {
            config: &config,
            facts: &facts,
            layout: &layout,
            old,
            new: "b",
            in_the_way: Vec::new(),
            existing: &[],
            seconds: 5,
        };
        plan_release(&deployment, &source)
    }

    #[test]
    fn settings_outside_current_are_refused() {
        let (plain, _) = resolve(&[]);
        assert_eq!(Layout::of_config(&plain).expect_err("no layout").kind.id, "DEP-008");
        assert!(Layout::of_config(&config()).is_ok());
    }

    #[test]
    fn nothing_live_changes_before_the_trial() {
        let names: Vec<_> = steps(Some("a")).iter().map(|s| s.name).collect();
        assert_eq!(
            names,
            [
                "preflight",
                "unpack",
                "venv",
                "settings",
                "static files",
                "migrate",
                "trial start",
                "switch",
                "restart",
                "health check",
                "mark complete"
            ]
        );
    }

    #[test]
    fn the_way_back_is_the_old_release_or_none() {
        for (old, target) in [(Some("a"), Some("releases/a")), (None, None)] {
            let steps = steps(old);
            let switch = steps.iter().find(|s| s.name == "switch").expect("a switch");
            let Undo::By { work, .. } = &switch.undo else { panic!("no way back") };
            let link = work.iter().find_map(|w| match w {
                Work::Effect(Effect::Relink { target, .. }) => Some(target.clone()),
                _ => None,
            });
            assert_eq!(link, target.map(PathBuf::from));
            assert!(work.iter().any(
                |w| matches!(w, Work::Effect(Effect::Remove { path }) if *path == Journal::path())
            ));
        }
    }

    #[test]
    fn code_of_packages_never_runs_as_root() {
        for step in steps(None) {
            for work in &step.work {
                let Work::Command(command) = work else { continue };
                let line = command.argv.join(" ");
                if command.run_as == RunAs::Root && line.contains("/releases/b/venv/bin/") {
                    assert!(
                        line.contains("--only-binary=:all:") && line.contains("--no-index"),
                        "{line}"
                    );
                }
                assert!(command.argv.first().is_some_and(|p| p.starts_with('/')), "{line}");
            }
        }
    }

    #[test]
    fn an_interrupted_run_is_taken_back() {
        let config = config();
        let layout = Layout::of_config(&config).expect("a layout");
        let journal = Journal { old: Some("a".into()), new: "b".into() };
        assert_eq!(Journal::parse(journal.render().expose()), Some(journal.clone()));
        assert_eq!(Journal::parse(br#"{"old":"../x","new":"b"}"#), None);
        let links = |live| {
            let step = plan_recovery(&config, &layout, &journal, live, 5);
            step.work.iter().filter(|w| matches!(w, Work::Effect(Effect::Relink { .. }))).count()
        };
        assert_eq!((links(Some("b")), links(Some("a")), links(None)), (1, 0, 0));
    }

    #[test]
    fn prune_spares_what_is_needed() {
        let config = config();
        let layout = Layout::of_config(&config).expect("a layout");
        let release = |name: &str, complete, live, in_use| Release {
            name: name.into(),
            complete,
            live,
            in_use,
        };
        let found = [
            release("1", true, false, false),
            release("2", true, false, true),
            release("3", true, false, false),
            release("4", true, true, false),
            release("5", false, false, false),
        ];
        let gone: Vec<_> =
            plan_prune(&layout, &found, 0).iter().map(|s| s.changes.clone()).collect();
        let path = |n: &str| format!("/opt/projectmeats/releases/{n} is removed");
        assert_eq!(gone, [path("1"), path("5")]);
        assert!(plan_prune(&layout, &found[..4], 3).is_empty());
    }

    #[test]
    fn names() {
        for (name, fine) in [
            ("20261125-0301", true),
            ("v1.2_x", true),
            ("", false),
            ("..", false),
            ("a/b", false),
            ("-x", false),
        ] {
            assert_eq!(is_release_name(name), fine, "{name}");
        }
    }
}
