//! systemd's journal files, read without journalctl: the last entries that have a value.
//!
//! Invariant: reading costs what the answer is large, not what the journal is: a value is found by
//! the hash table of each file, its last entries from the end of their arrays. Nothing in a file is
//! believed (`object`), so damage ends the reading of that file and of no other; a form that is not
//! known is said, so that journalctl can be asked. Format: <https://systemd.io/JOURNAL_FILE_FORMAT>.

mod bytes;
mod hash;
mod header;
mod line;
mod object;

use std::path::{Path, PathBuf};

use super::clock::Deadline;
use super::privfs::{Refusal, Root};
use super::reader::Reader;
use line::Lines;
use object::{JournalFile, Stamp};

/// Files of a directory that are looked at.
const FILES: usize = 2000;
/// Entries of a file with a field that anybody can send which are looked at.
const CLAIMED: usize = 16_384;
/// What journald says of root's.
pub(super) const OF_ROOT: &str = "_UID=0";

/// Why a file, or a part of it, was not read.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Trouble {
    /// It needs another reader.
    Form(String),
    Damage(&'static str),
    Refused(String),
}

impl Trouble {
    const OUTSIDE: Self = Self::Damage("an offset leads out of it");
    const CIRCLE: Self = Self::Damage("a chain has no end");
}

impl From<std::io::Error> for Trouble {
    fn from(error: std::io::Error) -> Self {
        Self::Refused(error.to_string())
    }
}

/// What is asked for.
#[derive(Clone, Copy, Debug)]
pub(super) struct Wanted<'a> {
    /// An entry that has one of these (`NAME=value`) is wanted.
    pub values: &'a [&'a str],
    /// As well as one that has one of these, and that root sent: anybody can send such a field.
    pub of_root: &'a [&'a str],
    /// The last so many.
    pub max: usize,
    /// Only entries of the boot that is running.
    pub this_boot: bool,
    /// Files that were last written before are left out; microseconds since the epoch.
    pub since: u64,
}

/// One line of the journal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    /// Microseconds since the epoch.
    pub time: u64,
    /// What the sender calls itself.
    pub identifier: String,
    pub message: String,
    /// The sender's user, by journald (`_UID=`).
    pub user: Option<u32>,
    /// The run of a unit that the sender belongs to, by journald (`_SYSTEMD_INVOCATION_ID=`).
    pub invocation: Option<String>,
}

/// What was found.
#[derive(Clone, Debug, Default)]
pub(super) struct Found {
    /// Oldest first.
    pub lines: Vec<Line>,
    /// How many entries there are in all, in the files that were looked at.
    pub entries: u64,
    /// What was not read, and why.
    pub troubles: Vec<String>,
    /// The journal is in memory only.
    pub volatile: bool,
}

/// Reads the journal of this machine.
///
/// # Errors
/// The text says why journalctl must be asked: a form that is not known, or no journal where it is
/// expected.
pub(super) fn read(root: &Root, wanted: &Wanted, deadline: &Deadline) -> Result<Found, String> {
    let mut found = Found::default();
    let mut files = Vec::new();
    let directories = directories(root)?;
    for directory in &directories {
        open_all(root, directory, &mut files, &mut found.troubles)?;
    }
    if files.is_empty() {
        let troubles = found.troubles.first().map(|t| format!(": {t}")).unwrap_or_default();
        return Err(format!("no journal file could be read{troubles}"));
    }
    found.volatile = files.iter().all(|(path, _)| path.starts_with("/run"));
    if wanted.this_boot {
        keep_this_boot(&mut files);
    }
    files.retain(|(_, file)| file.header.last_time >= wanted.since);
    look(&mut files, wanted, deadline, &mut found)?;
    Ok(found)
}

type Named = (PathBuf, JournalFile);

