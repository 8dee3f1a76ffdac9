//! Looking, bounded and without side effects: what is there, what is not, what could not be seen.

use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::clock::Deadline;
use super::privfs::{Ended, Refusal, Root};
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
        Err(refusal) => refusal.into(),
    }
}

impl<T> From<Refusal> for Fact<T> {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::Absent | Refusal::Os(nix::errno::Errno::ENOTDIR) => Self::Absent,
            other => Self::Unknown(other.to_string()),
        }
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

    /// As [`Self::read`]; a file that somebody other than root may have written is `Unknown`.
    pub fn read_guarded(&self, path: &Path, limit: u64) -> Fact<Vec<u8>> {
        fact(self.read_guarded_file(path, limit))
    }

    /// True when no directory above `path` can be changed by others than root.
    pub fn guards(&self, path: &Path) -> bool {
        self.is_guarded(path).unwrap_or(false)
    }

    /// Shows the entries of a directory one by one, at most `most` of them and for at most `time`.
    pub fn scan(
        &self,
        path: &Path,
        most: u64,
        time: Duration,
        each: &mut dyn FnMut(&OsStr, Stat),
    ) -> Fact<Ended> {
        fact(self.scan_dir(path, most, &Deadline::after(time), each))
    }

    /// Content and identity from the same descriptor.
    pub fn read_with_stat(&self, path: &Path, limit: u64) -> Fact<(Vec<u8>, Stat)> {
        fact(self.read_file(path, limit))
    }

    /// The last `limit` bytes of a regular file, from the beginning of a line.
    pub fn read_tail(&self, path: &Path, limit: u64) -> Fact<(Vec<u8>, Stat)> {
        fact(self.read_file_tail(path, limit))
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
