//! Why root did not open or touch something.

use std::path::PathBuf;

use nix::errno::Errno;

use crate::model::FileKind;

/// Why a path was not opened or an object not touched.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Refusal {
    /// Nothing is there.
    Absent,
    /// A symbolic link in a directory that somebody other than root can write.
    Link(PathBuf),
    /// A mount point, or a link that leaves the tree, in such a directory.
    Leaves(PathBuf),
    /// Not the type that is needed.
    Kind(FileKind),
    /// More than one name: changing it would change a file elsewhere too.
    HardLink(u64),
    /// Not the object that was judged; somebody changed it in between.
    Changed,
    /// Somebody other than root can write it, or a directory above it.
    Unguarded,
    /// Larger than the limit, in bytes.
    TooLarge(u64),
    /// The kernel's answer.
    Os(Errno),
}

impl std::fmt::Display for Refusal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Absent => f.write_str("it does not exist"),
            Self::Link(at) => write!(
                f,
                "\"{}\" is a symbolic link in a directory that is not root's alone",
                at.display()
            ),
            Self::Leaves(at) => write!(f, "\"{}\" leads out of its tree", at.display()),
            Self::Kind(kind) => write!(f, "it is a {}", kind.word()),
            Self::HardLink(n) => write!(f, "it has {n} names (hard links)"),
            Self::Changed => f.write_str("it was changed by somebody else in the meantime"),
            Self::Unguarded => {
                f.write_str("others than root can write it or a directory above it, so root does not believe it")
            }
            Self::TooLarge(limit) => write!(f, "it is larger than the limit of {limit} bytes"),
            // A lease of the user's, which lasts 45 s at most (fs.lease-break-time).
            Self::Os(Errno::EAGAIN) => f.write_str("another process holds a lease on it"),
            Self::Os(errno) => f.write_str(errno.desc()),
        }
    }
}

impl std::error::Error for Refusal {}

impl From<Errno> for Refusal {
    fn from(errno: Errno) -> Self {
        match errno {
            Errno::ENOENT => Self::Absent,
            other => Self::Os(other),
        }
    }
}

impl From<std::io::Error> for Refusal {
    fn from(error: std::io::Error) -> Self {
        Errno::from_raw(error.raw_os_error().unwrap_or(0)).into()
    }
}

pub(super) type Result<T> = std::result::Result<T, Refusal>;
