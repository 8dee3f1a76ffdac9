//! A plan is data: it can be printed, compared and applied, and the same value serves all three.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::{Finding, Kind, Origin, Secret, Stat, Timestamp};

/// Numeric owner and group; names are resolved by `sys::ids` before planning.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Owner {
    pub uid: u32,
    pub gid: u32,
}

impl Owner {
    pub const ROOT: Self = Self { uid: 0, gid: 0 };
}

/// Ends the name of a file that is written beside another one before it takes its place. One that
/// is found was left by an interrupted run.
pub const LEFTOVER: &str = ".meats-new";

/// The identity of an object as it was when judged; the writer compares it on what it holds. mtime,
/// not ctime: an earlier action of the same plan may have changed owner or mode.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Seen {
    pub dev: u64,
    pub ino: u64,
    pub mtime: Timestamp,
    pub links: u64,
    pub size: u64,
}

impl From<&Stat> for Seen {
    fn from(stat: &Stat) -> Self {
        Self { dev: stat.dev, ino: stat.ino, mtime: stat.mtime, links: stat.links, size: stat.size }
    }
}

/// One change of the host. The list is closed: `sys::apply` is one match over it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Effect {
    /// Makes a missing directory (one level) with this owner and mode.
    MakeDir { path: PathBuf, owner: Owner, mode: u32 },
    /// Makes a missing, empty regular file with this owner and mode (`O_EXCL`).
    MakeFile { path: PathBuf, owner: Owner, mode: u32 },
    /// Changes the owner of an existing file or directory.
    SetOwner { path: PathBuf, owner: Owner, from: Owner, seen: Seen },
    /// Changes the permission bits of an existing file or directory.
    SetMode { path: PathBuf, mode: u32, from: u32, seen: Seen },
    /// Gives a file in a directory of the user's another name there, `to`, as that user could.
    MoveAside { path: PathBuf, to: std::ffi::OsString, seen: Seen },
    /// Copies a file to `to` (new, 0600 root) before something changes it; the backup of `path`.
    Backup { path: PathBuf, to: PathBuf, seen: Seen },
    /// Replaces a file's content by rename; owner, mode, ACL and xattrs are carried over unless given.
    Replace { path: PathBuf, content: Secret, seen: Seen, owner: Option<Owner>, mode: Option<u32> },
    /// Writes a file that is ours (state, records, generated text) by rename, whatever was there.
    Write { path: PathBuf, content: Secret, owner: Owner, mode: u32 },
    /// Makes a new file that must not exist (generator output).
    Create { path: PathBuf, content: Vec<u8>, mode: u32 },
    /// Appends to a log; the file is made with `owner` and `mode` if missing and rotated to
    /// `PATH.1` once it would grow beyond `cap` bytes.
    Append { path: PathBuf, content: Secret, owner: Owner, mode: u32, cap: u64 },
    /// Makes a symbolic link that must not exist.
    Symlink { path: PathBuf, target: PathBuf },
    /// Switches a symbolic link by rename over it.
    Relink { path: PathBuf, target: PathBuf },
    /// Removes one file of ours (no directory).
    Remove { path: PathBuf },
    /// Takes back [`Self::MakeDir`] and [`Self::MakeFile`]: removes what is still empty.
    Unmake { path: PathBuf, seen: Seen },
    /// Runs a program: absolute path, closed environment, deadline. `root_only` data never in argv.
    Run { argv: Vec<String>, seconds: u64 },
}

impl Effect {
    /// The path that the effect is about; for `Run` the program.
    pub fn path(&self) -> PathBuf {
        match self {
            Self::MakeDir { path, .. }
            | Self::MakeFile { path, .. }
            | Self::SetOwner { path, .. }
            | Self::SetMode { path, .. }
            | Self::MoveAside { path, .. }
            | Self::Backup { path, .. }
            | Self::Replace { path, .. }
            | Self::Write { path, .. }
            | Self::Create { path, .. }
            | Self::Append { path, .. }
            | Self::Symlink { path, .. }
            | Self::Relink { path, .. }
            | Self::Remove { path }
            | Self::Unmake { path, .. } => path.clone(),
            Self::Run { argv, .. } => PathBuf::from(argv.first().cloned().unwrap_or_default()),
        }
    }
}

/// One effect with its reason.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Action {
    /// The kind of finding that this action repairs.
    pub why: &'static Kind,
    /// Where the wanted value comes from.
    pub origin: Origin,
    /// Actions of one group stand or fall together: the first failure stops its group.
    pub group: usize,
    pub effect: Effect,
}

/// Ordered actions and the findings that no action repairs.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Plan {
    pub actions: Vec<Action>,
    pub findings: Vec<Finding>,
    /// What the actions that change contents mend, one by one.
    pub mended: Vec<Finding>,
}

impl Plan {
    /// Nothing to do (there may still be findings).
    pub fn is_idle(&self) -> bool {
        self.actions.is_empty()
    }

    /// Appends another plan; its groups stay apart from ours. A directory that both make is made
    /// once.
    pub fn join(&mut self, mut other: Plan) {
        let base = self.actions.iter().map(|a| a.group + 1).max().unwrap_or(0);
        let made = |effect: &Effect| {
            matches!(effect, Effect::MakeDir { .. })
                && self.actions.iter().any(|a| a.effect == *effect)
        };
        other.actions.retain(|action| !made(&action.effect));
        self.actions.extend(other.actions.into_iter().map(|mut action| {
            action.group += base;
            action
        }));
        self.findings.extend(other.findings);
        self.mended.extend(other.mended);
    }

    /// Appends one action in a group of its own.
    pub fn push(&mut self, why: &'static Kind, origin: Origin, effect: Effect) {
        let group = self.actions.iter().map(|a| a.group + 1).max().unwrap_or(0);
        self.actions.push(Action { why, origin, group, effect });
    }
}
