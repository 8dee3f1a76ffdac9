//! Content: replaced by exchange of names, appended by the user it is for, backed up by root.

use std::ffi::OsStr;
use std::fs::File;
use std::io::Write;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use nix::errno::Errno;
use nix::fcntl::{OFlag, RenameFlags, openat, renameat, renameat2};
use nix::sys::stat::{Mode, fchmod};
use nix::unistd::fsync;
use rustix::fs::{FlockOperation, flock};
use xattr::FileExt as _;

use super::Root;
use super::change::{one_name, own, place_dir, temporary_name};
use super::ids::Ids;
use super::refusal::{Refusal, Result};
use super::stat::{stat_at, stat_of};
use super::walk::{Links, Place, hold, reopen};
use crate::model::{FileKind, Owner, Seen, Stat};
use crate::sys::clock::{Deadline, pause};

/// How long another writer of the same file is waited for.
const PATIENCE: Duration = Duration::from_secs(2);

impl Root {
    /// Writes a new file that must not exist (generator output).
    pub(in crate::sys) fn create_new(&self, path: &Path, content: &[u8], mode: u32) -> Result<()> {
        let place = self.place(path, Links::Refuse)?;
        let mut file = self.create(&place, &place.name, place.owner)?;
        file.write_all(content)?;
        fchmod(&file, Mode::from_bits_truncate(mode & 0o777))?;
        Ok(())
    }

    /// The lock file, made when missing, with its directory.
    pub(in crate::sys) fn lock_file(&self, path: &Path) -> Result<File> {
        let place = match self.place(path, Links::Refuse) {
            Err(Refusal::Absent) => {
                let parent = path.parent().unwrap_or(Path::new("/"));
                let owner = Owner { uid: self.owner, gid: nix::unistd::getegid().as_raw() };
                self.make_dir(parent, owner, 0o755)?;
                self.place(path, Links::Refuse)?
            }
            other => other?,
        };
        let name = place.name.as_os_str();
        let flags = OFlag::O_RDWR
            | OFlag::O_CREAT
            | OFlag::O_NOFOLLOW
            | OFlag::O_NONBLOCK
            | OFlag::O_NOCTTY
            | OFlag::O_CLOEXEC;
        if !place.trusted {
            return Err(Refusal::Unguarded);
        }
        let file = File::from(openat(&place.dir, name, flags, Mode::from_bits_truncate(0o600))?);
        let stat = stat_of(&file)?;
        if stat.kind != FileKind::Regular || !self.trusts_owner(stat.uid) {
            return Err(Refusal::Unguarded);
        }
        Ok(file)
    }

    /// Copies a file to a 0600 file of root's. A backup with the same content is kept; one that an
    /// interrupted run has left half written is not taken for one.
    pub(in crate::sys) fn back_up(&self, path: &Path, to: &Path, seen: Seen) -> Result<()> {
        let (bytes, stat) = match self.read_file(path, seen.size) {
            // It has grown since.
            Err(Refusal::TooLarge(_)) => return Err(Refusal::Changed),
            other => other?,
        };
        if Seen::from(&stat) != seen {
            return Err(Refusal::Changed);
        }
        if self.read_file(to, seen.size).is_ok_and(|(kept, _)| kept == bytes) {
            return Ok(());
        }
        self.replace(to, &bytes, None, None, Some(0o600))
    }

    /// Replaces a file: the old one or the new one, whole, at any moment. With `seen`, only if it
    /// is still the file that was read; owner, mode, ACL and other extended attributes are those
    /// of the old file unless given.
    pub(in crate::sys) fn replace(
        &self,
        path: &Path,
        content: &[u8],
        seen: Option<Seen>,
        owner: Option<Owner>,
        mode: Option<u32>,
    ) -> Result<()> {
        let old = self.old(path, seen)?;
        let place = self.place(path, Links::Refuse)?;
        let (owner, mode) = match &old {
            Some((_, stat)) => (
                Some(owner.unwrap_or(Owner { uid: stat.uid, gid: stat.gid })),
                mode.unwrap_or(stat.mode),
            ),
            // What is not root's to give stays with who made it.
            None => {
                let given = owner.or_else(|| self.is_privileged().then_some(place.owner));
                (given, mode.unwrap_or(0o600))
            }
        };
        let directory = place_dir(&place)?;
        let temporary = temporary_name(&place.name);
        let new = self.create_over_leftover(&place, &temporary)?;
        let written = fill(&new, content, old.as_ref().map(|(file, _)| file), owner, mode);
        let judged = old.as_ref().filter(|_| seen.is_some());
        let switched = written
            .and_then(|()| before_switch(&place, (&new, &temporary), judged))
            .and_then(|()| self.switch(&place, &temporary, judged.map(|(_, stat)| stat)));
        if let Err(error) = switched {
            // Another writer may have taken the name since.
            if is_at(&place, &temporary, &new) {
                self.unlink_in(&place, &temporary).ok();
            }
            return Err(error);
        }
        fsync(&directory)?;
        Ok(())
    }

