//! Reading many small files below one directory.
//!
//! Invariant: the walk to the directory is done once, safely ([`Root`]); below it the kernel holds
//! every path beneath the handle (openat2(2)), so that a file costs one walk of two names. Only
//! regular files are read, never more than asked for, and nothing blocks on a FIFO.

use std::cell::RefCell;
use std::fs::File;
use std::io::Read;
use std::os::fd::OwnedFd;
use std::path::Path;
use std::sync::Arc;

use nix::errno::Errno;
use nix::fcntl::{OFlag, openat};
use nix::sys::stat::Mode;

use super::privfs::{Links, Refusal, Root, beneath, stat_at, stat_of, step_by_step};
use crate::model::{Entry, Fact, FileKind};

/// A directory below which files are read.
#[derive(Debug)]
pub(super) struct Reader {
    dir: Arc<OwnedFd>,
    /// Where files are read into: most are small, and none is kept longer than it is.
    scratch: RefCell<Vec<u8>>,
}

impl Reader {
    /// Opens the directory.
    pub fn open(root: &Root, path: &Path) -> Result<Self, Refusal> {
        Ok(Self { dir: root.open_dir(path)?, scratch: RefCell::new(vec![0; FIRST_CHUNK]) })
    }

    /// The beginning of a regular file, as long as `enough` says, or all of it; one that would need
    /// more than `limit` bytes is refused.
    pub fn read_until(
        &self,
        name: &Path,
        limit: usize,
        enough: impl Fn(&[u8]) -> Option<usize>,
    ) -> Result<Vec<u8>, Refusal> {
        let mut file = self.open_file(name)?;
        let mut scratch = self.scratch.borrow_mut();
        let mut filled = 0;
        loop {
            let chunk = FIRST_CHUNK.max(filled).min(limit + 1 - filled);
            if scratch.len() < filled + chunk {
                scratch.resize(filled + chunk, 0);
            }
            // A regular file gives all that was asked for, unless it ends.
            let room = scratch.get_mut(filled..filled + chunk).unwrap_or_default();
            let read = file.read(room)?;
            filled += read;
            let bytes = scratch.get(..filled).unwrap_or_default();
            if let Some(length) = enough(bytes) {
                return Ok(bytes.get(..length).unwrap_or(bytes).to_vec());
            }
            if filled > limit {
                return Err(Refusal::TooLarge(limit as u64));
            }
            if read < chunk {
                return Ok(bytes.to_vec());
            }
        }
    }

    /// The names in the directory with their types, sorted; `None` when there are more than `limit`.
    pub fn entries(&self, limit: usize) -> Result<Option<Vec<Entry>>, Refusal> {
        let flags = OFlag::O_RDONLY | OFlag::O_DIRECTORY | OFlag::O_CLOEXEC;
        let mut dir = nix::dir::Dir::from_fd(openat(&self.dir, ".", flags, Mode::empty())?)?;
        let mut entries = Vec::new();
        for entry in dir.iter() {
            let entry = entry?;
            let Ok(name) = entry.file_name().to_str() else { continue };
            if name == "." || name == ".." || name.contains(char::is_control) {
                continue;
            }
            if entries.len() == limit {
                return Ok(None);
            }
            let kind = match entry.file_type() {
                Some(kind) => kind_of_entry(kind),
                None => self.kind(Path::new(name))?,
            };
            entries.push(Entry { name: name.to_owned(), kind });
        }
        entries.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(Some(entries))
    }

    /// Whether something stands at a path below the directory.
    pub fn exists(&self, name: &Path) -> Fact<()> {
        let flags = OFlag::O_PATH | OFlag::O_CLOEXEC;
        match beneath(&self.dir, name, flags, Links::Beneath) {
            Ok(_) => Fact::Known(()),
            Err(Errno::ENOENT | Errno::ENOTDIR) => Fact::Absent,
            // A link that leads out: something is there, and more need not be known.
            Err(Errno::EXDEV | Errno::ELOOP) => Fact::Known(()),
            Err(Errno::ENOSYS | Errno::EPERM) => match self.kind(name) {
                Ok(_) => Fact::Known(()),
                Err(Refusal::Absent) => Fact::Absent,
                Err(refusal) => Fact::Unknown(refusal.to_string()),
            },
            Err(errno) => Fact::Unknown(errno.desc().to_owned()),
        }
    }

    fn kind(&self, name: &Path) -> Result<FileKind, Refusal> {
        Ok(stat_at(&self.dir, name.as_os_str())?.kind)
    }

    /// A regular file, open for reading.
    pub fn open_file(&self, name: &Path) -> Result<File, Refusal> {
        let flags = OFlag::O_RDONLY | OFlag::O_NONBLOCK | OFlag::O_NOCTTY | OFlag::O_CLOEXEC;
        let opened = match beneath(&self.dir, name, flags, Links::Beneath) {
            Err(Errno::ENOSYS | Errno::EPERM) => self.open_slowly(name, flags)?,
            Err(Errno::EXDEV) => return Err(Refusal::Leaves(name.to_owned())),
            Err(Errno::ELOOP) => return Err(Refusal::Link(name.to_owned())),
            Err(Errno::ENXIO) => return Err(Refusal::Kind(FileKind::Socket)),
            other => other?,
        };
        match stat_of(&opened)?.kind {
            FileKind::Regular => Ok(File::from(opened)),
            other => Err(Refusal::Kind(other)),
        }
    }

    /// Without openat2 (old kernel, seccomp): component by component and no link at all.
    fn open_slowly(&self, name: &Path, flags: OFlag) -> Result<OwnedFd, Refusal> {
        let file = name.file_name().unwrap_or_default();
        let parents = name.parent().unwrap_or(Path::new(""));
        let parents = parents.iter().map(ToOwned::to_owned).collect();
        let dir = step_by_step(&self.dir, &parents)?;
        Ok(openat(&dir, file, flags | OFlag::O_NOFOLLOW, Mode::empty())?)
    }
}

/// Most metadata is smaller than this, so most files cost one read.
const FIRST_CHUNK: usize = 16 * 1024;

fn kind_of_entry(kind: nix::dir::Type) -> FileKind {
    match kind {
        nix::dir::Type::Directory => FileKind::Directory,
        nix::dir::Type::Symlink => FileKind::Symlink,
        nix::dir::Type::Fifo => FileKind::Fifo,
        nix::dir::Type::Socket => FileKind::Socket,
        nix::dir::Type::CharacterDevice => FileKind::CharDevice,
        nix::dir::Type::BlockDevice => FileKind::BlockDevice,
        nix::dir::Type::File => FileKind::Regular,
    }
}
