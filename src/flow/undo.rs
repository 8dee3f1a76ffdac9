//! `meats-diagnose undo`: takes the last repair back, object by object, where nothing came after.
//!
//! `--fix` records what it is about to change before it changes it ([`begin`]) and what came of it
//! afterwards ([`finish`]), so a repair that was interrupted can be taken back as well.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::consent::{agreed, outcome_text};
use super::{backup, env_repair, observe_settings, repair};
use crate::cli::diagnose::Undo;
use crate::config::{LOCK, STATE_DIR};
use crate::model::{
    Action, Change, Effect, Fact, Look, Origin, Owner, Plan, RepairRecord, Reversal, Secret, Seen,
    finding,
};
use crate::report;
use crate::sys::apply::{Applied, Outcome, apply_all};
use crate::sys::ids::Accounts;
use crate::sys::terminal::Terminal;
use crate::sys::{Root, clock, lock};

const PROGRAM: &str = "meats-diagnose";
/// Records that are kept, and that are read at most.
const KEPT: usize = 100;
const LISTED: usize = 10_000;
const RECORD_LIMIT: u64 = 16 << 20;

fn directory() -> PathBuf {
    Path::new(STATE_DIR).join("repairs")
}

/// The records of repairs, the oldest first.
pub fn observe(root: &Root) -> Fact<Vec<RepairRecord>> {
    root.list(&directory(), LISTED).map(|listing| {
        let read = |name: &std::ffi::OsString| {
            let bytes = root.read(&directory().join(name), RECORD_LIMIT);
            serde_json::from_slice(bytes.known()?).ok()
        };
        listing.names.iter().filter_map(read).collect()
    })
}

/// Records what a plan will change. A repair that cannot be recorded is not made.
///
/// # Errors
/// Why it could not be written.
pub fn begin(root: &Root, plan: &Plan) -> Result<RepairRecord, String> {
    let known = observe(root).known().cloned().unwrap_or_default();
    let number = known.last().map_or(1, |last| last.number.saturating_add(1));
    let mut plan = plan.clone();
    // What is above the package's own directories stays, as they do.
    let own = |effect: &Effect| {
        repair::is_own_state(effect) || Path::new(STATE_DIR).starts_with(effect.path())
    };
    plan.actions.retain(|action| !own(&action.effect));
    let record = RepairRecord::begin(number, clock::now().secs, &plan, |path| root.stat(path));
    if record.steps.is_empty() {
        return Ok(record);
    }
    let mut write = Plan::default();
    let directory = directory();
    let mut missing: Vec<&Path> =
        directory.ancestors().take_while(|path| root.stat(path).is_absent()).collect();
    missing.reverse();
    for path in missing {
        let mode = if path.starts_with(STATE_DIR) { 0o700 } else { 0o755 };
        push(&mut write, Effect::MakeDir { path: path.to_owned(), owner: Owner::ROOT, mode });
    }
    for old in known.iter().take((known.len() + 1).saturating_sub(KEPT)) {
        push(&mut write, Effect::Remove { path: directory.join(old.file_name()) });
    }
    push(&mut write, store(&record));
    apply_all(root, &write)?;
    Ok(record)
}

/// Completes the record: what was not done is left out, the rest is identified.
///
/// # Errors
/// Why it could not be written.
pub fn finish(root: &Root, mut record: RepairRecord, applied: &[Applied]) -> Result<(), String> {
    if record.steps.is_empty() {
        return Ok(());
    }
    let done = |step: &crate::model::Step| {
        applied.iter().any(|a| a.outcome == Outcome::Done && a.action.effect.path() == step.path)
    };
    record.steps.retain(done);
    for step in &mut record.steps {
        step.after = root.stat(step.object()).known().map(Seen::from);
    }
    record.finished = true;
    let mut plan = Plan::default();
    match record.steps.is_empty() {
        true => push(&mut plan, Effect::Remove { path: directory().join(record.file_name()) }),
        false => push(&mut plan, store(&record)),
    }
    apply_all(root, &plan)
}

fn store(record: &RepairRecord) -> Effect {
    let path = directory().join(record.file_name());
    let content = Secret::new(serde_json::to_vec_pretty(record).unwrap_or_default());
    Effect::Write { path, content, owner: Owner::ROOT, mode: 0o600 }
}

fn push(plan: &mut Plan, effect: Effect) {
    let action = Action { why: &finding::LOG_MISSING, origin: Origin::Default, group: 0, effect };
    plan.actions.push(action);
}

/// Exit status 0 done or nothing to do, 1 something could not be taken back, 4 without root.
///
/// # Errors
/// There is no such repair, or the records could not be read.
pub fn main(
    root: &Root,
    asked: &Undo,
    terminal: Terminal,
    out: &mut dyn Write,
) -> Result<u8, String> {
    let records = match observe(root) {
        Fact::Known(records) => records,
        Fact::Absent => Vec::new(),
        Fact::Unknown(why) if !root.is_privileged() => {
            writeln!(out, "The records of repairs are root's ({why}): sudo {PROGRAM} undo").ok();
            return Ok(4);
        }
        Fact::Unknown(why) => return Err(format!("the records of repairs: {why}")),
    };
    if asked.list {
        list(&records, out);
        return Ok(0);
    }
    let wanted = |r: &&RepairRecord| match asked.number {
        Some(number) => r.number == number,
        None => r.undone.is_none(),
    };
    let Some(record) = records.iter().rfind(wanted) else {
        return match asked.number {
            Some(number) => Err(format!("there is no repair {number}; see {PROGRAM} undo --list")),
            None => {
                writeln!(out, "There is no repair to take back.").ok();
                Ok(0)
            }
        };
    };
    let (plan, refused) = plan_undo(root, record);
    show(root, record, &plan, &refused, out);
    let left = u8::from(!refused.is_empty());
    if asked.dry_run || plan.is_idle() && !refused.is_empty() {
        return Ok(left);
    }
    if !root.is_privileged() {
        writeln!(out, "This needs root: sudo {PROGRAM} undo").ok();
        return Ok(4);
    }
    if !asked.yes && !plan.is_idle() && !agreed(terminal, plan.actions.len(), out) {
        return Ok(1);
    }
    take_back(root, record, out)
}

