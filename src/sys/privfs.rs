//! File work that is safe for root in directories that other users can write.
//!
//! Invariant: a path is walked from the [`Root`] handle component by component. As long as every
//! directory passed belongs to root and only root can write it, symbolic links made by root are
//! followed (administrators move `/var/log` to another disk). From the first directory that
//! somebody else can write, the rest is resolved by openat2(2) with `RESOLVE_BENEATH`,
//! `RESOLVE_NO_XDEV` and `RESOLVE_NO_MAGICLINKS`, for changes also `RESOLVE_NO_SYMLINKS`: no link,
//! no mount (FUSE lets users mount) and no `..` leads out. What was opened is judged by fstat(2)
//! and changed by descriptor. Names in such a directory are made with its owner's file-system ids
//! (setfsuid(2)), so root never makes a name where the user could not.

use std::collections::VecDeque;
use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io::{Read, Seek, SeekFrom, Write};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::{Component, Path, PathBuf};

use nix::errno::Errno;
use nix::fcntl::{AtFlags, OFlag, OpenHow, ResolveFlag, openat, openat2, readlinkat, renameat};
use nix::sys::stat::{FileStat, Mode, SFlag, fchmod, fstat, fstatat, mkdirat};
use nix::unistd::{
    Gid, Uid, UnlinkatFlags, fchown, fsync, geteuid, setfsgid, setfsuid, symlinkat, unlinkat,
};
use xattr::FileExt as _;

use crate::model::{FileKind, Owner, Seen, Stat, Timestamp};

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
            Self::TooLarge(limit) => write!(f, "it is larger than the limit of {limit} bytes"),
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

type Result<T> = std::result::Result<T, Refusal>;

/// What to do with symbolic links below a directory that is not root's alone.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Links {
    /// For changes: none is followed.
    Refuse,
    /// For reading: followed as long as they stay beneath the first such directory.
    Beneath,
}

/// Where a name lives: its directory, and whether only root can change that directory.
struct Place {
    dir: OwnedFd,
    name: OsString,
    trusted: bool,
    /// Owner of the directory: its file-system ids are used for making names in it.
    owner: Owner,
}

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

const LINK_LIMIT: usize = 40;

