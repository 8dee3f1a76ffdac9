//! After each stop (`ExecStopPost=-+`) and after failures that systemd does not tell a stop command
//! of (`OnFailure=`): nothing on a clean stop, else one record of why.
//!
//! Exit status 0 always: a capture that fails must not make the service fail. A stop is not
//! delayed by more than 2 s: each look has its share of the time, and an alarm ends the rest.

mod hooks;
mod observe;
mod secrets;
mod truth;

use std::ffi::{OsStr, OsString};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use crate::capture::{
    CapturedBy, Outcome, Places, Record, State, Stored, plan_failure, plan_gave_up, plan_record,
    plan_running, record_path,
};
use crate::config::{Config, RUN_DIR, STATE_DIR};
use crate::flow::observe_settings;
use crate::model::{Effect, Fact, Origin, Owner, Plan, escape, finding, message};
use crate::sys::apply::{Applied, Outcome as Effected, apply};
use crate::sys::clock::Deadline;
use crate::sys::ids::Accounts;
use crate::sys::journal::{self, Level};
use crate::sys::{Root, clock, lock, process};

use truth::Truth;

const PROGRAM: &str = "capture-failure";
const LOCK: &str = "capture.lock";
const LOCK_WAIT: Duration = Duration::from_millis(500);
const RECORD_LIMIT: u64 = 4 << 20;

/// What the program was started with.
#[derive(Clone, Debug, Default)]
pub struct Handed {
    pub args: Vec<OsString>,
    /// The whole environment: with `ExecStopPost=` the env file's values are in it, and they are
    /// what must not be printed.
    pub environment: Vec<(OsString, OsString)>,
}

impl Handed {
    /// A variable by name, if it is text.
    fn variable(&self, name: &str) -> Option<&str> {
        self.environment.iter().find(|(n, _)| n == name).and_then(|(_, v)| v.to_str())
    }
}

/// What was asked for.
#[derive(Debug, Default, PartialEq, Eq)]
struct Asked {
    root: Option<PathBuf>,
    /// Given by the unit that `OnFailure=` starts.
    unit: Option<String>,
    hooks: Option<String>,
    /// From `ExecStartPost=`: the service says that it is ready.
    started: bool,
    help: bool,
}

impl Asked {
    /// PID 1 waits for this run.
    fn is_stop(&self) -> bool {
        self.unit.is_none() && self.hooks.is_none() && !self.started
    }
}

const USAGE: &str = "\
Usage: capture-failure [--unit UNIT] [--root DIR]
       capture-failure --started | --hooks RECORD

Records why the service failed. systemd runs it: as ExecStopPost=-+ without
arguments, and by OnFailure= through projectmeats-capture@.service.

  --unit UNIT     record the last failure of UNIT
  --started       say that the service runs again, if failures were recorded
  --hooks RECORD  run the programs in on-failure.d
  --root DIR      work in the tree below DIR instead of /
  --help          this text

Exit status: always 0. See capture-failure(8).";

/// Runs the helper; `out` gets the help, or why nothing could be done.
pub fn main(handed: &Handed, out: &mut dyn Write) -> ExitCode {
    let asked = match parse(&handed.args) {
        Ok(asked) => asked,
        Err(why) => {
            writeln!(out, "{PROGRAM}: {why}; see capture-failure(8)").ok();
            return ExitCode::SUCCESS;
        }
    };
    if asked.help {
        writeln!(out, "{USAGE}").ok();
        return ExitCode::SUCCESS;
    }
    let path = asked.root.as_deref().unwrap_or(Path::new("/"));
    let root = match Root::open(path) {
        Ok(root) => root,
        Err(why) => {
            writeln!(out, "{PROGRAM}: \"{}\": {why}", path.display()).ok();
            return ExitCode::SUCCESS;
        }
    };
    if nothing_to_do(&root, handed, &asked) {
        return ExitCode::SUCCESS;
    }
    process::harden();
    if asked.hooks.is_none() {
        process::alarm(if asked.unit.is_some() { 60 } else { 2 });
    }
    if let Err(why) = run(&root, handed, &asked) {
        writeln!(out, "{PROGRAM}: {why}").ok();
    }
    ExitCode::SUCCESS
}

