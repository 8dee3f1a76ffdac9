//! What the host looks like. "Could not look" is a value of its own and never becomes "fine".

use serde::{Deserialize, Serialize};

/// Something observed, or the reason why it could not be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fact<T> {
    /// It was seen.
    Known(T),
    /// It was looked for and is not there.
    Absent,
    /// It could not be looked at; the text says why and what would be needed.
    Unknown(String),
}

impl<T> Fact<T> {
    /// The value if it was seen.
    pub fn known(&self) -> Option<&T> {
        match self {
            Self::Known(value) => Some(value),
            Self::Absent | Self::Unknown(_) => None,
        }
    }

    /// True only when it was looked for and is not there.
    pub fn is_absent(&self) -> bool {
        matches!(self, Self::Absent)
    }

    /// Applies `f` to a seen value.
    pub fn map<U>(self, f: impl FnOnce(T) -> U) -> Fact<U> {
        match self {
            Self::Known(value) => Fact::Known(f(value)),
            Self::Absent => Fact::Absent,
            Self::Unknown(reason) => Fact::Unknown(reason),
        }
    }
}

/// The type of a file, as in inode(7).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum FileKind {
    Regular,
    Directory,
    Symlink,
    Fifo,
    Socket,
    CharDevice,
    BlockDevice,
}

impl FileKind {
    /// The word used in messages.
    pub fn word(self) -> &'static str {
        match self {
            Self::Regular => "regular file",
            Self::Directory => "directory",
            Self::Symlink => "symbolic link",
            Self::Fifo => "FIFO",
            Self::Socket => "socket",
            Self::CharDevice => "character device",
            Self::BlockDevice => "block device",
        }
    }
}

/// Seconds and nanoseconds since the epoch, UTC.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
pub struct Timestamp {
    pub secs: i64,
    pub nanos: u32,
}

/// One object of the file system, seen without following a link at its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stat {
    pub kind: FileKind,
    pub uid: u32,
    pub gid: u32,
    /// Permission bits only (07777).
    pub mode: u32,
    pub links: u64,
    pub size: u64,
    pub dev: u64,
    pub ino: u64,
    pub ctime: Timestamp,
    pub mtime: Timestamp,
}

impl Stat {
    /// It is root's, and neither a group nor everybody writes it.
    pub fn is_roots_alone(&self) -> bool {
        self.uid == 0 && self.mode & 0o022 == 0
    }
}

/// Free space of the file system that holds a path, for ordinary users.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Space {
    /// Mounted so that nobody can write.
    pub read_only: bool,
    pub free_bytes: u64,
    pub total_bytes: u64,
    pub free_inodes: u64,
    pub total_inodes: u64,
}
