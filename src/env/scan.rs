//! Cuts an env file into nodes, the way systemd's reader walks over it.
//!
//! Invariant: the spans of the nodes follow each other and cover the file, so that printing them in
//! order gives the same bytes; one pass, no recursion, no byte looked at more than a few times.
//! Source: systemd `src/basic/env-file.c`, `parse_env_file_internal`.

use std::ops::Range;

use super::slice;

/// systemd changed one rule in 254: before, a backslash in a comment shields the next byte.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rules {
    /// Up to 253: a comment that ends in a backslash swallows the next line.
    Before254,
    /// From 254: a comment ends where its line ends.
    Since254,
}

impl Rules {
    /// The rules of a systemd version.
    pub fn of_version(version: u32) -> Self {
        if version < 254 { Self::Before254 } else { Self::Since254 }
    }

    /// Both, for what has to hold everywhere.
    pub const ALL: [Self; 2] = [Self::Before254, Self::Since254];
}

/// One piece of the file with its terminator (one LF or CR), if it has one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Node {
    pub span: Range<usize>,
    /// The same without the terminator.
    pub text: Range<usize>,
    pub kind: NodeKind,
}

/// What a node is to systemd.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NodeKind {
    /// Blanks and line ends between nodes.
    Blank,
    /// From `#` or `;`; `shields` when a backslash in it swallowed a line end.
    Comment { shields: bool },
    /// A line without `=` behind its first byte.
    NoEquals,
    /// `KEY = VALUE`.
    Assignment(Raw),
}

/// An assignment before any judgement about its name or its text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Raw {
    /// The name, blanks behind it cut.
    pub key: Range<usize>,
    /// From behind the `=` to the terminator.
    pub value: Range<usize>,
    /// The value as systemd reads it.
    pub cooked: Vec<u8>,
}

/// A part of a value as it is written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Piece {
    pub span: Range<usize>,
    pub form: Form,
}

/// How a part is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// `'…'`; not closed when the file ended first.
    Single { closed: bool },
    /// `"…"`.
    Double { closed: bool },
    /// Everything from the first unquoted byte to the end.
    Bare,
}

/// The nodes of `bytes` in order.
pub fn scan(bytes: &[u8], rules: Rules) -> Scanner<'_> {
    Scanner { cursor: Cursor { bytes, at: 0 }, rules }
}

/// The pieces of the value that begins at `at` (behind the `=`).
pub fn pieces(bytes: &[u8], at: usize) -> Vec<Piece> {
    let mut found = Vec::new();
    let mut cursor = Cursor { bytes, at };
    cook(&mut cursor, |piece| found.push(piece));
    found
}

/// Iterator over nodes.
#[derive(Debug)]
pub struct Scanner<'a> {
    cursor: Cursor<'a>,
    rules: Rules,
}

impl Iterator for Scanner<'_> {
    type Item = Node;

    fn next(&mut self) -> Option<Node> {
        let start = self.cursor.at;
        let kind = match self.cursor.peek()? {
            first if is_white(first) => {
                self.cursor.until(|b| !is_white(b));
                return Some(Node {
                    span: start..self.cursor.at,
                    text: start..self.cursor.at,
                    kind: NodeKind::Blank,
                });
            }
            b'#' | b';' => self.comment(),
            _ => self.line(start),
        };
        let text = start..self.cursor.at;
        self.cursor.take();
        Some(Node { span: start..self.cursor.at, text, kind })
    }
}

impl Scanner<'_> {
    /// Leaves the cursor at the terminator.
    fn comment(&mut self) -> NodeKind {
        if self.rules == Rules::Since254 {
            self.cursor.to2(b'\n', b'\r');
            return NodeKind::Comment { shields: false };
        }
        let mut shields = false;
        loop {
            self.cursor.to3(b'\n', b'\r', b'\\');
            if self.cursor.peek() != Some(b'\\') {
                return NodeKind::Comment { shields };
            }
            self.cursor.take();
            shields |= self.cursor.take().is_some_and(is_newline);
        }
    }

    /// Leaves the cursor at the terminator. The first byte of a key is taken whatever it is.
    fn line(&mut self, start: usize) -> NodeKind {
        self.cursor.take();
        self.cursor.to3(b'=', b'\n', b'\r');
        if self.cursor.peek() != Some(b'=') {
            return NodeKind::NoEquals;
        }
        let name = slice(self.cursor.bytes, start..self.cursor.at);
        let key = start..start + name.trim_ascii_end_blanks();
        self.cursor.take();
        let from = self.cursor.at;
        let cooked = cook(&mut self.cursor, |_| ());
        NodeKind::Assignment(Raw { key, value: from..self.cursor.at, cooked })
    }
}

/// Reads a value; the cursor ends at the terminator or at the end of the file.
fn cook(cursor: &mut Cursor<'_>, mut piece: impl FnMut(Piece)) -> Vec<u8> {
    let mut out = Vec::new();
    loop {
        cursor.until(|b| !is_blank(b));
        let start = cursor.at;
        let form = match cursor.peek() {
            None | Some(b'\n' | b'\r') => return out,
            Some(b'\'') => single(cursor, &mut out),
            Some(b'"') => double(cursor, &mut out),
            Some(_) => bare(cursor, &mut out),
        };
        piece(Piece { span: start..cursor.at, form });
    }
}

