//! The file of an SQLite database, as far as it tells which migrations it has.
//!
//! Invariant: bytes in, a value or nothing out; every walk ends. The file is one that the service user
//! writes. Numbers of the format are those of <https://www.sqlite.org/fileformat2.html>.

use std::collections::BTreeMap;

/// Most pages of one table that are looked at, and most rows.
const MOST: usize = 2000;
const ROWS: usize = 20_000;
const MAGIC: &[u8] = b"SQLite format 3\0";
/// Length of the head of the file.
const HEAD: usize = 100;

/// The file: so many bytes from there, or nothing where it ends.
pub type Read<'a> = &'a dyn Fn(u64, usize) -> Option<Vec<u8>>;

/// Applied migrations by application.
pub type Applied = BTreeMap<String, Vec<String>>;

/// What the table of migrations says; None inside where there is no such table.
///
/// # Errors
/// Why it cannot be told.
pub fn parse_applied(read: Read<'_>) -> Result<Option<Applied>, &'static str> {
    let head = read(0, HEAD).ok_or("it is too short for an SQLite database")?;
    if !head.starts_with(MAGIC) {
        return Err("it is no SQLite database");
    }
    let pages = Pages::new(&head, read).ok_or("its head is not understood")?;
    let damaged = "it is damaged, or was changed meanwhile";
    // Type, name, table, first page.
    let objects = pages.rows(1, 4).ok_or(damaged)?;
    let table = objects.iter().find(|row| {
        let text = |at: usize| row.get(at).and_then(Value::text);
        text(0) == Some("table") && text(1) == Some("django_migrations")
    });
    let Some(table) = table else { return Ok(None) };
    let first = table.get(3).and_then(Value::number).ok_or(damaged)?;
    let mut applied = Applied::new();
    // Id, application, name.
    for row in pages.rows(first, 3).ok_or(damaged)? {
        if let [_, Value::Text(app), Value::Text(name)] = row.as_slice() {
            applied.entry(app.clone()).or_default().push(name.clone());
        }
    }
    Ok(Some(applied))
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Value {
    Number(u64),
    Text(String),
    Other,
}

impl Value {
    fn text(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text),
            Self::Number(_) | Self::Other => None,
        }
    }

    fn number(&self) -> Option<u64> {
        match self {
            Self::Number(number) => Some(*number),
            Self::Text(_) | Self::Other => None,
        }
    }
}

struct Pages<'a> {
    size: usize,
    read: Read<'a>,
}

impl<'a> Pages<'a> {
    /// Text in UTF-16 is left to others; Django makes UTF-8.
    fn new(head: &[u8], read: Read<'a>) -> Option<Self> {
        let size = match number(head, 16, 2)? {
            1 => 65536,
            size => usize::try_from(size).ok()?,
        };
        let empty = number(head, 56, 4)? == 0;
        let readable = empty || number(head, 56, 4)? == 1;
        (size >= 512 && size.is_power_of_two() && readable).then_some(Self { size, read })
    }

    /// The first columns of every row of a table, whose tree begins at this page.
    fn rows(&self, first: u64, columns: usize) -> Option<Vec<Vec<Value>>> {
        let mut rows = Vec::new();
        let mut waiting = vec![first];
        for _ in 0..MOST {
            let Some(page) = waiting.pop() else { return Some(rows) };
            if waiting.len() > MOST || rows.len() > ROWS {
                break;
            }
            let bytes =
                (self.read)(page.checked_sub(1)?.checked_mul(self.size as u64)?, self.size)?;
            let start = if page == 1 { HEAD } else { 0 };
            let cells = usize::try_from(number(&bytes, start + 3, 2)?).ok()?;
            let inner = match bytes.get(start)? {
                5 => true,
                13 => false,
                _ => return None,
            };
            let pointers = start + if inner { 12 } else { 8 };
            for cell in 0..cells {
                let at = usize::try_from(number(&bytes, pointers + 2 * cell, 2)?).ok()?;
                match inner {
                    true => waiting.push(number(&bytes, at, 4)?),
                    false => rows.push(record(bytes.get(at..)?, columns)?),
                }
            }
            if inner {
                waiting.push(number(&bytes, start + 8, 4)?);
            }
        }
        None
    }
}

