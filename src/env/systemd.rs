//! How systemd reads an env file: the truth about what the service runs with.
//!
//! Invariant: total over every byte string, one pass, agrees with systemd 247 to 262 byte for byte.
//! Source: systemd `src/basic/env-file.c`, `src/basic/env-util.c`, `src/basic/fileio.c`,
//! `src/core/execute.c`; facts measured with each version as PID 1.

use std::collections::HashMap;
use std::fmt;
use std::ops::Range;

pub use super::scan::Rules;
use super::scan::{NodeKind, Raw, is_blank, is_newline, scan};
use super::{is_strict_utf8, slice};
use crate::model::Secret;

/// What the service gets from a file, and what it does not get.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reading {
    /// Why systemd refuses the whole file, if it does; then `vars` is empty.
    pub loads: Result<(), LoadError>,
    /// In the order in which systemd hands them on; each key once.
    pub vars: Vec<Assignment>,
    /// Lines that give no variable, in order of lines.
    pub dropped: Vec<Dropped>,
}

/// One variable.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Assignment {
    pub key: String,
    pub value: Secret,
    /// Line of the key, from 1, counted by LF.
    pub line: usize,
    /// The value as it is written, behind the `=`.
    pub span: Range<usize>,
}

/// Something that gives no variable.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Dropped {
    pub line: usize,
    pub why: Why,
    /// The name concerned: that of the line, or of the value that swallowed it.
    pub key: Option<String>,
}

/// Why a line gives no variable.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Why {
    /// The name is none; systemd logs the line with its value.
    BadKey,
    /// No `=` behind the first byte; no log.
    NoEquals,
    /// An assignment that became part of the value above; no log.
    Swallowed,
    /// Eaten by a comment that ends in a backslash (before 254); no log.
    CommentTail,
    /// A later line sets the same key; no log.
    Shadowed,
    /// Longer than the kernel's limit for all arguments; logged in part.
    TooLong,
}

impl Why {
    /// The word used in JSON.
    pub fn word(self) -> &'static str {
        match self {
            Self::BadKey => "bad-key",
            Self::NoEquals => "no-equals",
            Self::Swallowed => "swallowed",
            Self::CommentTail => "comment-tail",
            Self::Shadowed => "shadowed",
            Self::TooLong => "too-long",
        }
    }
}

/// Why a whole file is refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LoadError {
    pub kind: LoadErrorKind,
    pub line: usize,
    /// The key whose value is refused, when it is a name.
    pub key: Option<String>,
}

/// The kinds of refusal, with the errno that systemd reports.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LoadErrorKind {
    /// EBADMSG.
    Nul,
    /// EINVAL.
    Utf8,
    /// E2BIG.
    TooBig,
}

impl LoadErrorKind {
    /// The errno's name.
    pub fn errno(self) -> &'static str {
        match self {
            Self::Nul => "EBADMSG",
            Self::Utf8 => "EINVAL",
            Self::TooBig => "E2BIG",
        }
    }
}

impl fmt::Display for LoadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let what = match self.kind {
            LoadErrorKind::Nul => "a NUL byte",
            LoadErrorKind::Utf8 => "bytes that are not UTF-8 in a key or value",
            LoadErrorKind::TooBig => "more than 64 MiB",
        };
        write!(f, "line {}: {what}; systemd refuses the whole file", self.line)
    }
}

/// READ_FULL_BYTES_MAX of `src/basic/fileio.c`.
const MAX_FILE: usize = 64 * 1024 * 1024 - 1;

/// sysconf(_SC_ARG_MAX) with PID 1's stack limit of 8 MiB; `src/basic/env-util.c`.
const ARG_MAX: usize = 2 * 1024 * 1024;

impl Reading {
    /// The value of a key.
    pub fn get(&self, key: &str) -> Option<&Assignment> {
        self.vars.iter().find(|var| var.key == key)
    }

    fn refused(kind: LoadErrorKind, line: usize) -> Self {
        let error = LoadError { kind, line, key: None };
        Self { loads: Err(error), vars: Vec::new(), dropped: Vec::new() }
    }
}

