//! A value with its surroundings.

use std::ops::Range;

use super::sheet::Sheet;
use crate::env::double_equals::{SECRET_KEY, is_generated_key, is_generated_key_with_surplus};
use crate::env::scan::{Form, Piece, Raw, is_blank, pieces};
use crate::env::systemd::{is_valid_name, looks_like_assignment};
use crate::env::{Defect, Edit, encode_bytes, slice};
use crate::model::{Kind, Repair, finding};

/// One value with its surroundings.
pub(super) struct Value<'a> {
    pub sheet: &'a Sheet<'a>,
    pub key: &'a str,
    pub raw: &'a Raw<'a>,
    pub pieces: Vec<Piece>,
    /// The value as systemd reads it.
    pub cooked: &'a str,
    /// From the first written byte to the last, blanks outside cut.
    pub written: Range<usize>,
}

impl<'a> Value<'a> {
    pub fn new(sheet: &'a Sheet<'a>, raw: &'a Raw<'a>, key: &'a str) -> Self {
        let pieces = pieces(sheet.bytes, raw.value.start);
        let start = pieces.first().map_or(raw.value.end, |p| p.span.start);
        let end = pieces.last().map_or(raw.value.end, |p| match p.form {
            Form::Bare => p.span.start + trimmed(sheet.text(&p.span)),
            Form::Single { .. } | Form::Double { .. } => p.span.end,
        });
        let cooked = std::str::from_utf8(&raw.cooked).unwrap_or_default();
        Self { sheet, key, raw, pieces, cooked, written: start..end }
    }

    pub fn text(&self) -> &'a [u8] {
        self.sheet.text(&self.written)
    }

    /// The written text up to its first line end.
    pub fn first_line(&self) -> Range<usize> {
        let text = self.text();
        let length = text.iter().position(|b| *b == b'\n').unwrap_or(text.len());
        let length = slice(text, 0..length).trim_ascii_end().len();
        self.written.start..self.written.start + length
    }

    pub fn defect(&self, kind: &'static Kind, span: Range<usize>, detail: &str) -> Defect {
        Defect::new(kind, span, format!("{}: {detail}", self.key)).key(self.key)
    }

    /// The automatic repair of a value: the portable form of what systemd reads.
    pub fn requote(&self, kind: &'static Kind, span: Range<usize>, detail: &str) -> Defect {
        let text = encode_bytes(&self.raw.cooked);
        let all = self.written.start..self.raw.value.end;
        self.defect(kind, span, detail).edit(Edit::replace(all, text))
    }

    /// A proposal: the portable form of what was meant.
    pub fn meant(&self, defect: Defect, value: Option<Vec<u8>>) -> Defect {
        let defect = defect.class(Repair::Asks);
        match value {
            None => defect,
            Some(value) => {
                let all = self.written.start..self.raw.value.end;
                defect.propose(Edit::replace(all, encode_bytes(&value)))
            }
        }
    }

    pub fn has_swallowed(&self) -> bool {
        self.text().split(|b| *b == b'\n').skip(1).any(looks_like_assignment)
    }

    /// A key of Django's own making: a dollar in it refers to nothing.
    pub fn is_random_key(&self) -> bool {
        let value = &self.raw.cooked;
        self.key.ends_with(SECRET_KEY)
            && (is_generated_key(value) || is_generated_key_with_surplus(value))
    }
}

/// Length without blanks at the end, but with one that a backslash protects.
fn trimmed(text: &[u8]) -> usize {
    let length = text.iter().rposition(|b| !is_blank(*b)).map_or(0, |i| i + 1);
    let slashes = slice(text, 0..length).iter().rev().take_while(|b| **b == b'\\').count();
    if slashes % 2 == 1 && length < text.len() { length + 1 } else { length }
}

/// A dollar or backtick that shells and some libraries expand, in text that is not single-quoted.
pub(super) fn reference(value: &Value<'_>, span: &Range<usize>) -> Option<Defect> {
    let text = value.sheet.text(span);
    let mut at = 0;
    while let Some(byte) = text.get(at) {
        let rest = slice(text, at + 1..text.len());
        let kind = match byte {
            b'\\' => {
                at += 2;
                continue;
            }
            b'$' => dollar(value, rest),
            b'`' if has_unescaped(rest, b'`') => Some(&finding::COMMAND_SUBSTITUTION),
            _ => None,
        };
        if let Some(kind) = kind.filter(|_| !value.is_random_key()) {
            let detail = if kind == &finding::COMMAND_SUBSTITUTION {
                "systemd takes the command for the value"
            } else {
                "systemd does not expand the reference"
            };
            return Some(value.defect(kind, span.start + at..span.start + at + 1, detail));
        }
        at += 1;
    }
    None
}

fn dollar(value: &Value<'_>, rest: &[u8]) -> Option<&'static Kind> {
    let name = rest.iter().take_while(|b| b.is_ascii_alphanumeric() || **b == b'_').count();
    let name = slice(rest, 0..name);
    match rest.first() {
        Some(b'{') => Some(&finding::VARIABLE_REFERENCE),
        Some(b'(') if has_unescaped(rest, b')') => Some(&finding::COMMAND_SUBSTITUTION),
        _ if is_valid_name(name) && value.sheet.places(name).is_some() => {
            Some(&finding::VARIABLE_REFERENCE)
        }
        _ => None,
    }
}

pub(super) fn has_unescaped(text: &[u8], wanted: u8) -> bool {
    let mut at = 0;
    while let Some(byte) = text.get(at) {
        if *byte == wanted {
            return true;
        }
        at += if *byte == b'\\' { 2 } else { 1 };
    }
    false
}
