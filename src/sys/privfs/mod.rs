//! File work that is safe for root in directories that other users can write.
//!
//! Invariant: a path is walked from the [`Root`] handle component by component. As long as every
//! directory passed belongs to root and only root can write it, symbolic links made by root are
//! followed (administrators move `/var/log` to another disk). From the first directory that
//! somebody else can write, the rest is resolved by openat2(2) with `RESOLVE_BENEATH`,
//! `RESOLVE_NO_XDEV` and `RESOLVE_NO_MAGICLINKS`, for changes also `RESOLVE_NO_SYMLINKS`: no link,
//! no mount and no `..` leads out. There an object is held by `O_PATH` and judged by fstat(2)
//! before anything is opened, and owner and mode are changed through what is held. Names are made
//! with the file-system ids of the user they are for (setfsuid(2)), so root never makes a name
//! where the user could not. Leaving out any of these lets the user point root at `/etc/shadow`;
//! tests/attack does.

mod change;
mod ids;
mod refusal;
mod stat;
mod walk;
mod write;

use std::ffi::{OsStr, OsString};
use std::io::{Read, Seek, SeekFrom};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use nix::fcntl::{AtFlags, OFlag, readlinkat};
use nix::sys::stat::{Mode, fstat, fstatat};
use nix::unistd::geteuid;

pub(super) use refusal::Refusal;
use refusal::Result;
pub(super) use stat::{kind_of, stat_of};
pub(super) use walk::{Links, beneath, step_by_step};

use super::clock::Deadline;
use crate::model::{FileKind, Stat};

/// A handle on `/`, or on the directory that plays its part (`--root`).
#[derive(Debug)]
pub struct Root {
    dir: OwnedFd,
    path: PathBuf,
    /// Besides uid 0, the owner of the handle itself counts as trusted: tests run in directories
    /// of their own.
    owner: u32,
    privileged: bool,
}

/// How a scan of a directory ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ended {
    /// Everything was looked at.
    Complete,
    /// After so many entries.
    Entries,
    /// When the time was over.
    Time,
}

impl Root {
    /// Opens the handle. `path` is the real path of the directory, `/` in production.
    ///
    /// # Errors
    /// The kernel's answer.
    pub fn open(path: &Path) -> Result<Self> {
        let flags = OFlag::O_PATH | OFlag::O_DIRECTORY | OFlag::O_CLOEXEC;
        let dir = nix::fcntl::open(path, flags, Mode::empty())?;
        let owner = fstat(&dir)?.st_uid;
        Ok(Self { dir, path: path.to_owned(), owner, privileged: geteuid().is_root() })
    }

