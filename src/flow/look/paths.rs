//! The directories above what the service needs, and who goes through them.

use std::collections::VecDeque;
use std::ffi::OsString;
use std::path::{Path, PathBuf};

use crate::checks::{Step, Walker};
use crate::config::Config;
use crate::flow::service_owner;
use crate::model::{Fact, FileKind, Owner};
use crate::sys::Root;
use crate::sys::ids::Accounts;

/// User, group and further groups of the service.
pub(super) fn walker(config: &Config, accounts: &Accounts) -> Option<Walker> {
    let user = accounts.find_user(&config.user)?;
    let owner = service_owner(accounts, config);
    let owner = owner.unwrap_or(Owner { uid: user.uid, gid: user.gid });
    let mut groups = accounts.supplementary(&user.name);
    groups.push(user.gid);
    Some(Walker { owner, groups })
}

/// For each thing that the service needs, the directories from the root to it.
pub(super) fn observe(root: &Root, config: &Config) -> Vec<Vec<Step>> {
    let needed = [
        config.working_directory.value.clone(),
        config.venv.join("bin"),
        config.venv.join("lib"),
        config.log_dir.value.clone(),
    ];
    needed.iter().map(|path| through(root, path)).collect()
}

/// The directories above a file that was seen.
pub(super) fn way_to(root: &Root, file: &Fact<Step>) -> Vec<Step> {
    let above = file.known().and_then(|(path, _)| path.parent());
    above.map(|directory| way(root, directory)).unwrap_or_default()
}

/// As [`way`], with the directories that links on the way lead through.
pub(super) fn through(root: &Root, path: &Path) -> Vec<Step> {
    const MOST: usize = 40;
    let parts = |path: &Path| path.components().map(|c| c.as_os_str().to_owned()).collect();
    let mut steps: Vec<Step> = Vec::new();
    let mut at = PathBuf::new();
    let mut left: VecDeque<OsString> = parts(path);
    for _ in 0..4 * MOST {
        let Some(part) = left.pop_front() else { break };
        if part == ".." {
            at.pop();
            continue;
        }
        let next = at.join(&part);
        let Fact::Known(stat) = root.stat(&next) else { break };
        if stat.kind == FileKind::Symlink {
            let Fact::Known(target) = root.link_target(&next) else { break };
            let mut inner: VecDeque<OsString> = parts(&target);
            inner.append(&mut left);
            left = inner;
        } else {
            if !steps.iter().any(|(seen, _)| *seen == next) {
                steps.push((next.clone(), stat));
            }
            at = next;
        }
    }
    steps
}

pub(super) fn way(root: &Root, path: &Path) -> Vec<Step> {
    let mut above: Vec<&Path> = path.ancestors().collect();
    above.reverse();
    let step = |dir: &Path| match root.stat(dir) {
        Fact::Known(stat) => Some((dir.to_owned(), stat)),
        Fact::Absent | Fact::Unknown(_) => None,
    };
    above.into_iter().filter_map(step).collect()
}