impl Root {
    /// Opens the handle. `path` is the real path of the directory, `/` in production.
    pub fn open(path: &Path) -> Result<Self> {
        let dir = nix::fcntl::open(
            path,
            OFlag::O_PATH | OFlag::O_DIRECTORY | OFlag::O_CLOEXEC,
            Mode::empty(),
        )?;
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

    fn trusts(&self, stat: &FileStat) -> bool {
        let owner = stat.st_uid == 0 || stat.st_uid == self.owner;
        let others = stat.st_mode & 0o002 != 0;
        let group = stat.st_mode & 0o020 != 0 && stat.st_gid != 0;
        owner && !others && !group
    }

    /// Walks to the directory of `path`.
    fn place(&self, path: &Path, links: Links) -> Result<Place> {
        let mut pending = names(path)?;
        let mut dir = self.dir.try_clone()?;
        let mut walked = PathBuf::from("/");
        let mut followed = 0;
        loop {
            let stat = fstat(&dir)?;
            if !self.trusts(&stat) {
                return self.untrusted(dir, &stat, &walked, pending, links);
            }
            let name = pending.pop_front().unwrap_or_else(|| OsString::from("."));
            if pending.is_empty() {
                return Ok(Place { dir, name, trusted: true, owner: owner_of(&stat) });
            }
            let flags = OFlag::O_PATH | OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC;
            let next = openat(&dir, name.as_os_str(), flags, Mode::empty())?;
            let seen = fstat(&next)?;
            match kind_of(&seen) {
                FileKind::Directory => {
                    walked.push(&name);
                    dir = next;
                }
                FileKind::Symlink => {
                    followed += 1;
                    let target = PathBuf::from(readlinkat(&dir, name.as_os_str())?);
                    if followed > LINK_LIMIT || !(seen.st_uid == 0 || seen.st_uid == self.owner) {
                        return Err(Refusal::Link(walked.join(name)));
                    }
                    // Restart with the link spelled out: `..` is then resolved by name.
                    let rest: PathBuf = pending.iter().collect();
                    pending = names(&walked.join(target).join(rest))?;
                    walked = PathBuf::from("/");
                    dir = self.dir.try_clone()?;
                }
                other => return Err(Refusal::Kind(other)),
            }
        }
    }

    /// The rest of the walk, from the first directory that is not root's alone.
    fn untrusted(
        &self,
        base: OwnedFd,
        stat: &FileStat,
        walked: &Path,
        mut pending: VecDeque<OsString>,
        links: Links,
    ) -> Result<Place> {
        let name = pending.pop_back().unwrap_or_else(|| OsString::from("."));
        if pending.is_empty() {
            return Ok(Place { dir: base, name, trusted: false, owner: owner_of(stat) });
        }
        let rest: PathBuf = pending.iter().collect();
        let flags = OFlag::O_PATH | OFlag::O_DIRECTORY | OFlag::O_CLOEXEC;
        let dir = match beneath(&base, &rest, flags, links) {
            Err(Errno::ENOSYS | Errno::EPERM) => step_by_step(&base, &pending)?,
            Err(Errno::ELOOP) => return Err(Refusal::Link(walked.join(rest))),
            Err(Errno::EXDEV) => return Err(Refusal::Leaves(walked.join(rest))),
            other => other?,
        };
        let stat = fstat(&dir)?;
        Ok(Place { dir, name, trusted: false, owner: owner_of(&stat) })
    }

    /// Opens the object at `path` and judges it. The final link is followed only where root alone
    /// could have made it (or, for reading, where it stays beneath).
    fn open_object(&self, path: &Path, flags: OFlag, links: Links) -> Result<(File, Stat, Place)> {
        let mut path = path.to_owned();
        for _ in 0..LINK_LIMIT {
            let place = self.place(&path, links)?;
            let flags = flags | OFlag::O_NONBLOCK | OFlag::O_NOCTTY | OFlag::O_CLOEXEC;
            let opened = if place.trusted {
                openat(&place.dir, place.name.as_os_str(), flags | OFlag::O_NOFOLLOW, Mode::empty())
            } else {
                match beneath(&place.dir, Path::new(&place.name), flags, links) {
                    Err(Errno::ENOSYS | Errno::EPERM) => openat(
                        &place.dir,
                        place.name.as_os_str(),
                        flags | OFlag::O_NOFOLLOW,
                        Mode::empty(),
                    ),
                    other => other,
                }
            };
            match opened {
                Ok(fd) => {
                    let stat = stat_of(&fstat(&fd)?);
                    return Ok((File::from(fd), stat, place));
                }
                Err(Errno::ELOOP) if place.trusted => {
                    let parent = path.parent().unwrap_or(Path::new("/"));
                    path = parent.join(readlinkat(&place.dir, place.name.as_os_str())?);
                }
                Err(Errno::ELOOP) => return Err(Refusal::Link(path)),
                Err(Errno::EXDEV) => return Err(Refusal::Leaves(path)),
                // A socket, or a FIFO or device without a partner.
                Err(Errno::ENXIO) => return Err(Refusal::Kind(FileKind::Socket)),
                Err(errno) => return Err(errno.into()),
            }
        }
        Err(Refusal::Link(path))
    }

    /// The object at `path` itself; a link at the end is described, not followed.
    pub(super) fn lstat(&self, path: &Path) -> Result<Stat> {
        let place = self.place(path, Links::Beneath)?;
        Ok(stat_of(&fstatat(&place.dir, place.name.as_os_str(), AtFlags::AT_SYMLINK_NOFOLLOW)?))
    }

    /// Where the symbolic link at `path` points, as written.
    pub(super) fn readlink(&self, path: &Path) -> Result<PathBuf> {
        let place = self.place(path, Links::Beneath)?;
        Ok(PathBuf::from(readlinkat(&place.dir, place.name.as_os_str())?))
    }

    /// The content of a regular file, at most `limit` bytes.
    pub(super) fn read_file(&self, path: &Path, limit: u64) -> Result<(Vec<u8>, Stat)> {
        let (file, stat, _) = self.open_object(path, OFlag::O_RDONLY, Links::Beneath)?;
        if stat.kind != FileKind::Regular {
            return Err(Refusal::Kind(stat.kind));
        }
        // One read for the usual file: room for its size and the byte that tells the end.
        let mut bytes = Vec::with_capacity(
            usize::try_from(stat.size.min(limit)).unwrap_or(0).saturating_add(1),
        );
        // Files of /proc report size 0, and a file may grow while it is read.
        if stat.size > limit || file.take(limit + 1).read_to_end(&mut bytes)? as u64 > limit {
            return Err(Refusal::TooLarge(limit));
        }
        Ok((bytes, stat))
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
        let flags = OFlag::O_RDONLY | OFlag::O_DIRECTORY;
        let (file, _, _) = self.open_object(path, flags, Links::Beneath)?;
        let mut dir = nix::dir::Dir::from_fd(OwnedFd::from(file))?;
        let mut names = Vec::new();
        for entry in dir.iter() {
            let entry = entry?;
            let name = OsStr::from_bytes(entry.file_name().to_bytes());
            if name == "." || name == ".." {
                continue;
            }
            if names.len() == limit {
                names.sort();
                return Ok((names, true));
            }
            names.push(name.to_owned());
        }
        names.sort();
        Ok((names, false))
    }

    /// A handle on a directory below which many files are read; links on the way are followed as
    /// in [`Self::read_file`].
    pub(super) fn open_dir(&self, path: &Path) -> Result<OwnedFd> {
        Ok(self.place(&path.join("_"), Links::Beneath)?.dir)
    }

    /// Makes a directory. An existing one is left as it is.
    pub(super) fn make_dir(&self, path: &Path, owner: Owner, mode: u32) -> Result<()> {
        let place = self.place(path, Links::Refuse)?;
        let ids = Ids::of(self, &place, owner)?;
        let made = mkdirat(&place.dir, place.name.as_os_str(), Mode::from_bits_truncate(0o700));
        drop(ids);
        if made == Err(Errno::EEXIST) {
            return match self.lstat(path)?.kind {
                FileKind::Directory => Ok(()),
                other => Err(Refusal::Kind(other)),
            };
        }
        made?;
        let flags = OFlag::O_RDONLY | OFlag::O_DIRECTORY;
        let (dir, _, _) = self.open_object(path, flags, Links::Refuse)?;
        self.own(&dir, owner)?;
        fchmod(&dir, Mode::from_bits_truncate(mode))?;
        fsync(&place_dir(&place)?)?;
        Ok(())
    }

    /// Makes an empty regular file that must not exist.
    pub(super) fn make_file(&self, path: &Path, owner: Owner, mode: u32) -> Result<()> {
        let place = self.place(path, Links::Refuse)?;
        let file = self.create(&place, &place.name, owner)?;
        self.own(&file, owner)?;
        fchmod(&file, Mode::from_bits_truncate(mode))?;
        Ok(())
    }

    /// Writes a new file that must not exist (generator output).
    pub(super) fn create_new(&self, path: &Path, content: &[u8], mode: u32) -> Result<()> {
        let place = self.place(path, Links::Refuse)?;
        let mut file = self.create(&place, &place.name, place.owner)?;
        file.write_all(content)?;
        fchmod(&file, Mode::from_bits_truncate(mode))?;
        Ok(())
    }

    /// Changes owner and group by descriptor; set-id bits fall (chown(2)).
    pub(super) fn set_owner(&self, path: &Path, owner: Owner, seen: Seen) -> Result<()> {
        let file = self.open_judged(path, Some(seen))?;
        self.own(&file, owner)
    }

    /// Changes permission bits by descriptor; set-id bits are never granted.
    pub(super) fn set_mode(&self, path: &Path, mode: u32, seen: Seen) -> Result<()> {
        let file = self.open_judged(path, Some(seen))?;
        let keep =
            if stat_of(&fstat(&file)?).kind == FileKind::Directory { 0o3777 } else { 0o0777 };
        fchmod(&file, Mode::from_bits_truncate(mode & keep))?;
        Ok(())
    }

    /// Opens a regular file with one name, or a directory, that is still the one that was judged.
    /// Owner or mode may have been changed by an earlier action of the same plan, so ctime is not
    /// compared here.
    fn open_judged(&self, path: &Path, seen: Option<Seen>) -> Result<File> {
        let (file, stat, _) = self.open_object(path, OFlag::O_RDONLY, Links::Refuse)?;
        match stat.kind {
            FileKind::Regular if stat.links > 1 => return Err(Refusal::HardLink(stat.links)),
            FileKind::Regular | FileKind::Directory => {}
            other => return Err(Refusal::Kind(other)),
        }
        match seen {
            Some(seen) if (seen.dev, seen.ino) != (stat.dev, stat.ino) => Err(Refusal::Changed),
            _ => Ok(file),
        }
    }

    /// Copies a file to a new 0600 file of root's.
    pub(super) fn back_up(&self, path: &Path, to: &Path, seen: Seen) -> Result<()> {
        let (bytes, stat) = self.read_file(path, u64::MAX - 1)?;
        if Seen::from(&stat) != seen {
            return Err(Refusal::Changed);
        }
        let place = self.place(to, Links::Refuse)?;
        match self.create(&place, &place.name, place.owner) {
            Ok(mut file) => {
                file.write_all(&bytes)?;
                fsync(&file)?;
                fsync(&place_dir(&place)?)?;
                Ok(())
            }
            // Names are digests of the content: the same bytes are already kept.
            Err(Refusal::Os(Errno::EEXIST)) => Ok(()),
            Err(other) => Err(other),
        }
    }

    /// Replaces a file by rename: the old one or the new one, whole, at any moment.
    /// With `seen`, only if it is still the file that was read; owner, mode, ACL and other
    /// extended attributes are those of the old file unless given.
    pub(super) fn replace(
        &self,
        path: &Path,
        content: &[u8],
        seen: Option<Seen>,
        owner: Option<Owner>,
        mode: Option<u32>,
    ) -> Result<()> {
        let old = match self.open_object(path, OFlag::O_RDONLY, Links::Refuse) {
            Ok((file, stat, _)) if stat.kind == FileKind::Regular && stat.links == 1 => {
                Some((file, stat))
            }
            Ok((_, stat, _)) if stat.kind == FileKind::Regular => {
                return Err(Refusal::HardLink(stat.links));
            }
            Ok((_, stat, _)) => return Err(Refusal::Kind(stat.kind)),
            Err(Refusal::Absent) if seen.is_none() => None,
            Err(other) => return Err(other),
        };
        let place = self.place(path, Links::Refuse)?;
        let (owner, mode) = match &old {
            Some((_, stat)) => (
                owner.unwrap_or(Owner { uid: stat.uid, gid: stat.gid }),
                mode.unwrap_or(stat.mode & 0o777),
            ),
            None => (owner.unwrap_or(place.owner), mode.unwrap_or(0o600)),
        };
        let temporary = temporary_name(&place.name);
        let new = self.create_over_leftover(&place, &temporary)?;
        let written = self.fill(&new, content, old.as_ref().map(|(f, _)| f), owner, mode);
        let switched = written.and_then(|()| {
            if let (Some(seen), Some((_, stat))) = (seen, &old) {
                let now = self.lstat(path)?;
                if (seen.dev, seen.ino, seen.ctime, seen.size)
                    != (now.dev, now.ino, now.ctime, now.size)
                    || stat.ino != now.ino
                {
                    return Err(Refusal::Changed);
                }
            }
            let ids = Ids::of(self, &place, place.owner)?;
            let renamed =
                renameat(&place.dir, temporary.as_os_str(), &place.dir, place.name.as_os_str());
            drop(ids);
            Ok(renamed?)
        });
        if let Err(error) = switched {
            self.unlink_in(&place, &temporary).ok();
            return Err(error);
        }
        fsync(&place_dir(&place)?)?;
        Ok(())
    }

    fn fill(
        &self,
        new: &File,
        content: &[u8],
        old: Option<&File>,
        owner: Owner,
        mode: u32,
    ) -> Result<()> {
        let mut writer = new;
        writer.write_all(content)?;
        self.own(new, owner)?;
        fchmod(new, Mode::from_bits_truncate(mode & 0o777))?;
        if let Some(old) = old {
            carry_attributes(old, new)?;
        }
        fsync(new)?;
        Ok(())
    }

    /// Appends whole records; a file that would grow beyond `cap` bytes becomes `PATH.1` first.
    pub(super) fn append(
        &self,
        path: &Path,
        content: &[u8],
        owner: Owner,
        mode: u32,
        cap: u64,
    ) -> Result<()> {
        let flags = OFlag::O_WRONLY | OFlag::O_APPEND;
        let file = match self.open_object(path, flags, Links::Refuse) {
            Ok((_, stat, _)) if stat.kind != FileKind::Regular => {
                return Err(Refusal::Kind(stat.kind));
            }
            Ok((_, stat, _)) if stat.links > 1 => return Err(Refusal::HardLink(stat.links)),
            Ok((_, stat, place)) if stat.size > 0 && stat.size + content.len() as u64 > cap => {
                let mut rotated = place.name.clone();
                rotated.push(".1");
                let ids = Ids::of(self, &place, place.owner)?;
                let renamed =
                    renameat(&place.dir, place.name.as_os_str(), &place.dir, rotated.as_os_str());
                drop(ids);
                renamed?;
                None
            }
            Ok((file, _, _)) => Some(file),
            Err(Refusal::Absent) => None,
            Err(other) => return Err(other),
        };
        let mut file = match file {
            Some(file) => file,
            None => {
                self.make_file(path, owner, mode)?;
                self.open_object(path, flags, Links::Refuse)?.0
            }
        };
        file.write_all(content)?;
        Ok(())
    }

    /// Makes a symbolic link that must not exist.
    pub(super) fn symlink(&self, path: &Path, target: &Path) -> Result<()> {
        let place = self.place(path, Links::Refuse)?;
        let ids = Ids::of(self, &place, place.owner)?;
        let made = symlinkat(target, &place.dir, place.name.as_os_str());
        drop(ids);
        Ok(made?)
    }

    /// Switches a symbolic link: the new one is made beside and renamed over the old one.
    pub(super) fn relink(&self, path: &Path, target: &Path) -> Result<()> {
        let place = self.place(path, Links::Refuse)?;
        let temporary = temporary_name(&place.name);
        let ids = Ids::of(self, &place, place.owner)?;
        unlinkat(&place.dir, temporary.as_os_str(), UnlinkatFlags::NoRemoveDir).ok();
        symlinkat(target, &place.dir, temporary.as_os_str())?;
        let renamed =
            renameat(&place.dir, temporary.as_os_str(), &place.dir, place.name.as_os_str());
        drop(ids);
        renamed?;
        fsync(&place_dir(&place)?)?;
        Ok(())
    }

    /// Removes one name that is not a directory. Nothing there is fine.
    pub(super) fn remove(&self, path: &Path) -> Result<()> {
        let place = self.place(path, Links::Refuse)?;
        match self.unlink_in(&place, &place.name) {
            Err(Refusal::Absent) => Ok(()),
            other => other,
        }
    }

    fn unlink_in(&self, place: &Place, name: &OsStr) -> Result<()> {
        let ids = Ids::of(self, place, place.owner)?;
        let removed = unlinkat(&place.dir, name, UnlinkatFlags::NoRemoveDir);
        drop(ids);
        Ok(removed?)
    }

    /// A new file, 0600, made with `O_EXCL`; in a hostile directory by the directory's owner.
    fn create(&self, place: &Place, name: &OsStr, owner: Owner) -> Result<File> {
        let ids = Ids::of(self, place, owner)?;
        let flags = OFlag::O_RDWR
            | OFlag::O_CREAT
            | OFlag::O_EXCL
            | OFlag::O_NOFOLLOW
            | OFlag::O_NOCTTY
            | OFlag::O_CLOEXEC;
        let made = openat(&place.dir, name, flags, Mode::from_bits_truncate(0o600));
        drop(ids);
        Ok(File::from(made?))
    }

    /// As [`Self::create`]; a leftover of an interrupted run under our own name gives way.
    fn create_over_leftover(&self, place: &Place, name: &OsStr) -> Result<File> {
        match self.create(place, name, place.owner) {
            Err(Refusal::Os(Errno::EEXIST)) => {
                self.unlink_in(place, name)?;
                self.create(place, name, place.owner)
            }
            other => other,
        }
    }

    fn own(&self, file: &File, owner: Owner) -> Result<()> {
        let stat = fstat(file)?;
        if (stat.st_uid, stat.st_gid) == (owner.uid, owner.gid) {
            return Ok(());
        }
        fchown(file, Some(Uid::from_raw(owner.uid)), Some(Gid::from_raw(owner.gid)))?;
        Ok(())
    }
}

/// The name under which a replacement is written before the rename.
pub fn temporary_name(name: &OsStr) -> OsString {
    let mut temporary = OsString::from(".");
    temporary.push(name);
    temporary.push(".meats-new");
    temporary
}

/// File-system ids of the one who may make names in a hostile directory; restored on drop.
struct Ids {
    switched: bool,
}

impl Ids {
    /// In a trusted directory nothing is switched. `wanted` is who the new object is for.
    fn of(root: &Root, place: &Place, wanted: Owner) -> Result<Self> {
        if place.trusted || !root.privileged {
            return Ok(Self { switched: false });
        }
        // The directory's owner may make names there; the service user only if the mode says so.
        let uid = if wanted.uid == 0 { place.owner.uid } else { wanted.uid };
        let gid = if wanted.uid == 0 { place.owner.gid } else { wanted.gid };
        setfsgid(Gid::from_raw(gid));
        setfsuid(Uid::from_raw(uid));
        // setfsuid(2) reports nothing: asking again tells what is in force.
        let now = setfsuid(Uid::from_raw(u32::MAX));
        let ids = Self { switched: true };
        if now.as_raw() == uid { Ok(ids) } else { Err(Refusal::Os(Errno::EPERM)) }
    }
}

impl Drop for Ids {
    fn drop(&mut self) {
        if self.switched {
            setfsuid(Uid::from_raw(0));
            setfsgid(Gid::from_raw(0));
        }
    }
}

pub(super) fn beneath(
    base: &OwnedFd,
    rest: &Path,
    flags: OFlag,
    links: Links,
) -> std::result::Result<OwnedFd, Errno> {
    let mut resolve = ResolveFlag::RESOLVE_BENEATH
        | ResolveFlag::RESOLVE_NO_XDEV
        | ResolveFlag::RESOLVE_NO_MAGICLINKS;
    if links == Links::Refuse {
        resolve |= ResolveFlag::RESOLVE_NO_SYMLINKS;
    }
    openat2(base.as_fd(), rest, OpenHow::new().flags(flags).resolve(resolve))
}

/// The walk where openat2 is refused (old kernel, seccomp): no link at all, and a mount is noticed.
pub(super) fn step_by_step(base: &OwnedFd, names: &VecDeque<OsString>) -> Result<OwnedFd> {
    let device = fstat(base)?.st_dev;
    let mut dir = base.try_clone()?;
    for name in names {
        let flags = OFlag::O_PATH | OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC;
        let next = openat(&dir, name.as_os_str(), flags, Mode::empty())?;
        let stat = fstat(&next)?;
        match kind_of(&stat) {
            FileKind::Directory if stat.st_dev == device => dir = next,
            FileKind::Directory => return Err(Refusal::Leaves(PathBuf::from(name))),
            FileKind::Symlink => return Err(Refusal::Link(PathBuf::from(name))),
            other => return Err(Refusal::Kind(other)),
        }
    }
    Ok(dir)
}

/// ACLs and other attributes of the old file, but no capabilities.
fn carry_attributes(old: &File, new: &File) -> Result<()> {
    let Ok(names) = old.list_xattr() else { return Ok(()) };
    for name in names {
        if name == "security.capability" {
            continue;
        }
        if let Some(value) = old.get_xattr(&name)? {
            match new.set_xattr(&name, &value) {
                Ok(()) => {}
                Err(e) if e.raw_os_error() == Some(Errno::ENOTSUP as i32) => {}
                Err(e) => return Err(e.into()),
            }
        }
    }
    Ok(())
}

/// A descriptor that fsync(2) accepts (an `O_PATH` one is not).
fn place_dir(place: &Place) -> Result<OwnedFd> {
    let flags = OFlag::O_RDONLY | OFlag::O_DIRECTORY | OFlag::O_CLOEXEC;
    Ok(openat(&place.dir, ".", flags, Mode::empty())?)
}

/// The components of an absolute path; `..` is resolved by name.
fn names(path: &Path) -> Result<VecDeque<OsString>> {
    let mut names = VecDeque::new();
    for component in path.components() {
        match component {
            Component::RootDir | Component::CurDir => {}
            Component::Normal(name) => names.push_back(name.to_owned()),
            Component::ParentDir => {
                names.pop_back();
            }
            Component::Prefix(_) => return Err(Refusal::Os(Errno::EINVAL)),
        }
    }
    Ok(names)
}

fn owner_of(stat: &FileStat) -> Owner {
    Owner { uid: stat.st_uid, gid: stat.st_gid }
}

pub(super) fn kind_of(stat: &FileStat) -> FileKind {
    let format = SFlag::from_bits_truncate(stat.st_mode & SFlag::S_IFMT.bits());
    match format {
        SFlag::S_IFDIR => FileKind::Directory,
        SFlag::S_IFLNK => FileKind::Symlink,
        SFlag::S_IFIFO => FileKind::Fifo,
        SFlag::S_IFSOCK => FileKind::Socket,
        SFlag::S_IFCHR => FileKind::CharDevice,
        SFlag::S_IFBLK => FileKind::BlockDevice,
        _ => FileKind::Regular,
    }
}

pub(super) fn stat_of(stat: &FileStat) -> Stat {
    Stat {
        kind: kind_of(stat),
        uid: stat.st_uid,
        gid: stat.st_gid,
        mode: stat.st_mode & 0o7777,
        links: stat.st_nlink,
        size: stat.st_size.try_into().unwrap_or(0),
        dev: stat.st_dev,
        ino: stat.st_ino,
        ctime: Timestamp { secs: stat.st_ctime, nanos: stat.st_ctime_nsec.try_into().unwrap_or(0) },
        mtime: Timestamp { secs: stat.st_mtime, nanos: stat.st_mtime_nsec.try_into().unwrap_or(0) },
    }
}
