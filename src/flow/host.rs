//! Observes what the tree planner needs.

use std::path::Path;

use crate::config::Config;
use crate::model::{Fact, Owner, Stat};
use crate::sys::Root;
use crate::sys::ids::Accounts;
use crate::tree::{Entry, Ids, TreeFacts, WantedDir};

/// The numeric ids of the service, or None when the user or the group is missing.
pub fn observe_ids(root: &Root, config: &Config) -> Option<Ids> {
    let accounts = Accounts::observe(root);
    let user = accounts.find_user(&config.user)?;
    let gid = accounts.find_gid(&config.group)?;
    // A group of the user's own name reads the env file; without one, its primary group.
    let env_gid = accounts.find_gid(&user.name).unwrap_or(user.gid);
    Some(Ids { service: Owner { uid: user.uid, gid }, env_gid })
}

/// The log tree and the directories that the service needs.
pub fn observe_tree(root: &Root, config: &Config, ids: Ids) -> TreeFacts {
    let (log_entries, truncated) = log_entries(root, config);
    let mut directories = vec![wanted(root, &config.runtime_dir, 0o755, false)];
    directories.extend(config.writable.iter().map(|path| wanted(root, path, 0o775, true)));
    TreeFacts {
        ids,
        log_dir: wanted(root, &config.log_dir, 0o775, false),
        log_entries,
        truncated,
        log_files: config.log_files.iter().map(|name| config.log_file(name)).collect(),
        directories,
    }
}

fn log_entries(root: &Root, config: &Config) -> (Vec<Entry>, bool) {
    let limit = usize::try_from(config.max_entries.value).unwrap_or(usize::MAX);
    let Fact::Known(listing) = root.list(&config.log_dir, limit) else {
        return (Vec::new(), false);
    };
    let entry = |name| {
        let path = config.log_dir.join(name);
        let stat: Fact<Stat> = root.stat(&path);
        Entry { path, stat }
    };
    let mut names = listing.names;
    if listing.truncated {
        // Those that must exist are looked at by name.
        names.extend(config.log_files.iter().map(Into::into));
        names.sort();
        names.dedup();
    }
    let entries = names.into_iter().map(entry).filter(|e| !e.stat.is_absent());
    (entries.collect(), listing.truncated)
}

fn wanted(root: &Root, path: &Path, mode: u32, optional: bool) -> WantedDir {
    let stat = root.stat(path);
    let mut missing_parents = Vec::new();
    if stat.is_absent() {
        let above = path.ancestors().skip(1).take_while(|p| root.stat(p).is_absent());
        missing_parents = above.map(Path::to_owned).collect();
        missing_parents.reverse();
    }
    WantedDir { entry: Entry { path: path.to_owned(), stat }, missing_parents, mode, optional }
}
