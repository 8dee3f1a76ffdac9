//! Looking, bounded and without side effects: what is there, what is not, what could not be seen.

use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::clock::Deadline;
use super::privfs::{Ended, Refusal, Root};
use crate::model::{Fact, FileKind, Space, Stat};

/// The names in a directory, sorted by bytes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Listing {
    pub names: Vec<OsString>,
    /// There were more names than the limit.
    pub truncated: bool,
}

/// A regular file of which parts are read.
#[derive(Debug)]
pub struct Parts(File);

impl Parts {
    /// So many bytes from there; None where the file has fewer.
    pub fn read(&self, at: u64, length: usize) -> Option<Vec<u8>> {
        let mut bytes = vec![0; length];
        self.0.read_exact_at(&mut bytes, at).ok()?;
        Some(bytes)
    }
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

    /// As [`Self::stat`], and true when no directory above `path` can be changed by others than
    /// root.
    pub fn stat_guarded(&self, path: &Path) -> (Fact<Stat>, bool) {
        match self.lstat_guarded(path) {
            Ok((stat, guarded)) => (fact(stat), guarded),
            Err(refusal) => (refusal.into(), false),
        }
    }

    /// Root alone can have written what is at `path`, and decides what lies there.
    pub fn is_roots_alone(&self, path: &Path) -> bool {
        let (stat, guarded) = self.stat_guarded(path);
        guarded && stat.known().is_some_and(Stat::is_roots_alone)
    }

    /// It is root's or the caller's own.
    pub fn is_callers(&self, stat: &Stat) -> bool {
        self.trusts_owner(stat.uid) || stat.uid == nix::unistd::geteuid().as_raw()
    }

    /// The first of a directory and those above it that somebody other than root can change. One that
    /// does not exist is none; one that cannot be seen is.
    pub fn changeable_by(&self, path: &Path) -> Option<PathBuf> {
        let changeable = |part: &&Path| match self.stat(part) {
            Fact::Known(stat) => !stat.is_roots_alone() || stat.kind != FileKind::Directory,
            Fact::Absent => false,
            Fact::Unknown(_) => true,
        };
        path.ancestors().find(changeable).map(Path::to_owned)
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

    /// A regular file, for a look at parts of it.
    pub fn parts(&self, path: &Path) -> Fact<Parts> {
        fact(self.open_regular(path).map(Parts))
    }

    /// The access control list of a regular file or a directory, in the kernel's form (acl(5)).
    pub fn acl(&self, path: &Path) -> Option<Vec<u8>> {
        self.attribute(path, "system.posix_acl_access").ok().flatten()
    }

    /// The names in a directory, at most `limit`.
    pub fn list(&self, path: &Path, limit: usize) -> Fact<Listing> {
        fact(self.read_dir(path, limit).map(|(names, truncated)| Listing { names, truncated }))
    }

    /// Where the symbolic links in a directory point, of at most `limit` names.
    pub fn links(&self, path: &Path, limit: usize) -> Fact<Vec<PathBuf>> {
        fact(self.read_links(path, limit))
    }

    /// Free space of the file system that holds the nearest existing directory above `path`.
    pub fn space(&self, path: &Path) -> Fact<Space> {
        let existing = path.ancestors().find(|p| self.stat(p).known().is_some());
        let Some(existing) = existing else { return Fact::Absent };
        fact(self.statvfs(existing)).map(|s| Space {
            read_only: s.flags().contains(nix::sys::statvfs::FsFlags::ST_RDONLY),
            free_bytes: s.blocks_available().saturating_mul(s.fragment_size()),
            total_bytes: s.blocks().saturating_mul(s.fragment_size()),
            free_inodes: s.files_available(),
            total_inodes: s.files(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A directory of root's and one that somebody else can write are opened in different ways.
    #[test]
    fn the_space_of_any_directory_is_known() {
        let own = tempfile::tempdir().expect("a directory");
        let root = Root::open(Path::new("/")).expect("the root");
        for path in [Path::new("/"), Path::new("/usr"), Path::new("/tmp"), own.path()] {
            let space = root.space(path);
            assert!(space.known().is_some_and(|s| s.total_bytes > 0), "{path:?}: {space:?}");
        }
    }
}
