//! File work that is safe for root in directories that other users can write.
//!
//! Invariant: a path is walked from the [`Root`] handle component by component. As long as every
//! directory passed belongs to root and only root can write it, symbolic links made by root are
//! followed (administrators move `/var/log` to another disk). From the first directory that
//! somebody else can write, the rest is resolved by openat2(2) with `RESOLVE_BENEATH`,
//! `RESOLVE_NO_XDEV` and `RESOLVE_NO_MAGICLINKS`, for changes also `RESOLVE_NO_SYMLINKS`: no link,
//! no mount and no `..` leads out. There an object is held by `O_PATH` and judged by statx(2)
//! before anything is opened, and owner and mode are changed through what is held. Names are made
//! with the file-system ids of the user they are for (setfsuid(2)), so root never makes a name
//! where the user could not. Leaving out any of these lets the user point root at `/etc/shadow`;
//! tests/attack does.

mod change;
mod ids;
mod memory;
mod refusal;
mod stat;
mod walk;
mod write;

use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use nix::fcntl::{OFlag, readlinkat};
use nix::sys::stat::Mode;
use nix::unistd::geteuid;
use xattr::FileExt as _;

use memory::Memory;
pub(super) use refusal::Refusal;
use refusal::Result;
pub(super) use stat::{kind_of, stat_at, stat_of};
use walk::step;
pub(super) use walk::{Links, beneath, step_by_step};

use super::clock::Deadline;
use crate::model::{FileKind, Stat};

/// A handle on `/`, or on the directory that plays its part (`--root`).
#[derive(Debug)]
pub struct Root {
    dir: Arc<OwnedFd>,
    path: PathBuf,
    /// What the handle is: type, owner and mode decide the trust in it.
    stat: Stat,
    /// Besides uid 0, the owner of the handle itself counts as trusted: tests run in directories
    /// of their own.
    owner: u32,
    privileged: bool,
    walked: Memory,
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
        let stat = stat_of(&dir)?;
        let (path, privileged) = (path.to_owned(), geteuid().is_root());
        let (dir, walked) = (Arc::new(dir), Memory::default());
        Ok(Self { dir, path, stat, owner: stat.uid, privileged, walked })
    }

    /// As [`Self::open`], for one look at the host: directories that were walked to once are not
    /// walked to again, until something is changed through this handle.
    ///
    /// # Errors
    /// As [`Self::open`].
    pub fn open_for_a_look(path: &Path) -> Result<Self> {
        Ok(Self { walked: Memory::in_use(), ..Self::open(path)? })
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
        self.lstat_guarded(path)?.0
    }

    /// The object at `path` itself, and whether only root can change what it is: every directory
    /// above it is root's alone.
    pub(super) fn lstat_guarded(&self, path: &Path) -> Result<(Result<Stat>, bool)> {
        let place = self.place(path, Links::Beneath)?;
        let mut stat = stat_at(&place.dir, &place.name).map_err(Refusal::from);
        if place.trusted && stat.as_ref().is_ok_and(|stat| stat.dev != place.dev) {
            let above = path.parent().unwrap_or(path);
            stat = step(place.dir.as_fd(), place.dev, &place.name, above).map(|(_, stat)| stat);
        }
        Ok((stat, place.trusted))
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
        let (mut file, stat, place) = self.open_object(path, OFlag::O_RDONLY, Links::Beneath)?;
        if stat.kind != FileKind::Regular {
            return Err(Refusal::Kind(stat.kind));
        }
        if stat.size > limit {
            return Err(Refusal::TooLarge(limit));
        }
        match read_whole(&mut file, stat.size, limit)? {
            Some(bytes) => Ok((bytes, stat, place.trusted)),
            None => Err(Refusal::TooLarge(limit)),
        }
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

    /// A regular file, open for reading.
    pub(super) fn open_regular(&self, path: &Path) -> Result<File> {
        let (file, stat, _) = self.open_object(path, OFlag::O_RDONLY, Links::Beneath)?;
        if stat.kind == FileKind::Regular { Ok(file) } else { Err(Refusal::Kind(stat.kind)) }
    }

    /// A directory below which something is to be changed, open for a lock.
    pub(super) fn open_directory(&self, path: &Path) -> Result<File> {
        let flags = OFlag::O_RDONLY | OFlag::O_DIRECTORY;
        Ok(self.open_object(path, flags, Links::Refuse)?.0)
    }

    /// An extended attribute of a regular file or a directory.
    pub(super) fn attribute(&self, path: &Path, name: &str) -> Result<Option<Vec<u8>>> {
        let (file, stat, _) = self.open_object(path, OFlag::O_RDONLY, Links::Beneath)?;
        match stat.kind {
            FileKind::Regular | FileKind::Directory => Ok(file.get_xattr(name)?),
            kind => Err(Refusal::Kind(kind)),
        }
    }

    /// The file system that holds an object.
    pub(super) fn statvfs(&self, path: &Path) -> Result<nix::sys::statvfs::Statvfs> {
        let (file, _, _) = self.open_object(path, OFlag::O_PATH, Links::Beneath)?;
        Ok(nix::sys::statvfs::fstatvfs(&file)?)
    }

    /// The names in a directory, sorted, at most `limit` of them; true when there were more.
    pub(super) fn read_dir(&self, path: &Path, limit: usize) -> Result<(Vec<OsString>, bool)> {
        let mut names = Vec::new();
        let mut more = false;
        for entry in self.dir_stream(path)? {
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

    /// Where the symbolic links in a directory point, as written; at most `limit` names are tried.
    pub(super) fn read_links(&self, path: &Path, limit: usize) -> Result<Vec<PathBuf>> {
        let flags = OFlag::O_RDONLY | OFlag::O_DIRECTORY;
        let base = OwnedFd::from(self.open_object(path, flags, Links::Beneath)?.0);
        let dir = nix::dir::Dir::from_fd(base.try_clone()?)?;
        let target = |entry: nix::dir::Entry| readlinkat(&base, entry.file_name()).ok();
        Ok(dir.into_iter().flatten().take(limit).filter_map(target).map(PathBuf::from).collect())
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
        let flags = OFlag::O_RDONLY | OFlag::O_DIRECTORY;
        let base = OwnedFd::from(self.open_object(path, flags, Links::Beneath)?.0);
        // The stream owns its descriptor; entries are looked at through one of our own.
        let dir = nix::dir::Dir::from_fd(base.try_clone()?)?;
        let mut seen: u64 = 0;
        for entry in dir {
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
            let Ok(stat) = stat_at(&base, name) else { continue };
            each(name, stat);
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
    pub(super) fn open_dir(&self, path: &Path) -> Result<Arc<OwnedFd>> {
        Ok(self.place(&path.join("_"), Links::Beneath)?.dir)
    }
}

/// All of a regular file whose size is known; None if it has more than `limit` bytes. One
/// read for the usual file: room for its size and the byte that would tell that there is more.
/// Files of /proc report size 0, and a file may grow while it is read.
pub(super) fn read_whole(
    file: &mut File,
    size: u64,
    limit: u64,
) -> std::io::Result<Option<Vec<u8>>> {
    let room = usize::try_from(size.min(limit)).unwrap_or(0);
    let mut bytes = vec![0; room + 1];
    let read = file.read(&mut bytes)?;
    bytes.truncate(read);
    if read > room || room == 0 && read > 0 {
        let most = limit.saturating_add(1).saturating_sub(read as u64);
        file.take(most).read_to_end(&mut bytes)?;
    }
    Ok((bytes.len() as u64 <= limit).then_some(bytes))
}
