//! What stands before the equals sign, taken apart.

use crate::env::scan::is_blank;
use crate::env::systemd::is_valid_name;

pub(super) const BOM: &[u8] = b"\xef\xbb\xbf";

/// A name without what stands in front of it.
pub(super) enum Name<'a> {
    Plain(&'a [u8]),
    /// Byte order marks, the word `export`, or both, before a good name.
    Prefixed {
        name: &'a [u8],
        bom: usize,
        export: bool,
    },
    /// Anything else, without the marks.
    Other(&'a [u8]),
}

pub(super) fn name_of(raw: &[u8]) -> Name<'_> {
    let mut rest = raw;
    while let Some(after) = rest.strip_prefix(BOM) {
        rest = after;
    }
    let bom = raw.len() - rest.len();
    let rest = if bom > 0 { rest.trim_ascii_start() } else { rest };
    let word = rest.strip_prefix(b"export").filter(|r| r.first().copied().is_some_and(is_blank));
    let name = word.map_or(rest, <[u8]>::trim_ascii_start);
    match (is_valid_name(name), bom, word) {
        (true, 0, None) => Name::Plain(name),
        (true, bom, word) => Name::Prefixed { name, bom, export: word.is_some() },
        (false, _, _) => Name::Other(rest),
    }
}
