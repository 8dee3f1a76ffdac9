//! Looks that cost one or two system calls, for a process that PID 1 waits for.
//!
//! Types and names are seen here, and content only of files in directories that root alone can write;
//! nothing is changed. So the kernel may resolve the path: beneath the root, links followed as
//! systemd itself would.

use std::ffi::OsString;
use std::fs::File;
use std::os::fd::OwnedFd;
use std::path::Path;

use nix::dir::Dir;
use nix::errno::Errno;
use nix::fcntl::{AtFlags, OFlag, OpenHow, ResolveFlag, openat, openat2};
use nix::sys::stat::{FileStat, Mode, fstat, fstatat};

use super::Root;
use super::privfs::{kind_of, read_whole};
use crate::model::{Fact, FileKind};

/// Most names that one glance takes.
const NAMES: usize = 20_000;

impl Root {
    /// The type of what lies at `path`; a link at its end is followed if `follow`.
    pub fn kind(&self, path: &Path, follow: bool) -> Fact<FileKind> {
        match self.glance(path, follow) {
            Ok(stat) => Fact::Known(kind_of(stat.st_mode)),
            Err(Errno::ENOENT | Errno::ENOTDIR) => Fact::Absent,
            // openat2 is refused (old kernel, seccomp): the slow walk does without it.
            Err(Errno::ENOSYS | Errno::EPERM) if !self.is_system() => {
                self.stat(path).map(|stat| stat.kind)
            }
            Err(errno) => Fact::Unknown(errno.desc().to_owned()),
        }
    }

    fn glance(&self, path: &Path, follow: bool) -> Result<FileStat, Errno> {
        let beneath = path.strip_prefix("/").unwrap_or(path);
        let beneath = if beneath.as_os_str().is_empty() { Path::new(".") } else { beneath };
        if self.is_system() {
            let flags = if follow { AtFlags::empty() } else { AtFlags::AT_SYMLINK_NOFOLLOW };
            return fstatat(self.handle(), beneath, flags);
        }
        let last = if follow { OFlag::empty() } else { OFlag::O_NOFOLLOW };
        fstat(openat2(self.handle(), beneath, in_root(OFlag::O_PATH | last))?)
    }

    /// The content of a regular file in a directory that only root can write, such as /etc: it is
    /// opened by its path, as systemd itself does.
    pub fn system_file(&self, path: &Path, limit: u64) -> Fact<Vec<u8>> {
        match self.system_bytes(path, limit) {
            Ok(bytes) => bytes.map_or_else(|| Fact::Unknown(refusal(limit)), Fact::Known),
            Err(Errno::ENOENT | Errno::ENOTDIR) => Fact::Absent,
            Err(Errno::ENOSYS | Errno::EPERM) if !self.is_system() => self.read(path, limit),
            Err(errno) => Fact::Unknown(errno.desc().to_owned()),
        }
    }

    fn system_bytes(&self, path: &Path, limit: u64) -> Result<Option<Vec<u8>>, Errno> {
        let flags = OFlag::O_RDONLY | OFlag::O_NONBLOCK | OFlag::O_NOCTTY;
        let mut file = File::from(self.open_quickly(path, flags)?);
        let stat = fstat(&file)?;
        let size = u64::try_from(stat.st_size).unwrap_or(0);
        if kind_of(stat.st_mode) != FileKind::Regular || size > limit {
            return Ok(None);
        }
        let read = read_whole(&mut file, size, limit);
        read.map_err(|e| Errno::from_raw(e.raw_os_error().unwrap_or(0)))
    }

    fn open_quickly(&self, path: &Path, flags: OFlag) -> Result<OwnedFd, Errno> {
        let beneath = path.strip_prefix("/").unwrap_or(path);
        if self.is_system() {
            return openat(self.handle(), beneath, flags | OFlag::O_CLOEXEC, Mode::empty());
        }
        openat2(self.handle(), beneath, in_root(flags))
    }

    /// The names in a directory, sorted; nothing where there is none.
    pub fn names(&self, path: &Path) -> Vec<OsString> {
        if self.is_system() {
            let entries = std::fs::read_dir(path).into_iter().flatten().filter_map(Result::ok);
            let mut names: Vec<OsString> = entries.take(NAMES).map(|e| e.file_name()).collect();
            names.sort();
            return names;
        }
        let flags = OFlag::O_RDONLY | OFlag::O_DIRECTORY | OFlag::O_NONBLOCK;
        let opened = self.open_quickly(path, flags);
        if matches!(opened, Err(Errno::ENOSYS | Errno::EPERM)) {
            return self.list(path, NAMES).known().map(|l| l.names.clone()).unwrap_or_default();
        }
        let Ok(mut dir) = opened.and_then(Dir::from_fd) else { return Vec::new() };
        let names = dir.iter().filter_map(Result::ok).map(|entry| {
            use std::os::unix::ffi::OsStringExt;
            OsString::from_vec(entry.file_name().to_bytes().to_vec())
        });
        let mut names: Vec<OsString> =
            names.filter(|name| name != "." && name != "..").take(NAMES).collect();
        names.sort();
        names
    }
}

fn refusal(limit: u64) -> String {
    format!("it is no regular file of at most {limit} bytes")
}

fn in_root(flags: OFlag) -> OpenHow {
    OpenHow::new()
        .flags(flags | OFlag::O_CLOEXEC)
        .resolve(ResolveFlag::RESOLVE_IN_ROOT | ResolveFlag::RESOLVE_NO_MAGICLINKS)
}
