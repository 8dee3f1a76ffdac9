//! What really happened, from PID 1: the environment of a stop command can be forged by the env
//! file, systemd's own properties and its links in /run cannot.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::capture::{CapturedBy, Exit, Outcome, ServiceResult, is_invocation};
use crate::config::Config;
use crate::model::{Fact, Secret};
use crate::sys::clock::Deadline;
use crate::sys::{Root, clock, process, systemd};

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
    pub(super) fn variable(&self, name: &str) -> Option<&str> {
        self.environment.iter().find(|(n, _)| n == name).and_then(|(_, v)| v.to_str())
    }
}

const SHOW: Duration = Duration::from_millis(400);

/// What is known for certain about the end of the service.
#[derive(Clone, Debug, Default)]
pub(super) struct Truth {
    pub(super) outcome: Outcome,
    /// PID 1 confirmed it.
    pub(super) confirmed: bool,
    pub(super) invocation: Option<String>,
    pub(super) ran: Option<Duration>,
    /// Seconds since the epoch.
    pub(super) started: Option<i64>,
    /// systemd's count of automatic restarts, plus one.
    pub(super) start: Option<u64>,
    /// The unit is failed for good: systemd does not restart it.
    pub(super) gave_up: bool,
    /// `LogRateLimitBurst=` of the unit: lines that journald takes in its interval.
    pub(super) burst: Option<u64>,
    pub(super) env_files: Vec<PathBuf>,
    /// `Environment=` of the unit.
    pub(super) environment: Option<Secret>,
    pub(super) unit_files: Vec<PathBuf>,
    /// Why PID 1 could not be asked.
    pub(super) doubt: Option<String>,
}

impl Truth {
    /// PID 1 says so; or it cannot be asked, and the variables say so.
    pub(super) fn is_clean(&self) -> bool {
        (self.confirmed || self.doubt.is_some()) && self.outcome.is_clean()
    }
}

const PROPERTIES: &[&str] = &[
    "ActiveState",
    "DropInPaths",
    "Environment",
    "EnvironmentFiles",
    "ExecMainCode",
    "ExecMainExitTimestampMonotonic",
    "ExecMainStartTimestampMonotonic",
    "ExecMainStatus",
    "FragmentPath",
    "InactiveExitTimestampMonotonic",
    "InvocationID",
    "LogRateLimitBurst",
    "NRestarts",
    "Result",
];

/// The unit whose control group this process is in; the configured one otherwise.
pub(super) fn own_unit(root: &Root, config: &Config) -> String {
    let group = root.read(Path::new("/proc/self/cgroup"), 64 << 10);
    let text = group.map(|b| String::from_utf8_lossy(&b).into_owned());
    let unit = text.known().and_then(|t| unit_of(t));
    unit.unwrap_or_else(|| config.unit())
}

/// The innermost service of a line of /proc/PID/cgroup; not the one that runs hooks or captures.
fn unit_of(text: &str) -> Option<String> {
    let line = text.lines().find(|l| l.starts_with("0::"))?;
    let service = line.rsplit('/').find(|part| part.ends_with(".service"))?;
    let fine = |b: u8| b.is_ascii_alphanumeric() || b":-_.\\@".contains(&b);
    (service.bytes().all(fine) && !service.starts_with("projectmeats-capture@"))
        .then(|| service.to_owned())
}

/// Asks PID 1; where it cannot be asked, the variables are taken for what they are worth.
pub(super) fn learn(
    root: &Root,
    unit: &str,
    handed: &Handed,
    by: CapturedBy,
    budget: &Deadline,
) -> Truth {
    let told = told(root, unit, handed, by);
    if !process::systemd_runs(root) {
        return Truth { doubt: Some("systemd does not run here".to_owned()), ..told };
    }
    match systemd::properties_within(unit, PROPERTIES, SHOW.min(budget.left())) {
        Ok(map) => confirm(told, &map, by),
        Err(why) => Truth { doubt: Some(why), ..told },
    }
}

/// What the variables say. Those of an OnFailure= unit are clean: it reads no env file.
fn told(root: &Root, unit: &str, handed: &Handed, by: CapturedBy) -> Truth {
    let prefix = if by == CapturedBy::OnFailure { "MONITOR_" } else { "" };
    let variable = |name: &str| handed.variable(&format!("{prefix}{name}"));
    let (result, code, status) =
        (variable("SERVICE_RESULT"), variable("EXIT_CODE"), variable("EXIT_STATUS"));
    let outcome = Outcome::parse(result, code, status).unwrap_or_else(|| Outcome {
        result: result.and_then(ServiceResult::parse),
        exit: Exit::parse(code.unwrap_or_default(), status.unwrap_or_default()),
    });
    // systemd keeps this link for journald (systemd: `unit_export_invocation_id`).
    let link = Path::new("/run/systemd/units").join(format!("invocation:{unit}"));
    let linked = match root.link_target(&link) {
        Fact::Known(target) => target.to_str().map(str::to_owned),
        Fact::Absent | Fact::Unknown(_) => None,
    };
    let linked = linked.filter(|_| by == CapturedBy::StopPost);
    let invocation = linked.or_else(|| variable("INVOCATION_ID").map(str::to_owned));
    Truth { outcome, invocation: invocation.filter(|i| is_invocation(i)), ..Truth::default() }
}

