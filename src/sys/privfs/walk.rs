//! The walk to a directory, and the opening of what lies in it.

use std::collections::VecDeque;
use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use nix::errno::Errno;
use nix::fcntl::{AT_FDCWD, OFlag, OpenHow, ResolveFlag, openat, openat2, readlinkat};
use nix::sys::stat::Mode;
use nix::sys::statfs::{FUSE_SUPER_MAGIC, fstatfs};

use super::Root;
use super::refusal::{Refusal, Result};
use super::stat::{mount_of, owner_of, stat_of};
use crate::model::{FileKind, Owner, Stat};
use crate::sys::mounts;

/// What to do with symbolic links below a directory that is not root's alone.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(in crate::sys) enum Links {
    /// For changes: none is followed.
    Refuse,
    /// For reading: followed as long as they stay beneath the first such directory.
    Beneath,
}

/// Where a name lives: its directory, and whether only root can change that directory.
#[derive(Debug)]
pub(super) struct Place {
    pub dir: Arc<OwnedFd>,
    /// The device of the directory.
    pub dev: u64,
    pub name: OsString,
    pub trusted: bool,
    /// Root alone decides which directory it is.
    pub bound: bool,
    /// Owner of the directory: its file-system ids are used for making names in it.
    pub owner: Owner,
}

const LINK_LIMIT: usize = 40;

impl Root {
    /// Only root can change it. The group bits of a file with an ACL are the mask of the ACL, so a
    /// named user who may write shows there too, whatever the group.
    pub(super) fn trusts(&self, stat: &Stat) -> bool {
        self.trusts_owner(stat.uid) && stat.mode & 0o022 == 0
    }

    pub(in crate::sys) fn trusts_owner(&self, uid: u32) -> bool {
        uid == 0 || uid == self.owner
    }

    /// Walks to the directory of `path`; for a look, to one that is remembered it does not walk
    /// again. For a change every step is judged anew, and what was remembered is forgotten.
    pub(super) fn place(&self, path: &Path, links: Links) -> Result<Place> {
        if links == Links::Refuse {
            self.walked.forget();
            return self.walk(path, links);
        }
        // A path that is the root, or ends in `..`, has no name in its directory.
        let (Some(parent), Some(name)) = (path.parent(), path.file_name()) else {
            return self.walk(path, links);
        };
        if let Some(place) = self.walked.place(parent, name) {
            return Ok(place);
        }
        let place = self.walk(path, links)?;
        self.walked.keep(parent, &place);
        Ok(place)
    }

    fn walk(&self, path: &Path, links: Links) -> Result<Place> {
        let mut pending = names(path);
        let mut here: Option<(Arc<OwnedFd>, Stat)> = None;
        let mut walked = PathBuf::from("/");
        let mut followed = 0;
        loop {
            let (dir, stat) = match &here {
                Some((dir, stat)) => (dir.as_fd(), stat),
                None => (self.dir.as_fd(), &self.stat),
            };
            if !self.trusts(stat) {
                let base = here.unwrap_or_else(|| (Arc::clone(&self.dir), self.stat));
                return self.untrusted(base, &walked, pending, links);
            }
            let name = pending.pop_front().unwrap_or_else(|| OsString::from("."));
            if pending.is_empty() {
                let (dev, owner) = (stat.dev, owner_of(stat));
                let dir = here.map_or_else(|| Arc::clone(&self.dir), |(dir, _)| dir);
                return Ok(Place { dir, dev, name, trusted: true, bound: true, owner });
            }
            let (next, seen) = step(dir, stat.dev, &name, &walked)?;
            match seen.kind {
                FileKind::Directory => {
                    walked.push(&name);
                    here = Some((Arc::new(next), seen));
                }
                FileKind::Symlink => {
                    followed += 1;
                    let target = PathBuf::from(readlinkat(dir, name.as_os_str())?);
                    if followed > LINK_LIMIT || !self.trusts_owner(seen.uid) {
                        return Err(Refusal::Link(walked.join(name)));
                    }
                    // Restart with the link spelled out: `..` is then resolved by name.
                    let rest: PathBuf = pending.iter().collect();
                    pending = names(&walked.join(target).join(rest));
                    walked = PathBuf::from("/");
                    here = None;
                }
                other => return Err(Refusal::Kind(other)),
            }
        }
    }

