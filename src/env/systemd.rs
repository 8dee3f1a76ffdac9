//! How systemd reads an env file: the truth about what the service runs with.
//!
//! Invariant: total over every byte string, one pass, agrees with systemd 247 to 262 byte for byte.
//! Source: systemd `src/basic/env-file.c`, `src/basic/env-util.c`, `src/basic/fileio.c`,
//! `src/core/execute.c`; facts measured with each version as PID 1.

use std::borrow::Cow;
use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::fmt;
use std::ops::Range;

use super::byte_set::NAME_LETTERS;
use super::line_index::{LineIndex, line_of};
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

/// Most keys for which room is made beforehand.
const MOST_PLANNED: usize = 1 << 14;

/// sysconf(_SC_ARG_MAX) with PID 1's stack limit of 8 MiB; `src/basic/env-util.c`.
const ARG_MAX: usize = 2 * 1024 * 1024;

impl Reading {
    /// The value of a key.
    pub fn get(&self, key: &str) -> Option<&Assignment> {
        self.vars.iter().find(|var| var.key == key)
    }
}

/// A reading that has copied nothing yet.
#[derive(Debug)]
pub(super) struct Survey<'a> {
    pub loads: Result<(), LoadError>,
    pub vars: Vec<Var<'a>>,
    lost: Vec<Lost<'a>>,
}

/// One variable; its value is a secret like that of [`Assignment`], so it has no `Debug` of its own.
pub(super) struct Var<'a> {
    pub key: &'a str,
    pub value: Cow<'a, [u8]>,
    /// The value as it is written; it begins on the line of its key.
    pub span: Range<usize>,
}

/// A [`Dropped`] by its place in the file.
#[derive(Debug)]
struct Lost<'a> {
    at: usize,
    why: Why,
    key: Option<&'a str>,
}

impl fmt::Debug for Var<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.key)
    }
}

impl Survey<'_> {
    /// The variable of a key.
    pub fn get(&self, key: &str) -> Option<&Var<'_>> {
        self.vars.iter().find(|var| var.key == key)
    }

    /// False when each name stands on one line: none was shadowed, and none lost what it is behind
    /// an `export` or a mark.
    pub fn may_name_twice(&self) -> bool {
        let twice = |lost: &Lost<'_>| matches!(lost.why, Why::Shadowed | Why::BadKey);
        self.loads.is_err() || self.lost.iter().any(twice)
    }

    fn refused(error: LoadError) -> Self {
        Self { loads: Err(error), vars: Vec::new(), lost: Vec::new() }
    }

    fn into_reading(self, bytes: &[u8]) -> Reading {
        let lines = LineIndex::new(bytes);
        let line = |at| lines.line(at).0;
        let var = |var: Var<'_>| Assignment {
            key: var.key.to_owned(),
            value: Secret::new(var.value),
            line: line(var.span.start),
            span: var.span,
        };
        let dropped = |lost: Lost<'_>| Dropped {
            line: line(lost.at),
            why: lost.why,
            key: lost.key.map(str::to_owned),
        };
        let mut dropped: Vec<Dropped> = self.lost.into_iter().map(dropped).collect();
        // A shadowed line is known only when the later one is met.
        dropped.sort_by_key(|dropped| dropped.line);
        Reading { loads: self.loads, vars: self.vars.into_iter().map(var).collect(), dropped }
    }
}

/// True for a name that systemd and the kernel's users accept.
pub fn is_valid_name(name: &[u8]) -> bool {
    name.first().is_some_and(|b| !b.is_ascii_digit()) && name.iter().all(|b| NAME_LETTERS.has(*b))
}

/// Reads `bytes` as systemd with these rules does for `EnvironmentFile=`.
pub fn read(bytes: &[u8], rules: Rules) -> Reading {
    survey(bytes, rules).into_reading(bytes)
}

/// True when the two rules may read `bytes` differently: only a backslash at the end of a comment
/// does that.
pub(super) fn rules_matter(bytes: &[u8]) -> bool {
    memchr::memchr_iter(b'\\', bytes)
        .any(|at| bytes.get(at + 1).copied().is_none_or(is_newline) && follows_comment(bytes, at))
}

/// True when something that begins a comment stands in front of `at` on its line.
fn follows_comment(bytes: &[u8], at: usize) -> bool {
    let line = slice(bytes, 0..at);
    let start = memchr::memrchr2(b'\n', b'\r', line).map_or(0, |end| end + 1);
    memchr::memchr2(b'#', b';', slice(line, start..at)).is_some()
}

