//! Backups of the env file: one before every change.

use std::path::{Path, PathBuf};

use crate::config::{Config, STATE_DIR};
use crate::env::backup::{Backup, backups, surplus};
use crate::model::{Action, Effect, Fact, Kind, Origin, Seen, Stat};
use crate::sys::{Root, clock};

/// Where backups are kept; root only.
pub fn directory() -> PathBuf {
    Path::new(STATE_DIR).join("backups")
}

/// The backups of a file, oldest first.
pub fn observe(root: &Root, file: &Path) -> Fact<Vec<Backup>> {
    let name = file.file_name().unwrap_or_default().to_string_lossy();
    root.list(&directory(), 20_000)
        .map(|listing| backups(listing.names.iter().filter_map(|n| n.to_str()), &name))
}

/// The actions that keep `content` of `file`, in `group`: what follows in the group only happens
/// when the backup is there. Content that is kept already is not kept twice.
pub fn plan(
    root: &Root,
    config: &Config,
    file: &Path,
    (content, stat): (&[u8], &Stat),
    why: &'static Kind,
    group: usize,
) -> Vec<Action> {
    let existing = observe(root, file).known().cloned().unwrap_or_default();
    let name = file.file_name().unwrap_or_default().to_string_lossy();
    let backup = Backup::of(&name, content, &clock::utc_stamp(clock::now().secs));
    let mut actions = Vec::new();
    let mut push = |effect| {
        actions.push(Action { why, origin: Origin::Default, group, effect });
    };
    let kept = existing.iter().find(|b| b.id == backup.id);
    let to = directory().join(kept.unwrap_or(&backup).name());
    push(Effect::Backup { path: file.to_owned(), to, seen: Seen::from(stat) });
    if kept.is_none() {
        let max = usize::try_from(config.max_backups.value).unwrap_or(usize::MAX);
        for old in surplus(&existing, max) {
            push(Effect::Remove { path: directory().join(old.name()) });
        }
    }
    actions
}
