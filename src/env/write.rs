//! `set` and `unset`: one key changes, everything else stays byte for byte.
//!
//! Invariant: afterwards systemd (all rules) reads the key as given, or not at all, and every other
//! key as before.

use std::collections::HashMap;
use std::fmt;
use std::ops::Range;

use super::scan::{NodeKind, scan};
use super::systemd::is_valid_name;
use super::{Dropped, Edit, Reading, Rules, Why, apply_edits, encode, read, slice};
use crate::model::Secret;

/// Why a key could not be set or removed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SetError {
    /// The name is none.
    Name,
    /// NUL, or not UTF-8: no form of the value can be read.
    Value,
    /// The kernel starts no program with it.
    Length,
    /// systemd refuses the file as it is, so nothing can be promised about an edit.
    Refused,
    /// The other keys would not be read as before: an open quote or backslash stands in the way.
    Entangled,
}

impl fmt::Display for SetError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Name => "the name is not made of letters, digits and underscores, no digit first",
            Self::Value => "the value has a NUL byte or is not UTF-8; no reader takes it",
            Self::Length => {
                "name, equals sign and value are longer than 131071 bytes; the kernel starts no program with that"
            }
            Self::Refused => "systemd refuses the file as it is; see meats-env check",
            Self::Entangled => {
                "an open quote or a backslash joins the line to others; see meats-env check"
            }
        })
    }
}

/// Most bytes of one `KEY=VALUE` that execve(2) takes.
const LONGEST: usize = 131_071;

/// Sets a key: the line that counts is changed, or a line is added at the end.
pub fn set(bytes: &[u8], key: &str, value: &[u8]) -> Result<Secret, SetError> {
    if !is_valid_name(key.as_bytes()) {
        return Err(SetError::Name);
    }
    if key.len() + 1 + value.len() > LONGEST {
        return Err(SetError::Length);
    }
    let text = encode(value).ok_or(SetError::Value)?;
    let line = last_line(bytes, key);
    let after = match line {
        Some(place) if place.current == value => bytes.to_vec(),
        Some(place) => {
            let line_end: &[u8] = if place.line.end == bytes.len() { b"\n" } else { b"" };
            let text = [b"=", text.as_slice(), line_end].concat();
            apply_edits(bytes, &[Edit::replace(place.line, text)])
        }
        None => return append(bytes, key, &text, value),
    };
    verify(bytes, after, key, Some(value))
}

/// A new line at the end; with an empty line before it where a comment would swallow it.
fn append(bytes: &[u8], key: &str, text: &[u8], value: &[u8]) -> Result<Secret, SetError> {
    let glue: &[u8] = if bytes.is_empty() || bytes.ends_with(b"\n") { b"" } else { b"\n" };
    let line = |gap: &[u8]| [bytes, glue, gap, key.as_bytes(), b"=", text, b"\n"].concat();
    verify(bytes, line(b""), key, Some(value))
        .or_else(|_| verify(bytes, line(b"\n"), key, Some(value)))
}

/// Removes every line that sets a key, or would set it once it is repaired.
pub fn unset(bytes: &[u8], key: &str) -> Result<Secret, SetError> {
    if !is_valid_name(key.as_bytes()) {
        return Err(SetError::Name);
    }
    let edits: Vec<Edit> = scan(bytes, Rules::Since254)
        .filter_map(|node| match node.kind {
            NodeKind::Assignment(raw) if meant(slice(bytes, raw.key.clone())) == key.as_bytes() => {
                Some(Edit::delete(whole_line(bytes, &node.span)))
            }
            _ => None,
        })
        .collect();
    verify(bytes, apply_edits(bytes, &edits), key, None)
}

/// The name without what a repair takes away: a byte order mark, the word `export`.
fn meant(name: &[u8]) -> &[u8] {
    let name = name.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(name).trim_ascii_start();
    match name.strip_prefix(b"export") {
        Some(rest) if rest.first().is_some_and(u8::is_ascii_whitespace) => rest.trim_ascii(),
        _ => name,
    }
}

/// With the blanks in front, and the LF of a CR LF.
fn whole_line(bytes: &[u8], span: &Range<usize>) -> Range<usize> {
    let before = slice(bytes, 0..span.start);
    let is_blank = |b: &&u8| matches!(b, b' ' | b'\t');
    let blanks = before.iter().rev().take_while(is_blank).count();
    let begins = matches!(before.iter().rev().nth(blanks), None | Some(b'\n' | b'\r'));
    let start = if begins { span.start - blanks } else { span.start };
    let crlf = slice(bytes, span.clone()).ends_with(b"\r") && bytes.get(span.end) == Some(&b'\n');
    start..span.end + usize::from(crlf)
}

