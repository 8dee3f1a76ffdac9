//! How a value is written, and what the writing means to others.

use std::ops::Range;

use super::quotes;
use super::sheet::Sheet;
use super::words::{decoded_html, has_control, placeholder, plain_form, smart_quoted};
use crate::env::double_equals::{
    SECRET_KEY, is_generated_key, is_generated_key_with_surplus, strip,
};
use crate::env::scan::{Form, Node, Piece, Raw, is_blank, pieces};
use crate::env::systemd::{is_valid_name, looks_like_assignment};
use crate::env::{Defect, Edit, encode_bytes, slice};
use crate::model::{Kind, Repair, finding};

/// One value with its surroundings.
pub(super) struct Value<'a> {
    pub sheet: &'a Sheet<'a>,
    pub key: &'a str,
    pub raw: &'a Raw,
    pub pieces: Vec<Piece>,
    /// From the first written byte to the last, blanks outside cut.
    pub written: Range<usize>,
}

impl<'a> Value<'a> {
    fn new(sheet: &'a Sheet<'a>, raw: &'a Raw, key: &'a str) -> Self {
        let pieces = pieces(sheet.bytes, raw.value.start);
        let start = pieces.first().map_or(raw.value.end, |p| p.span.start);
        let end = pieces.last().map_or(raw.value.end, |p| match p.form {
            Form::Bare => p.span.start + trimmed(sheet.text(&p.span)),
            Form::Single { .. } | Form::Double { .. } => p.span.end,
        });
        Self { sheet, key, raw, pieces, written: start..end }
    }