    fn old(&self, path: &Path, seen: Option<Seen>) -> Result<Option<(File, Stat)>> {
        let (file, stat, place) = match self.open_object(path, OFlag::O_RDONLY, Links::Refuse) {
            Err(Refusal::Absent) if seen.is_none() => return Ok(None),
            other => other?,
        };
        if stat.kind != FileKind::Regular {
            return Err(Refusal::Kind(stat.kind));
        }
        one_name(&place, &stat)?;
        // Owner and mode may have been set by an earlier action of the plan, which moves ctime.
        let same = |seen: Seen| (seen.dev, seen.ino, seen.size, seen.mtime) == identity(&stat);
        if seen.is_some_and(|seen| !same(seen)) {
            return Err(Refusal::Changed);
        }
        Ok(Some((file, stat)))
    }

    /// Puts the new file in place of the old one. The names are exchanged, so what was there is
    /// still there to be looked at: was it not the file that was judged (an editor saved in the
    /// last instant), it gets its name back.
    fn switch(&self, place: &Place, temporary: &OsStr, judged: Option<&Stat>) -> Result<()> {
        let name = place.name.as_os_str();
        let ids = Ids::of(self, place, place.owner)?;
        let rename = |flags| renameat2(&place.dir, temporary, &place.dir, name, flags);
        let exchanged = match judged {
            None => Err(Errno::EINVAL),
            Some(_) => rename(RenameFlags::RENAME_EXCHANGE),
        };
        let look = |name: &OsStr| stat_at(&place.dir, name);
        let same = |now: &Stat| judged.is_none_or(|old| identity(old) == identity(now));
        let result = match exchanged {
            Ok(()) if look(temporary).is_ok_and(|out| same(&out)) => Ok(()),
            Ok(()) => {
                rename(RenameFlags::RENAME_EXCHANGE)?;
                Err(Refusal::Changed)
            }
            // Not every file system can exchange.
            Err(Errno::EINVAL | Errno::ENOSYS) => {
                if judged.is_some() && !look(name).is_ok_and(|now| same(&now)) {
                    return Err(Refusal::Changed);
                }
                return Ok(renameat(&place.dir, temporary, &place.dir, name)?);
            }
            Err(Errno::ENOENT) => Err(Refusal::Changed),
            Err(errno) => Err(errno.into()),
        };
        drop(ids);
        if result.is_ok() {
            // It is written. A name that stays is a leftover, and the next writer takes it away.
            self.unlink_in(place, temporary).ok();
        }
        result
    }

    /// As [`Self::create`]; a leftover of an interrupted run under our own name gives way. A file
    /// that somebody is writing is locked, and waited for; one who does not end loses it, and sees
    /// that in [`before_switch`].
    fn create_over_leftover(&self, place: &Place, name: &OsStr) -> Result<File> {
        let deadline = Deadline::after(PATIENCE);
        loop {
            match self.create(place, name, place.owner) {
                Ok(file) if is_claimed(&file, place, name) => return Ok(file),
                Ok(_) => {}
                Err(Refusal::Os(Errno::EEXIST)) if !deadline.passed() => {
                    if !self.clear_leftover(place, name)? {
                        pause(Duration::from_millis(2));
                    }
                }
                Err(Refusal::Os(Errno::EEXIST)) => {
                    self.unlink_in(place, name)?;
                    return self.create(place, name, place.owner);
                }
                Err(other) => return Err(other),
            }
        }
    }

