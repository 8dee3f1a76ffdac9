//! The question before a plan is applied, and what became of it.

use std::io::Write;

use crate::report;
use crate::sys::apply::Outcome;
use crate::sys::terminal::{self, Terminal};

/// Asks only where both the question can be seen and the answer can be given; default is no.
pub(super) fn agreed(terminal: Terminal, count: usize, out: &mut dyn Write) -> bool {
    if !(terminal.stdin && terminal.stderr) {
        writeln!(out, "Not applied: nobody can be asked here. Use --yes.").ok();
        return false;
    }
    let which = if count == 1 { "it".to_owned() } else { format!("1-{count}") };
    write!(out, "Apply {which}? [y/N] ").ok();
    out.flush().ok();
    let yes = terminal::read_line().is_some_and(|l| matches!(l.as_str(), "y" | "Y" | "yes"));
    if !yes {
        writeln!(out, "Nothing was changed.").ok();
    }
    yes
}

/// What became of an action, in words.
pub(super) fn outcome_text(outcome: &Outcome) -> String {
    match outcome {
        Outcome::Done => "done".to_owned(),
        Outcome::Failed(why) => format!("FAILED: {}", report::escape(why)),
        Outcome::Skipped => "not tried, an earlier step failed".to_owned(),
    }
}
