//! What the writing of a value means to others, and what the value says.

use super::quotes;
use super::sheet::Sheet;
use super::value::Value;
use super::words::{
    decoded_html, has_control, may_be_word, placeholder, plain_form, second_line, smart_quoted,
};
use crate::env::byte_set::ByteSet;
use crate::env::double_equals::{
    SECRET_KEY, is_generated_key, is_generated_key_with_surplus, strip,
};
use crate::env::encode::PORTABLE;
use crate::env::scan::{Form, Node, Piece, Raw, is_blank};
use crate::env::{Defect, Edit};
use crate::model::{Kind, Repair, finding};

const PORTABLE_OR_BLANK: ByteSet = PORTABLE.with(b' ');

/// True for a value without any byte that a look at the writing could be about: letters directly
/// behind the equals sign, in single quotes or in none, that say nothing.
pub(super) fn is_plain(sheet: &Sheet<'_>, node: &Node<'_>, raw: &Raw<'_>) -> bool {
    let written = sheet.text(&raw.value);
    let inner = match written {
        [b'\'', inner @ .., b'\''] => inner,
        _ => written,
    };
    let letters = if inner.len() < written.len() { &PORTABLE_OR_BLANK } else { &PORTABLE };
    raw.key.end + 1 == raw.value.start
        && raw.value.end == node.text.end
        && inner.first().is_some_and(|first| *first != b'=')
        && inner.iter().all(|b| letters.has(*b))
        && !may_be_word(sheet.text(&raw.key), &raw.cooked)
        && second_line(sheet.text(&raw.key), &raw.cooked).is_none()
}

pub(super) fn check(sheet: &Sheet<'_>, node: &Node<'_>, raw: &Raw<'_>, key: &str) -> Vec<Defect> {
    let value = Value::new(sheet, raw, key);
    let mut found = double_equals(&value);
    let open_question = found.iter().any(|d| blocks_requoting(&value, d));
    if !open_question {
        found.extend(merged(&value));
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
        &finding::MERGED_LINES,
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
    if secret && value.sheet.keeps_equals {
        return Vec::new();
    }
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
    let defect = value.defect(&finding::DOUBLE_EQUALS, span, detail);
    vec![value.meant(defect, Some(stripped))]
}

/// Another assignment at the end of the value; a line end before it is proposed.
fn merged(value: &Value<'_>) -> Option<Defect> {
    // A backslash at the end of a line joins it to the next, and is a finding of its own.
    if value.text().contains(&b'\n') {
        return None;
    }
    let second = second_line(value.key.as_bytes(), &value.raw.cooked)?;
    let beside = value.raw.cooked.get(..second.name.start).is_some_and(|text| text.ends_with(b" "));
    // What stands in quotes with a blank before it is text.
    if beside && value.text().starts_with(b"'") | value.text().starts_with(b"\"") {
        return None;
    }
    let name = value.cooked.get(second.name.clone()).filter(|_| second.told);
    // What may be the end of a secret is not named.
    let name = name.unwrap_or("another assignment");
    let detail = format!("{name} is part of the value; the line had no end when it was appended");
    let defect = value.defect(&finding::MERGED_LINES, value.written.clone(), &detail);
    let literal = value.pieces.len() == 1 && value.text() == value.cooked.as_bytes();
    let at = value.written.start + second.name.start;
    Some(match literal && second.told {
        true => defect.gain(name).propose(Edit::replace(at - usize::from(beside)..at, *b"\n")),
        false => defect,
    })
}

/// Characters that are not what they look like.
fn deceiving(value: &Value<'_>) -> Option<Defect> {
    let cooked = value.cooked;
    if let Some(inner) = smart_quoted(cooked) {
        let detail = "typographic quotes are part of the value";
        let defect = value.defect(&finding::SMART_QUOTES, value.written.clone(), detail);
        return Some(value.meant(defect, inner));
    }
    let plain = plain_form(cooked)?;
    let known = !cooked.contains('\u{FFFD}');
    let detail = "a character that cannot be seen is part of the value";
    let defect = value.defect(&finding::INVISIBLE_CHAR, value.written.clone(), detail);
    Some(value.meant(defect, Some(plain).filter(|_| known)))
}

/// What the value says, however it is written.
fn said(value: &Value<'_>) -> Vec<Defect> {
    let cooked = value.cooked;
    let span = value.written.clone();
    let mut found = Vec::new();
    if has_control(cooked) {
        let detail = "a control character is part of the value";
        found.push(value.defect(&finding::CONTROL_CHAR, span.clone(), detail));
    }
    if let Some(word) = placeholder(value.key, cooked) {
        let defect = value.defect(word.kind, span.clone(), word.detail);
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
fn blanks(value: &Value<'_>, node: &Node<'_>) -> Vec<Defect> {
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
