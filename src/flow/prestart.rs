//! The helper before each start (`ExecStartPre=+`): repairs what is safe, warns about what is not,
//! and stops the start only when starting would certainly fail or destroy something.
//!
//! Exit status 0, or 78 (`EX_CONFIG`) when the start is stopped: 1 and 2 would be waved through
//! under `SuccessExitStatus=0 1 2`.

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use super::repair::{self, Assessment};
use crate::config::{LOCK, RUN_DIR};
use crate::model::{Effect, Origin, Owner, Plan, Secret, finding, message};
use crate::report;
use crate::sys::apply::Applied;
use crate::sys::ids::Accounts;
use crate::sys::journal::{self, Level};
use crate::sys::{Root, apply, capabilities, clock, landlock, lock, notify, process};

const PROGRAM: &str = "pre-start";
const EX_CONFIG: u8 = 78;
/// Longest run in seconds; the unit's TimeoutStartSec= is 60.
const SECONDS: u32 = 45;
const LOCK_WAIT: Duration = Duration::from_secs(10);

/// What systemd hands over; everything else in the environment may come from the env file.
#[derive(Clone, Debug, Default)]
pub struct Handed {
    pub notify_socket: Option<String>,
    pub invocation_id: Option<String>,
    /// `--root DIR`, for images and tests.
    pub root: Option<PathBuf>,
    /// `--remember`: only note which SECRET_KEY the running service has (package installation).
    pub remember: bool,
    /// `--help`
    pub help: bool,
}

const USAGE: &str = "usage: pre-start [--root DIR] [--remember]; see pre-start(8)";

impl Handed {
    /// Reads the arguments. A mistyped option must not end in a repair of the wrong tree.
    ///
    /// # Errors
    /// The text is the usage.
    pub fn with_arguments(
        mut self,
        mut args: impl Iterator<Item = OsString>,
    ) -> Result<Self, String> {
        while let Some(arg) = args.next() {
            match arg.to_str() {
                Some("--remember") => self.remember = true,
                Some("--help" | "-h") => self.help = true,
                // The directory of the caller is left before it is opened.
                Some("--root") => {
                    let path = std::path::absolute(args.next().ok_or(USAGE)?);
                    self.root = Some(path.map_err(|_| USAGE)?);
                }
                _ => return Err(USAGE.to_owned()),
            }
        }
        Ok(self)
    }
}

/// Runs the helper; `err` gets the same texts as the journal, for a start by hand.
pub fn main(handed: Handed, args: impl Iterator<Item = OsString>, err: &mut dyn Write) -> ExitCode {
    match handed.with_arguments(args) {
        Ok(handed) if handed.help => {
            writeln!(err, "{USAGE}").ok();
            ExitCode::SUCCESS
        }
        Ok(handed) => start(&handed, err),
        Err(usage) => {
            writeln!(err, "{usage}").ok();
            ExitCode::from(EX_CONFIG)
        }
    }
}

fn start(handed: &Handed, err: &mut dyn Write) -> ExitCode {
    process::close_inherited();
    process::harden();
    if !handed.remember {
        // Remembering reads the environment of another user's process (CAP_SYS_PTRACE).
        capabilities::reduce(capabilities::Left::Files);
    }
    process::alarm(SECONDS);
    let path = handed.root.as_deref().unwrap_or(Path::new("/"));
    let root = match Root::open_for_a_look(path) {
        Ok(root) => root,
        Err(why) => {
            writeln!(err, "{PROGRAM}: \"{}\": {why}", path.display()).ok();
            return ExitCode::from(EX_CONFIG);
        }
    };
    if handed.remember {
        return remember(&root);
    }
    let socket = handed.notify_socket.as_deref();
    notify::status(socket, "pre-start: looking at env file and logs");
    let _lock = take_lock(&root);
    let assessment = repair::assess(&root);
    landlock::confine(&written(&root, &assessment.plan));
    let applied = repair::perform(&root, PROGRAM, &assessment.plan);
    report_findings(&root, &assessment, &applied, err);
    write_status(&root, &assessment, &applied, handed);
    let blocking = assessment.blocking();
    if blocking.is_empty() && super::credentials::failed(&applied) {
        notify::status(socket, "pre-start: stopped: a credential could not be written");
        return ExitCode::from(EX_CONFIG);
    }
    match blocking.first() {
        Some(first) => {
            notify::status(socket, &format!("pre-start: stopped: {}", first.kind.summary));
            ExitCode::from(EX_CONFIG)
        }
        None => {
            let done = repair::done(&applied).count();
            notify::status(socket, &format!("pre-start: {done} repairs, starting"));
            ExitCode::SUCCESS
        }
    }
}

/// A digest of the key in use is what later tells a typing error in the env file from a value.
fn remember(root: &Root) -> ExitCode {
    let (config, _) = super::observe_settings(root);
    let actions = super::evidence::remember_running(root, &config).into_iter().collect();
    apply::apply(root, &Plan { actions, ..Plan::default() });
    ExitCode::SUCCESS
}

/// Without the lock (see [`lock`]) the start goes on.
fn take_lock(root: &Root) -> Option<lock::Lock> {
    lock::take(root, Path::new(LOCK), LOCK_WAIT).ok()
}