    /// Removes what lies under the temporary name, unless somebody is writing it.
    fn clear_leftover(&self, place: &Place, name: &OsStr) -> Result<bool> {
        let leftover = Place { dir: Arc::clone(&place.dir), name: name.to_owned(), ..*place };
        let ids = Ids::of(self, place, place.owner)?;
        let opened = hold(&leftover, Path::new(name), Links::Refuse)
            .ok()
            .filter(|(_, stat)| stat.kind == FileKind::Regular)
            .and_then(|(held, stat)| reopen(&leftover, &held, &stat, OFlag::O_RDONLY).ok())
            .map(File::from);
        drop(ids);
        if let Some(file) = &opened {
            let busy = flock(file, FlockOperation::NonBlockingLockExclusive)
                == Err(rustix::io::Errno::WOULDBLOCK);
            if busy || !is_at(place, name, file) {
                return Ok(false);
            }
        }
        match self.unlink_in(place, name) {
            Ok(()) | Err(Refusal::Absent) => Ok(true),
            Err(other) => Err(other),
        }
    }

    /// Appends whole records; a file that would grow beyond `cap` bytes becomes `PATH.1` first.
    /// In a hostile directory the file is opened and made by `owner`: root writes nothing there
    /// that this user could not write.
    pub(in crate::sys) fn append(
        &self,
        path: &Path,
        content: &[u8],
        owner: Owner,
        mode: u32,
        cap: u64,
    ) -> Result<()> {
        let place = self.place(path, Links::Refuse)?;
        let (mut file, size) = match self.open_log(&place, owner)? {
            Some((_, size)) if size > 0 && size + content.len() as u64 > cap => {
                let mut rotated = place.name.clone();
                rotated.push(".1");
                let ids = Ids::of(self, &place, owner)?;
                let name = place.name.as_os_str();
                let renamed = renameat(&place.dir, name, &place.dir, rotated.as_os_str());
                drop(ids);
                renamed?;
                (self.new_log(&place, owner, mode)?, 0)
            }
            Some(opened) => opened,
            None => (self.new_log(&place, owner, mode)?, 0),
        };
        if let Err(error) = file.write_all(content) {
            // Half a record is worse than none.
            file.set_len(size).ok();
            return Err(error.into());
        }
        Ok(())
    }

    fn open_log(&self, place: &Place, owner: Owner) -> Result<Option<(File, u64)>> {
        let flags = OFlag::O_WRONLY
            | OFlag::O_APPEND
            | OFlag::O_NOFOLLOW
            | OFlag::O_NONBLOCK
            | OFlag::O_NOCTTY
            | OFlag::O_CLOEXEC;
        let ids = Ids::of(self, place, owner)?;
        let opened = openat(&place.dir, place.name.as_os_str(), flags, Mode::empty());
        drop(ids);
        let file = match opened {
            Ok(fd) => File::from(fd),
            Err(Errno::ENOENT) => return Ok(None),
            Err(Errno::ELOOP) => return Err(Refusal::Kind(FileKind::Symlink)),
            Err(Errno::ENXIO) => return Err(Refusal::Kind(FileKind::Socket)),
            Err(errno) => return Err(errno.into()),
        };
        let stat = stat_of(&file)?;
        if stat.kind != FileKind::Regular {
            return Err(Refusal::Kind(stat.kind));
        }
        one_name(place, &stat)?;
        Ok(Some((file, stat.size)))
    }

    fn new_log(&self, place: &Place, owner: Owner, mode: u32) -> Result<File> {
        let file = self.create(place, &place.name, owner)?;
        own(&file, owner)?;
        fchmod(&file, Mode::from_bits_truncate(mode & 0o777))?;
        Ok(file)
    }
}

/// True when the name is still that of the file.
fn is_at(place: &Place, name: &OsStr, file: &File) -> bool {
    match (stat_at(&place.dir, name), stat_of(file)) {
        (Ok(now), Ok(own)) => (now.dev, now.ino) == (own.dev, own.ino),
        _ => false,
    }
}

/// Locks a file that was just made. False when a writer who took it for a leftover was faster. Where
/// nothing can be locked nobody waits for anybody.
fn is_claimed(file: &File, place: &Place, name: &OsStr) -> bool {
    match flock(file, FlockOperation::NonBlockingLockExclusive) {
        Err(rustix::io::Errno::WOULDBLOCK) => false,
        Err(_) => true,
        Ok(()) => is_at(place, name, file),
    }
}

/// The last look: the new file is still ours, and the old one still the one that was judged. The old
/// one is locked, for it gets the temporary name, and is no leftover until it was looked at.
fn before_switch(
    place: &Place,
    (new, temporary): (&File, &OsStr),
    judged: Option<&(File, Stat)>,
) -> Result<()> {
    if let Some((file, stat)) = judged {
        flock(file, FlockOperation::NonBlockingLockExclusive).ok();
        let same = |now: Stat| identity(&now) == identity(stat);
        if !stat_at(&place.dir, &place.name).is_ok_and(same) {
            return Err(Refusal::Changed);
        }
    }
    if is_at(place, temporary, new) { Ok(()) } else { Err(Refusal::Changed) }
}