    /// The rest of the walk, from the first directory that is not root's alone.
    fn untrusted(
        &self,
        (base, stat): (Arc<OwnedFd>, Stat),
        walked: &Path,
        mut pending: VecDeque<OsString>,
        links: Links,
    ) -> Result<Place> {
        let name = pending.pop_back().unwrap_or_else(|| OsString::from("."));
        if pending.is_empty() {
            let owner = owner_of(&stat);
            return Ok(Place {
                dir: base,
                dev: stat.dev,
                name,
                trusted: false,
                bound: true,
                owner,
            });
        }
        let rest: PathBuf = pending.iter().collect();
        let flags = OFlag::O_PATH | OFlag::O_DIRECTORY | OFlag::O_CLOEXEC;
        let dir = match beneath(&base, &rest, flags, links) {
            Err(Errno::ENOSYS | Errno::EPERM) => step_by_step(&base, &pending)?,
            Err(Errno::ELOOP) => return Err(Refusal::Link(walked.join(rest))),
            Err(Errno::EXDEV) => return Err(Refusal::Leaves(walked.join(rest))),
            other => other?,
        };
        let stat = stat_of(&dir)?;
        let (dir, owner) = (Arc::new(dir), owner_of(&stat));
        Ok(Place { dir, dev: stat.dev, name, trusted: false, bound: false, owner })
    }

    /// Opens what is at `path` and says what it is. Where only root can change the directory it is
    /// opened at once, and a link of root's at the end is followed. Elsewhere it is first held
    /// without being opened (`O_PATH`), and only a regular file or a directory is opened then: no
    /// FIFO, device or socket of the user's ever sees an open(2) of root's.
    pub(super) fn open_object(
        &self,
        path: &Path,
        flags: OFlag,
        links: Links,
    ) -> Result<(File, Stat, Place)> {
        // openat2(2) refuses O_PATH beside flags that mean nothing for it.
        let flags = match flags.contains(OFlag::O_PATH) {
            true => flags | OFlag::O_CLOEXEC,
            false => flags | OFlag::O_NONBLOCK | OFlag::O_NOCTTY | OFlag::O_CLOEXEC,
        };
        let mut path = path.to_owned();
        for _ in 0..LINK_LIMIT {
            let place = self.place(&path, links)?;
            if !place.trusted {
                let (held, stat) = hold(&place, &path, links)?;
                let opened = match stat.kind {
                    FileKind::Regular | FileKind::Directory => reopen(&place, &held, &stat, flags)?,
                    _ => held,
                };
                return Ok((File::from(opened), stat, place));
            }
            let name = place.name.as_os_str();
            match within(&place.dir, name, flags | OFlag::O_NOFOLLOW) {
                Ok(fd) => {
                    let stat = stat_of(&fd)?;
                    if stat.kind != FileKind::Symlink {
                        return Ok((File::from(fd), stat, place));
                    }
                    path = self.linked(&place, &path, stat.uid)?;
                }
                Err(Errno::ELOOP) => path = self.linked(&place, &path, 0)?,
                Err(Errno::EXDEV | Errno::ENOSYS | Errno::EPERM) => {
                    let (held, stat) = hold(&place, &path, links)?;
                    let opened = reopen(&place, &held, &stat, flags)?;
                    return Ok((File::from(opened), stat, place));
                }
                // A socket, or a FIFO or device without a partner.
                Err(Errno::ENXIO) => return Err(Refusal::Kind(FileKind::Socket)),
                Err(errno) => return Err(errno.into()),
            }
        }
        Err(Refusal::Link(path))
    }

    fn linked(&self, place: &Place, path: &Path, uid: u32) -> Result<PathBuf> {
        if !self.trusts_owner(uid) {
            return Err(Refusal::Link(path.to_owned()));
        }
        let parent = path.parent().unwrap_or(Path::new("/"));
        Ok(parent.join(readlinkat(&place.dir, place.name.as_os_str())?))
    }
}

/// Holds the object of a place by `O_PATH`: no lease is broken, no device woken.
pub(super) fn hold(place: &Place, path: &Path, links: Links) -> Result<(OwnedFd, Stat)> {
    let flags = OFlag::O_PATH | OFlag::O_CLOEXEC;
    let name = place.name.as_os_str();
    let (fd, stat) = if place.trusted {
        step(place.dir.as_fd(), place.dev, name, path.parent().unwrap_or(path))?
    } else {
        let fd = match beneath(&place.dir, Path::new(name), flags, links) {
            Err(Errno::ENOSYS | Errno::EPERM) => {
                let fd = openat(&place.dir, name, flags | OFlag::O_NOFOLLOW, Mode::empty())?;
                same_mount(&place.dir, &fd, path)?;
                fd
            }
            Err(Errno::ELOOP) => return Err(Refusal::Link(path.to_owned())),
            Err(Errno::EXDEV) => return Err(Refusal::Leaves(path.to_owned())),
            other => other?,
        };
        let stat = stat_of(&fd)?;
        (fd, stat)
    };
    if stat.kind == FileKind::Symlink {
        return Err(Refusal::Link(path.to_owned()));
    }
    Ok((fd, stat))
}

