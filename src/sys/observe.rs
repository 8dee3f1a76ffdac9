//! Looking, bounded and without side effects: what is there, what is not, what could not be seen.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use super::privfs::{Refusal, Root};
use crate::model::{Fact, Space, Stat};

/// The names in a directory, sorted by bytes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Listing {
    pub names: Vec<OsString>,
    /// There were more names than the limit.
    pub truncated: bool,
}

fn fact<T>(result: Result<T, Refusal>) -> Fact<T> {
    match result {
        Ok(value) => Fact::Known(value),
        Err(Refusal::Absent) => Fact::Absent,
        Err(Refusal::Os(nix::errno::Errno::ENOTDIR)) => Fact::Absent,
        Err(refusal) => Fact::Unknown(refusal.to_string()),
    }
}

impl Root {
    /// The object at an absolute path; a link at the end is described, not followed.
    pub fn stat(&self, path: &Path) -> Fact<Stat> {
        fact(self.lstat(path))
    }

    /// Where the symbolic link at `path` points, as written.
    pub fn link_target(&self, path: &Path) -> Fact<PathBuf> {
        fact(self.readlink(path))
    }

    /// The content of a regular file; one larger than `limit` bytes is `Unknown`.
    pub fn read(&self, path: &Path, limit: u64) -> Fact<Vec<u8>> {
        fact(self.read_file(path, limit).map(|(bytes, _)| bytes))
    }

    /// The last `limit` bytes of a regular file of any size.
    pub fn tail(&self, path: &Path, limit: u64) -> Fact<Vec<u8>> {
        fact(self.read_tail(path, limit))
    }

    /// Content and identity from the same descriptor.
    pub fn read_with_stat(&self, path: &Path, limit: u64) -> Fact<(Vec<u8>, Stat)> {
        fact(self.read_file(path, limit))
    }

    /// The names in a directory, at most `limit`.
    pub fn list(&self, path: &Path, limit: usize) -> Fact<Listing> {
        fact(self.read_dir(path, limit).map(|(names, truncated)| Listing { names, truncated }))
    }

    /// Free space of the file system that holds the nearest existing directory above `path`.
    pub fn space(&self, path: &Path) -> Fact<Space> {
        let existing = path.ancestors().find(|p| self.stat(p).known().is_some());
        let Some(existing) = existing else { return Fact::Absent };
        fact(self.statvfs(existing)).map(|s| Space {
            free_bytes: s.blocks_available().saturating_mul(s.fragment_size()),
            total_bytes: s.blocks().saturating_mul(s.fragment_size()),
            free_inodes: s.files_available(),
            total_inodes: s.files(),
        })
    }
}
