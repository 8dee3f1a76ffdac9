//! Comments, and lines that are no assignments.

use std::ops::Range;

use super::name::BOM;
use super::sheet::Sheet;
use crate::env::mask::is_harmless;
use crate::env::scan::{Node, NodeKind, is_blank};
use crate::env::systemd::is_valid_name;
use crate::env::{Defect, Edit};
use crate::model::{Repair, finding};

pub(super) fn comment(sheet: &Sheet<'_>, index: usize, node: &Node<'_>) -> Vec<Defect> {
    let text = sheet.text(&node.text);
    let start = node.text.start;
    let mut found = Vec::new();
    if text.starts_with(b";") {
        found.push(
            Defect::new(&finding::SEMICOLON_COMMENT, start..start + 1, "a comment begins with ;")
                .edit(Edit::replace(start..start + 1, *b"#")),
        );
    }
    if ends_in_backslash(text) {
        found.push(backslash(sheet, index, node));
    }
    if std::str::from_utf8(text).is_err() {
        found.push(Defect::new(
            &finding::INVALID_UTF8_COMMENT,
            start..start + 1,
            "a comment is not UTF-8",
        ));
    }
    found
}

/// One that shields what follows: the last of an odd number.
fn ends_in_backslash(text: &[u8]) -> bool {
    text.iter().rev().take_while(|b| **b == b'\\').count() % 2 == 1
}

/// systemd before 254 loses what follows, so the next key may appear by the repair.
fn backslash(sheet: &Sheet<'_>, index: usize, node: &Node<'_>) -> Defect {
    let end = node.text.end;
    let mut defect =
        Defect::new(&finding::COMMENT_BACKSLASH, end - 1..end, "a comment ends in a backslash")
            .edit(Edit::delete(end - 1..end));
    let next = sheet.nodes.iter().skip(index + 1).find(|n| n.kind != NodeKind::Blank);
    if let Some(Node { kind: NodeKind::Assignment(raw), .. }) = next {
        let name = sheet.text(&raw.key);
        let key = String::from_utf8_lossy(name);
        if is_valid_name(name) && !sheet.is_set_before254(&key) {
            defect = defect.key(&key).gain(&key);
            defect.finding.detail =
                format!("a comment ends in a backslash; systemd before 254 does not set {key}");
        }
    }
    defect
}

/// How deep in shell code the next line is.
pub(super) fn shell_depth(text: &[u8], depth: usize) -> usize {
    match first_word(text) {
        b"if" | b"case" | b"for" | b"while" | b"until" | b"{" => depth + 1,
        b"fi" | b"esac" | b"done" | b"}" => depth.saturating_sub(1),
        _ => depth,
    }
}

/// Words that begin code.
pub(super) fn is_shell_word(word: &[u8]) -> bool {
    matches!(
        word,
        b"if"
            | b"then"
            | b"else"
            | b"elif"
            | b"fi"
            | b"for"
            | b"while"
            | b"until"
            | b"do"
            | b"done"
            | b"case"
            | b"esac"
            | b"{"
            | b"}"
            | b"["
            | b"[["
            | b"test"
            | b"."
            | b"source"
            | b"set"
            | b"unset"
            | b"export"
            | b"declare"
            | b"typeset"
            | b"readonly"
            | b"local"
            | b"alias"
            | b"echo"
            | b"exit"
            | b"return"
            | b"function"
            | b"eval"
            | b"exec"
            | b"shopt"
            | b"umask"
            | b"ulimit"
            | b"cd"
    )
}

pub(super) fn first_word(text: &[u8]) -> &[u8] {
    text.trim_ascii_start().split(|b| is_blank(*b) || *b == b';').next().unwrap_or_default()
}

pub(super) fn no_equals(sheet: &Sheet<'_>, node: &Node<'_>, conflict: &mut bool) -> Option<Defect> {
    let text = sheet.text(&node.text);
    let span = node.text.clone();
    if text.starts_with(BOM) {
        let at = span.start;
        let mut defect = Defect::new(&finding::BOM, at..at + 3, "a byte order mark")
            .edit(Edit::delete(at..at + 3));
        let comment =
            text.get(BOM.len()..).is_some_and(|t| t.starts_with(b"#") || t.starts_with(b";"));
        if comment && ends_in_backslash(text) {
            // Without the mark it is a comment, which would swallow the next line before 254.
            defect = defect.edit(Edit::delete(span.end - 1..span.end));
        }
        return Some(defect);
    }
    if let Some(defect) = conflict_mark(sheet, node, conflict) {
        return defect;
    }
    if is_shell_word(first_word(text)) {
        return Some(Defect::new(&finding::SHELL_CODE, span, "a line of shell code"));
    }
    if let Some(defect) = colon(node, text) {
        return Some(defect);
    }
    if text.starts_with(b"- ") {
        return Some(Defect::new(&finding::YAML_LIST_ITEM, span, "an item of a YAML list"));
    }
    let defect = Defect::new(&finding::NO_EQUALS, span.clone(), "a line without =");
    if !looks_cut(sheet, node) {
        return Some(defect);
    }
    let above = sheet.text(&(0..span.start)).trim_ascii_end().len();
    let mut defect = defect.propose(Edit::delete(above..span.start));
    defect.finding.detail = "a line without =; it may be the rest of the line above".to_owned();
    Some(defect)
}

