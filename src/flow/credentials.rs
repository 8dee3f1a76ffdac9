//! The files that `LoadCredential=` of the generated unit names, one a variable.

use std::path::{Path, PathBuf};

use crate::config::{CREDENTIALS_DIR, Config};
use crate::env::{self, Rules};
use crate::model::{Action, Effect, Finding, Origin, Owner, Plan, Subject, finding};
use crate::sys::Root;
use crate::sys::apply::{Applied, Outcome};

/// Longest credential that is compared; systemd takes at most 1 MiB.
const LIMIT: u64 = 1 << 20;

/// Writes what differs from the env file; a file that is as it should be is not written again.
/// A variable that the env file does not have stops the start: the application would run with
/// the old value, or with what stands in the unit for none.
pub fn plan(root: &Root, config: &Config, env_file: &[u8]) -> Plan {
    let reading = env::read(env_file, Rules::Since254);
    let mut plan = Plan::default();
    for name in &config.credentials.value {
        let Some(value) = reading.vars.iter().find(|v| v.key == *name) else {
            let subject = Subject::file(&config.env_file.value).key(name);
            let detail = format!("{name} is a credential of the service, and is not in the file");
            let missing = Finding::new(&finding::ENV_CREDENTIAL, subject, detail);
            plan.findings.push(missing.blocking());
            continue;
        };
        let path = Path::new(CREDENTIALS_DIR).join(name);
        if root.read(&path, LIMIT).known().is_some_and(|kept| kept == value.value.expose()) {
            continue;
        }
        let (owner, mode) = (Owner::ROOT, 0o600);
        let effect = Effect::Write { path, content: value.value.clone(), owner, mode };
        plan.push(&finding::ENV_CREDENTIAL, config.credentials.origin.clone(), effect);
    }
    plan
}

/// True when a file of these could not be written.
pub fn failed(applied: &[Applied]) -> bool {
    applied
        .iter()
        .any(|a| a.action.effect.path().starts_with(CREDENTIALS_DIR) && a.outcome != Outcome::Done)
}

/// The directory, if it is wanted and missing.
pub fn directory(root: &Root, config: &Config) -> Option<Action> {
    let path = PathBuf::from(CREDENTIALS_DIR);
    let wanted = !config.credentials.is_empty() && root.stat(&path).is_absent();
    let effect = Effect::MakeDir { path, owner: Owner::ROOT, mode: 0o700 };
    wanted.then_some(Action {
        why: &finding::ENV_CREDENTIAL,
        origin: Origin::Default,
        group: 0,
        effect,
    })
}
