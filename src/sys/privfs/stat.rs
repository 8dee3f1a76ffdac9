//! What fstat(2) says, in the words of the model.

use nix::sys::stat::{FileStat, SFlag};

use crate::model::{FileKind, Owner, Stat, Timestamp};

pub(super) fn owner_of(stat: &FileStat) -> Owner {
    Owner { uid: stat.st_uid, gid: stat.st_gid }
}

pub(in crate::sys) fn kind_of(stat: &FileStat) -> FileKind {
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

pub(in crate::sys) fn stat_of(stat: &FileStat) -> Stat {
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