/// Opens what is held; without /proc by name again, and only if it is still the same.
pub(super) fn reopen(place: &Place, held: &OwnedFd, stat: &Stat, flags: OFlag) -> Result<OwnedFd> {
    let flags = flags | OFlag::O_NONBLOCK | OFlag::O_NOCTTY | OFlag::O_CLOEXEC;
    match openat(AT_FDCWD, held_path(held).as_path(), flags, Mode::empty()) {
        Err(Errno::ENOENT) => {
            let name = place.name.as_os_str();
            let fd = openat(&place.dir, name, flags | OFlag::O_NOFOLLOW, Mode::empty())?;
            let now = stat_of(&fd)?;
            let same = (now.dev, now.ino) == (stat.dev, stat.ino);
            if same { Ok(fd) } else { Err(Refusal::Changed) }
        }
        other => Ok(other?),
    }
}

/// The name under which /proc offers an open descriptor.
pub(super) fn held_path(held: &OwnedFd) -> PathBuf {
    PathBuf::from(format!("/proc/self/fd/{}", held.as_raw_fd()))
}

pub(in crate::sys) fn beneath(
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
pub(in crate::sys) fn step_by_step(base: &OwnedFd, names: &VecDeque<OsString>) -> Result<OwnedFd> {
    let mut dir = base.try_clone()?;
    for name in names {
        let flags = OFlag::O_PATH | OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC;
        let next = openat(&dir, name.as_os_str(), flags, Mode::empty())?;
        match stat_of(&next)?.kind {
            FileKind::Directory => {
                same_mount(&dir, &next, Path::new(name))?;
                dir = next;
            }
            FileKind::Symlink => return Err(Refusal::Link(PathBuf::from(name))),
            other => return Err(Refusal::Kind(other)),
        }
    }
    Ok(dir)
}

/// A bind mount within one file system has the same device: /proc knows the mounts apart.
fn same_mount(above: &OwnedFd, fd: &OwnedFd, path: &Path) -> Result<()> {
    if stat_of(above)?.dev != stat_of(fd)?.dev || mount_id(above) != mount_id(fd) {
        return Err(Refusal::Leaves(path.to_owned()));
    }
    Ok(())
}

fn mount_id(fd: &OwnedFd) -> Option<u64> {
    mount_of(fd).or_else(|| {
        let info = std::fs::read_to_string(format!("/proc/self/fdinfo/{}", fd.as_raw_fd())).ok()?;
        info.lines().find_map(|line| line.strip_prefix("mnt_id:"))?.trim().parse().ok()
    })
}

/// Opens a name unless it is a mount point (`EXDEV`).
fn within(dir: impl AsFd, name: &OsStr, flags: OFlag) -> std::result::Result<OwnedFd, Errno> {
    let how = OpenHow::new().flags(flags).resolve(ResolveFlag::RESOLVE_NO_XDEV);
    openat2(dir.as_fd(), name, how)
}

/// Holds a name in a directory that only root can change, whose device is `above`. A mount there
/// may be an administrator's disk. A FUSE file system is not entered: it says of owners and modes
/// what its user wants us to hear, or nothing for ever.
pub(super) fn step(
    dir: BorrowedFd<'_>,
    above: u64,
    name: &OsStr,
    walked: &Path,
) -> Result<(OwnedFd, Stat)> {
    let flags = OFlag::O_PATH | OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC;
    match within(dir, name, flags) {
        Err(Errno::EXDEV | Errno::ENOSYS | Errno::EPERM) => {}
        other => {
            let fd = other?;
            let stat = stat_of(&fd)?;
            return Ok((fd, stat));
        }
    }
    let fd = openat(dir, name, flags, Mode::empty())?;
    let stat = stat_of(&fd)?;
    if stat.dev != above && is_fuse(&fd)? {
        return Err(Refusal::Leaves(walked.join(name)));
    }
    Ok((fd, stat))
}

/// By the table of mounts, for statfs(2) would ask the file system itself.
fn is_fuse(fd: &OwnedFd) -> Result<bool> {
    let table = std::fs::read_to_string(mounts::TABLE);
    let (Ok(table), Some(id)) = (table, mount_id(fd)) else {
        return Ok(fstatfs(fd)?.filesystem_type() == FUSE_SUPER_MAGIC);
    };
    let mount = mounts::parse(&table).find(|mount| mount.id == id);
    Ok(mount.is_some_and(|mount| mount.kind.starts_with("fuse")))
}

/// The components of an absolute path; `..` is resolved by name.
fn names(path: &Path) -> VecDeque<OsString> {
    let mut names = VecDeque::new();
    for name in path.as_os_str().as_bytes().split(|byte| *byte == b'/') {
        match name {
            b"" | b"." => {}
            b".." => {
                names.pop_back();
            }
            name => names.push_back(OsStr::from_bytes(name).to_owned()),
        }
    }
    names
}