/// The healthy case, decided without a child and without a write: a clean stop (or a start), no
/// story of failures that waits for its end, and an env file that cannot have forged the stop.
fn nothing_to_do(root: &Root, handed: &Handed, asked: &Asked) -> bool {
    let fine = asked.started || (asked.is_stop() && told(handed).is_some_and(|t| t.is_clean()));
    fine && !story_is_open(root) && (asked.started || !secrets::may_forge(root))
}

/// True when failures of this unit were told since the boot, and not yet that it runs again.
fn story_is_open(root: &Root) -> bool {
    if root.stat(&Path::new(RUN_DIR).join(LOCK)).is_absent() {
        return false;
    }
    let (config, _) = observe_settings(root);
    let state = read_state(root, &state_path(&truth::own_unit(root, &config)));
    state.record.is_some() && !state.recovered
}

fn state_path(unit: &str) -> PathBuf {
    Path::new(RUN_DIR).join(format!("capture-{unit}.json"))
}

/// What the variables of a stop command say.
fn told(handed: &Handed) -> Option<Outcome> {
    Outcome::parse(
        handed.variable("SERVICE_RESULT"),
        handed.variable("EXIT_CODE"),
        handed.variable("EXIT_STATUS"),
    )
}

fn parse(args: &[OsString]) -> Result<Asked, String> {
    let mut asked = Asked::default();
    let mut args = args.iter();
    while let Some(arg) = args.next() {
        let mut value = || args.next().ok_or(format!("{} needs a value", shown(arg)));
        match arg.to_str() {
            Some("--help" | "-h") => asked.help = true,
            Some("--root") => asked.root = Some(value()?.into()),
            Some("--unit") => asked.unit = Some(unit_name(value()?)?),
            Some("--started") => asked.started = true,
            Some("--hooks") => asked.hooks = Some(value()?.to_string_lossy().into_owned()),
            _ => return Err(format!("unknown argument \"{}\"", shown(arg))),
        }
    }
    Ok(asked)
}

fn shown(text: &OsStr) -> String {
    escape(&text.to_string_lossy())
}

/// A unit name as systemd.unit(5) allows it; it becomes part of a file name.
fn unit_name(text: &OsStr) -> Result<String, String> {
    let fine = |b: &u8| b.is_ascii_alphanumeric() || b":-_.\\@".contains(b);
    let bytes = text.as_encoded_bytes();
    let ok = !bytes.is_empty() && bytes.len() <= 255 && bytes.iter().all(fine);
    let name = text.to_str().filter(|n| ok && !n.starts_with('.'));
    let name = name.ok_or(format!("\"{}\" is no unit name", shown(text)))?;
    Ok(if name.contains('.') { name.to_owned() } else { format!("{name}.service") })
}

fn run(root: &Root, handed: &Handed, asked: &Asked) -> Result<(), String> {
    let (config, _) = observe_settings(root);
    if let Some(id) = &asked.hooks {
        return hooks::run(root, &config, id);
    }
    let by = if asked.unit.is_some() { CapturedBy::OnFailure } else { CapturedBy::StopPost };
    let limit = if asked.unit.is_some() { 8000 } else { 1500 };
    let budget = Deadline::after(Duration::from_millis(limit));
    let unit = asked.unit.clone().unwrap_or_else(|| truth::own_unit(root, &config));
    make_directories(root);
    // Without the lock (a holder that hangs) a record of its own is still whole.
    let lock_path = Path::new(RUN_DIR).join(LOCK);
    let _lock = lock::take(root, &lock_path, LOCK_WAIT.min(budget.left())).ok();
    let places = places(root, &config, &unit);
    let state = read_state(root, &places.state);
    if asked.started {
        runs_again(root, &state, &places, now());
        return Ok(());
    }
    let truth = truth::learn(root, &unit, handed, by, &budget);
    ran_well(root, &state, &places, &truth);
    if asked.is_stop() && truth.is_clean() {
        return Ok(());
    }
    let state = read_state(root, &places.state);
    capture(&Case { root, config: &config, unit, truth, by, handed, budget }, &state, places);
    Ok(())
}