fn confirm(told: Truth, map: &BTreeMap<String, String>, by: CapturedBy) -> Truth {
    let text = |name: &str| map.get(name).map_or("", String::as_str);
    let micros = |name: &str| text(name).parse::<u64>().ok().filter(|n| *n > 0);
    let shown = Some(text("InvocationID").to_owned()).filter(|i| is_invocation(i));
    let mut truth = Truth {
        env_files: env_files(text("EnvironmentFiles")),
        environment: Some(Secret::new(text("Environment"))),
        unit_files: unit_files(text("FragmentPath"), text("DropInPaths")),
        start: text("NRestarts").parse::<u64>().ok().map(|n| n + 1),
        gave_up: text("ActiveState") == "failed",
        burst: text("LogRateLimitBurst").parse().ok().filter(|n| *n > 0),
        ..told
    };
    // After an OnFailure= that comes late the unit may already be in its next life.
    let same = truth.invocation.is_none() || shown.is_none() || truth.invocation == shown;
    let result = ServiceResult::parse(text("Result"));
    if !same || result.is_none() {
        return truth;
    }
    truth.invocation = truth.invocation.or(shown);
    truth.confirmed = true;
    let start = micros("ExecMainStartTimestampMonotonic");
    let begun = micros("InactiveExitTimestampMonotonic").unwrap_or(0);
    // The main process of an earlier start ended before this one began.
    let end = micros("ExecMainExitTimestampMonotonic").filter(|end| *end >= begun);
    let exit = Exit::from_properties(text("ExecMainCode"), text("ExecMainStatus"));
    truth.outcome = Outcome { result, exit: exit.filter(|_| end.is_some()) };
    if by == CapturedBy::OnFailure && result == Some(ServiceResult::Success) {
        truth.outcome = told_or(truth.outcome, &told.outcome);
    }
    truth.ran = start.zip(end).and_then(|(s, e)| e.checked_sub(s)).map(Duration::from_micros);
    truth.started = start
        .filter(|_| end.is_some())
        .or(Some(begun))
        .filter(|m| *m > 0)
        .map(clock::from_monotonic);
    truth
}

/// A unit that OnFailure= was started for did not succeed; a Result of success is that of a new
/// start, and the variables know better.
fn told_or(shown: Outcome, told: &Outcome) -> Outcome {
    if told.result.is_some() { *told } else { shown }
}

/// `/etc/a.env (ignore_errors=yes)`, one a line or all in one.
fn env_files(text: &str) -> Vec<PathBuf> {
    text.split_whitespace().filter(|w| w.starts_with('/')).map(PathBuf::from).collect()
}

fn unit_files(fragment: &str, drop_ins: &str) -> Vec<PathBuf> {
    let words = drop_ins.split_whitespace().chain([fragment]);
    words.filter(|w| w.starts_with('/')).map(PathBuf::from).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn map(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
        pairs.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect()
    }

    const ID: &str = "0123456789abcdef0123456789abcdef";

    #[test]
    fn the_unit_of_a_control_group() {
        let cases = [
            ("0::/system.slice/projectmeats.service\n", Some("projectmeats.service")),
            ("1:cpu:/x\n0::/system.slice/a@b.service/control\n", Some("a@b.service")),
            ("0::/user.slice/session-1.scope\n", None),
            ("0::/system.slice/projectmeats-capture@x.service\n", None),
            ("", None),
        ];
        for (text, expected) in cases {
            assert_eq!(unit_of(text).as_deref(), expected, "{text}");
        }
    }

    #[test]
    fn what_pid_1_says_wins() {
        let forged = Outcome::parse(Some("timeout"), Some("exited"), Some("99")).expect("known");
        let told = Truth { outcome: forged, invocation: Some(ID.to_owned()), ..Truth::default() };
        let properties = map(&[
            ("InvocationID", ID),
            ("Result", "success"),
            ("ExecMainCode", "1"),
            ("ExecMainStatus", "1"),
            ("ExecMainStartTimestampMonotonic", "2000000"),
            ("ExecMainExitTimestampMonotonic", "2400000"),
            ("InactiveExitTimestampMonotonic", "1900000"),
            ("NRestarts", "3"),
            ("EnvironmentFiles", "/etc/a.env (ignore_errors=yes)"),
        ]);
        let truth = confirm(told.clone(), &properties, CapturedBy::StopPost);
        assert_eq!(truth.outcome.words(), "exit 1");
        assert_eq!((truth.ran, truth.start), (Some(Duration::from_millis(400)), Some(4)));
        assert_eq!(truth.env_files, [PathBuf::from("/etc/a.env")]);
        let other = map(&[("InvocationID", &"f".repeat(32)), ("Result", "success")]);
        assert_eq!(confirm(told, &other, CapturedBy::OnFailure).outcome, forged);
    }

    #[test]
    fn an_earlier_main_process_is_not_this_one() {
        let properties = map(&[
            ("Result", "exit-code"),
            ("ExecMainCode", "1"),
            ("ExecMainStatus", "0"),
            ("ExecMainStartTimestampMonotonic", "100"),
            ("ExecMainExitTimestampMonotonic", "1800000"),
            ("InactiveExitTimestampMonotonic", "1900000"),
        ]);
        let truth = confirm(Truth::default(), &properties, CapturedBy::StopPost);
        assert_eq!((truth.outcome.exit, truth.ran), (None, None));
    }
}
