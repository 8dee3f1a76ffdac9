//! DATA, ENTRY and ENTRY_ARRAY objects of one file.
//!
//! No offset is believed: it must be aligned, inside the file and lead to an object of the expected
//! type, and along a chain offsets only grow, so that every walk ends.

use std::fs::File;

use super::Trouble;
use super::bytes::Blocks;
use super::header::{HEADER, Header, parse_header};

const DATA: u8 = 1;
const ENTRY: u8 = 3;
const ENTRY_ARRAY: u8 = 6;

/// `OBJECT_COMPRESSED_…`
pub(super) const XZ: u8 = 1;
pub(super) const LZ4: u8 = 2;
pub(super) const ZSTD: u8 = 4;

const DATA_LENGTH: u64 = 64;
const ENTRY_LENGTH: u64 = 64;
const ARRAY_LENGTH: u64 = 24;
/// Most objects in a chain of the table: journald begins a new file long before.
const CHAIN: usize = 10_000;
/// Fields of an entry (journald takes 1024).
const FIELDS: u64 = 4096;

/// An open file.
#[derive(Debug)]
pub(super) struct JournalFile {
    pub header: Header,
    blocks: Blocks,
}

/// A DATA object: `NAME=value` and the entries that have it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Data {
    pub at: u64,
    /// How its value is compressed.
    pub compression: u8,
    value_at: u64,
    pub length: u64,
    hash: u64,
    next: u64,
    entry: u64,
    array: u64,
    entries: u64,
}

/// When an entry was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Stamp {
    pub boot: [u8; 16],
    /// Microseconds of that boot.
    pub monotonic: u64,
    /// Microseconds since the epoch.
    pub time: u64,
    pub number: u64,
}

impl JournalFile {
    pub(super) fn open(file: File) -> Result<Self, Trouble> {
        let mut blocks = Blocks::new(file)?;
        let bytes: [u8; HEADER] = blocks.array(0)?;
        Ok(Self { header: parse_header(&bytes)?, blocks })
    }

    /// The DATA object with this value (`NAME=value`).
    pub(super) fn find(&mut self, value: &[u8]) -> Result<Option<Data>, Trouble> {
        let hash = self.header.hash.of(value);
        let bucket = hash % self.header.buckets;
        let at = bucket.checked_mul(16).and_then(|n| n.checked_add(self.header.buckets_at));
        let mut at = self.blocks.u64(at.ok_or(Trouble::OUTSIDE)?)?;
        for _ in 0..CHAIN {
            if at == 0 {
                return Ok(None);
            }
            let data = self.data(at)?;
            // A value that is looked for is too short to be compressed.
            if data.hash == hash && data.compression == 0 && self.is_value(&data, value)? {
                return Ok(Some(data));
            }
            if data.next != 0 && data.next <= at {
                return Err(Trouble::CIRCLE);
            }
            at = data.next;
        }
        Err(Trouble::CIRCLE)
    }

    fn is_value(&mut self, data: &Data, value: &[u8]) -> Result<bool, Trouble> {
        Ok(data.length == value.len() as u64 && self.value(data, data.length)? == value)
    }

    pub(super) fn data(&mut self, at: u64) -> Result<Data, Trouble> {
        let (compression, length) = self.object(at, DATA, DATA_LENGTH)?;
        // The compact form keeps the end of its array here.
        let head = DATA_LENGTH + if self.header.compact { 8 } else { 0 };
        let length = length.checked_sub(head).ok_or(Trouble::OUTSIDE)?;
        let most = self.blocks.length() / ENTRY_LENGTH;
        let mut number = |offset| self.blocks.u64(at + offset);
        Ok(Data {
            at,
            compression: compression & (XZ | LZ4 | ZSTD),
            value_at: at + head,
            length,
            hash: number(16)?,
            next: number(24)?,
            entry: number(40)?,
            array: number(48)?,
            entries: number(56)?.min(most),
        })
    }

