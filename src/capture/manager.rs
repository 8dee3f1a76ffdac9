//! Causes that systemd itself knows: set-up failures, time limits, memory, start limit.

use super::cause::{Cause, between};
use super::facts::Facts;
use super::outcome::{Exit, ServiceResult};
use crate::model::{Kind, finding};

/// Failures before the program of the service ran: pre-start, set-up of the process, resources.
pub(super) fn before_the_program(facts: &Facts) -> Option<Cause> {
    match (facts.outcome.result, facts.outcome.exit) {
        (Some(ServiceResult::Resources), _) => Some(resources(facts)),
        (_, Some(Exit::Exited(status @ 200..=245))) => set_up(facts, status),
        (Some(ServiceResult::StartLimitHit), None) => Some(start_limit(facts)),
        (_, None) => pre_start(facts).or_else(|| condition(facts)),
        // The main process ended well or was told to: it was another one that did not.
        (Some(ServiceResult::ExitCode), Some(Exit::Exited(0) | Exit::Killed(15))) => {
            pre_start(facts)
        }
        _ => None,
    }
}

/// Ends that systemd brought about or reports.
pub(super) fn ended_by_systemd(facts: &Facts) -> Option<Cause> {
    match facts.outcome.result {
        Some(ServiceResult::OomKill) => Some(out_of_memory(facts)),
        Some(ServiceResult::Watchdog) => {
            let sentence = "the service gave no sign of life in the time of its watchdog";
            Some(with_line(facts, Cause::new(&finding::CAP_WATCHDOG, sentence), &["Watchdog"]))
        }
        Some(ServiceResult::Timeout) => Some(timeout(facts)),
        Some(ServiceResult::Protocol) => not_ready(facts),
        Some(ServiceResult::StartLimitHit) => Some(start_limit(facts)),
        _ => oom_line(facts).map(|_| out_of_memory(facts)),
    }
}

fn with_line(facts: &Facts, cause: Cause, needles: &[&str]) -> Cause {
    match facts.manager_line(needles) {
        Some(line) => cause.seen("journal", line),
        None => cause,
    }
}

const OOM: &[&str] = &["killed by the OOM killer", "due to memory pressure"];

fn oom_line(facts: &Facts) -> Option<&str> {
    let killed = matches!(facts.outcome.exit, Some(Exit::Killed(9)));
    killed.then(|| facts.manager_line(OOM)).flatten()
}

fn out_of_memory(facts: &Facts) -> Cause {
    let sentence = "memory ran out, and a process of the service was killed for it";
    with_line(facts, Cause::new(&finding::APP_OOM, sentence), OOM)
}

fn timeout(facts: &Facts) -> Cause {
    // A stop that then takes too long is a consequence.
    let first = facts.manager_line(&["operation timed out", "runtime time limit"]);
    let phase = first.or_else(|| facts.manager_line(&["timed out"])).unwrap_or_default();
    let (kind, sentence): (&'static Kind, &str) = if phase.contains("runtime time limit") {
        (&finding::CAP_RUNTIME_LIMIT, "the service reached the longest run time of its unit")
    } else if phase.contains("start-pre operation timed out") {
        (&finding::CAP_PRE_START, "a command before the start (ExecStartPre=) took too long")
    } else if phase.contains("start operation timed out") || phase.contains("start-post") {
        (&finding::CAP_START_TIMEOUT, "the service was not ready in the time that its unit allows")
    } else if phase.contains("stop") || phase.contains("Stopping") {
        (&finding::CAP_STOP_TIMEOUT, "the service did not end in the time that its unit allows")
    } else {
        // systemd's own line was lost; a process ended by SIGKILL had already refused SIGTERM.
        let stopped = matches!(facts.outcome.exit, Some(Exit::Killed(9)));
        if stopped {
            (&finding::CAP_STOP_TIMEOUT, "the service did not end in the time that its unit allows")
        } else {
            (&finding::CAP_UNKNOWN, "a time limit of the unit was reached; which one is not known")
        }
    };
    let mut cause = Cause::new(kind, sentence);
    if !phase.is_empty() {
        cause = cause.seen("journal", phase);
    }
    if let Some((source, line)) = facts.said().last() {
        cause = cause.seen(source, *line);
    }
    cause
}

