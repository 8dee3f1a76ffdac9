//! Owners, modes, new objects and names: the changes that carry no content.

use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::os::fd::OwnedFd;
use std::path::Path;

use nix::errno::Errno;
use nix::fcntl::{AT_FDCWD, AtFlags, OFlag, RenameFlags, openat, renameat, renameat2};
use nix::sys::stat::{FchmodatFlags, Mode, fchmod, fchmodat, mkdirat};
use nix::unistd::{Gid, Uid, UnlinkatFlags, fchown, fchownat, fsync, symlinkat, unlinkat};

use super::Root;
use super::ids::{Ids, as_member};
use super::refusal::{Refusal, Result};
use super::stat::{stat_at, stat_of};
use super::walk::{Links, Place, held_path, hold, reopen};
use crate::model::{FileKind, Owner, Seen, Stat};

/// An object that is about to be changed: held, not opened.
struct Held {
    fd: OwnedFd,
    stat: Stat,
    place: Place,
}

impl Root {
    /// Makes a directory. One that exists already is left as it is.
    pub(in crate::sys) fn make_dir(&self, path: &Path, owner: Owner, mode: u32) -> Result<()> {
        let place = self.place(path, Links::Refuse)?;
        let name = place.name.as_os_str();
        let ids = Ids::of(self, &place, owner)?;
        let made = mkdirat(&place.dir, name, Mode::from_bits_truncate(0o700));
        let maker = ids.acting;
        drop(ids);
        if made == Err(Errno::EEXIST) {
            return match self.lstat(path)?.kind {
                FileKind::Directory => Ok(()),
                other => Err(Refusal::Kind(other)),
            };
        }
        made?;
        // The user may already have put another one in its place: only one that belongs to whom
        // it was made for is touched.
        let flags = OFlag::O_PATH | OFlag::O_DIRECTORY | OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC;
        let fd = openat(&place.dir, name, flags, Mode::empty())?;
        let stat = stat_of(&fd)?;
        if maker.is_some_and(|maker| maker.uid != stat.uid) {
            return Err(Refusal::Changed);
        }
        let held = Held { fd, stat, place };
        // Root's own in a directory of the user's would only be in the user's way.
        held.give(maker.unwrap_or(owner))?;
        held.allow(mode)?;
        fsync(&place_dir(&held.place)?)?;
        Ok(())
    }

    /// Makes an empty regular file that must not exist.
    pub(in crate::sys) fn make_file(&self, path: &Path, owner: Owner, mode: u32) -> Result<()> {
        let place = self.place(path, Links::Refuse)?;
        // Where the service may not make it, the owner of the directory may.
        let file = match self.create(&place, &place.name, owner) {
            Err(Refusal::Os(Errno::EACCES)) => self.create(&place, &place.name, place.owner)?,
            made => made?,
        };
        own(&file, owner)?;
        fchmod(&file, Mode::from_bits_truncate(mode & 0o777))?;
        Ok(())
    }

    /// Changes owner and group of what is held; set-id bits fall (chown(2)).
    pub(in crate::sys) fn set_owner(&self, path: &Path, owner: Owner, seen: Seen) -> Result<()> {
        self.hold_judged(path, seen)?.give(owner)
    }

    /// Changes permission bits of what is held; set-id bits are never granted to a file.
    pub(in crate::sys) fn set_mode(&self, path: &Path, mode: u32, seen: Seen) -> Result<()> {
        self.hold_judged(path, seen)?.allow(mode)
    }

    /// Gives a file another name in its directory, as the owner of the directory could.
    pub(in crate::sys) fn move_aside(&self, path: &Path, to: &OsStr, seen: Seen) -> Result<()> {
        let held = self.hold_judged(path, seen)?;
        let place = &held.place;
        let ids = Ids::of(self, place, place.owner)?;
        let flags = RenameFlags::RENAME_NOREPLACE;
        let moved = renameat2(&place.dir, place.name.as_os_str(), &place.dir, to, flags);
        drop(ids);
        Ok(moved?)
    }

    /// Holds a regular file with one name, or a directory, that is still the one that was judged.
    /// Owner or mode may have been changed by an earlier action of the same plan, so ctime is not
    /// compared here.
    fn hold_judged(&self, path: &Path, seen: Seen) -> Result<Held> {
        let place = self.place(path, Links::Refuse)?;
        let (fd, stat) = hold(&place, path, Links::Refuse)?;
        one_name(&place, &stat)?;
        if (seen.dev, seen.ino) != (stat.dev, stat.ino) {
            return Err(Refusal::Changed);
        }
        Ok(Held { fd, stat, place })
    }

    /// Makes a symbolic link that must not exist.
    pub(in crate::sys) fn symlink(&self, path: &Path, target: &Path) -> Result<()> {
        let place = self.place(path, Links::Refuse)?;
        let ids = Ids::of(self, &place, place.owner)?;
        let made = symlinkat(target, &place.dir, place.name.as_os_str());
        drop(ids);
        Ok(made?)
    }

