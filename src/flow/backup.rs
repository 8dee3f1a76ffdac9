//! Backups of the env file: one before every change.

use std::path::{Path, PathBuf};

use crate::config::{Config, STATE_DIR};
use crate::env;
use crate::env::backup::{Backup, backups, surplus};
use crate::model::{Action, Effect, Fact, Kind, Origin, Seen, Stat};
use crate::sys::{Root, clock};

/// Where backups are kept; root only.
pub fn directory() -> PathBuf {
    Path::new(STATE_DIR).join("backups")
}

/// Where the backups of one file are, and what the file is called there.
#[derive(Clone, Debug)]
pub struct Shelf {
    directory: PathBuf,
    label: String,
}

impl Shelf {
    /// Root's. Files in the directory of the service's env file go by their names alone.
    pub fn of_root(config: &Config, file: &Path) -> Self {
        let name = file.file_name().unwrap_or_default().to_string_lossy();
        let place: PathBuf = file.parent().unwrap_or(file).components().collect();
        let label = match config.env_file.parent() == Some(&place) {
            true => name.into_owned(),
            false => env::backup::label(&name, place.as_os_str().as_encoded_bytes()),
        };
        Self { directory: directory(), label }
    }

    /// Another user's: beside the file, under hidden names.
    pub fn beside(file: &Path) -> Self {
        let name = file.file_name().unwrap_or_default().to_string_lossy();
        let directory = file.parent().unwrap_or(file).to_owned();
        Self { directory, label: format!(".{name}.backup") }
    }

    /// Where a backup lies.
    pub fn path(&self, backup: &Backup) -> PathBuf {
        self.directory.join(backup.name())
    }
}

/// The backups of a file, oldest first.
pub fn observe(root: &Root, shelf: &Shelf) -> Fact<Vec<Backup>> {
    root.list(&shelf.directory, 20_000)
        .map(|listing| backups(listing.names.iter().filter_map(|n| n.to_str()), &shelf.label))
}

/// The actions that keep `content` of `file`, in `group`: what follows in the group only happens
/// when the backup is there. What was kept before becomes the newest backup, and is not kept twice.
pub fn plan(
    root: &Root,
    config: &Config,
    (shelf, file): (&Shelf, &Path),
    (content, stat): (&[u8], &Stat),
    why: &'static Kind,
    group: usize,
) -> Vec<Action> {
    let existing = observe(root, shelf).known().cloned().unwrap_or_default();
    let stamp = clock::utc_stamp(clock::now().secs);
    let fresh = Backup::of(&shelf.label, content, &stamp).behind(existing.last());
    let kept = existing.iter().rposition(|b| b.id == fresh.id);
    let newest = kept.is_some_and(|at| at + 1 == existing.len());
    let to = shelf.path(existing.last().filter(|_| newest).unwrap_or(&fresh));
    let gone = match kept {
        _ if newest => Vec::new(),
        Some(at) if at > 0 => existing.get(at).cloned().into_iter().collect(),
        _ => surplus(&existing, usize::try_from(config.max_backups.value).unwrap_or(usize::MAX)),
    };
    let gone = gone.into_iter().map(|old| Effect::Remove { path: shelf.path(&old) });
    std::iter::once(Effect::Backup { path: file.to_owned(), to, seen: Seen::from(stat) })
        .chain(gone)
        .map(|effect| Action { why, origin: Origin::Default, group, effect })
        .collect()
}
