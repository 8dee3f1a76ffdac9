//! `check` and `apply`.

use std::io::Write;

use serde_json::json;

use super::carry::{carry_out, carry_through, judged, show, worker};
use super::end::End;
use super::guard::{lock_unless, need_root};
use super::log::{Log, run_name};
use super::observe::{Sight, observe};
use super::progress::Progress;
use super::worker::Worker;
use crate::cli::deploy::{Apply, Check};
use crate::config::Config;
use crate::deploy::{Layout, Step, Undo, plan_field, plan_preflight};
use crate::report::one_line;
use crate::sys::{Root, clock};

/// How long the new code may take in a check, which starts nothing.
const CHECK_SECONDS: u64 = 60;

/// Carries out every step that changes nothing, and says what is wrong with each.
pub(super) fn check(root: &Root, asked: &Check, out: &mut dyn Write) -> Result<End, String> {
    let mut sight = observe(root);
    need_root(root)?;
    let first = is_first(root, &sight.config);
    let looks: Vec<Step> = if first {
        sight.packages.clear();
        vec![plan_preflight(&sight.config, &sight.facts, judged(&sight).0)]
    } else {
        plan(&sight, CHECK_SECONDS).into_iter().filter(only_looks).collect()
    };
    let log = Log::new(&sight.config, clock::now());
    let mut worker = worker(root, &sight, &log);
    if asked.json {
        return check_json(root, &sight, &looks, &mut worker, out);
    }
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
        let from = if first { " --from SOURCE" } else { "" };
        progress.line(&format!(
            "A deployment would begin. See what it would do: meats-deploy apply{from} --dry-run"
        ));
        return Ok(End::Good);
    }
    progress.line("A deployment would be refused. exit 1");
    Ok(End::Refused)
}

/// Settings that point into releases, and none yet: the first one brings code and environment.
fn is_first(root: &Root, config: &Config) -> bool {
    let layout = Layout::of_config(config);
    layout.is_ok_and(|layout| root.stat(&layout.current).is_absent())
}

/// The same as one document.
fn check_json(
    root: &Root,
    sight: &Sight,
    looks: &[Step],
    worker: &mut Worker,
    out: &mut dyn Write,
) -> Result<End, String> {
    let mut well = true;
    let mut steps = Vec::new();
    for step in looks {
        let (state, note, lines) = match well.then(|| worker.step(&step.work)) {
            None => ("not reached", None, Vec::new()),
            Some(Ok(part)) => ("ok", part.note, Vec::new()),
            Some(Err(failure)) => {
                well = false;
                ("failed", Some(failure.why), failure.lines)
            }
        };
        steps.push(json!({ "name": step.name, "state": state, "note": note, "lines": lines }));
    }
    let mut warnings = std::mem::take(&mut worker.warnings);
    warnings.extend(super::release::interrupted(root));
    let warnings: Vec<_> = warnings
        .iter()
        .map(
            |w| json!({ "id": w.kind.id, "severity": w.kind.severity.word(), "text": one_line(w) }),
        )
        .collect();
    let text = json!({
        "schema": "projectmeats.deploy-check/1.0",
        "would_begin": well,
        "live": { "healthy": sight.facts.live.is_ok(), "why": sight.facts.live.as_ref().err() },
        "steps": steps,
        "warnings": warnings,
    });
    writeln!(out, "{text}").map_err(|e| e.to_string())?;
    Ok(if well { End::Good } else { End::Refused })
}

/// A trial start needs the migrations that a check does not apply.
fn only_looks(step: &Step) -> bool {
    matches!(step.undo, Undo::Nothing) && ["preflight", "settings"].contains(&step.name)
}

/// Deploys, or prints what it would do.
pub(super) fn apply(root: &Root, asked: &Apply, out: &mut dyn Write) -> Result<End, String> {
    if let Some(finding) = super::docker::away(root) {
        return super::release::refuse(out, &finding);
    }
    if let Some(from) = &asked.from {
        return super::release::apply_from(root, asked, from, out);
    }
    if !asked.dry_run {
        need_root(root)?;
    }
    let _lock = lock_unless(root, asked.dry_run)?;
    let sight = observe(root);
    let steps = plan(&sight, asked.timeout);
    if asked.dry_run {
        return show(&steps, out);
    }
    carry_through(root, &sight, &steps, &title(&sight), out)
}

fn plan(sight: &Sight, seconds: u64) -> Vec<Step> {
    let (in_the_way, _) = judged(sight);
    plan_field(&sight.config, &sight.facts, in_the_way, &run_name(clock::now()), seconds)
}

fn title(sight: &Sight) -> String {
    let state = match &sight.facts.live {
        Ok(()) => "live now: healthy",
        Err(_) => "live now: not healthy",
    };
    let place = sight.config.working_directory.display();
    format!("deploy {place} -> {}, {state}", sight.config.unit())
}