fn list(records: &[RepairRecord], out: &mut dyn Write) {
    if records.is_empty() {
        writeln!(out, "No repair is recorded.").ok();
    }
    for record in records {
        let mut ids: Vec<&str> = record.steps.iter().map(|s| s.finding.as_str()).collect();
        ids.dedup();
        let state = match (record.undone, record.finished) {
            (Some(time), _) => format!("  taken back {}", clock::local_text(time)),
            (None, true) => String::new(),
            (None, false) => "  interrupted".to_owned(),
        };
        let (time, count) = (clock::local_text(record.time), record.steps.len());
        writeln!(
            out,
            "{:>4}  {time}  {count} change{}  {}{state}",
            record.number,
            if count == 1 { "" } else { "s" },
            ids.join(" ")
        )
        .ok();
    }
}

type Refused = Vec<(PathBuf, String)>;

/// The steps backwards. Steps of one object stand or fall together.
fn plan_undo(root: &Root, record: &RepairRecord) -> (Plan, Refused) {
    let (config, _) = observe_settings(root);
    let mut plan = Plan::default();
    let mut refused: Refused = Vec::new();
    for step in record.steps.iter().rev() {
        let kept = match &step.change {
            Change::Content { backup: Some(path), .. } => root.read(path, env_repair::ENV_LIMIT),
            // A file that was only written anew kept its content.
            Change::Content { backup: None, .. } => root.read(&step.path, env_repair::ENV_LIMIT),
            _ => Fact::Absent,
        };
        let look = Look { now: root.stat(step.object()), kept };
        let why = finding::by_word(&step.finding).unwrap_or(&finding::LOG_UNFIXED);
        match step.reverse(&look) {
            Reversal::Nothing => {}
            Reversal::Refused(why) => refused.push((step.object().to_owned(), why)),
            Reversal::Effect(effect) => {
                let group = plan.actions.iter().map(|a| a.group + 1).max().unwrap_or(0);
                if let (Effect::Replace { .. }, Fact::Known((bytes, stat))) =
                    (&effect, root.read_with_stat(&step.path, env_repair::ENV_LIMIT))
                {
                    let now = (bytes.as_slice(), &stat);
                    let shelf = backup::Shelf::of_root(&config, &step.path);
                    let place = (&shelf, step.path.as_path());
                    plan.actions.extend(backup::plan(root, &config, place, now, why, group));
                }
                let origin = Origin::Fact("record of the repair");
                plan.actions.push(Action { why, origin, group, effect });
            }
        }
    }
    (plan, refused)
}

fn show(root: &Root, record: &RepairRecord, plan: &Plan, refused: &Refused, out: &mut dyn Write) {
    let accounts = Accounts::observe(root);
    let time = clock::local_text(record.time);
    writeln!(out, "Repair {} of {time}. Nothing has been changed yet.\n", record.number).ok();
    for (number, action) in plan.actions.iter().enumerate() {
        let text = report::describe_action(&action.effect, &accounts);
        writeln!(out, "{:>3}  {}  {text}", number + 1, action.why.id).ok();
    }
    for (path, why) in refused {
        writeln!(out, "  -  {}: not taken back, {why}", report::escape_path(path)).ok();
    }
    if plan.is_idle() && refused.is_empty() {
        writeln!(out, "  -  everything is as it was before it").ok();
    }
    writeln!(out).ok();
}

/// Plans again under the lock, so that what is applied is what is true now.
fn take_back(root: &Root, record: &RepairRecord, out: &mut dyn Write) -> Result<u8, String> {
    let held = lock::take(root, Path::new(LOCK), Duration::from_secs(10));
    let (plan, refused) = plan_undo(root, record);
    let applied = repair::perform(root, PROGRAM, &plan);
    for (number, a) in applied.iter().enumerate() {
        let text = outcome_text(&a.outcome);
        writeln!(out, "{:>3}  {}  {text}", number + 1, a.action.why.id).ok();
    }
    let failed = applied.iter().any(|a| a.outcome != Outcome::Done);
    if !failed {
        let record = RepairRecord { undone: Some(clock::now().secs), ..record.clone() };
        let mut plan = Plan::default();
        push(&mut plan, store(&record));
        apply_all(root, &plan)?;
        writeln!(out, "\nRepair {} is taken back.", record.number).ok();
        let again = "The next start of the service repairs again what it needs to run.";
        writeln!(out, "{again}").ok();
    }
    drop(held);
    Ok(u8::from(failed || !refused.is_empty()))
}