/// Status 0 before readiness; any other status has its reason in the text.
fn not_ready(facts: &Facts) -> Option<Cause> {
    let status_0 = facts.outcome.exit == Some(Exit::Exited(0));
    let sentence = "the program ended with status 0 before it said that it was ready";
    status_0.then(|| Cause::new(&finding::CAP_NOT_READY, sentence))
}

/// systemd does not try again.
pub(super) fn start_limit(facts: &Facts) -> Cause {
    let sentence = "systemd gave up after too many starts in a short time";
    let cause = Cause::new(&finding::CAP_START_LIMIT, sentence)
        .command(&["systemctl", "reset-failed", &facts.unit])
        .command(&["systemctl", "start", &facts.unit]);
    with_line(facts, cause, &["repeated too quickly"])
}

fn resources(facts: &Facts) -> Cause {
    if facts.manager_line(&["environment files"]).is_some() {
        let missing = facts.path(&facts.names.env_file).is_some_and(|p| p.stat.is_absent());
        let kind = if missing { &finding::ENV_MISSING } else { &finding::CAP_RESOURCES };
        let sentence = if missing {
            format!("\"{}\" does not exist, and the unit insists on it", facts.names.env_file)
        } else {
            "an EnvironmentFile= of the unit could not be read".to_owned()
        };
        return with_line(facts, Cause::new(kind, sentence), &["environment files"]);
    }
    let cause = Cause::new(&finding::CAP_RESOURCES, "systemd could not prepare the start");
    with_line(facts, cause, &["Failed to"])
}

/// What our own pre-start refused, in its own words; else the command that failed.
fn pre_start(facts: &Facts) -> Option<Cause> {
    if let Some((id, text)) = facts.blocked.first() {
        let kind = finding::by_word(id).unwrap_or(&finding::CAP_PRE_START);
        let cause = Cause::new(kind, format!("pre-start stopped the start: {text}"));
        return Some(cause.command(&["meats-diagnose", "explain", kind.id]));
    }
    let line = facts.manager_line(&["Control process exited", "start-pre"])?;
    if facts.manager_line(&["start-pre operation timed out"]).is_some() {
        return Some(timeout(facts));
    }
    let status = between(line, "status=", "/");
    // systemd itself ended there, before the command ran: the unit's line is to blame.
    if let Some(status @ 200..=245) = status.and_then(|s| s.parse().ok()) {
        return set_up(facts, status);
    }
    let how = status.map(|s| format!(" with status {s}"));
    let which = match facts.outcome.exit {
        None => "before the start (ExecStartPre=)",
        Some(_) => "beside the main process (ExecStartPost=, ExecStop=)",
    };
    let sentence = format!("a command {which} failed{}", how.unwrap_or_default());
    let mut cause = Cause::new(&finding::CAP_PRE_START, sentence).seen("journal", line);
    for (source, text) in facts.said().into_iter().rev().take(2).rev() {
        cause = cause.seen(source, text);
    }
    Some(cause)
}

/// A check that fails instead of saying no. An unmet `Condition…=` or `Assert…=` is no failure to
/// systemd: nothing of the unit runs then, `OnFailure=` neither.
fn condition(facts: &Facts) -> Option<Cause> {
    let line = facts.manager_line(&["Condition check process exited"])?;
    let how = between(line, "status=", "/").map(|s| format!(" with status {s}"));
    let sentence =
        format!("the check before the start (ExecCondition=) failed{}", how.unwrap_or_default());
    Some(Cause::new(&finding::CAP_CONDITION, sentence).seen("journal", line))
}