    /// Switches a symbolic link: the new one is made beside and renamed over the old one.
    pub(in crate::sys) fn relink(&self, path: &Path, target: &Path) -> Result<()> {
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
    pub(in crate::sys) fn remove(&self, path: &Path) -> Result<()> {
        let place = self.place(path, Links::Refuse)?;
        match self.unlink_in(&place, &place.name) {
            Err(Refusal::Absent) => Ok(()),
            other => other,
        }
    }

    /// Removes an empty directory or an empty file that is still the one that was judged.
    pub(in crate::sys) fn unmake(&self, path: &Path, seen: Seen) -> Result<()> {
        let held = self.hold_judged(path, seen)?;
        let flags = match held.stat.kind {
            FileKind::Directory => UnlinkatFlags::RemoveDir,
            _ if held.stat.size > 0 => return Err(Refusal::Changed),
            _ => UnlinkatFlags::NoRemoveDir,
        };
        let place = &held.place;
        let ids = Ids::of(self, place, place.owner)?;
        let removed = unlinkat(&place.dir, place.name.as_os_str(), flags);
        drop(ids);
        Ok(removed?)
    }

    pub(super) fn unlink_in(&self, place: &Place, name: &OsStr) -> Result<()> {
        let ids = Ids::of(self, place, place.owner)?;
        let removed = unlinkat(&place.dir, name, UnlinkatFlags::NoRemoveDir);
        drop(ids);
        Ok(removed?)
    }

    /// A new file, 0600, made with `O_EXCL`; in a hostile directory by the user it is for.
    pub(super) fn create(&self, place: &Place, name: &OsStr, owner: Owner) -> Result<File> {
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
}

impl Held {
    fn give(&self, owner: Owner) -> Result<()> {
        if (self.stat.uid, self.stat.gid) == (owner.uid, owner.gid) {
            return Ok(());
        }
        let (uid, gid) = (Uid::from_raw(owner.uid), Gid::from_raw(owner.gid));
        fchownat(&self.fd, "", Some(uid), Some(gid), AtFlags::AT_EMPTY_PATH)?;
        Ok(())
    }

    fn allow(&self, mode: u32) -> Result<()> {
        let keep = if self.stat.kind == FileKind::Directory { 0o3777 } else { 0o0777 };
        let bits = Mode::from_bits_truncate(mode & keep);
        let path = held_path(&self.fd);
        let change = || match fchmodat(AT_FDCWD, &path, bits, FchmodatFlags::FollowSymlink) {
            Err(Errno::ENOENT) => {
                fchmod(reopen(&self.place, &self.fd, &self.stat, OFlag::O_RDONLY)?, bits)?;
                Ok(())
            }
            other => Ok(other?),
        };
        if bits.contains(Mode::S_ISGID) {
            // The group may have been changed by us since.
            as_member(stat_of(&self.fd)?.gid, change)
        } else {
            change()
        }
    }
}

/// A regular file with one name, or a directory. Where the user can take names away, a second one
/// may have gone between open and fstat, when the file outside was down to one name: so the name
/// that we came by must still be there, and still be the only one.
pub(super) fn one_name(place: &Place, stat: &Stat) -> Result<()> {
    match stat.kind {
        FileKind::Directory => return Ok(()),
        FileKind::Regular if stat.links == 1 => {}
        // Its name was taken away since it was opened.
        FileKind::Regular if stat.links == 0 => return Err(Refusal::Changed),
        FileKind::Regular => return Err(Refusal::HardLink(stat.links)),
        other => return Err(Refusal::Kind(other)),
    }
    if place.trusted {
        return Ok(());
    }
    let now = stat_at(&place.dir, place.name.as_os_str())?;
    let same = (now.dev, now.ino, now.links) == (stat.dev, stat.ino, 1);
    if same { Ok(()) } else { Err(Refusal::Changed) }
}

pub(super) fn own(file: &File, owner: Owner) -> Result<()> {
    let stat = stat_of(file)?;
    if (stat.uid, stat.gid) != (owner.uid, owner.gid) {
        fchown(file, Some(Uid::from_raw(owner.uid)), Some(Gid::from_raw(owner.gid)))?;
    }
    Ok(())
}

/// The name under which a replacement is written before the rename.
pub(super) fn temporary_name(name: &OsStr) -> OsString {
    let mut temporary = OsString::from(".");
    temporary.push(name);
    temporary.push(crate::model::LEFTOVER);
    temporary
}

/// A descriptor that fsync(2) accepts (an `O_PATH` one is not).
pub(super) fn place_dir(place: &Place) -> Result<OwnedFd> {
    let flags = OFlag::O_RDONLY | OFlag::O_DIRECTORY | OFlag::O_CLOEXEC;
    Ok(openat(&place.dir, ".", flags, Mode::empty())?)
}