fn directories(root: &Root) -> Result<Vec<PathBuf>, String> {
    let id = root.read_file(Path::new("/etc/machine-id"), 64);
    let id = id.map_err(|why| format!("the machine has no id: {why}"))?.0;
    let id = String::from_utf8_lossy(&id).trim().to_owned();
    if id.len() != 32 || !id.bytes().all(|b| b.is_ascii_hexdigit()) {
        return Err("the machine has no id".to_owned());
    }
    Ok(["/var/log/journal", "/run/log/journal"].map(|d| Path::new(d).join(&id)).to_vec())
}

/// Leaves the files of the boot that is running: that of the file which journald has open. (What /proc
/// says of the boot is another one for a service whose sandbox has a /proc of its own, in a container.)
fn keep_this_boot(files: &mut Vec<Named>) {
    let open = files.iter().filter(|(path, _)| path.ends_with("system.journal"));
    let boots: Vec<[u8; 16]> = open.map(|(_, file)| file.header.boot).collect();
    files.retain(|(_, file)| boots.is_empty() || boots.contains(&file.header.boot));
}

fn open_all(
    root: &Root,
    directory: &Path,
    files: &mut Vec<Named>,
    troubles: &mut Vec<String>,
) -> Result<(), String> {
    let reader = match Reader::open(root, directory) {
        Ok(reader) => reader,
        Err(Refusal::Absent) => return Ok(()),
        Err(why) => {
            troubles.push(format!("\"{}\": {why}", directory.display()));
            return Ok(());
        }
    };
    let listed = reader.entries(FILES).map_err(|why| why.to_string())?;
    let listed = listed.ok_or_else(|| format!("there are more than {FILES} journal files"))?;
    for name in listed.into_iter().map(|entry| entry.name) {
        if !name.ends_with(".journal") && !name.ends_with(".journal~") {
            continue;
        }
        let path = directory.join(&name);
        let opened = reader
            .open_file(Path::new(&name))
            .map_err(|why| Trouble::Refused(why.to_string()))
            .and_then(JournalFile::open);
        match opened {
            Ok(file) => files.push((path, file)),
            Err(trouble) => note(&path, trouble, troubles)?,
        }
    }
    Ok(())
}

/// Damage is noted, a form that is not known ends the reading.
fn note(path: &Path, trouble: Trouble, troubles: &mut Vec<String>) -> Result<(), String> {
    let path = path.display();
    match trouble {
        Trouble::Form(what) => return Err(format!("\"{path}\" is of an unknown form: {what}")),
        Trouble::Damage(what) => troubles.push(format!("\"{path}\" is damaged: {what}")),
        Trouble::Refused(why) => troubles.push(format!("\"{path}\": {why}")),
    }
    Ok(())
}

/// An entry that is wanted, by the file it is in.
#[derive(Clone, Copy, Debug)]
struct Hit {
    file: usize,
    entry: u64,
    stamp: Stamp,
}

fn look(
    files: &mut [Named],
    wanted: &Wanted,
    deadline: &Deadline,
    found: &mut Found,
) -> Result<(), String> {
    // Newest first: most often the first file has all that is wanted.
    files.sort_by_key(|(_, file)| std::cmp::Reverse(file.header.last_time));
    let mut hits: Vec<Hit> = Vec::new();
    for number in 0..files.len() {
        if deadline.passed() {
            found.troubles.push("the journal was not read in time".to_owned());
            break;
        }
        if is_older(files, number, &hits, wanted.max) {
            continue;
        }
        let Some((path, file)) = files.get_mut(number) else { break };
        match again(file, |file| hits_of(file, number, wanted, deadline)) {
            Ok((more, entries, whole)) => {
                hits.extend(more);
                found.entries += entries;
                if !whole {
                    let why = "others sent so many lines as if root had sent them that some of \
                               root's may be missing";
                    found.troubles.push(why.to_owned());
                }
            }
            Err(trouble) => note(path, trouble, &mut found.troubles)?,
        }
        in_order(&mut hits);
        hits.drain(..hits.len().saturating_sub(wanted.max));
    }
    read_lines(files, &hits, found)
}