    /// The first `most` bytes of a value, as it is stored.
    pub(super) fn value(&mut self, data: &Data, most: u64) -> Result<Vec<u8>, Trouble> {
        let length = usize::try_from(data.length.min(most)).unwrap_or(0);
        let mut bytes = vec![0; length];
        self.blocks.fill(data.value_at, &mut bytes)?;
        Ok(bytes)
    }

    /// The last `max` entries that have the value, oldest first.
    pub(super) fn last_entries(&mut self, data: &Data, max: usize) -> Result<Vec<u64>, Trouble> {
        let mut found = Vec::new();
        'arrays: for (at, used) in self.arrays(data)?.into_iter().rev() {
            for n in (0..used).rev() {
                if found.len() >= max {
                    break 'arrays;
                }
                let entry = self.reference(at + ARRAY_LENGTH, n, 1)?;
                found.extend(Some(entry).filter(|e| *e != 0));
            }
        }
        if found.len() < max && data.entries > 0 {
            found.push(data.entry);
        }
        found.reverse();
        Ok(found)
    }

    /// How many entries have the value.
    pub(super) fn count(data: &Data) -> u64 {
        data.entries
    }

    /// The arrays of a value and how many of their places are used; the first entry is in none.
    fn arrays(&mut self, data: &Data) -> Result<Vec<(u64, u64)>, Trouble> {
        let mut arrays = Vec::new();
        let mut left = data.entries.saturating_sub(1);
        let mut at = data.array;
        while left > 0 && at != 0 && arrays.len() < CHAIN {
            let (_, length) = self.object(at, ENTRY_ARRAY, ARRAY_LENGTH)?;
            let places = (length - ARRAY_LENGTH) / self.width();
            let used = places.min(left);
            arrays.push((at, used));
            left -= used;
            let next = self.blocks.u64(at + 16)?;
            if next != 0 && next <= at {
                return Err(Trouble::CIRCLE);
            }
            at = next;
        }
        Ok(arrays)
    }

    pub(super) fn stamp(&mut self, entry: u64) -> Result<Stamp, Trouble> {
        self.object(entry, ENTRY, ENTRY_LENGTH)?;
        Ok(Stamp {
            number: self.blocks.u64(entry + 16)?,
            time: self.blocks.u64(entry + 24)?,
            monotonic: self.blocks.u64(entry + 32)?,
            boot: self.blocks.array(entry + 40)?,
        })
    }

    /// The DATA objects of an entry.
    pub(super) fn fields(&mut self, entry: u64) -> Result<Vec<u64>, Trouble> {
        let (_, length) = self.object(entry, ENTRY, ENTRY_LENGTH)?;
        // Beside each reference stands its hash, but not in the compact form.
        let pair = if self.header.compact { 1 } else { 2 };
        let count = (length - ENTRY_LENGTH) / (self.width() * pair);
        let at = entry + ENTRY_LENGTH;
        (0..count.min(FIELDS)).map(|n| self.reference(at, n, pair)).collect()
    }

    /// Reads afresh from now on.
    pub(super) fn forget(&mut self) {
        self.blocks.forget();
    }

    fn width(&self) -> u64 {
        if self.header.compact { 4 } else { 8 }
    }

    /// Reference number `n` of a list whose steps are `step` references wide.
    fn reference(&mut self, list: u64, n: u64, step: u64) -> Result<u64, Trouble> {
        let at = list + n * step * self.width();
        match self.header.compact {
            true => Ok(u64::from(self.blocks.u32(at)?)),
            false => self.blocks.u64(at),
        }
    }

    /// Flags and length of the object of this type at `at`; all of it is inside the file.
    fn object(&mut self, at: u64, kind: u8, least: u64) -> Result<(u8, u64), Trouble> {
        if at < self.header.length || at % 8 != 0 {
            return Err(Trouble::OUTSIDE);
        }
        let [is, flags, ..] = self.blocks.array::<8>(at)?;
        let length = self.blocks.u64(at.checked_add(8).ok_or(Trouble::OUTSIDE)?)?;
        let end = at.checked_add(length).ok_or(Trouble::OUTSIDE)?;
        if is != kind || length < least || end > self.blocks.length() {
            return Err(Trouble::Damage("an object is not what is said of it"));
        }
        Ok((flags, length))
    }
}