/// The first mark is reported, the others belong to it.
fn conflict_mark(
    sheet: &Sheet<'_>,
    node: &Node<'_>,
    conflict: &mut bool,
) -> Option<Option<Defect>> {
    let text = sheet.text(&node.text);
    let mark = [b"<<<<<<<", b">>>>>>>", b"|||||||"].iter().any(|mark| text.starts_with(*mark));
    if !mark {
        return None;
    }
    let first = !*conflict;
    *conflict = true;
    Some(first.then(|| {
        let mut defect =
            Defect::new(&finding::MERGE_CONFLICT, node.text.clone(), "marks of a merge conflict");
        for side in lost_side(sheet.bytes, node.text.start).into_iter().flatten() {
            defect = defect.propose(Edit::delete(side));
        }
        defect
    }))
}

/// From the opening mark to the divider, and the closing mark: what is left is the side of which
/// systemd takes the values.
fn lost_side(bytes: &[u8], start: usize) -> Option<[Range<usize>; 2]> {
    let mut at = start;
    let mut divider = None;
    for line in bytes.get(start..)?.split_inclusive(|b| *b == b'\n') {
        let end = at + line.len();
        match divider {
            None if at == start && !line.starts_with(b"<<<<<<<") => return None,
            None if line.starts_with(b"=======") => divider = Some(end),
            Some(kept) if line.starts_with(b">>>>>>>") => return Some([start..kept, at..end]),
            _ => (),
        }
        at = end;
    }
    None
}

/// `KEY: value`.
pub(super) fn colon(node: &Node<'_>, text: &[u8]) -> Option<Defect> {
    let at = text.iter().position(|b| *b == b':')?;
    let name = text.get(..at)?.trim_ascii_end();
    let rest = text.get(at + 1..)?;
    if !is_valid_name(name) || !rest.first().copied().is_none_or(is_blank) {
        return None;
    }
    let blanks = rest.len() - rest.trim_ascii_start().len();
    let start = node.text.start;
    let key = String::from_utf8_lossy(name);
    Some(
        Defect::new(
            &finding::COLON_SEPARATOR,
            start + at..start + at + 1,
            format!("a colon instead of = behind {key}; systemd does not set it"),
        )
        .key(&key)
        .gain(&key)
        .propose(Edit::replace(start + name.len()..start + at + 1 + blanks, *b"=")),
    )
}

/// The line above ends in a long value of the letters of encoded secrets.
fn looks_cut(sheet: &Sheet<'_>, node: &Node<'_>) -> bool {
    let above = sheet.text(&(0..node.text.start)).trim_ascii_end();
    let line = above.rsplit(|b| *b == b'\n').next().unwrap_or_default();
    let value = line.splitn(2, |b| *b == b'=').nth(1).unwrap_or_default();
    let code = |b: &u8| b.is_ascii_alphanumeric() || b"+/=_-".contains(b);
    value.len() >= 8 && value.iter().all(code) && sheet.text(&node.text).iter().all(code)
}

/// Names of broken lines are shown only when they cannot be a piece of a secret.
pub(super) fn shown_name(name: &[u8]) -> Option<String> {
    let text = std::str::from_utf8(name).ok()?;
    let core = text.trim_start_matches("//").trim_start();
    let core = core.strip_suffix('+').unwrap_or(core);
    let quoted = ['"', '\''].iter().find_map(|q| core.strip_prefix(*q)?.strip_suffix(*q));
    let core = quoted.unwrap_or(core);
    // A letter of another alphabet stands for one of its kind.
    let letter = |c: char| match c {
        c if c.is_ascii() || !c.is_alphabetic() => c,
        c if c.is_uppercase() => 'X',
        _ => 'x',
    };
    let plain: String = core.chars().map(letter).collect();
    let harmless = is_harmless(plain.as_bytes())
        || core.contains(' ') && core.split(' ').all(|word| NAME_WORDS.contains(&word));
    harmless.then(|| text.to_owned())
}

/// Words of names that have a blank where an underscore belongs.
const NAME_WORDS: &[&str] = &[
    "ALLOWED", "API", "APP", "DATABASE", "DB", "DEBUG", "DJANGO", "EMAIL", "HOST", "HOSTS", "ID",
    "KEY", "MY", "NAME", "PASSWORD", "PORT", "SECRET", "SERVER", "TOKEN", "URL", "USER",
];

/// The class of a line that a shell would take for a command.
pub(super) fn shell_assignment(sheet: &Sheet<'_>, node: &Node<'_>, name: &[u8]) -> Option<Defect> {
    let code = Defect::new(&finding::SHELL_CODE, node.text.clone(), "a line of shell code");
    if !is_shell_word(first_word(name)) {
        return None;
    }
    let last = name.rsplit(|b| is_blank(*b)).next().unwrap_or_default();
    let setter = [&b"declare"[..], b"typeset", b"set", b"readonly", b"local", b"export"]
        .contains(&first_word(name));
    let options = name
        .split(|b| is_blank(*b))
        .filter(|word| !word.is_empty())
        .skip(1)
        .all(|word| word.starts_with(b"-") || word == last);
    if !setter || !options || !is_valid_name(last) {
        return Some(code);
    }
    let key = String::from_utf8_lossy(last);
    let start = node.text.start;
    let prefix = sheet.text(&(start..start + name.len())).len() - last.len();
    Some(code.class(Repair::Asks).key(&key).gain(&key).propose(Edit::delete(start..start + prefix)))
}