    pub fn text(&self) -> &'a [u8] {
        self.sheet.text(&self.written)
    }

    pub fn cooked(&self) -> &str {
        std::str::from_utf8(&self.raw.cooked).unwrap_or_default()
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

pub(super) fn check(sheet: &Sheet<'_>, node: &Node, raw: &Raw, key: &str) -> Vec<Defect> {
    let value = Value::new(sheet, raw, key);
    let mut found = double_equals(&value);
    let open_question = found.iter().any(|d| blocks_requoting(&value, d));
    if !open_question {
        found.extend(deceiving(&value));
    }
    if !found.iter().any(|d| blocks_requoting(&value, d)) {
        found.extend(quotes::check(&value));
    }
    if !open_question {
        found.extend(said(&value));
    }
    let blocked = found.iter().any(|d| blocks_requoting(&value, d));
    if blocked {
        found.retain(|d| !d.is_automatic() || keeps_value(d));
    }
    let asks =
        found.iter().any(|d| d.finding.repair == Repair::Asks && blocks_requoting(&value, d));
    if !asks {
        found.extend(blanks(&value, node));
    }
    found
}

/// Kinds that leave open what the value is meant to be, so that it is not written anew.
fn blocks_requoting(value: &Value<'_>, defect: &Defect) -> bool {
    let open: &[&Kind] = &[
        &finding::INLINE_COMMENT,
        &finding::TEXT_AFTER_QUOTE,
        &finding::SHELL_QUOTE_SPLICE,
        &finding::ANSI_C_QUOTE,
        &finding::UNQUOTED_BACKSLASH,
        &finding::SMART_QUOTES,
        &finding::INVISIBLE_CHAR,
        &finding::VARIABLE_REFERENCE,
        &finding::COMMAND_SUBSTITUTION,
        &finding::MULTILINE_VALUE,
        &finding::CRLF_IN_VALUE,
    ];
    open.iter().any(|kind| defect.is(kind))
        || defect.is(&finding::DOUBLE_EQUALS) && !value.is_random_key()
        || defect.finding.repair == Repair::Asks
            && (defect.is(&finding::UNBALANCED_QUOTE) || defect.is(&finding::TRAILING_BACKSLASH))
}

fn keeps_value(defect: &Defect) -> bool {
    defect.is(&finding::TRAILING_BACKSLASH)
}

/// A value that begins with `=`. Typed deliberately in quotes it is one, except for a Django key.
fn double_equals(value: &Value<'_>) -> Vec<Defect> {
    let cooked = &value.raw.cooked;
    let Some(stripped) = strip(cooked) else { return Vec::new() };
    let quoted = !matches!(value.pieces.first(), Some(Piece { form: Form::Bare, .. }));
    let surplus = is_generated_key_with_surplus(cooked);
    let secret = value.key == SECRET_KEY;
    if quoted && !(secret && surplus) {
        return Vec::new();
    }
    let span = value.raw.key.end..value.written.start + 1;
    if secret && is_generated_key(cooked) {
        let detail = "the value begins with =; with it, it has the form of a Django key";
        let defect = value.defect(&finding::DOUBLE_EQUALS, span, detail);
        return vec![defect.class(Repair::ByHand)];
    }
    let detail = if secret && surplus {
        "the value begins with =; without it, it has the form of a Django key"
    } else {
        "the value begins with ="
    };
    let quotes_kept = stripped.len() + 1 < cooked.len();
    let told = !secret || surplus || quotes_kept;
    let defect = value.defect(&finding::DOUBLE_EQUALS, span, detail);
    vec![value.meant(defect, Some(stripped).filter(|_| told))]
}

/// Characters that are not what they look like.
fn deceiving(value: &Value<'_>) -> Option<Defect> {
    let cooked = value.cooked();
    if let Some(inner) = smart_quoted(cooked) {
        let detail = "typographic quotes are part of the value";
        let defect = value.defect(&finding::SMART_QUOTES, value.written.clone(), detail);
        return Some(value.meant(defect, Some(inner)));
    }
    let plain = plain_form(cooked.as_bytes())?;
    let known = !cooked.contains('\u{FFFD}');
    let detail = "a character that cannot be seen is part of the value";
    let defect = value.defect(&finding::INVISIBLE_CHAR, value.written.clone(), detail);
    Some(value.meant(defect, Some(plain).filter(|_| known)))
}

/// What the value says, however it is written.
fn said(value: &Value<'_>) -> Vec<Defect> {
    let cooked = value.cooked();
    let span = value.written.clone();
    let mut found = Vec::new();
    if has_control(cooked) {
        let detail = "a control character is part of the value";
        found.push(value.defect(&finding::CONTROL_CHAR, span.clone(), detail));
    }
    if let Some(word) = placeholder(value.key, cooked) {
        let detail = match (word.warn_only, &word.meant) {
            (true, _) => "made by startproject and marked insecure",
            (false, Some(_)) => "the text of a placeholder is part of the value",
            (false, None) => "still the placeholder of a template",
        };
        let defect = value.defect(word.kind, span.clone(), detail);
        found.push(if word.warn_only {
            defect.class(Repair::ByHand)
        } else {
            value.meant(defect, word.meant)
        });
    }
    if let Some(meant) = decoded_html(cooked) {
        let detail = "an HTML entity is part of the value";
        let defect = value.defect(&finding::HTML_ENTITY, span, detail);
        found.push(value.meant(defect, Some(meant)));
    }
    found
}

/// Blanks around the equals sign and behind the value.
fn blanks(value: &Value<'_>, node: &Node) -> Vec<Defect> {
    let raw = value.raw;
    let mut found = Vec::new();
    let equals = raw.value.start - 1;
    let empty = value.pieces.is_empty();
    let gap = if empty { raw.key.end..equals } else { raw.key.end..value.written.start };
    if gap.len() > usize::from(!empty) {
        let close = if empty { raw.key.end..equals + 1 } else { gap.clone() };
        found.push(
            value
                .defect(&finding::SPACE_AROUND_EQUALS, gap, "blanks beside the equals sign")
                .edit(Edit::replace(close, *b"=")),
        );
    }
    let from = if empty { raw.value.start } else { value.written.end };
    let tail = from..node.text.end;
    if !tail.is_empty() && value.sheet.text(&tail).iter().all(|b| is_blank(*b)) {
        found.push(value.defect(&finding::TRAILING_WHITESPACE, tail, "blanks behind the value"));
    }
    found
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
        _ if is_valid_name(name) && value.sheet.keys.contains(name) => {
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