/// Content, owner, attributes and, last, the mode: an ACL that is carried over must not widen it.
fn fill(
    new: &File,
    content: &[u8],
    old: Option<&File>,
    owner: Option<Owner>,
    mode: u32,
) -> Result<()> {
    let mut writer = new;
    writer.write_all(content)?;
    if let Some(owner) = owner {
        own(new, owner)?;
    }
    if let Some(old) = old {
        carry_attributes(old, new)?;
    }
    fchmod(new, Mode::from_bits_truncate(mode & 0o777))?;
    fsync(new)?;
    Ok(())
}

fn identity(stat: &Stat) -> (u64, u64, u64, crate::model::Timestamp) {
    (stat.dev, stat.ino, stat.size, stat.mtime)
}

/// ACLs and other attributes of the old file, but no capabilities.
fn carry_attributes(old: &File, new: &File) -> Result<()> {
    let Ok(names) = old.list_xattr() else { return Ok(()) };
    for name in names {
        if name == "security.capability" {
            continue;
        }
        let Some(value) = old.get_xattr(&name)? else { continue };
        let Err(error) = new.set_xattr(&name, &value) else { continue };
        // Labels that the security module gives by itself need capabilities that were given up.
        let bytes = name.as_encoded_bytes();
        let label = bytes.starts_with(b"security.") || bytes.starts_with(b"trusted.");
        match error.raw_os_error().map(Errno::from_raw) {
            Some(Errno::ENOTSUP) => {}
            Some(Errno::EPERM) if label => {}
            _ => return Err(error.into()),
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;
    use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};

    /// A root of the tester's, with a directory that others can write.
    fn root() -> (tempfile::TempDir, Root, Owner) {
        let dir = tempfile::tempdir().unwrap();
        fs::create_dir(dir.path().join("open")).unwrap();
        fs::set_permissions(dir.path().join("open"), fs::Permissions::from_mode(0o777)).unwrap();
        let root = Root::open(dir.path()).unwrap();
        let meta = fs::metadata(dir.path()).unwrap();
        (dir, root, Owner { uid: meta.uid(), gid: meta.gid() })
    }

    fn seen(root: &Root, path: &str) -> Seen {
        Seen::from(&root.lstat(Path::new(path)).unwrap())
    }

    #[test]
    fn appends_whole_records_and_rotates() {
        let (dir, root, owner) = root();
        let log = Path::new("/open/log");
        for record in [b"one\n", b"two\n", b"tre\n"] {
            root.append(log, record, owner, 0o640, 8).unwrap();
        }
        assert_eq!(fs::read(dir.path().join("open/log")).unwrap(), b"tre\n");
        assert_eq!(fs::read(dir.path().join("open/log.1")).unwrap(), b"one\ntwo\n");
        let mode = fs::metadata(dir.path().join("open/log")).unwrap().mode();
        assert_eq!(mode & 0o7777, 0o640);
        fs::write(dir.path().join("victim"), "").unwrap();
        for make in [|from, to| symlink(from, to), |from, to| fs::hard_link(from, to)] {
            fs::remove_file(dir.path().join("open/log")).unwrap();
            make(dir.path().join("victim"), dir.path().join("open/log")).unwrap();
            assert!(root.append(log, b"x", owner, 0o640, 8).is_err());
        }
        assert_eq!(fs::read(dir.path().join("victim")).unwrap(), b"");
    }

    #[test]
    fn an_edit_in_the_last_instant_is_kept() {
        let (dir, root, _) = root();
        let path = dir.path().join("open/file");
        fs::write(&path, "old").unwrap();
        let before = seen(&root, "/open/file");
        fs::write(&path, "edited").unwrap();
        let replaced = root.replace(Path::new("/open/file"), b"new", Some(before), None, None);
        assert_eq!(replaced, Err(Refusal::Changed));
        assert_eq!(fs::read(&path).unwrap(), b"edited");
        // As above, but between the judgement and the exchange of names.
        let place = root.place(Path::new("/open/file"), Links::Refuse).unwrap();
        let judged = root.lstat(Path::new("/open/file")).unwrap();
        fs::write(dir.path().join("open/.new"), "new").unwrap();
        fs::write(&path, "edited again").unwrap();
        let switched = root.switch(&place, OsStr::new(".new"), Some(&judged));
        assert_eq!(switched, Err(Refusal::Changed));
        assert_eq!(fs::read(&path).unwrap(), b"edited again");
    }

    /// Adds a line `times` times, as often as it takes; what is refused was not written.
    fn add_lines(directory: &Path, times: usize) {
        let root = Root::open(directory).unwrap();
        let path = Path::new("/open/file");
        for _ in 0..times {
            loop {
                let (mut bytes, stat) = match root.read_file(path, 1 << 20) {
                    Ok(read) => read,
                    // Between two looks of a walk the name was another file's.
                    Err(Refusal::Changed | Refusal::Absent) => continue,
                    other => other.unwrap(),
                };
                bytes.extend(b"x\n");
                match root.replace(path, &bytes, Some(Seen::from(&stat)), None, None) {
                    Ok(()) => break,
                    Err(Refusal::Changed | Refusal::HardLink(_)) => {}
                    Err(other) => panic!("{other}"),
                }
            }
        }
    }

    #[test]
    fn writers_at_the_same_time_lose_nothing() {
        let (dir, _, _) = root();
        fs::write(dir.path().join("open/file"), "").unwrap();
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| add_lines(dir.path(), 25));
            }
        });
        assert_eq!(fs::read(dir.path().join("open/file")).unwrap(), b"x\n".repeat(100));
        assert_eq!(fs::read_dir(dir.path().join("open")).unwrap().count(), 1, "a name is left");
    }

    #[test]
    fn what_is_being_written_is_waited_for_and_a_leftover_is_not() {
        let (dir, root, _) = root();
        let (path, leftover) = (Path::new("/open/file"), dir.path().join("open/.file.meats-new"));
        fs::write(&leftover, "half").unwrap();
        root.replace(path, b"one", None, None, None).unwrap();
        let place = root.place(path, Links::Refuse).unwrap();
        let theirs = root.create_over_leftover(&place, OsStr::new(".file.meats-new")).unwrap();
        let begun = std::time::Instant::now();
        std::thread::scope(|scope| {
            scope.spawn(|| root.replace(path, b"two", None, None, None).unwrap());
            std::thread::sleep(Duration::from_millis(100));
            assert_eq!(fs::read(dir.path().join("open/file")).unwrap(), b"one");
            drop(theirs);
        });
        assert!(begun.elapsed() < PATIENCE);
        assert_eq!(fs::read(dir.path().join("open/file")).unwrap(), b"two");
        assert!(!leftover.exists());
    }

    #[test]
    fn half_a_backup_is_none() {
        let (dir, root, _) = root();
        fs::write(dir.path().join("env"), "A=1\nB=2\n").unwrap();
        fs::write(dir.path().join("kept"), "A=1\n").unwrap();
        let before = seen(&root, "/env");
        root.back_up(Path::new("/env"), Path::new("/kept"), before).unwrap();
        assert_eq!(fs::read(dir.path().join("kept")).unwrap(), b"A=1\nB=2\n");
        assert_eq!(fs::metadata(dir.path().join("kept")).unwrap().mode() & 0o7777, 0o600);
    }

    #[test]
    fn a_file_that_has_grown_was_changed() {
        let (dir, root, _) = root();
        fs::write(dir.path().join("env"), "A=1\n").unwrap();
        let before = seen(&root, "/env");
        fs::write(dir.path().join("env"), "A=1\nB=2\n").unwrap();
        let kept = root.back_up(Path::new("/env"), Path::new("/kept"), before);
        assert_eq!(kept, Err(Refusal::Changed));
    }

    #[test]
    fn what_others_can_write_is_neither_believed_nor_locked() {
        let (dir, root, _) = root();
        for (path, mode, believed) in
            [("file", 0o644, true), ("open/file", 0o644, false), ("loose", 0o666, false)]
        {
            fs::write(dir.path().join(path), "x").unwrap();
            fs::set_permissions(dir.path().join(path), fs::Permissions::from_mode(mode)).unwrap();
            let read = root.read_guarded_file(&Path::new("/").join(path), 10);
            assert_eq!(read.is_ok(), believed, "{path}");
        }
        assert!(root.lock_file(Path::new("/lock")).is_ok());
        assert_eq!(root.lock_file(Path::new("/open/lock")).err(), Some(Refusal::Unguarded));
    }
}
