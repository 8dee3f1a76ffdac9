//! The bytes of a journal file, in blocks that are read once.
//!
//! journald writes to its file while this reads. A block is what the file was at one moment; an
//! entry that was linked a moment later is not in it, and [`Blocks::forget`] lets it be seen.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::fs::File;
use std::os::unix::fs::FileExt;

use super::Trouble;

const BLOCK: u64 = 16 << 10;
/// Blocks that are kept, 8 MiB of them.
const KEPT: usize = 512;

#[derive(Debug)]
pub(super) struct Blocks {
    file: File,
    length: u64,
    blocks: HashMap<u64, Vec<u8>>,
}

impl Blocks {
    pub(super) fn new(file: File) -> Result<Self, Trouble> {
        let length = file.metadata()?.len();
        Ok(Self { file, length, blocks: HashMap::new() })
    }

    /// Bytes of the file when it was opened.
    pub(super) fn length(&self) -> u64 {
        self.length
    }

    /// Reads afresh from now on.
    pub(super) fn forget(&mut self) {
        self.blocks.clear();
    }

    /// Fills `into` from `offset`; less than that is damage.
    pub(super) fn fill(&mut self, offset: u64, into: &mut [u8]) -> Result<(), Trouble> {
        let mut filled = 0;
        while filled < into.len() {
            let at = offset.checked_add(filled as u64).ok_or(Trouble::OUTSIDE)?;
            let block = self.block(at / BLOCK)?;
            let from = usize::try_from(at % BLOCK).unwrap_or(0);
            let there = block.get(from..).filter(|b| !b.is_empty()).ok_or(Trouble::OUTSIDE)?;
            let rest = into.get_mut(filled..).unwrap_or_default();
            let count = there.len().min(rest.len());
            for (to, byte) in rest.iter_mut().zip(there) {
                *to = *byte;
            }
            filled += count;
        }
        Ok(())
    }

    pub(super) fn array<const N: usize>(&mut self, offset: u64) -> Result<[u8; N], Trouble> {
        let mut bytes = [0; N];
        self.fill(offset, &mut bytes)?;
        Ok(bytes)
    }

    /// A number of 64 bits (all numbers are little endian).
    pub(super) fn u64(&mut self, offset: u64) -> Result<u64, Trouble> {
        Ok(u64::from_le_bytes(self.array(offset)?))
    }

    /// A number of 32 bits.
    pub(super) fn u32(&mut self, offset: u64) -> Result<u32, Trouble> {
        Ok(u32::from_le_bytes(self.array(offset)?))
    }

    fn block(&mut self, number: u64) -> Result<&[u8], Trouble> {
        if self.blocks.len() >= KEPT && !self.blocks.contains_key(&number) {
            self.blocks.clear();
        }
        match self.blocks.entry(number) {
            Entry::Occupied(known) => Ok(known.into_mut()),
            Entry::Vacant(free) => Ok(free.insert(read_block(&self.file, number)?)),
        }
    }
}

/// The block, shorter at the end of the file.
fn read_block(file: &File, number: u64) -> Result<Vec<u8>, Trouble> {
    let mut bytes = vec![0; BLOCK as usize];
    let start = number.checked_mul(BLOCK).ok_or(Trouble::OUTSIDE)?;
    let mut filled = 0;
    while let Some(room) = bytes.get_mut(filled..).filter(|r| !r.is_empty()) {
        match file.read_at(room, start + filled as u64) {
            Ok(0) => break,
            Ok(read) => filled += read,
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error.into()),
        }
    }
    bytes.truncate(filled);
    Ok(bytes)
}
