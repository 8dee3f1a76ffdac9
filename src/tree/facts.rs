//! What the tree planner is told.

use std::path::PathBuf;

use crate::model::{Fact, Owner, Stat};

/// An object of the tree.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    pub path: PathBuf,
    pub stat: Fact<Stat>,
}

/// The numeric ids that matter; resolved from passwd(5) and group(5).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ids {
    /// The service user and the group that it runs with.
    pub service: Owner,
    /// The group that may read the env file besides root.
    pub env_gid: u32,
}

/// A user of these groups has it already: it is his own, or the mode lets him (`bits`: 4 to read, 1 to
/// pass).
pub(super) fn is_open_to(stat: &Stat, uid: u32, groups: &[u32], bits: u32) -> bool {
    let by_group = groups.contains(&stat.gid) && stat.mode >> 3 & bits == bits;
    stat.uid == uid || by_group || stat.mode & bits == bits
}

/// A directory that the service needs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WantedDir {
    pub entry: Entry,
    /// Directories above it that are missing, outermost first; made as root's.
    pub missing_parents: Vec<PathBuf>,
    /// Mode of a new one.
    pub mode: u32,
    /// Every directory above it is root's alone: nobody else can have put it there.
    pub guarded: bool,
    /// Only made when its parent exists (parts of the application's tree).
    pub optional: bool,
}

/// The trees as they are.
#[derive(Clone, Debug)]
pub struct TreeFacts {
    pub ids: Ids,
    pub log_dir: WantedDir,
    /// Other services have their logs in it.
    pub log_dir_shared: bool,
    /// systemd opens files in it, as root.
    pub log_dir_opened_by_root: bool,
    /// Log files that must exist, as they are.
    pub log_files: Vec<Entry>,
    /// What else lies in the log directory and is not settled (see [`super::is_settled`]), by name.
    pub log_entries: Vec<Entry>,
    /// Why the rest was not looked at.
    pub cut: Option<Cut>,
    /// The kernel keeps users from making second names of files that they cannot write
    /// (fs.protected_hardlinks).
    pub links_guarded: bool,
    /// Runtime and further writable directories.
    pub directories: Vec<WantedDir>,
}

/// Which limit the look at the log directory met.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cut {
    /// So many entries were looked at.
    Entries(u32),
    /// So many need a repair.
    Repairs(u32),
    /// So many seconds went by.
    Seconds(u32),
}
