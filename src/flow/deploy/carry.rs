//! Carries a plan out step by step; on a failure takes back what this run changed, latest first, and
//! says what is live.

use std::io::Write;

use super::end::End;
use super::log::Log;
use super::observe::{Sight, ask_all};
use super::progress::Progress;
use super::room::Room;
use super::worker::{Ask, Worker};
use crate::deploy::{Step, Undo, health_host, render_steps};
use crate::flow::environment::{addresses, allowed_hosts};
use crate::model::{Finding, Severity};
use crate::report::one_line;
use crate::sys::clock::Stopwatch;
use crate::sys::{Root, clock};

/// Seconds for a service that answered before to answer after a failure.
const PATIENCE: u64 = 15;

/// Prints what would be done.
pub(super) fn show(steps: &[Step], out: &mut dyn Write) -> Result<End, String> {
    write!(out, "{}", render_steps(steps)).map_err(|e| e.to_string())?;
    Ok(End::Good)
}

/// Carries out all steps; on a failure takes back what this run changed and says what is live.
pub(super) fn carry_through(
    root: &Root,
    sight: &Sight,
    steps: &[Step],
    title: &str,
    out: &mut dyn Write,
) -> Result<End, String> {
    carry_to(root, sight, steps, title, &addresses(&sight.config), out)
}

/// As [`carry_through`]; after a failure these addresses say what is live.
pub(super) fn carry_to(
    root: &Root,
    sight: &Sight,
    steps: &[Step],
    title: &str,
    asked: &[String],
    out: &mut dyn Write,
) -> Result<End, String> {
    let log = Log::new(&sight.config, clock::now());
    let mut worker = worker(root, sight, &log);
    writeln!(out, "{title}").map_err(|e| e.to_string())?;
    let mut progress = Progress::new(out, steps.iter().map(|s| s.name));
    let mut changed = Vec::new();
    for (index, step) in steps.iter().enumerate() {
        match carry_out(&mut worker, &mut progress, index, step) {
            Some(true) => changed.push(index),
            Some(false) => {}
            None => {
                // How far the failed one came is not known.
                changed.push(index);
                not_reached(&mut progress, steps, index);
                take_back(&mut worker, &mut progress, steps, &changed);
                let names: Vec<_> =
                    changed.iter().filter_map(|i| steps.get(*i)).map(|s| s.name).collect();
                // In place there is no way back to the code of before.
                let new = names.contains(&"restart") && !names.contains(&"switch");
                return Ok(account(&worker, &mut progress, sight, asked, new));
            }
        }
    }
    let warnings = std::mem::take(&mut worker.warnings);
    for warning in &warnings {
        progress.line(&format!("{:7}  {}", warning.kind.severity.word(), one_line(warning)));
    }
    progress.line(&format!("DONE. Full output: {}", log.path().display()));
    Ok(End::Good)
}

/// What stops a deployment in place, and what should only be known: the environment must be whole,
/// and nothing may be there that would stop a start.
pub(super) fn judged(sight: &Sight) -> (Vec<Finding>, Vec<Finding>) {
    let (mut stops, mut known): (Vec<_>, Vec<_>) =
        sight.assessed.iter().cloned().partition(|f| f.blocks_start);
    for finding in &sight.packages {
        let whole = finding.kind.severity < Severity::Error;
        if whole { known.push(finding.clone()) } else { stops.push(finding.clone()) }
    }
    (stops, known)
}

pub(super) fn worker<'a>(root: &'a Root, sight: &'a Sight, log: &'a Log) -> Worker<'a> {
    Worker {
        root,
        config: &sight.config,
        service: sight.facts.service,
        variables: sight.facts.variables.known().cloned().unwrap_or_default(),
        stack: sight.stack.clone(),
        mask: sight.mask.clone(),
        log,
        allowed_hosts: allowed_hosts(&sight.facts.variables).unwrap_or_default(),
        settings_module: None,
        pending: 0,
        room: Room::None,
        warnings: judged(sight).1,
    }
}

/// One step with its line: whether it changed anything; None when it failed.
pub(super) fn carry_out(
    worker: &mut Worker,
    progress: &mut Progress,
    index: usize,
    step: &Step,
) -> Option<bool> {
    progress.begin(index, step.name);
    let watch = Stopwatch::new();
    match worker.step(&step.work) {
        Ok(part) => {
            progress.good(watch.elapsed(), part.note.as_deref());
            Some(part.changed)
        }
        Err(failure) => {
            progress.failed(watch.elapsed(), &failure.why, &failure.lines);
            None
        }
    }
}

fn not_reached(progress: &mut Progress, steps: &[Step], failed: usize) {
    for (index, step) in steps.iter().enumerate().skip(failed + 1) {
        progress.remark(index, step.name, "not reached");
    }
}

/// Takes back what this run changed, latest first.
fn take_back(worker: &mut Worker, progress: &mut Progress, steps: &[Step], changed: &[usize]) {
    progress.line("");
    for index in changed.iter().rev() {
        let Some(step) = steps.get(*index) else { continue };
        match &step.undo {
            Undo::Nothing => {}
            Undo::Kept(why) => progress.remark(*index, step.name, &format!("kept: {why}")),
            Undo::By { text, work } => match worker.step(work) {
                Ok(_) => progress.remark(*index, step.name, &format!("undone: {text}")),
                Err(failure) => {
                    progress.remark(*index, step.name, &format!("NOT undone: {}", failure.why));
                }
            },
        }
    }
}

/// Says what is live after a failure; `new` is the code that was to be deployed.
fn account(
    worker: &Worker,
    progress: &mut Progress,
    sight: &Sight,
    asked: &[String],
    new: bool,
) -> End {
    let host = health_host(&sight.config.health_host, &worker.allowed_hosts);
    // One that answered before may be slow now: that is not dead.
    let patience = if sight.facts.live.is_ok() { PATIENCE } else { 0 };
    let live = worker.poll(patience, || ask_all(asked, &sight.config, &host).map_err(Ask::Again));
    let path = worker.log.path().display().to_string();
    let end = match live {
        Ok(()) if new => {
            progress.line("LATE. The new code is live, and healthy only now. exit 1");
            End::Refused
        }
        Ok(()) => {
            progress.line("NOT DEPLOYED. What was live still is, and it is healthy. exit 1");
            End::Refused
        }
        Err(ask) => {
            let why = ask.why();
            progress.line("NOT DEPLOYED, and nothing healthy is live. exit 3");
            progress.line(&format!("      why  {}", crate::report::escape(&why)));
            End::Down
        }
    };
    progress.line(&format!("Full output: {path}"));
    end
}
