//! The files that `LoadCredential=` of the generated unit names, one a variable.

use std::path::{Path, PathBuf};

use crate::config::{CREDENTIALS_DIR, Config};
use crate::env::{self, Rules};
use crate::model::{Action, Effect, Fact, Origin, Owner, Secret, finding};
use crate::sys::Root;

/// Longest credential that is compared; systemd takes at most 1 MiB.
const LIMIT: u64 = 1 << 20;

/// Writes what differs from the env file, and takes away what it no longer has. A file that is as
/// it should be is not written again.
pub fn plan(root: &Root, config: &Config, env_file: &[u8]) -> Vec<Action> {
    let reading = env::read(env_file, Rules::Since254);
    let change = |name: &String| {
        let path = path_of(name);
        let value = reading.vars.iter().find(|v| v.key == *name).map(|v| v.value.expose());
        let effect = match (root.read(&path, LIMIT), value) {
            (Fact::Known(kept), Some(value)) if kept == value => return None,
            (Fact::Absent, None) => return None,
            (_, None) => Effect::Remove { path },
            (_, Some(value)) => Effect::Write {
                path,
                content: Secret::new(value),
                owner: Owner { uid: 0, gid: 0 },
                mode: 0o600,
            },
        };
        let origin = config.credentials.origin.clone();
        Some(Action { why: &finding::ENV_ACCESS, origin, group: 2, effect })
    };
    config.credentials.iter().filter_map(change).collect()
}

/// The directory, if it is wanted and missing.
pub fn directory(root: &Root, config: &Config) -> Option<Action> {
    let path = PathBuf::from(CREDENTIALS_DIR);
    let wanted = !config.credentials.is_empty() && root.stat(&path).is_absent();
    let effect = Effect::MakeDir { path, owner: Owner { uid: 0, gid: 0 }, mode: 0o700 };
    wanted.then_some(Action {
        why: &finding::ENV_ACCESS,
        origin: Origin::Default,
        group: 0,
        effect,
    })
}

fn path_of(name: &str) -> PathBuf {
    Path::new(CREDENTIALS_DIR).join(name)
}