fn single(cursor: &mut Cursor<'_>, out: &mut Vec<u8>) -> Form {
    cursor.take();
    out.extend_from_slice(cursor.to1(b'\''));
    Form::Single { closed: cursor.take().is_some() }
}

fn double(cursor: &mut Cursor<'_>, out: &mut Vec<u8>) -> Form {
    cursor.take();
    loop {
        out.extend_from_slice(cursor.to2(b'"', b'\\'));
        match cursor.take() {
            Some(b'\\') => {}
            end => return Form::Double { closed: end.is_some() },
        }
        match cursor.take() {
            None => return Form::Double { closed: false },
            Some(b'\n') => (),
            Some(c @ (b'"' | b'\\' | b'$' | b'`')) => out.push(c),
            Some(c) => out.extend_from_slice(&[b'\\', c]),
        }
    }
}

/// Blanks at the end are cut, but none in front of or protected by a backslash.
fn bare(cursor: &mut Cursor<'_>, out: &mut Vec<u8>) -> Form {
    let mut keep = out.len();
    loop {
        out.extend_from_slice(cursor.to3(b'\n', b'\r', b'\\'));
        if cursor.peek() != Some(b'\\') {
            break;
        }
        cursor.take();
        out.extend(cursor.take().filter(|b| !is_newline(*b)));
        keep = out.len();
    }
    let end = keep + slice(out, keep..out.len()).trim_ascii_end_blanks();
    out.truncate(end);
    Form::Bare
}

#[derive(Debug)]
struct Cursor<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Cursor<'a> {
    fn peek(&self) -> Option<u8> {
        self.bytes.get(self.at).copied()
    }

    fn take(&mut self) -> Option<u8> {
        let byte = self.peek()?;
        self.at += 1;
        Some(byte)
    }

    /// Moves to the first of these bytes, or to the end; gives what was passed.
    fn to1(&mut self, a: u8) -> &'a [u8] {
        let found = memchr::memchr(a, self.rest());
        self.pass(found)
    }

    fn to2(&mut self, a: u8, b: u8) -> &'a [u8] {
        let found = memchr::memchr2(a, b, self.rest());
        self.pass(found)
    }

    fn to3(&mut self, a: u8, b: u8, c: u8) -> &'a [u8] {
        let found = memchr::memchr3(a, b, c, self.rest());
        self.pass(found)
    }

    fn rest(&self) -> &'a [u8] {
        self.bytes.get(self.at..).unwrap_or_default()
    }

    fn pass(&mut self, found: Option<usize>) -> &'a [u8] {
        let rest = self.rest();
        let length = found.unwrap_or(rest.len());
        self.at += length;
        rest.get(..length).unwrap_or_default()
    }

    /// Moves to the first byte that `stop` accepts, or to the end; gives what was passed.
    #[inline(always)]
    fn until(&mut self, stop: impl Fn(u8) -> bool) -> &'a [u8] {
        let found = self.rest().iter().position(|b| stop(*b));
        self.pass(found)
    }
}

/// systemd's WHITESPACE.
pub fn is_white(byte: u8) -> bool {
    is_blank(byte) || is_newline(byte)
}

/// Space or tab.
pub fn is_blank(byte: u8) -> bool {
    byte == b' ' || byte == b'\t'
}

/// Both end an assignment.
pub fn is_newline(byte: u8) -> bool {
    byte == b'\n' || byte == b'\r'
}

trait TrimEnd {
    /// Length without blanks at the end.
    fn trim_ascii_end_blanks(&self) -> usize;
}

impl TrimEnd for [u8] {
    fn trim_ascii_end_blanks(&self) -> usize {
        self.iter().rposition(|b| !is_blank(*b)).map_or(0, |last| last + 1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn quotes_that_the_end_of_the_file_closes() {
        for (text, closed) in [
            ("A=\"", false),
            ("A=\"x", false),
            ("A=\"x\\\"", false),
            ("A=\"x\\", false),
            ("A=\"\"", true),
            ("A=\"x\" ", true),
        ] {
            let found = pieces(text.as_bytes(), 2);
            assert_eq!(found[0].form, Form::Double { closed }, "{text}");
        }
    }

    fn noisy() -> impl Strategy<Value = Vec<u8>> {
        proptest::collection::vec(
            prop_oneof![
                6 => proptest::sample::select(&b"AB= \t\n\r'\"\\#;$`x"[..]),
                1 => any::<u8>()
            ],
            0..80,
        )
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2000))]

        #[test]
        fn nodes_cover_every_byte(bytes in noisy()) {
            for rules in Rules::ALL {
                let mut at = 0;
                for node in scan(&bytes, rules) {
                    prop_assert_eq!(node.span.start, at);
                    prop_assert!(node.span.end > at);
                    prop_assert!(node.text.end <= node.span.end);
                    at = node.span.end;
                }
                prop_assert_eq!(at, bytes.len());
            }
        }

        #[test]
        fn pieces_lie_in_their_value(bytes in noisy()) {
            for node in scan(&bytes, Rules::Since254) {
                let NodeKind::Assignment(raw) = node.kind else { continue };
                for piece in pieces(&bytes, raw.value.start) {
                    prop_assert!(piece.span.start >= raw.value.start);
                    prop_assert!(piece.span.end <= raw.value.end);
                }
            }
        }
    }
}
