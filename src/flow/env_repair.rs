//! The env file's part of a repair: evidence, plan, backup.

use std::path::Path;

use super::{backup, evidence};
use crate::config::{Config, STATE_DIR};
use crate::env::{self, Application, Context, DoubleEquals};
use crate::model::{
    Action, Effect, Fact, FileKind, Finding, Origin, Plan, Repair, Seen, Severity, Stat, Subject,
    finding,
};
use crate::sys::Root;

/// Most bytes of an env file that are read (systemd's own limit is 64 MiB).
pub const ENV_LIMIT: u64 = 64 << 20;

/// Whether the unit in force reads the configured env file, and whether it reads others too.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Referenced {
    pub ours: bool,
    pub others: bool,
    /// systemd starts the service with the file as it is, or without it.
    pub served: bool,
}

/// Plans the repair of the env file; a file that systemd would refuse blocks the start.
pub fn plan(root: &Root, config: &Config, referenced: &Referenced) -> Plan {
    let mut plan = Plan::default();
    let alone = referenced.ours && !referenced.others;
    let (bytes, stat) = match observe_env(root, &config.env_file) {
        Ok(read) => read,
        Err(mut finding) => {
            finding.blocks_start = alone && !referenced.served;
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
    (before, stat): (&[u8], &Stat),
    after: &[u8],
    applied: &[Finding],
) {
    let why = applied.first().map_or(&finding::ENV_ACCESS, |f| f.kind);
    let group = 1;
    let path = config.env_file.value.clone();
    let shelf = backup::Shelf::of_root(config, &path);
    let copies = backup::plan(root, config, (&shelf, &path), (before, stat), why, group);
    plan.actions.extend(copies);
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

/// The env file as it is: content and identity, or a finding.
pub fn observe_env(root: &Root, path: &Path) -> Result<(Vec<u8>, Stat), Box<Finding>> {
    let subject = Subject::file(path);
    match root.stat(path) {
        Fact::Known(stat) if stat.kind != FileKind::Regular => {
            let detail = format!("it is a {}", stat.kind.word());
            return Err(Box::new(Finding::new(&finding::ENV_NOT_REGULAR, subject, detail)));
        }
        Fact::Known(stat) if stat.links > 1 => {
            let detail = format!("it has {} names (hard links)", stat.links);
            return Err(Box::new(Finding::new(&finding::ENV_NOT_REGULAR, subject, detail)));
        }
        Fact::Absent => {
            let detail = "there is no such file";
            let missing = Finding::new(&finding::ENV_MISSING, subject, detail);
            let kept = root.list(&Path::new(STATE_DIR).join("backups"), 1);
            let verb = match kept.known().is_some_and(|l| !l.names.is_empty()) {
                true => "restore",
                false => "generate",
            };
            return Err(Box::new(missing.command(&["meats-env", verb])));
        }
        Fact::Known(_) | Fact::Unknown(_) => {}
    }
    let finding = match root.read_with_stat(path, ENV_LIMIT) {
        Fact::Known(read) => return Ok(read),
        Fact::Absent => Finding::new(&finding::ENV_MISSING, subject, "it has just vanished"),
        Fact::Unknown(why) => Finding::new(&finding::ENV_UNREADABLE, subject, why),
    };
    Err(Box::new(finding))
}
