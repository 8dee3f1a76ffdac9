//! The env file's part of a repair: evidence, plan, backup.

use super::repair::{Referenced, observe_env};
use super::{backup, evidence};
use crate::config::Config;
use crate::env::{self, Application, Context, DoubleEquals};
use crate::model::{Action, Effect, Finding, Origin, Plan, Repair, Seen, Severity, finding};
use crate::sys::Root;

/// Plans the repair of the env file; a file that systemd would refuse blocks the start.
pub fn plan(root: &Root, config: &Config, referenced: &Referenced) -> Plan {
    let mut plan = Plan::default();
    let alone = referenced.ours && !referenced.others;
    let (bytes, stat) = match observe_env(root, &config.env_file) {
        Ok(read) => read,
        Err(mut finding) => {
            finding.blocks_start = alone;
            plan.findings.push(*finding);
            return plan;
        }
    };
    let context = Context {
        path: config.env_file.value.clone(),
        double_equals: policy(config),
        evidence: evidence::observe(root, config, &bytes, &stat),
        application: Some(Application { complete: alone }),
    };
    let repaired = env::plan_repair(&bytes, &context);
    let (after, left) = match &repaired.bytes {
        Some(after) if config.repair_env.value => (after.expose(), repaired.left),
        None => (bytes.as_slice(), repaired.left),
        // It is not to be repaired, so all that is wrong is left.
        Some(_) => (bytes.as_slice(), env::check(&bytes, &context)),
    };
    plan.findings.extend(left.into_iter().map(|f| judge(f, alone)));
    let refused = plan.findings.iter().any(|f| f.blocks_start);
    if after != bytes.as_slice() && !refused {
        change(&mut plan, root, config, (&bytes, &stat), after, &repaired.applied);
    }
    if !refused {
        plan.actions.extend(evidence::remember(root, config, after));
        plan.join(super::credentials::plan(root, config, after));
    }
    plan
}

fn policy(config: &Config) -> DoubleEquals {
    match config.double_equals.as_str() {
        "strip" => DoubleEquals::Strip,
        "keep" => DoubleEquals::Keep,
        _ => DoubleEquals::Auto,
    }
}

/// A file that systemd refuses as a whole would start the service without any setting.
fn judge(mut finding: Finding, alone: bool) -> Finding {
    let refused = finding.kind.severity == Severity::Error && finding.repair == Repair::Refused;
    finding.blocks_start = alone && refused;
    finding
}

/// Backup and replacement stand or fall together; each mended defect says so in the plan.
fn change(
    plan: &mut Plan,
    root: &Root,
    config: &Config,
    (before, stat): (&[u8], &crate::model::Stat),
    after: &[u8],
    applied: &[Finding],
) {
    let why = applied.first().map_or(&finding::ENV_ACCESS, |f| f.kind);
    let group = 1;
    let path = config.env_file.value.clone();
    plan.actions.extend(backup::plan(root, config, &path, (before, stat), why, group));
    let effect = Effect::Replace {
        path,
        content: crate::model::Secret::new(after),
        seen: Seen::from(stat),
        owner: None,
        mode: None,
    };
    plan.actions.push(Action { why, origin: Origin::Default, group, effect });
    plan.mended.extend(applied.iter().cloned());
}