/// [`read`] for those who only look.
pub(super) fn survey(bytes: &[u8], rules: Rules) -> Survey<'_> {
    if bytes.len() > MAX_FILE {
        return Survey::refused(LoadError { kind: LoadErrorKind::TooBig, line: 1, key: None });
    }
    if let Some(at) = memchr::memchr(0, bytes) {
        let line = line_of(bytes, at);
        return Survey::refused(LoadError { kind: LoadErrorKind::Nul, line, key: None });
    }
    // Growing a table costs more than filling it.
    let places = HashMap::with_capacity(line_of(bytes, bytes.len()).min(MOST_PLANNED));
    let is_ascii = bytes.is_ascii();
    let mut reader = Reader { bytes, is_ascii, places, ..Reader::default() };
    for node in scan(bytes, rules) {
        match node.kind {
            NodeKind::Blank | NodeKind::Comment { shields: false } => (),
            NodeKind::Comment { shields: true } => reader.comment_tails(node.text),
            NodeKind::NoEquals => reader.lose(node.span.start, Why::NoEquals, None),
            NodeKind::Assignment(raw) => reader.assignment(node.span.start, raw),
        }
    }
    reader.finish()
}

#[derive(Default)]
struct Reader<'a> {
    bytes: &'a [u8],
    /// Then no part of it has to be looked at again for what is not UTF-8.
    is_ascii: bool,
    vars: Vec<Var<'a>>,
    places: HashMap<&'a [u8], usize>,
    lost: Vec<Lost<'a>>,
    error: Option<LoadError>,
}

impl<'a> Reader<'a> {
    fn lose(&mut self, at: usize, why: Why, key: Option<&'a str>) {
        self.lost.push(Lost { at, why, key });
    }

    fn comment_tails(&mut self, text: Range<usize>) {
        let comment = slice(self.bytes, text.clone());
        let mut at = 0;
        while let Some(found) = comment.iter().skip(at).position(|b| *b == b'\\') {
            at += found + 2;
            if at > 0 && comment.get(at - 1).copied().is_some_and(is_newline) {
                self.lose(text.start + at, Why::CommentTail, None);
            }
        }
    }

    fn is_text(&self, part: &[u8]) -> bool {
        self.is_ascii || is_strict_utf8(part)
    }

    fn assignment(&mut self, start: usize, raw: Raw<'a>) {
        let name = slice(self.bytes, raw.key.clone());
        if !self.is_text(name) || !self.is_text(&raw.cooked) {
            let bytes = self.bytes;
            self.error.get_or_insert_with(|| LoadError {
                kind: LoadErrorKind::Utf8,
                line: line_of(bytes, start),
                key: Some(name).filter(|n| is_valid_name(n)).map(text),
            });
            return;
        }
        // A good name is all ASCII, and a bad one was just found to be text.
        let key = std::str::from_utf8(name).unwrap_or_default();
        let value = raw.value.clone();
        if !is_valid_name(name) {
            self.lose(start, Why::BadKey, Some(key));
        } else if name.len() > ARG_MAX - 2
            || raw.cooked.len() > ARG_MAX - 3
            || name.len() + 1 + raw.cooked.len() > ARG_MAX - 1
        {
            self.lose(start, Why::TooLong, Some(key));
        } else {
            self.set(key, raw);
        }
        self.swallowed(value, key);
    }

    fn set(&mut self, key: &'a str, raw: Raw<'a>) {
        let var = Var { key, value: raw.cooked, span: raw.value };
        match self.places.entry(key.as_bytes()) {
            Entry::Vacant(place) => {
                place.insert(self.vars.len());
                self.vars.push(var);
            }
            Entry::Occupied(place) => {
                let Some(old) = self.vars.get_mut(*place.get()) else { return };
                let old = std::mem::replace(old, var);
                self.lose(old.span.start, Why::Shadowed, Some(old.key));
            }
        }
    }

    /// Lines inside a value that look like assignments of their own.
    fn swallowed(&mut self, value: Range<usize>, key: &'a str) {
        let written = slice(self.bytes, value.clone());
        if memchr::memchr(b'\n', written).is_none() {
            return;
        }
        let mut at = value.start;
        for (number, line) in written.split(|b| *b == b'\n').enumerate() {
            if number > 0 && looks_like_assignment(line) {
                self.lose(at, Why::Swallowed, Some(key));
            }
            at += line.len() + 1;
        }
    }

    fn finish(self) -> Survey<'a> {
        let (loads, vars) = match self.error {
            Some(error) => (Err(error), Vec::new()),
            None => (Ok(()), self.vars),
        };
        Survey { loads, vars, lost: self.lost }
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