/// The first columns of a cell: length, row, then the record, which may go on elsewhere; what is asked
/// for stands at its beginning.
fn record(cell: &[u8], columns: usize) -> Option<Vec<Value>> {
    let (_, rest) = varint(cell)?;
    let (_, record) = varint(rest)?;
    let (head, mut types) = varint(record)?;
    let mut body = record.get(usize::try_from(head).ok()?..)?;
    let mut values = Vec::new();
    for _ in 0..columns {
        let (kind, rest) = varint(types)?;
        types = rest;
        let length = match kind {
            0 | 8 | 9 => 0,
            1..=4 => kind,
            5 => 6,
            6 | 7 => 8,
            10 | 11 => return None,
            long => (long - 12) / 2,
        };
        let (bytes, rest) = body.split_at_checked(usize::try_from(length).ok()?)?;
        body = rest;
        values.push(match kind {
            1..=6 => Value::Number(number(bytes, 0, bytes.len())?),
            8 | 9 => Value::Number(kind - 8),
            long if long > 12 && long % 2 == 1 => {
                Value::Text(String::from_utf8_lossy(bytes).into_owned())
            }
            _ => Value::Other,
        });
    }
    Some(values)
}

/// A number of this many bytes, the highest first.
fn number(bytes: &[u8], at: usize, length: usize) -> Option<u64> {
    let digits = bytes.get(at..at.checked_add(length)?)?;
    Some(digits.iter().fold(0, |sum, byte| (sum << 8) | u64::from(*byte)))
}

/// A number of one to nine bytes, and what follows.
fn varint(bytes: &[u8]) -> Option<(u64, &[u8])> {
    let mut value: u64 = 0;
    for at in 0..9 {
        let byte = *bytes.get(at)?;
        if at == 8 {
            return Some(((value << 8) | u64::from(byte), bytes.get(9..)?));
        }
        value = (value << 7) | u64::from(byte & 0x7f);
        if byte < 0x80 {
            return Some((value, bytes.get(at + 1..)?));
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Made by SQLite: both trees have inner pages, and the text of a table goes on elsewhere. That
    /// takes pages of 512 bytes, four tables with a column of a long name, and then Django's
    /// `django_migrations` with forty rows, of `stock` and `auth` in turn.
    const FILE: &[u8] = include_bytes!("../../../tests/data/migrations.sqlite3");

    fn of(bytes: &[u8]) -> Result<Option<Applied>, &'static str> {
        parse_applied(&|at, length| {
            let at = usize::try_from(at).ok()?;
            bytes.get(at..at.checked_add(length)?).map(<[u8]>::to_vec)
        })
    }

    #[test]
    fn every_row_is_read() {
        let applied = of(FILE).expect("read").expect("a table");
        let names = |start: usize| (start..=40).step_by(2).map(|n| format!("{n:04}_step"));
        for (app, start) in [("stock", 1), ("auth", 2)] {
            let mut found = applied.get(app).expect("an application").clone();
            found.sort();
            assert_eq!(found, names(start).collect::<Vec<_>>(), "{app}");
        }
        assert_eq!(applied.len(), 2);
    }

    #[test]
    fn another_file_is_told_from_a_database_without_the_table() {
        let name = b"django_migrations";
        let mut other = FILE.to_vec();
        while let Some(at) = other.windows(name.len()).position(|w| w == name) {
            other.iter_mut().skip(at).take(1).for_each(|byte| *byte = b'D');
        }
        assert_eq!(of(&other), Ok(None));
        for bytes in [&b""[..], b"version https://lfs", &[0; 4096]] {
            assert!(of(bytes).is_err(), "{bytes:?}");
        }
    }

    #[test]
    fn whatever_is_in_the_file_the_walk_ends() {
        for end in (0..FILE.len()).step_by(97) {
            assert!(of(FILE.get(..end).unwrap_or_default()).is_err(), "{end}");
        }
        // Each byte in turn, as far as it leads anywhere.
        let mut spoiled = FILE.to_vec();
        for at in 0..spoiled.len() {
            for byte in [13, 0xff] {
                let before = spoiled.get(at).copied().unwrap_or_default();
                spoiled.iter_mut().skip(at).take(1).for_each(|b| *b = byte);
                of(&spoiled).ok();
                spoiled.iter_mut().skip(at).take(1).for_each(|b| *b = before);
            }
        }
        assert_eq!(of(&spoiled), of(FILE));
    }

    #[test]
    fn numbers() {
        for (bytes, value) in [
            (&[0x7f][..], 127),
            (&[0x81, 0x00], 128),
            (&[0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff], u64::MAX),
        ] {
            assert_eq!(varint(bytes), Some((value, &[][..])), "{bytes:?}");
        }
        assert_eq!(varint(&[0x81]), None);
    }
}