/// A run of this length after failures was a good one.
const WELL: Duration = Duration::from_secs(60);

/// Where nothing calls at the start (an administrator's unit), the next end tells of the good run
/// before it.
fn ran_well(root: &Root, state: &State, places: &Places, truth: &Truth) {
    let well = truth.ran.is_some_and(|ran| ran >= WELL);
    if let (true, Some(started)) = (well, truth.started) {
        let since = jiff::Timestamp::from_second(started).unwrap_or_else(|_| now());
        runs_again(root, state, places, since);
    }
}

/// The line that closes the story of a loop.
fn runs_again(root: &Root, state: &State, places: &Places, since: jiff::Timestamp) {
    let record = state.record.as_deref().and_then(|id| read_record_anywhere(root, id));
    // A record that is younger than the start is not of the time before it.
    if let Some(record) = record.filter(|r| r.last <= since) {
        apply(root, &plan_running(&record, state, since, places));
    }
}

/// One failure to be captured.
struct Case<'a> {
    root: &'a Root,
    config: &'a Config,
    unit: String,
    truth: Truth,
    by: CapturedBy,
    handed: &'a Handed,
    budget: Deadline,
}

fn capture(case: &Case, state: &State, places: Places) {
    let root = case.root;
    let going_on = state.record.as_deref().and_then(|id| read_record_anywhere(root, id));
    let kept = stored(root, &places.records);
    if already(case, state, &kept) {
        if let (true, Some(record)) = (case.truth.gave_up, &going_on) {
            gave_up(case, record, state, &places);
        }
        return;
    }
    let record = observe::record(case);
    let planned = plan_failure(record, state, going_on, &kept, &places);
    if failed(&apply(root, &planned.plan)) {
        // A full or read-only /var: the record goes where there is memory.
        let volatile = Places { records: volatile_records(), ..places };
        make_directory(root, &volatile.records, 0o700);
        let there = stored(root, &volatile.records);
        apply(root, &plan_record(&planned.record, &there, &volatile));
    }
    tell(case, &planned.record, planned.notable);
    if planned.notable {
        hooks::start(root, &planned.record.id);
    }
}

/// True when this very failure is in a record: `OnFailure=` comes after `ExecStopPost=`.
fn already(case: &Case, state: &State, stored: &[Stored]) -> bool {
    let Some(invocation) = &case.truth.invocation else { return false };
    // The state may be lost (a killed capture, a full /run): the name of the record tells too.
    let suffix = format!("-{}.json", invocation.get(..8).unwrap_or(invocation));
    let named = |s: &Stored| s.path.as_os_str().as_encoded_bytes().ends_with(suffix.as_bytes());
    state.has(invocation) || stored.iter().any(named)
}

fn gave_up(case: &Case, record: &Record, state: &State, places: &Places) {
    let plan = plan_gave_up(record, state, now(), places);
    if !plan.is_idle() && case.root.is_system() {
        let text = format!(
            "{}: systemd gave up after {} failures ({}); it is not started again by itself",
            case.unit, record.count, record.cause.finding
        );
        let fields = [("MEATS_FINDING", finding::CAP_START_LIMIT.id)];
        journal::send(Level::Error, PROGRAM, message::FAILURE, &text, &fields);
    }
    apply(case.root, &plan);
}

/// The journal entry: cause, what to do, where the rest is.
fn tell(case: &Case, record: &Record, notable: bool) {
    if !case.root.is_system() || !notable {
        return;
    }
    let again = if record.count > 1 { format!(", {} times", record.count) } else { String::new() };
    let text = format!(
        "{} failed ({}{again}): {} [{}]; the whole record: meats-diagnose failures {}",
        record.service(),
        record.how(),
        record.cause.sentence,
        record.cause.finding,
        record.id
    );
    let count = record.count.to_string();
    let fields = [
        ("MEATS_UNIT", record.unit.as_str()),
        ("MEATS_FINDING", &record.cause.finding),
        ("MEATS_CAUSE", &record.cause.sentence),
        ("MEATS_RECORD", &record.id),
        ("MEATS_COUNT", &count),
    ];
    journal::send(Level::Error, PROGRAM, message::FAILURE, &text, &fields);
}

