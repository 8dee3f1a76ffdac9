//! Backups of env files: names, which one is which, which may go.
//!
//! Invariant: a name tells file, time and content (digest), never a value; the order of the names is
//! the order of the backups, also within one second and behind a clock that was set back; the same
//! content is kept once, besides the first backup of a file, which stays for ever.

use sha2::{Digest, Sha256};

use crate::model::hex;

/// One backup, by its name `FILE.STAMP.DIGEST` or `FILE.STAMP+NUMBER.DIGEST`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Backup {
    /// UTC, `20261125T023312Z`; never before that of an older backup.
    pub stamp: String,
    /// Counts those of one stamp.
    pub number: u32,
    /// First 12 hexadecimal digits of the content's SHA-256: the id that people type.
    pub id: String,
    /// Name of the file that was backed up, or its [`label`].
    pub file: String,
}

impl Backup {
    /// The backup of `content` of the file called `file`, made at `stamp`.
    pub fn of(file: &str, content: &[u8], stamp: &str) -> Self {
        Self { stamp: stamp.to_owned(), number: 0, id: digits(content, 6), file: file.to_owned() }
    }

    /// The same, behind the backup that was the newest so far.
    #[must_use]
    pub fn behind(self, newest: Option<&Self>) -> Self {
        match newest {
            Some(newest) if newest.stamp >= self.stamp => Self {
                stamp: newest.stamp.clone(),
                number: newest.number.saturating_add(1),
                ..self
            },
            _ => self,
        }
    }

    /// When it was made: the part of the name that orders the backups of a file.
    pub fn moment(&self) -> String {
        match self.number {
            0 => self.stamp.clone(),
            number => format!("{}+{number}", self.stamp),
        }
    }

    /// The name in the backup directory.
    pub fn name(&self) -> String {
        format!("{}.{}.{}", self.file, self.moment(), self.id)
    }

    /// Reads a name; other files in the directory give nothing.
    pub fn parse(name: &str) -> Option<Self> {
        let (rest, id) = name.rsplit_once('.')?;
        let (file, moment) = rest.rsplit_once('.')?;
        let (stamp, number) = match moment.split_once('+') {
            Some((stamp, number)) => (stamp, number.parse().ok()?),
            None => (moment, 0),
        };
        let digits = |s: &str| s.bytes().all(|b| b.is_ascii_hexdigit());
        let shaped = id.len() == 12 && digits(id) && stamp.len() == 16 && stamp.ends_with('Z');
        (shaped && !file.is_empty()).then(|| Self {
            stamp: stamp.to_owned(),
            number,
            id: id.to_owned(),
            file: file.to_owned(),
        })
    }
}

/// What a file outside the service's directory is called among the backups: many are named `.env`,
/// and the backup of one must not be restored over another.
pub fn label(name: &str, directory: &[u8]) -> String {
    format!("{name}-{}", digits(directory, 4))
}

/// The first bytes of the SHA-256 in hexadecimal digits.
fn digits(content: &[u8], bytes: usize) -> String {
    let mut digits = hex(Sha256::digest(content));
    digits.truncate(2 * bytes);
    digits
}

/// The backups of `file` among the names of the directory, oldest first.
pub fn backups<'a>(names: impl Iterator<Item = &'a str>, file: &str) -> Vec<Backup> {
    let mut found: Vec<Backup> =
        names.filter_map(Backup::parse).filter(|b| b.file == file).collect();
    found.sort();
    found
}

/// Those that go so that one more fits below `max`: the oldest, but never the first.
pub fn surplus(existing: &[Backup], max: usize) -> Vec<Backup> {
    let over = (existing.len() + 1).saturating_sub(max.max(2));
    existing.iter().skip(1).take(over).cloned().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn named(stamp: &str, content: &[u8]) -> Backup {
        Backup::of("p.env", content, stamp)
    }

    #[test]
    fn names_round_trip_and_others_are_left_alone() {
        let backup = named("20261125T023312Z", b"A=1\n");
        assert_eq!(Backup::parse(&backup.name()), Some(backup.clone()));
        let names = [
            backup.name(),
            "notes.txt".to_owned(),
            "q.env.20261125T023312Z.aabbccddeeff".to_owned(),
        ];
        assert_eq!(backups(names.iter().map(String::as_str), "p.env"), [backup]);
    }

    #[test]
    fn the_order_of_names_is_the_order_of_the_backups() {
        let mut made: Vec<Backup> = Vec::new();
        // Within one second, then with a clock that was set back, then right again.
        for at in 0..30u8 {
            let stamp = match at {
                0..12 => "20261125T023312Z",
                12..20 => "20200101T000000Z",
                _ => "20261125T023313Z",
            };
            made.push(named(stamp, &[at]).behind(made.last()));
        }
        let names: Vec<String> = made.iter().rev().map(Backup::name).collect();
        assert_eq!(backups(names.iter().map(String::as_str), "p.env"), made);
        assert_eq!(made[19].moment(), "20261125T023312Z+19");
        assert_eq!(made[20].moment(), "20261125T023313Z");
    }

    #[test]
    fn the_first_one_stays() {
        let all: Vec<Backup> =
            (0..5).map(|i| named(&format!("2026112{i}T000000Z"), &[i])).collect();
        assert_eq!(surplus(&all, 6), []);
        assert_eq!(surplus(&all, 4), all[1..3].to_vec());
        assert_eq!(surplus(&all, 0), all[1..5].to_vec());
    }
}