/// The directories that the plan writes in, and that of the status.
fn written(root: &Root, plan: &Plan) -> Vec<PathBuf> {
    let mut parents = BTreeSet::from([PathBuf::from(RUN_DIR)]);
    for action in &plan.actions {
        parents.extend(action.effect.path().parent().map(Path::to_owned));
        if let Effect::Backup { to, .. } = &action.effect {
            parents.extend(to.parent().map(Path::to_owned));
        }
    }
    // What the plan makes lies below what exists.
    let existing =
        |p: &PathBuf| p.ancestors().find(|a| !root.stat(a).is_absent()).map(Path::to_owned);
    let directories: BTreeSet<PathBuf> = parents.iter().filter_map(existing).collect();
    let real = |p: PathBuf| root.path().join(p.strip_prefix("/").unwrap_or(&p));
    directories.into_iter().map(real).collect()
}

fn report_findings(root: &Root, assessment: &Assessment, applied: &[Applied], err: &mut dyn Write) {
    let accounts = Accounts::observe(root);
    for finding in &assessment.plan.findings {
        let (level, id) = if finding.blocks_start {
            (Level::Error, message::BLOCKED)
        } else {
            (Level::Warning, message::FOUND)
        };
        let mut text = report::one_line(finding);
        if finding.blocks_start {
            text.push_str("; the service is not started");
        }
        text.push_str("; what to do: meats-diagnose explain ");
        text.push_str(finding.kind.id);
        say(root, level, id, &text, err);
    }
    // The journal has these already; a start by hand shall show them too.
    for failed in repair::failures(applied, &accounts) {
        writeln!(err, "{PROGRAM}: {}", report::one_line(&failed)).ok();
    }
}

/// One line: to the journal with its MESSAGE_ID, or to standard error where there is none.
fn say(root: &Root, level: Level, id: &str, text: &str, err: &mut dyn Write) {
    if process::systemd_runs(root) {
        journal::send(level, PROGRAM, id, text, &[]);
    } else {
        writeln!(err, "{PROGRAM}: {text}").ok();
    }
}

/// `/run/projectmeats-fixes/status.json`: what the last start did, for everybody, without secrets.
fn write_status(root: &Root, assessment: &Assessment, applied: &[Applied], handed: &Handed) {
    let accounts = Accounts::observe(root);
    let done = repair::done(applied);
    let replaced = done.clone().any(|a| matches!(a.action.effect, Effect::Replace { .. }));
    let status = report::StartStatus {
        schema: report::StartStatus::SCHEMA,
        unit: assessment.config.unit(),
        time: clock::now().secs,
        invocation_id: handed
            .invocation_id
            .clone()
            .filter(|id| id.len() == 32 && id.bytes().all(|b| b.is_ascii_hexdigit())),
        started: assessment.blocking().is_empty(),
        repaired: done
            .map(|a| report::RepairedItem {
                id: a.action.why.id,
                text: report::describe_action(&a.action.effect, &accounts),
            })
            .chain(
                assessment
                    .plan
                    .mended
                    .iter()
                    .filter(|_| replaced)
                    .map(|f| report::RepairedItem { id: f.kind.id, text: report::one_line(f) }),
            )
            .collect(),
        findings: assessment
            .plan
            .findings
            .iter()
            .chain(&repair::failures(applied, &accounts))
            .map(|f| report::FoundItem {
                id: f.kind.id,
                blocks: f.blocks_start,
                text: report::one_line(f),
            })
            .collect(),
        complete: true,
    };
    let Ok(json) = serde_json::to_vec_pretty(&status) else { return };
    let path = Path::new(RUN_DIR).join("status.json");
    // A start without a word says what the one before it said; that costs a healthy host no write.
    let before = root.read(&path, 1 << 16);
    let silent = status.started && status.repaired.is_empty() && status.findings.is_empty();
    if silent && before.known().is_some_and(|b| same_but_for_when(b, &json)) {
        return;
    }
    let mut plan = Plan::default();
    let content = Secret::new(json);
    let owner = Owner::ROOT;
    let effect = Effect::Write { path, content, owner, mode: 0o644 };
    plan.push(&finding::LOG_MISSING, Origin::Default, effect);
    apply::apply(root, &plan);
}

/// The same words about two starts.
fn same_but_for_when(one: &[u8], other: &[u8]) -> bool {
    fn words(text: &[u8]) -> impl Iterator<Item = &[u8]> {
        let when: [&[u8]; 2] = [b"  \"time\": ", b"  \"invocation_id\": "];
        text.split(|b| *b == b'\n').filter(move |line| !when.iter().any(|w| line.starts_with(w)))
    }
    words(one).eq(words(other))
}

#[cfg(test)]
mod tests {
    use super::same_but_for_when;

    #[test]
    fn two_starts_without_a_word() {
        let one = b"{\n  \"unit\": \"x\",\n  \"time\": 1,\n  \"invocation_id\": null,\n  \"findings\": []\n}";
        let other = String::from_utf8_lossy(one).replace(": 1,", ": 2,").replace("null", "\"a\"");
        assert!(same_but_for_when(one, other.as_bytes()));
        assert!(!same_but_for_when(one, other.replace("[]", "[1]").as_bytes()));
    }
}
