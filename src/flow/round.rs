//! One look of `meats-diagnose`: the plan as pre-start would make it, the facts, the judgement.

use super::{look, repair};
use crate::checks::{self, Diagnosis, Facts};
use crate::cli::diagnose::{Check, Scope};
use crate::model::{Effect, Origin, Plan, Timestamp, finding};
use crate::sys::clock::Stopwatch;
use crate::sys::progress::Progress;
use crate::sys::{Root, clock};

/// The program's name in messages.
pub(super) const PROGRAM: &str = "meats-diagnose";

/// One look and its judgement.
pub(super) struct Round {
    pub(super) facts: Facts,
    pub(super) plan: Plan,
    pub(super) diagnosis: Diagnosis,
    pub(super) started: Timestamp,
    pub(super) millis: u128,
}

/// What the options ask for.
pub(super) fn round(root: &Root, asked: &Check) -> Round {
    observe_round(root, &asked.only, asked.scope == Scope::Reachable)
}

/// Everything, whatever the options of the diagnosis are.
pub(super) fn look_at_all(root: &Root) -> Round {
    observe_round(root, &[], false)
}

fn observe_round(root: &Root, ids: &[String], reachable: bool) -> Round {
    let watch = Stopwatch::new();
    // Every round looks anew; within one, no directory is walked to twice.
    let look = Root::open_for_a_look(root.path());
    let root = look.as_ref().unwrap_or(root);
    let _progress = Progress::start("looking at the service and the host ...");
    let started = clock::now();
    let assessment = repair::assess(root);
    let mut plan = assessment.plan.clone();
    let facts = look::observe(root, assessment);
    let diagnosis = checks::diagnose(&facts, ids, reachable);
    only(&mut plan, ids);
    leave_memory_to_starts(&mut plan);
    restart(&mut plan, &facts);
    Round { facts, plan, diagnosis, started, millis: watch.elapsed().as_millis() }
}

/// Which key a start ran with is for pre-start to note; and directories of our own are made for a
/// repair, not instead of one.
fn leave_memory_to_starts(plan: &mut Plan) {
    plan.actions
        .retain(|a| !(matches!(a.effect, Effect::Write { .. }) && repair::is_own_state(&a.effect)));
    if plan.actions.iter().all(|a| repair::is_own_state(&a.effect)) {
        plan.actions.clear();
    }
}

/// With `--only`, the actions that repair one of these findings.
fn only(plan: &mut Plan, ids: &[String]) {
    if !ids.is_empty() {
        plan.actions.retain(|a| ids.iter().any(|id| id.eq_ignore_ascii_case(a.why.id)));
    }
}

/// A service that died of what the plan repairs is started again as its last step.
fn restart(plan: &mut Plan, facts: &Facts) {
    let Some(state) = facts.service.known().filter(|_| !facts.in_stack()) else { return };
    let wanted = state.load == "loaded"
        && (state.unit_file_state == "enabled" || state.unit_file_state == "generated");
    let blocked = plan.findings.iter().any(|f| f.blocks_start);
    if state.died() && wanted && !blocked && !plan.is_idle() {
        let unit = facts.config.unit();
        for verb in ["reset-failed", "restart"] {
            let argv = ["/usr/bin/systemctl", verb, &unit].map(str::to_owned).to_vec();
            let effect = Effect::Run { argv, seconds: 120 };
            plan.push(&finding::SVC_FAILED, Origin::Fact("state of the unit"), effect);
        }
    }
}