struct Place {
    /// From behind the name to the line end.
    line: Range<usize>,
    current: Vec<u8>,
}

fn last_line(bytes: &[u8], key: &str) -> Option<Place> {
    let found = scan(bytes, Rules::Since254).filter_map(|node| match node.kind {
        NodeKind::Assignment(raw) if slice(bytes, raw.key.clone()) == key.as_bytes() => Some(raw),
        _ => None,
    });
    found
        .last()
        .map(|raw| Place { line: raw.key.end..raw.value.end, current: raw.cooked.into_owned() })
}

fn verify(
    before: &[u8],
    after: Vec<u8>,
    key: &str,
    value: Option<&[u8]>,
) -> Result<Secret, SetError> {
    for rules in Rules::ALL {
        let (old, new) = (read(before, rules), read(&after, rules));
        if old.loads.is_err() {
            return Err(SetError::Refused);
        }
        let swallows = |d: &Dropped| d.why == Why::Swallowed && d.key.as_deref() == Some(key);
        if before != after && old.dropped.iter().any(swallows) {
            return Err(SetError::Entangled);
        }
        let holds =
            new.get(key).map(|var| var.value.expose()) == value && same_others(&old, &new, key);
        if new.loads.is_err() || !holds {
            return Err(SetError::Entangled);
        }
    }
    Ok(Secret::new(after))
}

fn same_others(old: &Reading, new: &Reading, key: &str) -> bool {
    others(old, key) == others(new, key)
}

fn others<'a>(reading: &'a Reading, key: &str) -> HashMap<&'a str, &'a [u8]> {
    let vars = reading.vars.iter().filter(|var| var.key != key);
    vars.map(|var| (var.key.as_str(), var.value.expose())).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn setting() {
        let cases: &[(&str, &str, &str, Result<&str, SetError>)] = &[
            ("", "A", "1", Ok("A=1\n")),
            ("# c\nB=2", "A", "a b", Ok("# c\nB=2\nA='a b'\n")),
            ("A=1\nB=2\nA=3 \n", "A", "x", Ok("A=1\nB=2\nA=x\n")),
            ("A = 'x'\n", "A", "y", Ok("A=y\n")),
            ("B=2\nA=1", "A", "y", Ok("B=2\nA=y\n")),
            ("A='x'\n", "A", "x", Ok("A='x'\n")),
            ("A='open\n", "B", "1", Err(SetError::Entangled)),
            ("A='open\nC=1\n", "A", "1", Err(SetError::Entangled)),
            ("A=1\n", "1A", "x", Err(SetError::Name)),
            ("A=1\n", "A", "x\0", Err(SetError::Value)),
            ("A=\u{FFFE}\n", "B", "x", Err(SetError::Refused)),
            ("# x\\\n", "B", "1", Ok("# x\\\n\nB=1\n")),
            ("# x\\", "B", "1", Ok("# x\\\n\nB=1\n")),
        ];
        for (before, key, value, expected) in cases {
            let found = set(before.as_bytes(), key, value.as_bytes());
            let found = found.map(|text| String::from_utf8(text.into_exposed()).unwrap());
            assert_eq!(found.as_deref().map_err(|e| *e), *expected, "{before:?} {key}={value:?}");
        }
    }

    #[test]
    fn no_value_is_set_that_no_program_can_be_started_with() {
        for (length, taken) in [(LONGEST - 4, true), (LONGEST - 3, false)] {
            let found = set(b"", "BIG", &vec![b'x'; length]);
            assert_eq!(found.map(|_| ()), if taken { Ok(()) } else { Err(SetError::Length) });
        }
    }

    #[test]
    fn unsetting() {
        for (before, expected) in [
            ("A=1\nB=2\nA=3\n", "B=2\n"),
            ("B=2\n", "B=2\n"),
            ("# a\nA=1", "# a\n"),
            ("  A=1\nB=2\n", "B=2\n"),
            ("\t A=1\n  B=2\n", "  B=2\n"),
            ("A=1\r\nB=2\r\n", "B=2\r\n"),
            ("B=2\r\nA=1\r\n", "B=2\r\n"),
            ("A=1\rB=2\n", "B=2\n"),
            ("export A=old\nA=new\nB=2\n", "B=2\n"),
            ("\u{FEFF}A=1\nexport \tA = 2\nexport B=3\n", "export B=3\n"),
            ("exportA=1\nA=1\n", "exportA=1\n"),
        ] {
            let found = unset(before.as_bytes(), "A").unwrap().into_exposed();
            assert_eq!(String::from_utf8(found).unwrap(), expected);
        }
    }
}