fn failed(applied: &[Applied]) -> bool {
    applied.first().is_some_and(|a| matches!(a.outcome, Effected::Failed(_)))
}

pub(super) fn now() -> jiff::Timestamp {
    let now = clock::now();
    let nanos = i32::try_from(now.nanos).unwrap_or(0);
    jiff::Timestamp::new(now.secs, nanos).unwrap_or(jiff::Timestamp::UNIX_EPOCH)
}

fn make_directories(root: &Root) {
    make_directory(root, Path::new(RUN_DIR), 0o755);
    make_directory(root, Path::new(STATE_DIR), 0o700);
    make_directory(root, &kept_records(), 0o700);
}

fn make_directory(root: &Root, path: &Path, mode: u32) {
    if root.stat(path).is_absent() {
        let mut plan = Plan::default();
        let owner = Owner { uid: 0, gid: 0 };
        let effect = Effect::MakeDir { path: path.to_owned(), owner, mode };
        plan.push(&finding::LOG_MISSING, Origin::Default, effect);
        apply(root, &plan);
    }
}

fn places(root: &Root, config: &Config, unit: &str) -> Places {
    let accounts = Accounts::observe(root);
    let user = accounts.find_user(&config.user);
    let owner = user.zip(accounts.find_gid(&config.group));
    Places {
        records: kept_records(),
        state: state_path(unit),
        log: config.log_file("post_failure.log"),
        log_owner: owner.map_or(Owner { uid: 0, gid: 0 }, |(u, gid)| Owner { uid: u.uid, gid }),
        log_cap: u64::from(config.capture_log_size.value),
        max_records: usize::try_from(config.capture_records.value).unwrap_or(usize::MAX),
        zone: clock::zone(root),
    }
}

fn read_state(root: &Root, path: &Path) -> State {
    let bytes = root.read(path, 64 << 10);
    bytes.known().and_then(|b| serde_json::from_slice(b).ok()).unwrap_or_default()
}

/// A record by its id; None when it is gone or not ours.
pub(super) fn read_record(root: &Root, directory: &Path, id: &str) -> Option<Record> {
    let fine = |b: u8| b.is_ascii_alphanumeric() || b == b'-';
    if !id.bytes().all(fine) {
        return None;
    }
    let bytes = root.read(&record_path(directory, id), RECORD_LIMIT);
    let record: Record = serde_json::from_slice(bytes.known()?).ok()?;
    record.complete.then_some(record)
}

/// As [`read_record`], from the newer of the two places.
pub(super) fn read_record_anywhere(root: &Root, id: &str) -> Option<Record> {
    let volatile = read_record(root, &volatile_records(), id);
    volatile.or_else(|| read_record(root, &kept_records(), id))
}

/// Where records are kept.
pub(super) fn kept_records() -> PathBuf {
    Path::new(STATE_DIR).join("failures")
}

/// Where they go while /var cannot be written.
pub(super) fn volatile_records() -> PathBuf {
    Path::new(RUN_DIR).join("failures")
}

/// The record files that are there, and what a killed capture has left half written: that counts
/// as infinitely old.
pub(super) fn stored(root: &Root, directory: &Path) -> Vec<Stored> {
    let Fact::Known(listing) = root.list(directory, 200_000) else { return Vec::new() };
    let record = |name: &OsString| {
        let path = directory.join(name);
        let name = name.as_encoded_bytes();
        let half = name.starts_with(b".") && name.ends_with(b".meats-new");
        let ours = half || (name.ends_with(b".json") && !name.starts_with(b"."));
        let stat = ours.then(|| root.stat(&path))?;
        let stat = stat.known()?;
        let modified = if half { i64::MIN } else { stat.mtime.secs };
        Some(Stored { bytes: stat.size, modified, path })
    };
    listing.names.iter().filter_map(record).collect()
}

#[cfg(test)]
mod tests;
