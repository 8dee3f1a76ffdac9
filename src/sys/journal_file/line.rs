//! An entry as a line: who, and what.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::io::Read;

use super::object::{Data, JournalFile, LZ4, XZ, ZSTD};
use super::{Line, Trouble};

/// Most bytes of a value that are taken, compressed or not.
const VALUE: u64 = 1 << 20;
/// The longest name among [`NAMES`] and its `=`.
const LONGEST: u64 = 23;
const NAMES: [(&[u8], Field); 5] = [
    (b"MESSAGE=", Field::Message),
    (b"SYSLOG_IDENTIFIER=", Field::Identifier),
    (b"_COMM=", Field::Command),
    (b"_UID=", Field::User),
    (b"_SYSTEMD_INVOCATION_ID=", Field::Invocation),
];

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Field {
    Message,
    Identifier,
    Command,
    User,
    Invocation,
}

/// Reads entries; entries of one program share most of their fields, and each is looked at once.
#[derive(Debug, Default)]
pub(super) struct Lines {
    seen: HashMap<u64, Option<(Field, String)>>,
}

impl Lines {
    /// The line of the entry at this offset, which was written at `time`.
    pub(super) fn read(
        &mut self,
        file: &mut JournalFile,
        entry: u64,
        time: u64,
    ) -> Result<Line, Trouble> {
        let (mut message, mut identifier, mut command) = (None, None, None);
        let (mut user, mut invocation) = (None, None);
        for at in file.fields(entry)? {
            let known = match self.seen.entry(at) {
                Entry::Occupied(known) => known.into_mut(),
                Entry::Vacant(free) => free.insert(field(file, at)?),
            };
            let Some((name, value)) = known else { continue };
            let place = match name {
                Field::Message => &mut message,
                Field::Identifier => &mut identifier,
                Field::Command => &mut command,
                Field::User => &mut user,
                Field::Invocation => &mut invocation,
            };
            place.get_or_insert_with(|| value.clone());
        }
        let identifier = identifier.filter(|i| !i.is_empty()).or(command).unwrap_or_default();
        let user = user.and_then(|text| text.parse().ok());
        Ok(Line { time, identifier, message: message.unwrap_or_default(), user, invocation })
    }
}

/// One of the fields that a line needs; None for another one.
fn field(file: &mut JournalFile, at: u64) -> Result<Option<(Field, String)>, Trouble> {
    let data = file.data(at)?;
    let Some((name, field)) = name(&value(file, &data, LONGEST)?) else { return Ok(None) };
    let bytes = value(file, &data, VALUE)?;
    let text = bytes.get(name.len()..).unwrap_or_default();
    Ok(Some((field, String::from_utf8_lossy(text).into_owned())))
}

fn name(bytes: &[u8]) -> Option<(&'static [u8], Field)> {
    NAMES.into_iter().find(|(name, _)| bytes.starts_with(name))
}

/// The first `most` bytes of a value.
fn value(file: &mut JournalFile, data: &Data, most: u64) -> Result<Vec<u8>, Trouble> {
    match data.compression {
        0 => file.value(data, most),
        ZSTD => unpack(&file.value(data, VALUE)?, most),
        XZ => Err(Trouble::Form("compressed with xz".to_owned())),
        LZ4 => Err(Trouble::Form("compressed with lz4".to_owned())),
        _ => Err(Trouble::Damage("a value is compressed in two ways")),
    }
}

fn unpack(packed: &[u8], most: u64) -> Result<Vec<u8>, Trouble> {
    const DAMAGE: Trouble = Trouble::Damage("a compressed value cannot be unpacked");
    let decoder = ruzstd::decoding::StreamingDecoder::new(packed).map_err(|_| DAMAGE)?;
    let mut bytes = Vec::new();
    decoder.take(most).read_to_end(&mut bytes).map_err(|_| DAMAGE)?;
    Ok(bytes)
}
