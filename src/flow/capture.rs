//! After each stop (`ExecStopPost=-+`) and after failures that systemd does not tell a stop command
//! of (`OnFailure=`): nothing on a clean stop, else one record of why.
//!
//! Exit status 0 always: a capture that fails must not make the service fail. A stop is not
//! delayed by more than 2 s: each look has its share of the time, and an alarm ends the rest.

mod case;
mod failure;
mod hooks;
mod observe;
mod past;
mod recovery;
mod said;
mod secrets;
mod store;
mod truth;

use std::ffi::{OsStr, OsString};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use crate::capture::{CapturedBy, Outcome, Record};
use crate::config::{Config, RUN_DIR};
use crate::flow::observe_settings;
use crate::model::escape;
use crate::sys::clock::Deadline;
use crate::sys::{Root, capabilities, clock, lock, process};

use case::{Case, PROGRAM};
use failure::capture;
use recovery::{ran_well, runs_again};
pub(super) use secrets::redactor_of_host;
pub(super) use store::{kept_records, read_record, volatile_records};
use store::{make_directories, places, read_state, state_path};
pub use truth::Handed;

const LOCK: &str = "capture.lock";
const LOCK_WAIT: Duration = Duration::from_millis(500);

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
    process::close_inherited();
    let path = asked.root.as_deref().unwrap_or(Path::new("/"));
    let root = match Root::open(path) {
        Ok(root) => root,
        Err(why) => {
            writeln!(out, "{PROGRAM}: \"{}\": {why}", path.display()).ok();
            return ExitCode::SUCCESS;
        }
    };
    process::harden();
    capabilities::reduce(capabilities::Left::FilesAndProcesses);
    if nothing_to_do(&root, handed, &asked) {
        return ExitCode::SUCCESS;
    }
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
            // The directory of the caller is left before it is opened.
            Some("--root") => {
                asked.root = Some(std::path::absolute(value()?).map_err(|e| e.to_string())?);
            }
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
        runs_again(root, &state, &places, clock::timestamp());
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

/// What a capture of the last end of a unit would record now; None after a clean one. Nothing is
/// written.
pub(super) fn look(root: &Root, config: &Config, unit: &str) -> Option<Record> {
    let budget = Deadline::after(Duration::from_secs(3));
    let handed = Handed::default();
    let by = CapturedBy::OnFailure;
    let truth = truth::learn(root, unit, &handed, by, &budget);
    if truth.is_clean() || truth.doubt.is_some() {
        return None;
    }
    let unit = unit.to_owned();
    Some(observe::record(&Case { root, config, unit, truth, by, handed: &handed, budget }))
}

#[cfg(test)]
mod tests;
