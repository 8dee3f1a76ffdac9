//! Backups of env files: names, which one is which, which may go.
//!
//! Invariant: a name tells file, time and content (digest), never a value; the same content is kept
//! once; the first backup of a file stays for ever.

use sha2::{Digest, Sha256};

/// One backup, by its name `FILE.STAMP.DIGEST`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Backup {
    /// UTC, `20261125T023312Z`.
    pub stamp: String,
    /// First 12 hexadecimal digits of the content's SHA-256: the id that people type.
    pub id: String,
    /// Name of the file that was backed up.
    pub file: String,
}

impl Backup {
    /// The backup of `content` of the file called `file`, made at `stamp`.
    pub fn of(file: &str, content: &[u8], stamp: &str) -> Self {
        let hash = Sha256::digest(content);
        let id = hash.iter().take(6).map(|byte| format!("{byte:02x}")).collect();
        Self { stamp: stamp.to_owned(), id, file: file.to_owned() }
    }

    /// The name in the backup directory.
    pub fn name(&self) -> String {
        format!("{}.{}.{}", self.file, self.stamp, self.id)
    }

    /// Reads a name; other files in the directory give nothing.
    pub fn parse(name: &str) -> Option<Self> {
        let (rest, id) = name.rsplit_once('.')?;
        let (file, stamp) = rest.rsplit_once('.')?;
        let digits = |s: &str| s.bytes().all(|b| b.is_ascii_hexdigit());
        let shaped = id.len() == 12 && digits(id) && stamp.len() == 16 && stamp.ends_with('Z');
        (shaped && !file.is_empty()).then(|| Self {
            stamp: stamp.to_owned(),
            id: id.to_owned(),
            file: file.to_owned(),
        })
    }
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
    fn the_first_one_stays() {
        let all: Vec<Backup> =
            (0..5).map(|i| named(&format!("2026112{i}T000000Z"), &[i])).collect();
        assert_eq!(surplus(&all, 6), []);
        assert_eq!(surplus(&all, 4), all[1..3].to_vec());
        assert_eq!(surplus(&all, 0), all[1..5].to_vec());
    }
}
