//! Observes what the tree planner needs.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::config::Config;
use crate::model::{Fact, Owner, Stat};
use crate::sys::ids::Accounts;
use crate::sys::{Ended, Root};
use crate::tree::{self, Cut, Entry, Ids, TreeFacts, WantedDir};
use crate::unit::UnitFile;

/// The numeric ids of the service, or None when the user or the group is missing.
pub fn observe_ids(root: &Root, config: &Config) -> Option<Ids> {
    let accounts = Accounts::observe(root);
    let user = accounts.find_user(&config.user)?;
    let service = service_owner(&accounts, config)?;
    // A group of the user's own name reads the env file; without one, its primary group.
    let env_gid = accounts.find_gid(&user.name).unwrap_or(user.gid);
    Some(Ids { service, env_gid })
}

/// The user and the group that the service runs as.
pub fn service_owner(accounts: &Accounts, config: &Config) -> Option<Owner> {
    let user = accounts.find_user(&config.user)?;
    let gid = if config.own_group { user.gid } else { accounts.find_gid(&config.group)? };
    Some(Owner { uid: user.uid, gid })
}

/// The log tree and the directories that the service needs. `unit` is the administrator's.
pub fn observe_tree(root: &Root, config: &Config, ids: Ids, unit: Option<&UnitFile>) -> TreeFacts {
    let entry = |path: PathBuf| Entry { stat: root.stat(&path), path };
    let files = config.log_files.iter().map(|name| entry(config.log_file(name)));
    let log_files: Vec<Entry> = files.collect();
    let (log_entries, others, cut) = log_entries(root, config, ids);
    let foreign = |e: &Entry| e.stat.known().is_some_and(|s| s.uid != ids.service.uid);
    let asked = log_files.iter().chain(&log_entries).any(foreign);
    let mut directories = vec![wanted(root, &config.runtime_dir, 0o755, false)];
    directories.extend(config.writable.iter().map(|path| wanted(root, path, 0o775, true)));
    TreeFacts {
        ids,
        log_dir: wanted(root, &config.log_dir, 0o775, false),
        log_dir_shared: others,
        log_dir_opened_by_root: unit.is_some_and(|unit| root_opens(unit, config)),
        log_files,
        log_entries,
        cut,
        links_guarded: !asked || links_guarded(root),
        directories,
    }
}

fn links_guarded(root: &Root) -> bool {
    let setting = root.read(Path::new("/proc/sys/fs/protected_hardlinks"), 64);
    setting.known().is_none_or(|bytes| bytes.first() != Some(&b'0'))
}

/// PID 1 opens a file there as root, and follows links (systemd.exec(5), `StandardOutput=append:`).
fn root_opens(unit: &UnitFile, config: &Config) -> bool {
    let name = config.service.value.as_str();
    let (prefix, instance) = name.split_once('@').unwrap_or((name, ""));
    let meant = [("%L", "/var/log"), ("%N", name), ("%p", prefix), ("%i", instance)];
    let opened = |key: &&str| {
        let path = unit.last("Service", key).and_then(|value| value.split_once(':'));
        let plain = |path: &str| {
            meant.iter().fold(path.to_owned(), |path, (sign, text)| path.replace(sign, text))
        };
        path.is_some_and(|(_, path)| Path::new(&plain(path)).starts_with(&config.log_dir.value))
    };
    ["StandardOutput", "StandardError"].iter().any(opened)
}

/// What needs a repair or a word besides the named files, and whether other services have logs there.
/// Nothing of the settled rest is kept, so memory does not grow with the directory.
fn log_entries(root: &Root, config: &Config, ids: Ids) -> (Vec<Entry>, bool, Option<Cut>) {
    let mut found: Vec<Entry> = Vec::new();
    let accounts = Accounts::observe(root);
    let mut owners = BTreeMap::new();
    let mut is_anothers = |name: &OsStr, stat: &Stat| {
        let rotated = |log: &String| {
            let rest = name.as_bytes().strip_prefix(log.as_bytes());
            rest.is_some_and(|rest| rest.starts_with(b".") || rest.starts_with(b"-"))
        };
        if !tree::may_be_anothers(stat, ids.service) || config.log_files.iter().any(rotated) {
            return false;
        }
        *owners.entry(stat.uid).or_insert_with(|| {
            // Files of www-data are the service's, whose group it is.
            let namesake = accounts.find_user(&config.group).is_some_and(|u| u.uid == stat.uid);
            accounts.by_uid(stat.uid).is_some() && !namesake
        })
    };
    let mut others = false;
    let mut more = false;
    let most = usize::try_from(config.max_repairs.value).unwrap_or(usize::MAX);
    let mut look = |name: &OsStr, stat: Stat| {
        let named = config.log_files.iter().any(|file| name == file.as_str());
        if named || tree::is_settled(&stat, ids.service) {
            return;
        }
        if is_anothers(name, &stat) {
            others = true;
            return;
        }
        more |= found.len() == most;
        if found.len() < most {
            found.push(Entry { path: config.log_dir.join(name), stat: Fact::Known(stat) });
        }
    };
    let (entries, seconds) = (config.max_entries.value, config.max_seconds.value);
    let time = Duration::from_secs(seconds.into());
    let ended = root.scan(&config.log_dir, entries.into(), time, &mut look);
    found.sort_by(|a, b| a.path.cmp(&b.path));
    let cut = match ended {
        Fact::Known(Ended::Entries) => Some(Cut::Entries(entries)),
        Fact::Known(Ended::Time) => Some(Cut::Seconds(seconds)),
        _ => more.then_some(Cut::Repairs(config.max_repairs.value)),
    };
    (found, others, cut)
}

fn wanted(root: &Root, path: &Path, mode: u32, optional: bool) -> WantedDir {
    let (stat, guarded) = root.stat_guarded(path);
    let mut missing_parents = Vec::new();
    if stat.is_absent() {
        let above = path.ancestors().skip(1).take_while(|p| root.stat(p).is_absent());
        missing_parents = above.map(Path::to_owned).collect();
        missing_parents.reverse();
    }
    let entry = Entry { path: path.to_owned(), stat };
    WantedDir { entry, missing_parents, mode, guarded, optional }
}
