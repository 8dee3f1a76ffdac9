//! Line ends, and the file as a whole.

use std::path::Path;

use super::name::BOM;
use super::sheet::Sheet;
use crate::env::scan::{Node, NodeKind};
use crate::env::systemd::{Survey, is_valid_name};
use crate::env::{Defect, EDIT_LIMIT, Edit, slice};
use crate::model::finding;

/// A NUL anywhere: systemd refuses the file, and there is nothing else to say about it.
pub(super) fn not_text(bytes: &[u8]) -> Option<Defect> {
    let at = memchr::memchr(0, bytes)?;
    let wide = |text: &[u8]| {
        let nul = |i| text.get(i) == Some(&0);
        text.len() >= 4 && (nul(1) && nul(3) && !nul(0) || nul(0) && nul(2) && !nul(1))
    };
    if bytes.starts_with(b"\xff\xfe") || bytes.starts_with(b"\xfe\xff") || wide(bytes) {
        return Some(Defect::new(&finding::UTF16, 0..1, "the file is UTF-16"));
    }
    let start = slice(bytes, 0..at).iter().rposition(|b| *b == b'\n').map_or(0, |i| i + 1);
    let line = slice(bytes, start..at);
    let tail = bytes.len() - bytes.iter().rev().take_while(|b| **b == 0).count();
    let mut defect = Defect::new(&finding::NUL_BYTE, at..at + 1, "a NUL byte");
    if at == tail {
        defect = defect.propose(Edit::delete(tail..bytes.len()));
        let count = bytes.len() - tail;
        defect.finding.detail = format!("the file ends in {count} NUL bytes");
    }
    if let Some(name) = line.split(|b| *b == b'=').next().filter(|_| line.contains(&b'=')) {
        if is_valid_name(name) {
            defect = defect.key(&String::from_utf8_lossy(name));
        }
    }
    Some(defect)
}

/// A file that is too large for edits: that, and whether systemd refuses it.
pub(super) fn oversized(bytes: &[u8], now: &Survey<'_>, path: &Path) -> Vec<Defect> {
    let detail = format!("{} bytes, the limit for edits is {EDIT_LIMIT}", bytes.len());
    let mut large = Defect::new(&finding::ENV_OVERSIZED, 0..0, detail);
    large.finding.subject.path = Some(path.to_owned());
    let Err(error) = &now.loads else { return vec![large] };
    let mut refused = Defect::new(&finding::INVALID_UTF8, 0..0, "a key or value is not UTF-8");
    refused.finding.subject.path = Some(path.to_owned());
    refused.finding.subject.line = Some(error.line);
    refused.finding.subject.key.clone_from(&error.key);
    vec![large, refused]
}

pub(super) fn check(sheet: &Sheet<'_>) -> Vec<Defect> {
    let mut found = carriage_returns(sheet);
    found.extend(whole(sheet));
    found
}

fn whole(sheet: &Sheet<'_>) -> Vec<Defect> {
    let bytes = sheet.bytes;
    let mut found = Vec::new();
    if sheet.nodes.iter().all(|node| says_nothing(sheet, node)) {
        found.push(Defect::new(&finding::EMPTY_FILE, 0..0, "the file sets nothing"));
    }
    if !bytes.is_empty() && !bytes.ends_with(b"\n") && bytes != BOM {
        let end = bytes.len();
        found.push(
            Defect::new(&finding::NO_FINAL_NEWLINE, end..end, "the last line has no line end")
                .edit(Edit::replace(end..end, *b"\n")),
        );
    }
    found
}

fn says_nothing(sheet: &Sheet<'_>, node: &Node<'_>) -> bool {
    let text = sheet.text(&node.text);
    match node.kind {
        NodeKind::Blank | NodeKind::Comment { .. } => true,
        NodeKind::NoEquals | NodeKind::Assignment(_) => {
            text.strip_prefix(BOM).is_some_and(|rest| {
                rest.is_empty() || rest.starts_with(b"#") || rest.starts_with(b";")
            })
        }
    }
}

/// CR LF is one defect of the file; a CR alone is one of its line.
fn carriage_returns(sheet: &Sheet<'_>) -> Vec<Defect> {
    let mut found = Vec::new();
    let mut pairs: Option<Defect> = None;
    let mut lone: Vec<(usize, Defect)> = Vec::new();
    if memchr::memchr(b'\r', sheet.bytes).is_none() {
        return found;
    }
    for at in sheet.nodes.iter().flat_map(|node| returns(sheet, node)) {
        match sheet.bytes.get(at + 1) {
            Some(b'\n') => {
                let defect = pairs.take().unwrap_or_else(|| {
                    Defect::new(&finding::CRLF, at..at + 1, "lines end in CR LF")
                });
                pairs = Some(defect.edit(Edit::delete(at..at + 1)));
            }
            None => found.push(
                Defect::new(&finding::CRLF, at..at + 1, "the last line ends in CR")
                    .edit(Edit::delete(at..at + 1)),
            ),
            Some(_) => {
                let line = sheet.line(at).0;
                let edit = Edit::replace(at..at + 1, *b"\n");
                match lone.last_mut() {
                    Some((last, defect)) if *last == line => defect.edits.push(edit),
                    _ => lone.push((
                        line,
                        Defect::new(&finding::LONE_CR, at..at + 1, "a CR without LF ends a line")
                            .edit(edit),
                    )),
                }
            }
        }
    }
    found.extend(pairs);
    found.extend(lone.into_iter().map(|(_, defect)| defect));
    found
}

/// Offsets of the CRs of a node that end something; those inside values are another matter.
fn returns(sheet: &Sheet<'_>, node: &Node<'_>) -> Vec<usize> {
    let range = match node.kind {
        NodeKind::Blank => node.span.clone(),
        _ => node.text.end..node.span.end,
    };
    range.filter(|at| sheet.bytes.get(*at) == Some(&b'\r')).collect()
}