/// True when every entry of the file is older than all those that are wanted and found.
fn is_older(files: &[Named], number: usize, hits: &[Hit], max: usize) -> bool {
    let oldest = hits.first().filter(|_| hits.len() >= max);
    let Some((hit, (_, file))) = oldest.zip(files.get(number)) else { return false };
    let of_hit = files.get(hit.file).map(|(_, file)| file.header.sequence);
    of_hit == Some(file.header.sequence) && file.header.last_number < hit.stamp.number
}

/// The hits, how many there are, and whether all could be looked at.
fn hits_of(
    file: &mut JournalFile,
    number: usize,
    wanted: &Wanted,
    deadline: &Deadline,
) -> Result<(Vec<Hit>, u64, bool), Trouble> {
    let mut entries = Vec::new();
    let mut count = 0;
    let mut whole = true;
    for value in wanted.values {
        let Some(data) = file.find(value.as_bytes())? else { continue };
        count += JournalFile::count(&data);
        entries.extend(file.last_entries(&data, wanted.max)?);
    }
    for value in wanted.of_root {
        let Some(root) = file.find(OF_ROOT.as_bytes())? else { break };
        let Some(data) = file.find(value.as_bytes())? else { continue };
        let claimed = file.last_entries(&data, CLAIMED)?;
        let mut left = wanted.max;
        for (looked, entry) in claimed.iter().rev().enumerate() {
            if left == 0 || looked % 256 == 255 && deadline.passed() {
                whole &= left == 0;
                break;
            }
            if file.fields(*entry)?.contains(&root.at) {
                entries.push(*entry);
                count += 1;
                left -= 1;
            }
        }
        whole &= left == 0 || claimed.len() < CLAIMED;
    }
    entries.sort_unstable();
    let found = entries.len();
    entries.dedup();
    // One that has two of the values was counted twice.
    count = count.saturating_sub((found - entries.len()) as u64);
    // Of a file the last entries are at its end.
    entries.drain(..entries.len().saturating_sub(wanted.max));
    let hit = |entry| Ok(Hit { file: number, entry, stamp: file.stamp(entry)? });
    let hits: Result<Vec<Hit>, Trouble> = entries.into_iter().map(hit).collect();
    Ok((hits?, count, whole))
}

/// What cannot be read may have been written since its block was read: it is read once more.
fn again<T>(
    file: &mut JournalFile,
    mut read: impl FnMut(&mut JournalFile) -> Result<T, Trouble>,
) -> Result<T, Trouble> {
    read(file).or_else(|_| {
        file.forget();
        read(file)
    })
}

/// Within a boot by its own clock, which is never set; boots by the time of their last entry.
fn in_order(hits: &mut [Hit]) {
    let mut boots: Vec<([u8; 16], u64)> = Vec::new();
    for Hit { stamp, .. } in hits.iter() {
        match boots.iter_mut().find(|(boot, _)| *boot == stamp.boot) {
            Some((_, time)) => *time = stamp.time.max(*time),
            None => boots.push((stamp.boot, stamp.time)),
        }
    }
    boots.sort_by_key(|(_, time)| *time);
    let rank = |stamp: &Stamp| boots.iter().position(|(boot, _)| *boot == stamp.boot);
    hits.sort_by_key(|hit| (rank(&hit.stamp), hit.stamp.monotonic, hit.stamp.number));
}

fn read_lines(files: &mut [Named], hits: &[Hit], found: &mut Found) -> Result<(), String> {
    let mut lines: Vec<Lines> = files.iter().map(|_| Lines::default()).collect();
    for hit in hits {
        let (Some((path, file)), Some(lines)) = (files.get_mut(hit.file), lines.get_mut(hit.file))
        else {
            continue;
        };
        match again(file, |file| lines.read(file, hit.entry, hit.stamp.time)) {
            Ok(line) => found.lines.push(line),
            Err(trouble) => note(path, trouble, &mut found.troubles)?,
        }
    }
    found.troubles.dedup();
    Ok(())
}

#[cfg(test)]
mod tests;