/// Statuses of systemd.exec(5), "Process Exit Codes". The program can use the same numbers, so
/// systemd's own line must be there for those that it does not reserve by habit.
fn set_up(facts: &Facts, status: u8) -> Option<Cause> {
    // The last line names the program, whatever it was that is missing; the one before it says what.
    let line = facts
        .manager_line(&["Failed to set up", "Changing to the requested"])
        .or_else(|| facts.manager_line(&["Failed at step"]))
        .or_else(|| facts.manager_line(&["Failed to", "Unable to"]));
    let step = SET_UP.iter().find(|(s, ..)| *s == status);
    if line.is_none() && !facts.said().is_empty() {
        return None;
    }
    let cause = match step {
        Some((203, ..)) => exec(facts),
        Some((216 | 217, word, kind, what)) => {
            Cause::new(kind, format!("{what} (status {status}/{word})"))
        }
        Some((_, word, kind, what)) => {
            let path = line
                .filter(|line| !line.contains(" spawning "))
                .and_then(culprit)
                .map(|p| format!(": {p}"))
                .unwrap_or_default();
            Cause::new(kind, format!("{what}{path} (status {status}/{word})"))
        }
        None => Cause::new(
            &finding::CAP_SETUP,
            format!("systemd could not set up the process (status {status})"),
        ),
    };
    Some(match line {
        Some(line) => cause.seen("journal", line),
        None => cause,
    })
}

const SET_UP: &[(u8, &str, &Kind, &str)] = &[
    (200, "CHDIR", &finding::CAP_CHDIR, "systemd could not enter the working directory"),
    (203, "EXEC", &finding::CAP_EXEC, ""),
    (209, "STDOUT", &finding::CAP_OUTPUT, "systemd could not open the output file of the service"),
    (216, "GROUP", &finding::SVC_USER_MISSING, "the group of the service does not exist"),
    (217, "USER", &finding::SVC_USER_MISSING, "the user of the service does not exist"),
    (226, "NAMESPACE", &finding::CAP_NAMESPACE, "systemd could not set up the sandbox"),
    (233, "RUNTIME_DIRECTORY", &finding::CAP_SETUP, "systemd could not make the runtime directory"),
    (238, "STATE_DIRECTORY", &finding::CAP_SETUP, "systemd could not make the state directory"),
    (239, "CACHE_DIRECTORY", &finding::CAP_SETUP, "systemd could not make the cache directory"),
    (240, "LOGS_DIRECTORY", &finding::CAP_SETUP, "systemd could not make the log directory"),
];

/// "UNIT: Failed to …: /path: No such file or directory" → path and cause.
fn culprit(line: &str) -> Option<&str> {
    let at = line.find(" /").or_else(|| line.find(":/"))?;
    let path = line.get(at + 1..)?;
    // As an older systemd names it: below what becomes the root of the service.
    let roots = ["/run/systemd/unit-root/", "/run/systemd/mount-rootfs/"];
    let below = roots.iter().find(|root| path.starts_with(**root));
    below.map_or(Some(path), |root| path.get(root.len() - 1..))
}

fn exec(facts: &Facts) -> Cause {
    // Since systemd 254 "Unable to locate executable '…'".
    let line = facts.manager_line(&["to locate executable", "Failed to execute"]);
    let program =
        line.and_then(|l| between(l, " executable ", ":").or(between(l, "execute ", ":")));
    let program = program.unwrap_or("the program").trim_matches('\'').to_owned();
    let text = line.unwrap_or_default();
    let gone = text.contains("No such file");
    if gone && text.contains("locate") {
        return Cause::new(&finding::SVC_PROGRAM_MISSING, format!("{program} does not exist"));
    }
    let why = if gone {
        "the interpreter that its first line names does not exist"
    } else if text.contains("Permission denied") {
        "permission denied (mode, a directory above it, or a noexec mount)"
    } else if text.contains("Exec format error") {
        "it is no program for this processor"
    } else {
        "systemd does not say why"
    };
    Cause::new(&finding::CAP_EXEC, format!("{program} could not be executed: {why}"))
}
