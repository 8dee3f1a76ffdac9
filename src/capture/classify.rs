//! Facts → cause. Total: what no rule knows is `CAP-001`, never a guess.
//!
//! systemd's own verdicts come first, because they are certain; then the text of the last moments,
//! because gunicorn's exit statuses are not reliable (1 for almost everything, 3 and 4 by chance).

use super::cause::{Cause, shortened};
use super::exception;
use super::facts::Facts;
use super::gunicorn;
use super::manager;
use super::outcome::{Exit, ServiceResult, signal_name};
use super::traceback::{Traceback, find_tracebacks};
use crate::model::finding;

/// What was concluded.
#[derive(Clone, Debug)]
pub struct Verdict {
    pub cause: Cause,
    /// The traceback that ended the run, if there is one.
    pub traceback: Option<Traceback>,
}

/// The rules in order; the first that knows the case decides.
pub fn classify(facts: &Facts) -> Verdict {
    let traceback = last_traceback(facts);
    let cause = manager::before_the_program(facts)
        .or_else(|| manager::ended_by_systemd(facts))
        .or_else(|| from_text(facts, traceback.as_ref()))
        .or_else(|| by_signal(facts))
        .unwrap_or_else(|| unknown(facts));
    Verdict { cause, traceback }
}

/// What the program itself said; a program that a signal ended did not choose its last words.
fn from_text(facts: &Facts, traceback: Option<&Traceback>) -> Option<Cause> {
    match facts.outcome.exit {
        Some(Exit::Killed(_) | Exit::Dumped(_)) => None,
        Some(Exit::Exited(_)) | None => {
            let own = traceback.map(|t| exception::cause(facts, t));
            // gunicorn's own line says more than the traceback of a worker or of its arbiter, unless
            // it may be anybody's: "Error: …".
            let told = gunicorn::cause(facts);
            let ended = last_lines(facts).last().is_some_and(|(source, line)| {
                *source == "journal" && line.trim().starts_with("Error: ")
            });
            let vague = |cause: &Cause| cause.kind == &finding::APP_EXCEPTION && !ended;
            match own.filter(|_| told.as_ref().is_none_or(vague)) {
                Some(own) => Some(own),
                None => told.or_else(|| gunicorn::worker_boot(facts)),
            }
        }
    }
}

/// gunicorn's HaltServer is raised in a signal handler and says nothing: the one before it does.
fn last_traceback(facts: &Facts) -> Option<Traceback> {
    let said = facts.said();
    // Each source for itself: the two interleave in time, not in this list.
    let of = |source: &str| {
        let lines = said.iter().filter(|(s, _)| *s == source).map(|(_, line)| *line);
        find_tracebacks(lines).into_iter().rev().find(|t| t.name() != "HaltServer")
    };
    of("journal").or_else(|| of("error.log"))
}

fn by_signal(facts: &Facts) -> Option<Cause> {
    let last = |cause: Cause| match facts.manager_line(&["Main process exited"]) {
        Some(line) => cause.seen("journal", line),
        None => cause,
    };
    match facts.outcome.exit? {
        Exit::Exited(_) => None,
        // SIGXCPU and SIGSYS (signal(7)) are what limits of the unit send.
        Exit::Killed(signal @ (24 | 31)) | Exit::Dumped(signal @ (24 | 31)) => {
            let sentence = match signal {
                24 => "the processor time that the unit allows (LimitCPU=) was used up",
                _ => "the program made a system call that the unit forbids (SystemCallFilter=)",
            };
            Some(last(Cause::new(&finding::CAP_KILLED, sentence)))
        }
        Exit::Dumped(signal) | Exit::Killed(signal @ (4 | 6 | 7 | 8 | 11)) => {
            let sentence = format!("the main process crashed with SIG{}", signal_name(signal));
            Some(last(Cause::new(&finding::CAP_CRASHED, sentence)))
        }
        Exit::Killed(signal) => {
            let asked = facts.manager_line(&["on client request"]);
            let by = match asked {
                Some(_) => "sent by somebody with systemctl kill",
                None => "which systemd did not send",
            };
            let sentence =
                format!("the main process was killed by SIG{}, {by}", signal_name(signal));
            let cause = last(Cause::new(&finding::CAP_KILLED, sentence));
            Some(match asked {
                Some(line) => cause.seen("journal", line),
                None => cause,
            })
        }
    }
}

fn unknown(facts: &Facts) -> Cause {
    let said = last_lines(facts);
    let sentence = match (facts.outcome.result, facts.outcome.exit, said.last()) {
        // `sys.exit("text")`, or a failed command of a script before gunicorn.
        (_, Some(exit @ Exit::Exited(_)), Some(("journal", line))) => {
            format!(
                "the main process ended by itself ({}), saying: {}",
                exit.words(),
                shortened(line)
            )
        }
        (_, Some(exit), _) => {
            format!("the main process ended ({}), and nothing says why", exit.words())
        }
        (Some(ServiceResult::StartLimitHit), None, _) => return manager::start_limit(facts),
        (_, None, _) => "the start failed, and nothing says why".to_owned(),
    };
    let cause = Cause::new(&finding::CAP_UNKNOWN, sentence);
    said.into_iter().fold(cause, |cause, (source, line)| cause.seen(source, line))
}

/// The last lines of the journal; those of the error log, which may be of the run before, only where
/// it has none.
fn last_lines(facts: &Facts) -> Vec<(&'static str, &str)> {
    let said = facts.said();
    let of = |wanted: &str| -> Vec<(&'static str, &str)> {
        let lines = said.iter().copied().filter(|(s, l)| *s == wanted && !l.trim().is_empty());
        let last: Vec<_> = lines.rev().take(3).collect();
        last.into_iter().rev().collect()
    };
    let journal = of("journal");
    if journal.is_empty() { of("error.log") } else { journal }
}

#[cfg(test)]
mod tests;
