//! Looks that cost one or two system calls, for a process that PID 1 waits for.
//!
//! Only types and names are seen here, nothing is opened for its content and nothing changed, so
//! the kernel may resolve the path: beneath the root, links followed as systemd itself would.

use std::ffi::OsString;
use std::path::Path;

use nix::dir::Dir;
use nix::errno::Errno;
use nix::fcntl::{AtFlags, OFlag, OpenHow, ResolveFlag, openat, openat2};
use nix::sys::stat::{FileStat, Mode, fstat, fstatat};

use super::Root;
use super::privfs::kind_of;
use crate::model::{Fact, FileKind};

/// Most names that one glance takes.
const NAMES: usize = 20_000;

impl Root {
    /// The type of what lies at `path`; a link at its end is followed if `follow`.
    pub fn kind(&self, path: &Path, follow: bool) -> Fact<FileKind> {
        match self.glance(path, follow) {
            Ok(stat) => Fact::Known(kind_of(&stat)),
            Err(Errno::ENOENT | Errno::ENOTDIR) => Fact::Absent,
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

    /// The names in a directory, sorted; nothing where there is none.
    pub fn names(&self, path: &Path) -> Vec<OsString> {
        let beneath = path.strip_prefix("/").unwrap_or(path);
        let flags = OFlag::O_RDONLY | OFlag::O_DIRECTORY | OFlag::O_NONBLOCK;
        let opened = if self.is_system() {
            openat(self.handle(), beneath, flags | OFlag::O_CLOEXEC, Mode::empty())
        } else {
            openat2(self.handle(), beneath, in_root(flags))
        };
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

fn in_root(flags: OFlag) -> OpenHow {
    OpenHow::new()
        .flags(flags | OFlag::O_CLOEXEC)
        .resolve(ResolveFlag::RESOLVE_IN_ROOT | ResolveFlag::RESOLVE_NO_MAGICLINKS)
}
