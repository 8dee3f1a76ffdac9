//! What an object is, in the words of the model, without asking its file system.
//!
//! A user can mount a file system of his own (FUSE) on what he owns, and it need never answer.
//! `AT_STATX_DONT_SYNC` takes what the kernel knows already.

use std::ffi::OsStr;
use std::os::fd::AsFd;

use nix::errno::Errno;
use nix::fcntl::AtFlags;
use nix::sys::stat::{FileStat, SFlag, fstat, fstatat, makedev};
use rustix::fs::{self, StatxFlags, StatxTimestamp};
use rustix::path::Arg;

use crate::model::{FileKind, Owner, Stat, Timestamp};

/// What a descriptor, also of `O_PATH`, is on.
pub(in crate::sys) fn stat_of(fd: impl AsFd) -> Result<Stat, Errno> {
    match statx(fd.as_fd(), c"", fs::AtFlags::EMPTY_PATH) {
        Err(Errno::ENOSYS | Errno::EPERM) => Ok(from_fstat(&fstat(fd)?)),
        other => other,
    }
}

/// What lies at `name` in a directory; a link is described, not followed.
pub(in crate::sys) fn stat_at(dir: impl AsFd, name: &OsStr) -> Result<Stat, Errno> {
    match statx(dir.as_fd(), name, fs::AtFlags::SYMLINK_NOFOLLOW) {
        Err(Errno::ENOSYS | Errno::EPERM) => {
            Ok(from_fstat(&fstatat(dir, name, AtFlags::AT_SYMLINK_NOFOLLOW)?))
        }
        other => other,
    }
}

fn statx(fd: impl AsFd, name: impl Arg, how: fs::AtFlags) -> Result<Stat, Errno> {
    let how = how | fs::AtFlags::STATX_DONT_SYNC | fs::AtFlags::NO_AUTOMOUNT;
    let x = fs::statx(fd, name, how, StatxFlags::BASIC_STATS).map_err(errno)?;
    let time = |t: StatxTimestamp| Timestamp { secs: t.tv_sec, nanos: t.tv_nsec };
    Ok(Stat {
        kind: kind_of(x.stx_mode.into()),
        uid: x.stx_uid,
        gid: x.stx_gid,
        mode: u32::from(x.stx_mode) & 0o7777,
        links: x.stx_nlink.into(),
        size: x.stx_size,
        dev: makedev(x.stx_dev_major.into(), x.stx_dev_minor.into()),
        ino: x.stx_ino,
        ctime: time(x.stx_ctime),
        mtime: time(x.stx_mtime),
    })
}

fn errno(error: rustix::io::Errno) -> Errno {
    Errno::from_raw(error.raw_os_error())
}

/// The mount that an object lies in, as /proc/self/mountinfo numbers it; None before Linux 5.8.
pub(super) fn mount_of(fd: impl AsFd) -> Option<u64> {
    let how = fs::AtFlags::EMPTY_PATH | fs::AtFlags::STATX_DONT_SYNC;
    let x = fs::statx(fd, c"", how, StatxFlags::MNT_ID).ok()?;
    let known = StatxFlags::from_bits_retain(x.stx_mask).contains(StatxFlags::MNT_ID);
    known.then_some(x.stx_mnt_id)
}

/// The type that the mode of stat(2) tells.
pub(in crate::sys) fn kind_of(mode: u32) -> FileKind {
    match SFlag::from_bits_truncate(mode & SFlag::S_IFMT.bits()) {
        SFlag::S_IFDIR => FileKind::Directory,
        SFlag::S_IFLNK => FileKind::Symlink,
        SFlag::S_IFIFO => FileKind::Fifo,
        SFlag::S_IFSOCK => FileKind::Socket,
        SFlag::S_IFCHR => FileKind::CharDevice,
        SFlag::S_IFBLK => FileKind::BlockDevice,
        _ => FileKind::Regular,
    }
}

/// Where statx(2) is refused.
fn from_fstat(stat: &FileStat) -> Stat {
    Stat {
        kind: kind_of(stat.st_mode),
        uid: stat.st_uid,
        gid: stat.st_gid,
        mode: stat.st_mode & 0o7777,
        links: count(stat.st_nlink),
        size: stat.st_size.try_into().unwrap_or(0),
        dev: stat.st_dev,
        ino: stat.st_ino,
        ctime: Timestamp { secs: stat.st_ctime, nanos: stat.st_ctime_nsec.try_into().unwrap_or(0) },
        mtime: Timestamp { secs: stat.st_mtime, nanos: stat.st_mtime_nsec.try_into().unwrap_or(0) },
    }
}

/// Its width is not the same on every architecture.
fn count(links: impl Into<u64>) -> u64 {
    links.into()
}

pub(super) fn owner_of(stat: &Stat) -> Owner {
    Owner { uid: stat.uid, gid: stat.gid }
}