/// True for a name that systemd and the kernel's users accept.
pub fn is_valid_name(name: &[u8]) -> bool {
    let letter = |b: &u8| b.is_ascii_alphanumeric() || *b == b'_';
    name.first().is_some_and(|b| letter(b) && !b.is_ascii_digit()) && name.iter().all(letter)
}

/// Reads `bytes` as systemd with these rules does for `EnvironmentFile=`.
pub fn read(bytes: &[u8], rules: Rules) -> Reading {
    if bytes.len() > MAX_FILE {
        return Reading::refused(LoadErrorKind::TooBig, 1);
    }
    if let Some(at) = memchr::memchr(0, bytes) {
        let line = 1 + count_lf(slice(bytes, 0..at));
        return Reading::refused(LoadErrorKind::Nul, line);
    }
    let mut reader = Reader { bytes, ..Reader::default() };
    for node in scan(bytes, rules) {
        match node.kind {
            NodeKind::Blank | NodeKind::Comment { shields: false } => (),
            NodeKind::Comment { shields: true } => reader.comment_tails(node.text),
            NodeKind::NoEquals => reader.drop_at(node.span.start, Why::NoEquals, None),
            NodeKind::Assignment(raw) => reader.assignment(node.span.start, raw),
        }
    }
    reader.finish()
}

#[derive(Default)]
struct Reader<'a> {
    bytes: &'a [u8],
    vars: Vec<Assignment>,
    places: HashMap<&'a [u8], usize>,
    dropped: Vec<Dropped>,
    error: Option<LoadError>,
    /// Offset up to which line ends were counted, and how many there were.
    counted: (usize, usize),
}

impl<'a> Reader<'a> {
    /// Line of an offset; offsets must not go back, so that all lines together cost one pass.
    fn line(&mut self, at: usize) -> usize {
        let (from, lines) = self.counted;
        let total = lines + count_lf(slice(self.bytes, from..at));
        self.counted = (from.max(at), total);
        total + 1
    }

    fn drop_at(&mut self, at: usize, why: Why, key: Option<String>) {
        let line = self.line(at);
        self.dropped.push(Dropped { line, why, key });
    }

    fn comment_tails(&mut self, text: Range<usize>) {
        let comment = slice(self.bytes, text.clone());
        let mut at = 0;
        while let Some(found) = comment.iter().skip(at).position(|b| *b == b'\\') {
            at += found + 2;
            if at > 0 && comment.get(at - 1).copied().is_some_and(is_newline) {
                self.drop_at(text.start + at, Why::CommentTail, None);
            }
        }
    }

    fn assignment(&mut self, start: usize, raw: Raw) {
        let line = self.line(start);
        let name = slice(self.bytes, raw.key.clone());
        if !is_strict_utf8(name) || !is_strict_utf8(&raw.cooked) {
            let key = Some(name).filter(|n| is_valid_name(n)).map(text);
            self.error.get_or_insert(LoadError { kind: LoadErrorKind::Utf8, line, key });
            return;
        }
        let key = text(name);
        let value = raw.value.clone();
        if !is_valid_name(name) {
            self.dropped.push(Dropped { line, why: Why::BadKey, key: Some(key.clone()) });
        } else if name.len() > ARG_MAX - 2
            || raw.cooked.len() > ARG_MAX - 3
            || name.len() + 1 + raw.cooked.len() > ARG_MAX - 1
        {
            self.dropped.push(Dropped { line, why: Why::TooLong, key: Some(key.clone()) });
        } else {
            self.set(name, key.clone(), raw, line);
        }
        self.swallowed(value, &key);
    }

    fn set(&mut self, name: &'a [u8], key: String, raw: Raw, line: usize) {
        let var = Assignment { key, value: Secret::new(raw.cooked), line, span: raw.value };
        let place = *self.places.entry(name).or_insert(self.vars.len());
        match self.vars.get_mut(place) {
            None => self.vars.push(var),
            Some(old) => {
                let old = std::mem::replace(old, var);
                self.dropped.push(Dropped {
                    line: old.line,
                    why: Why::Shadowed,
                    key: Some(old.key),
                });
            }
        }
    }

