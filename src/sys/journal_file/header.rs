//! The header of a journal file: its form, and where its index is.

use super::Trouble;
use super::hash::Hash;

/// The part of the header that every version has.
pub(super) const HEADER: usize = 208;

const SIGNATURE: &[u8; 8] = b"LPKSHHRH";

// `HEADER_INCOMPATIBLE_…`: what a reader must know. Those of compression only say that an object may
// be compressed so; the object says whether it is.
const COMPRESSED_XZ: u32 = 1;
const COMPRESSED_LZ4: u32 = 2;
const KEYED_HASH: u32 = 4;
const COMPRESSED_ZSTD: u32 = 8;
const COMPACT: u32 = 16;
const KNOWN: u32 = COMPRESSED_XZ | COMPRESSED_LZ4 | KEYED_HASH | COMPRESSED_ZSTD | COMPACT;

#[derive(Clone, Debug)]
pub(super) struct Header {
    /// References are 32 bits wide.
    pub compact: bool,
    pub hash: Hash,
    /// The boot that last wrote to it.
    pub boot: [u8; 16],
    /// Whose count the sequence numbers are.
    pub sequence: [u8; 16],
    /// Objects begin here.
    pub length: u64,
    /// Where the buckets of the table of DATA objects are, and how many.
    pub buckets_at: u64,
    pub buckets: u64,
    /// Sequence number and time (microseconds since the epoch) of the last entry.
    pub last_number: u64,
    pub last_time: u64,
}

/// # Errors
/// [`Trouble::Form`] when the file needs a newer reader, else what is wrong with it.
pub(super) fn parse_header(bytes: &[u8; HEADER]) -> Result<Header, Trouble> {
    if !bytes.starts_with(SIGNATURE) {
        return Err(Trouble::Damage("it does not begin as a journal file"));
    }
    let flags = field(bytes, 12).map_or(0, u32::from_le_bytes);
    if flags & !KNOWN != 0 {
        return Err(Trouble::Form(format!("flags {:#x}", flags & !KNOWN)));
    }
    let number = |at| field(bytes, at).map_or(0, u64::from_le_bytes);
    let id = |at| field(bytes, at).unwrap_or_default();
    let header = Header {
        compact: flags & COMPACT != 0,
        hash: if flags & KEYED_HASH != 0 { Hash::Keyed(id(24)) } else { Hash::Jenkins },
        boot: id(56),
        sequence: id(72),
        length: number(88),
        buckets_at: number(104),
        buckets: number(112) / 16,
        last_number: number(160),
        last_time: number(192),
    };
    if header.length < HEADER as u64 || header.buckets == 0 || header.buckets_at < header.length {
        return Err(Trouble::Damage("its header is not whole"));
    }
    Ok(header)
}

fn field<const N: usize>(bytes: &[u8], at: usize) -> Option<[u8; N]> {
    bytes.get(at..)?.first_chunk().copied()
}
