//! `check` and `apply`.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::End;
use super::log::Log;
use super::observe::{Sight, addresses, allowed_hosts, ask_all, observe};
use super::progress::Progress;
use super::run::Worker;
use crate::cli::deploy::Apply;
use crate::config::STATE_DIR;
use crate::deploy::{Step, Undo, health_host, plan_field, render_steps};
use crate::model::{Effect, Finding, Origin, Owner, Plan, Severity, finding};
use crate::report::one_line;
use crate::sys::clock::Stopwatch;
use crate::sys::{Root, apply as writer, clock, lock};

pub(super) const ROOT: Owner = Owner { uid: 0, gid: 0 };
const LOCK_WAIT: Duration = Duration::from_secs(2);
/// How long the new code may take in a check, which starts nothing.
const CHECK_SECONDS: u64 = 60;

/// Carries out every step that changes nothing, and says what is wrong with each.
pub(super) fn check(root: &Root, out: &mut dyn Write) -> Result<End, String> {
    let sight = observe(root);
    need_root(root)?;
    let steps = plan(&sight, CHECK_SECONDS);
    let looks: Vec<Step> = steps.into_iter().filter(only_looks).collect();
    let log = Log::new(&sight.config, clock::now());
    let mut worker = worker(root, &sight, &log);
    let mut progress = Progress::new(out, looks.iter().map(|s| s.name));
    let mut failures = 0;
    for (index, step) in looks.iter().enumerate() {
        // What comes after needs what came before.
        if failures > 0 {
            progress.remark(index, step.name, "not reached");
            continue;
        }
        failures += usize::from(carry_out(&mut worker, &mut progress, index, step).is_none());
    }
    let mut warnings = std::mem::take(&mut worker.warnings);
    warnings.extend(super::release::interrupted(root));
    for warning in &warnings {
        progress.line(&format!("{:7}  {}", warning.kind.severity.word(), one_line(warning)));
    }
    progress.line(match &sight.facts.live {
        Ok(()) => "live now: healthy",
        Err(_) => "live now: not healthy",
    });
    if let Err(why) = &sight.facts.live {
        progress.line(&format!("      why  {}", crate::report::escape(why)));
    }
    if failures == 0 {
        progress
            .line("A deployment would begin. See what it would do: meats-deploy apply --dry-run");
        return Ok(End::Good);
    }
    progress.line("A deployment would be refused. exit 1");
    Ok(End::Refused)
}

/// A trial start needs the migrations that a check does not apply.
fn only_looks(step: &Step) -> bool {
    matches!(step.undo, Undo::Nothing) && ["preflight", "settings"].contains(&step.name)
}

/// Deploys, or prints what it would do.
pub(super) fn apply(root: &Root, asked: &Apply, out: &mut dyn Write) -> Result<End, String> {
    if let Some(from) = &asked.from {
        return super::release::apply_from(root, asked, from, out);
    }
    let sight = observe(root);
    let steps = plan(&sight, asked.timeout);
    if asked.dry_run {
        write!(out, "{}", render_steps(&steps)).map_err(|e| e.to_string())?;
        return Ok(End::Good);
    }
    need_root(root)?;
    let _lock = take_lock(root)?;
    carry_through(root, &sight, &steps, &title(&sight), out)
}

/// Carries out all steps; on a failure takes back what this run changed and says what is live.
pub(super) fn carry_through(
    root: &Root,
    sight: &Sight,
    steps: &[Step],
    title: &str,
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
                return Ok(account(&worker, &mut progress, sight));
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

fn plan(sight: &Sight, seconds: u64) -> Vec<Step> {
    let (in_the_way, _) = judged(sight);
    plan_field(&sight.config, &sight.facts, in_the_way, &super::release::timestamp(), seconds)
}

/// What stops a deployment in place, and what should only be known: the environment must be whole,
/// and nothing may be there that would stop a start.
fn judged(sight: &Sight) -> (Vec<Finding>, Vec<Finding>) {
    let (mut stops, mut known): (Vec<_>, Vec<_>) =
        sight.assessed.iter().cloned().partition(|f| f.blocks_start);
    for finding in &sight.packages {
        let whole = finding.kind.severity < Severity::Error;
        if whole { known.push(finding.clone()) } else { stops.push(finding.clone()) }
    }
    (stops, known)
}

fn title(sight: &Sight) -> String {
    let state = match &sight.facts.live {
        Ok(()) => "live now: healthy",
        Err(_) => "live now: not healthy",
    };
    let place = sight.config.working_directory.display();
    format!("deploy {place} -> {}, {state}", sight.config.unit())
}

fn worker<'a>(root: &'a Root, sight: &'a Sight, log: &'a Log) -> Worker<'a> {
    Worker {
        root,
        config: &sight.config,
        service: sight.facts.service,
        variables: sight.facts.variables.known().cloned().unwrap_or_default(),
        mask: &sight.mask,
        log,
        allowed_hosts: allowed_hosts(&sight.facts.variables),
        settings_module: None,
        pending: 0,
        warnings: judged(sight).1,
    }
}

/// One step with its line: whether it changed anything; None when it failed.
fn carry_out(
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

/// Says what is live after a failure.
fn account(worker: &Worker, progress: &mut Progress, sight: &Sight) -> End {
    let host = health_host(&sight.config.health_host, &worker.allowed_hosts);
    let live = ask_all(&addresses(&sight.config), &sight.config, &host);
    let path = worker.log.path().display().to_string();
    let end = match live {
        Ok(()) => {
            progress.line("NOT DEPLOYED. What was live still is, and it is healthy. exit 1");
            End::Refused
        }
        Err(why) => {
            progress.line("NOT DEPLOYED, and nothing healthy is live. exit 3");
            progress.line(&format!("      why  {}", crate::report::escape(&why)));
            End::Down
        }
    };
    progress.line(&format!("Full output: {path}"));
    end
}

/// Code of the application runs as the service user, and only root can become that.
pub(super) fn need_root(root: &Root) -> Result<(), String> {
    if root.is_privileged() { Ok(()) } else { Err("only root can do this; use sudo".to_owned()) }
}

/// One deployment at a time. Not the lock of pre-start: the restart runs that.
pub(super) fn take_lock(root: &Root) -> Result<lock::Lock, String> {
    let directory = Path::new(STATE_DIR).join("deploy");
    make_root_directories(root, &[PathBuf::from(STATE_DIR), directory.clone()])?;
    lock::take(root, &directory.join("lock"), LOCK_WAIT)
}

/// Makes missing directories of root's, 0700.
fn make_root_directories(root: &Root, paths: &[PathBuf]) -> Result<(), String> {
    let mut plan = Plan::default();
    for path in paths.iter().filter(|path| root.stat(path).is_absent()) {
        let effect = Effect::MakeDir { path: path.clone(), owner: ROOT, mode: 0o700 };
        plan.push(&finding::DEP_CHILD, Origin::Default, effect);
    }
    let failed = writer::apply(root, &plan).into_iter().find_map(|a| match a.outcome {
        writer::Outcome::Failed(why) => {
            Some(format!("\"{}\": {why}", a.action.effect.path().display()))
        }
        writer::Outcome::Done | writer::Outcome::Skipped => None,
    });
    failed.map_or(Ok(()), Err)
}
