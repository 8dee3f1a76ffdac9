//! Cuts an env file into nodes, the way systemd's reader walks over it.
//!
//! Invariant: the spans of the nodes follow each other and cover the file, so that printing them in
//! order gives the same bytes; one pass, no recursion, no byte looked at more than a few times.
//! Source: systemd `src/basic/env-file.c`, `parse_env_file_internal`.

use std::borrow::Cow;
use std::ops::Range;

use super::byte_set::NAME_LETTERS;
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
pub struct Node<'a> {
    pub span: Range<usize>,
    /// The same without the terminator.
    pub text: Range<usize>,
    pub kind: NodeKind<'a>,
}

/// What a node is to systemd.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NodeKind<'a> {
    /// Blanks and line ends between nodes.
    Blank,
    /// From `#` or `;`; `shields` when a backslash in it swallowed a line end.
    Comment { shields: bool },
    /// A line without `=` behind its first byte.
    NoEquals,
    /// `KEY = VALUE`.
    Assignment(Raw<'a>),
}

/// An assignment before any judgement about its name or its text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Raw<'a> {
    /// The name, blanks behind it cut.
    pub key: Range<usize>,
    /// From behind the `=` to the terminator.
    pub value: Range<usize>,
    /// The value as systemd reads it; a part of the file where it is written in one piece.
    pub cooked: Cow<'a, [u8]>,
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
    Scanner { cursor: Cursor::new(bytes, 0), rules }
}

/// The pieces of the value that begins at `at` (behind the `=`).
pub fn pieces(bytes: &[u8], at: usize) -> Vec<Piece> {
    let mut found = Vec::new();
    let mut cursor = Cursor::new(bytes, at);
    cook(&mut cursor, |piece| found.push(piece));
    found
}

/// Iterator over nodes.
#[derive(Debug)]
pub struct Scanner<'a> {
    cursor: Cursor<'a>,
    rules: Rules,
}

impl<'a> Iterator for Scanner<'a> {
    type Item = Node<'a>;

    fn next(&mut self) -> Option<Node<'a>> {
        let start = self.cursor.at();
        let kind = match self.cursor.peek()? {
            first if is_white(first) => {
                self.cursor.skip(is_white);
                let span = start..self.cursor.at();
                return Some(Node { text: span.clone(), span, kind: NodeKind::Blank });
            }
            b'#' | b';' => self.comment(),
            _ => self.line(start),
        };
        let text = start..self.cursor.at();
        self.cursor.take();
        Some(Node { span: start..self.cursor.at(), text, kind })
    }
}

impl<'a> Scanner<'a> {
    /// Leaves the cursor at the terminator.
    #[inline(always)]
    fn comment(&mut self) -> NodeKind<'a> {
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
    fn line(&mut self, start: usize) -> NodeKind<'a> {
        self.cursor.take();
        // Nearly always a name with the sign behind it, and too short for a search.
        self.cursor.skip(|b| NAME_LETTERS.has(b));
        let mut key = start..self.cursor.at();
        if self.cursor.peek() != Some(b'=') {
            self.cursor.to3(b'=', b'\n', b'\r');
            let written = slice(self.cursor.bytes, start..self.cursor.at());
            key.end = start + written.trim_ascii_end_blanks();
        }
        if self.cursor.peek() != Some(b'=') {
            return NodeKind::NoEquals;
        }
        self.cursor.take();
        let from = self.cursor.at();
        let cooked = cook(&mut self.cursor, |_| ());
        NodeKind::Assignment(Raw { key, value: from..self.cursor.at(), cooked })
    }
}

/// Reads a value; the cursor ends at the terminator or at the end of the file.
fn cook<'a>(cursor: &mut Cursor<'a>, mut piece: impl FnMut(Piece)) -> Cow<'a, [u8]> {
    let mut out = Cow::Borrowed(&[][..]);
    loop {
        cursor.skip(is_blank);
        let start = cursor.at();
        let form = match cursor.peek() {
            None | Some(b'\n' | b'\r') => return out,
            Some(b'\'') => single(cursor, &mut out),
            Some(b'"') => double(cursor, &mut out),
            Some(_) => bare(cursor, &mut out),
        };
        piece(Piece { span: start..cursor.at(), form });
        if form == Form::Bare {
            return out;
        }
    }
}