    /// Lines inside a value that look like assignments of their own.
    fn swallowed(&mut self, value: Range<usize>, key: &str) {
        let written = slice(self.bytes, value.clone());
        if memchr::memchr(b'\n', written).is_none() {
            return;
        }
        let mut at = value.start;
        for (number, line) in written.split(|b| *b == b'\n').enumerate() {
            if number > 0 && looks_like_assignment(line) {
                self.drop_at(at, Why::Swallowed, Some(key.to_owned()));
            }
            at += line.len() + 1;
        }
    }

    fn finish(mut self) -> Reading {
        // A shadowed line is known only when the later one is met.
        self.dropped.sort_by_key(|dropped| dropped.line);
        match self.error {
            Some(error) => Reading { loads: Err(error), vars: Vec::new(), dropped: self.dropped },
            None => Reading { loads: Ok(()), vars: self.vars, dropped: self.dropped },
        }
    }
}

/// `KEY=`, with an `export` in front or not; the padding of base64 text is none.
pub fn looks_like_assignment(line: &[u8]) -> bool {
    let line = line.trim_ascii();
    let line = match line.strip_prefix(b"export") {
        Some(rest) if rest.first().copied().is_some_and(is_blank) => rest.trim_ascii_start(),
        _ => line,
    };
    let Some(equals) = line.iter().position(|b| *b == b'=') else { return false };
    let name = slice(line, 0..equals).trim_ascii_end();
    let value = slice(line, equals + 1..line.len());
    let padding = name.len() >= 16 && line.len() % 4 == 0 && (value.is_empty() || value == b"=");
    is_valid_name(name) && !padding
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

fn count_lf(bytes: &[u8]) -> usize {
    memchr::memchr_iter(b'\n', bytes).count()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &[u8], expected: &[(&str, &str)]) {
        let reading = read(text, Rules::Before254);
        let found: Vec<(&str, &[u8])> =
            reading.vars.iter().map(|v| (v.key.as_str(), v.value.expose())).collect();
        let expected: Vec<(&str, &[u8])> =
            expected.iter().map(|(k, v)| (*k, v.as_bytes())).collect();
        assert_eq!(found, expected, "{:?}", String::from_utf8_lossy(text));
    }

    #[test]
    fn values() {
        check(b"A=1\nB = two  \n", &[("A", "1"), ("B", "two")]);
        check(b"A='a' \"b\" c'd\n", &[("A", "abc'd")]);
        check(b"A=x\\ \n", &[("A", "x ")]);
        check(b"A=x  \\\n  \nB=1", &[("A", "x  "), ("B", "1")]);
        check(b"A=x \\", &[("A", "x ")]);
        check(b"A=\"\\a\\\"\\$\\\\\\`\\\r\\\nb\"", &[("A", "\\a\"$\\`\\\rb")]);
        check(b"=x\n==x\nA=1", &[("A", "1")]);
        check(b"A=1\rB=2\r\nC=3", &[("A", "1"), ("B", "2"), ("C", "3")]);
        check(b"A='open\nB=1\n", &[("A", "open\nB=1\n")]);
        check(b"A=1\nB=2\nA=3", &[("A", "3"), ("B", "2")]);
        check(b"# c\\\nA=1\nB=2", &[("B", "2")]);
        check(b"A=\xc3\\\n\xb6", &[("A", "\u{f6}")]);
    }

    #[test]
    fn a_value_over_the_limit_is_dropped_alone() {
        let mut text = b"B=1\nA=".to_vec();
        text.resize(text.len() + ARG_MAX - 3, b'x');
        assert_eq!(read(&text, Rules::Since254).vars.len(), 2);
        text.push(b'x');
        let reading = read(&text, Rules::Since254);
        assert_eq!(reading.vars.len(), 1);
        assert_eq!(reading.dropped.first().map(|d| d.why), Some(Why::TooLong));
    }

    #[test]
    fn padding_is_no_assignment() {
        assert!(looks_like_assignment(b"  export B_2 = x"));
        assert!(looks_like_assignment(b"B="));
        assert!(!looks_like_assignment(b"MIIBabcdefghijkl0123456789abcdQ="));
        assert!(!looks_like_assignment(b"a b=1"));
    }
}
