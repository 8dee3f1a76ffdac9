//! `meats-diagnose --fix` and `--dry-run`: the plan is shown, agreed to, recorded, applied, and looked
//! at again.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::consent::{agreed, outcome_text};
use super::round::{PROGRAM, Round, round};
use super::tell::{show, write_files};
use super::{look, repair, undo};
use crate::cli::diagnose::Check;
use crate::config::LOCK;
use crate::model::{Effect, Plan};
use crate::report;
use crate::sys::apply::Outcome;
use crate::sys::ids::Accounts;
use crate::sys::progress::Progress;
use crate::sys::terminal::Terminal;
use crate::sys::{Root, lock};

/// What came of it: the last look, whether it is to be told, and the exit status if it is another.
struct Ended {
    seen: Round,
    told: bool,
    code: Option<u8>,
}

/// `--fix` and `--dry-run`. With `--json` standard output has the document of the last look, and
/// nothing else.
pub(super) fn fix(
    root: &Root,
    asked: &Check,
    terminal: Terminal,
    first: Round,
    (out, err): (&mut dyn Write, &mut dyn Write),
) -> u8 {
    let ended = repaired(root, asked, terminal, first, if asked.json { err } else { out });
    let written = write_files(root, asked, &ended.seen, err);
    if ended.told || asked.json {
        show(root, asked, terminal, &ended.seen, out);
    }
    if !written {
        return 2;
    }
    ended.code.unwrap_or_else(|| ended.seen.diagnosis.word.exit_status())
}

/// The same text up to the question.
fn repaired(
    root: &Root,
    asked: &Check,
    terminal: Terminal,
    first: Round,
    out: &mut dyn Write,
) -> Ended {
    let end = |seen, code| Ended { seen, told: false, code };
    let accounts = Accounts::observe(root);
    if first.plan.is_idle() {
        writeln!(out, "Nothing to repair.").ok();
        return Ended { told: true, ..end(first, None) };
    }
    let count = first.plan.actions.len();
    let things = if count == 1 { "1 repair".to_owned() } else { format!("{count} repairs") };
    writeln!(out, "{things}. Nothing has been changed yet.\n").ok();
    for (number, action) in first.plan.actions.iter().enumerate() {
        let text = report::describe_action(&action.effect, &accounts);
        writeln!(out, "{:>3}  {}  {text}", number + 1, action.why.id).ok();
        if matches!(action.effect, Effect::Replace { .. }) {
            for mended in &first.plan.mended {
                writeln!(out, "       {}", report::one_line(mended)).ok();
            }
        }
    }
    writeln!(out).ok();
    if asked.dry_run {
        return end(first, None);
    }
    if !root.is_privileged() {
        writeln!(out, "Repairs need root: sudo meats-diagnose --fix").ok();
        return end(first, Some(4));
    }
    if !asked.yes && !agreed(terminal, count, out) {
        return end(first, None);
    }
    match repair_now(root, asked, out) {
        Some(seen) => Ended { told: true, ..end(seen, None) },
        None => end(first, Some(4)),
    }
}

/// Looks again under the lock, so that what is applied is what is true now, and once more at the end.
/// None where nothing was changed.
fn repair_now(root: &Root, asked: &Check, out: &mut dyn Write) -> Option<Round> {
    let held = lock::take(root, Path::new(LOCK), Duration::from_secs(10));
    let plan = {
        let now = round(root, asked);
        now.plan
    };
    let (restarts, repairs): (Vec<_>, Vec<_>) =
        plan.actions.into_iter().partition(|a| matches!(a.effect, Effect::Run { .. }));
    let repairs = Plan { actions: repairs, mended: plan.mended, ..Plan::default() };
    let record = match undo::begin(root, &repairs) {
        Ok(record) => record,
        Err(why) => {
            let why = report::escape(&why);
            writeln!(out, "Nothing was changed: the repair could not be recorded: {why}").ok();
            return None;
        }
    };
    let mut applied = repair::perform(root, PROGRAM, &repairs);
    let number = record.number;
    let undoable = !record.steps.is_empty();
    if let Err(why) = undo::finish(root, record, &applied) {
        writeln!(out, "The record for undo is not complete: {}", report::escape(&why)).ok();
    }
    // The restart runs pre-start, which takes the lock itself.
    drop(held);
    if applied.iter().all(|a| a.outcome == Outcome::Done) {
        let restarts = Plan { actions: restarts, ..Plan::default() };
        applied.extend(repair::perform(root, PROGRAM, &restarts));
    }
    for (number, a) in applied.iter().enumerate() {
        writeln!(out, "{:>3}  {}  {}", number + 1, a.action.why.id, outcome_text(&a.outcome)).ok();
    }
    let backups = applied.iter().filter_map(|a| match &a.action.effect {
        Effect::Backup { to, .. } if a.outcome == Outcome::Done => Some(to.clone()),
        _ => None,
    });
    for backup in backups.collect::<Vec<PathBuf>>() {
        writeln!(out, "The env file as it was is kept in {}", backup.display()).ok();
    }
    if undoable {
        writeln!(out, "Undo:\n    meats-diagnose undo {number}").ok();
    }
    writeln!(out, "\nChecked again:\n").ok();
    {
        let _progress = Progress::start("waiting until the service answers ...");
        look::wait_for_service(root);
    }
    Some(round(root, asked))
}