fn single<'a>(cursor: &mut Cursor<'a>, out: &mut Cow<'a, [u8]>) -> Form {
    cursor.take();
    add(out, cursor.to1(b'\''));
    Form::Single { closed: cursor.take().is_some() }
}

fn double<'a>(cursor: &mut Cursor<'a>, out: &mut Cow<'a, [u8]>) -> Form {
    cursor.take();
    loop {
        add(out, cursor.to2(b'"', b'\\'));
        match cursor.take() {
            Some(b'\\') => {}
            end => return Form::Double { closed: end.is_some() },
        }
        match cursor.take() {
            None => return Form::Double { closed: false },
            Some(b'\n') => (),
            Some(c @ (b'"' | b'\\' | b'$' | b'`')) => out.to_mut().push(c),
            Some(c) => out.to_mut().extend_from_slice(&[b'\\', c]),
        }
    }
}

/// Copies only when there is something in front already.
#[inline(always)]
fn add<'a>(out: &mut Cow<'a, [u8]>, text: &'a [u8]) {
    if out.is_empty() {
        *out = Cow::Borrowed(text);
    } else if !text.is_empty() {
        out.to_mut().extend_from_slice(text);
    }
}

/// Blanks at the end are cut, but none in front of or protected by a backslash.
fn bare<'a>(cursor: &mut Cursor<'a>, out: &mut Cow<'a, [u8]>) -> Form {
    let mut keep = out.len();
    loop {
        add(out, cursor.to3(b'\n', b'\r', b'\\'));
        if cursor.peek() != Some(b'\\') {
            break;
        }
        cursor.take();
        out.to_mut().extend(cursor.take().filter(|b| !is_newline(*b)));
        keep = out.len();
    }
    let end = keep + slice(out, keep..out.len()).trim_ascii_end_blanks();
    match out {
        Cow::Borrowed(text) => *text = slice(text, 0..end),
        Cow::Owned(text) => text.truncate(end),
    }
    Form::Bare
}

/// A place in the file: all of it, and what is still to come.
#[derive(Debug)]
struct Cursor<'a> {
    bytes: &'a [u8],
    rest: &'a [u8],
}

impl<'a> Cursor<'a> {
    fn new(bytes: &'a [u8], at: usize) -> Self {
        Self { bytes, rest: bytes.get(at..).unwrap_or_default() }
    }

    #[inline(always)]
    fn at(&self) -> usize {
        self.bytes.len() - self.rest.len()
    }

    #[inline(always)]
    fn peek(&self) -> Option<u8> {
        self.rest.first().copied()
    }

    #[inline(always)]
    fn take(&mut self) -> Option<u8> {
        let (byte, rest) = self.rest.split_first()?;
        self.rest = rest;
        Some(*byte)
    }

    /// Moves to the first of these bytes, or to the end; gives what was passed.
    #[inline(always)]
    fn to1(&mut self, a: u8) -> &'a [u8] {
        self.pass(memchr::memchr(a, self.rest))
    }

    #[inline(always)]
    fn to2(&mut self, a: u8, b: u8) -> &'a [u8] {
        self.pass(memchr::memchr2(a, b, self.rest))
    }

    #[inline(always)]
    fn to3(&mut self, a: u8, b: u8, c: u8) -> &'a [u8] {
        self.pass(memchr::memchr3(a, b, c, self.rest))
    }

    /// Moves behind all bytes of a kind.
    #[inline(always)]
    fn skip(&mut self, kind: impl Fn(u8) -> bool) {
        let mut rest = self.rest;
        while let Some((_, tail)) = rest.split_first().filter(|(byte, _)| kind(**byte)) {
            rest = tail;
        }
        self.rest = rest;
    }

    #[inline(always)]
    fn pass(&mut self, found: Option<usize>) -> &'a [u8] {
        let length = found.unwrap_or(self.rest.len());
        let (passed, rest) = self.rest.split_at_checked(length).unwrap_or((self.rest, &[]));
        self.rest = rest;
        passed
    }
}

/// systemd's WHITESPACE.
#[inline(always)]
pub fn is_white(byte: u8) -> bool {
    is_blank(byte) || is_newline(byte)
}

/// Space or tab.
#[inline(always)]
pub fn is_blank(byte: u8) -> bool {
    byte == b' ' || byte == b'\t'
}

/// Both end an assignment.
#[inline(always)]
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