    /// The handle itself.
    pub(super) fn handle(&self) -> BorrowedFd<'_> {
        self.dir.as_fd()
    }

    /// The path that the handle was opened with.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// True when the handle is on the real `/`.
    pub fn is_system(&self) -> bool {
        self.path == Path::new("/")
    }

    /// True when this process is root.
    pub fn is_privileged(&self) -> bool {
        self.privileged
    }

    /// The object at `path` itself; a link at the end is described, not followed.
    pub(super) fn lstat(&self, path: &Path) -> Result<Stat> {
        let place = self.place(path, Links::Beneath)?;
        Ok(stat_of(&fstatat(&place.dir, place.name.as_os_str(), AtFlags::AT_SYMLINK_NOFOLLOW)?))
    }

    /// True when only root can change what `path` is: every directory above it is root's alone.
    pub(super) fn is_guarded(&self, path: &Path) -> Result<bool> {
        Ok(self.place(path, Links::Beneath)?.trusted)
    }

    /// Where the symbolic link at `path` points, as written.
    pub(super) fn readlink(&self, path: &Path) -> Result<PathBuf> {
        let place = self.place(path, Links::Beneath)?;
        Ok(PathBuf::from(readlinkat(&place.dir, place.name.as_os_str())?))
    }

    /// The content of a regular file, at most `limit` bytes.
    pub(super) fn read_file(&self, path: &Path, limit: u64) -> Result<(Vec<u8>, Stat)> {
        let (bytes, stat, _) = self.read_judged(path, limit)?;
        Ok((bytes, stat))
    }

    /// As [`Self::read_file`], but only what nobody except root can have written.
    pub(super) fn read_guarded_file(&self, path: &Path, limit: u64) -> Result<Vec<u8>> {
        let (bytes, stat, guarded) = self.read_judged(path, limit)?;
        let own = self.trusts_owner(stat.uid) && stat.mode & 0o022 == 0;
        if guarded && own { Ok(bytes) } else { Err(Refusal::Unguarded) }
    }

    fn read_judged(&self, path: &Path, limit: u64) -> Result<(Vec<u8>, Stat, bool)> {
        let (file, stat, place) = self.open_object(path, OFlag::O_RDONLY, Links::Beneath)?;
        if stat.kind != FileKind::Regular {
            return Err(Refusal::Kind(stat.kind));
        }
        let room = usize::try_from(stat.size.min(limit)).unwrap_or(0);
        let mut bytes = Vec::with_capacity(room + 1);
        // One read for the usual file: room for its size and the byte that tells the end.
        // Files of /proc report size 0, and a file may grow while it is read.
        let most = limit.saturating_add(1);
        if stat.size > limit || file.take(most).read_to_end(&mut bytes)? as u64 > limit {
            return Err(Refusal::TooLarge(limit));
        }
        Ok((bytes, stat, place.trusted))
    }

    /// The end of a regular file; a line that was cut is left out.
    pub(super) fn read_file_tail(&self, path: &Path, limit: u64) -> Result<(Vec<u8>, Stat)> {
        let (mut file, stat, _) = self.open_object(path, OFlag::O_RDONLY, Links::Beneath)?;
        if stat.kind != FileKind::Regular {
            return Err(Refusal::Kind(stat.kind));
        }
        let skip = stat.size.saturating_sub(limit);
        file.seek(SeekFrom::Start(skip))?;
        let mut bytes = Vec::new();
        file.take(limit).read_to_end(&mut bytes)?;
        if skip > 0 {
            let start = bytes.iter().position(|b| *b == b'\n').map_or(bytes.len(), |i| i + 1);
            bytes.drain(..start);
        }
        Ok((bytes, stat))
    }

    /// The file system that holds an object.
    pub(super) fn statvfs(&self, path: &Path) -> Result<nix::sys::statvfs::Statvfs> {
        let (file, _, _) = self.open_object(path, OFlag::O_PATH, Links::Beneath)?;
        Ok(nix::sys::statvfs::fstatvfs(&file)?)
    }

    /// The names in a directory, sorted, at most `limit` of them; true when there were more.
    pub(super) fn read_dir(&self, path: &Path, limit: usize) -> Result<(Vec<OsString>, bool)> {
        let mut dir = self.dir_stream(path)?;
        let mut names = Vec::new();
        let mut more = false;
        for entry in dir.iter() {
            let entry = entry?;
            let name = OsStr::from_bytes(entry.file_name().to_bytes());
            if name == "." || name == ".." {
                continue;
            }
            more = names.len() == limit;
            if more {
                break;
            }
            names.push(name.to_owned());
        }
        names.sort();
        Ok((names, more))
    }

    /// Shows every entry of a directory to `each`, in no order and with nothing kept, so that a
    /// directory of any size costs the same memory.
    pub(super) fn scan_dir(
        &self,
        path: &Path,
        most: u64,
        deadline: &Deadline,
        each: &mut dyn FnMut(&OsStr, Stat),
    ) -> Result<Ended> {
        let mut dir = self.dir_stream(path)?;
        // The stream owns its descriptor; entries are looked at through one of our own.
        let base = self.open_dir(path)?;
        let mut seen: u64 = 0;
        for entry in dir.iter() {
            let entry = entry?;
            let name = OsStr::from_bytes(entry.file_name().to_bytes());
            if name == "." || name == ".." {
                continue;
            }
            if seen == most {
                return Ok(Ended::Entries);
            }
            seen += 1;
            if seen % 256 == 0 && deadline.passed() {
                return Ok(Ended::Time);
            }
            // Gone since it was listed: nothing to look at.
            let Ok(stat) = fstatat(&base, name, AtFlags::AT_SYMLINK_NOFOLLOW) else { continue };
            each(name, stat_of(&stat));
        }
        Ok(Ended::Complete)
    }

    fn dir_stream(&self, path: &Path) -> Result<nix::dir::Dir> {
        let flags = OFlag::O_RDONLY | OFlag::O_DIRECTORY;
        let (file, _, _) = self.open_object(path, flags, Links::Beneath)?;
        Ok(nix::dir::Dir::from_fd(OwnedFd::from(file))?)
    }

    /// A handle on a directory below which many files are read; links on the way are followed as
    /// in [`Self::read_file`].
    pub(super) fn open_dir(&self, path: &Path) -> Result<OwnedFd> {
        Ok(self.place(&path.join("_"), Links::Beneath)?.dir)
    }
}
