//! Quotes, backslashes and special characters of a value.

use std::ops::Range;

use super::value::{Value, has_unescaped, reference};
use crate::env::scan::{Form, Piece, is_blank};
use crate::env::systemd::looks_like_assignment;
use crate::env::{Defect, Edit, encode_bytes, slice};
use crate::model::{Repair, finding};

pub(super) fn check(value: &Value<'_>) -> Vec<Defect> {
    let open = value.pieces.iter().find(|p| {
        matches!(p.form, Form::Single { closed: false } | Form::Double { closed: false })
    });
    if open.is_some() {
        return vec![unclosed(value)];
    }
    match value.pieces.as_slice() {
        [] => Vec::new(),
        [Piece { form: Form::Bare, span }] => bare(value, span),
        [piece] => quoted(value, piece),
        several => mixed(value, several),
    }
}

/// A quote that the end of the file closes. On the last line, without line end, that is harmless.
fn unclosed(value: &Value<'_>) -> Defect {
    let span = value.written.start..value.written.start + 1;
    if value.text().contains(&b'\n') {
        unbalanced(value)
    } else {
        let detail = "the quote is not closed";
        value.requote(&finding::UNBALANCED_QUOTE, span, detail).class(Repair::Automatic)
    }
}

/// Proposes that the value ends with its first line.
fn unbalanced(value: &Value<'_>) -> Defect {
    let lost = value.text().split(|b| *b == b'\n').skip(1).filter(|l| looks_like_assignment(l));
    let detail = match lost.count() {
        0 => "a quote is not closed or has no partner".to_owned(),
        n => format!("the quote is not closed; {n} of the following lines are part of the value"),
    };
    let line = value.first_line();
    let text = value.sheet.text(&line);
    let meant = strip_outer(text);
    let span = value.written.start..value.written.start + 1;
    value
        .defect(&finding::UNBALANCED_QUOTE, span, &detail)
        .class(Repair::Asks)
        .propose(Edit::replace(line, encode_bytes(&meant)))
}

/// Without a quote at each end, and without backslashes before that quote.
fn strip_outer(text: &[u8]) -> Vec<u8> {
    let is_quote = |b: &u8| *b == b'\'' || *b == b'"';
    let first = text.first().copied().filter(is_quote);
    let text = if first.is_some() { slice(text, 1..text.len()) } else { text };
    let end = text.len() - usize::from(text.last().is_some_and(is_quote));
    let mut out = Vec::new();
    for byte in slice(text, 0..end) {
        if Some(*byte) == first && out.last() == Some(&b'\\') {
            out.pop();
        }
        out.push(*byte);
    }
    out
}

fn quoted(value: &Value<'_>, piece: &Piece) -> Vec<Defect> {
    let text = value.text();
    let mut found = lines(value);
    if found.iter().any(|d| d.is(&finding::UNBALANCED_QUOTE)) {
        return found;
    }
    let path = text.get(2) == Some(&b':') || text.get(1..3) == Some(b"\\\\");
    if !path && text.windows(2).any(|pair| pair == b"\\n") {
        let detail = "backslash n is two characters for systemd";
        found.push(value.defect(&finding::LITERAL_NEWLINE_ESCAPE, piece.span.clone(), detail));
    }
    if matches!(piece.form, Form::Double { .. }) {
        found.extend(reference(value, &piece.span));
        let inner = piece.span.start + 1..piece.span.end.max(piece.span.start + 2) - 1;
        let inner = value.sheet.text(&inner);
        if has_unescaped(inner, b'$') || has_unescaped(inner, b'`') {
            let kind = &finding::UNESCAPED_IN_DOUBLE_QUOTES;
            let detail = "a dollar or backtick in double quotes";
            found.push(value.requote(kind, piece.span.clone(), detail));
        }
    }
    found
}

/// A value of several lines: one that was meant, or one that swallowed others.
fn lines(value: &Value<'_>) -> Vec<Defect> {
    let text = value.text();
    if !text.contains(&b'\n') {
        return Vec::new();
    }
    if value.has_swallowed() {
        return vec![unbalanced(value)];
    }
    let span = value.written.start..value.written.start + 1;
    let mut found = Vec::new();
    if text.windows(2).any(|pair| pair == b"\r\n") && value.raw.cooked.contains(&b'\r') {
        let detail = "the CR of CR LF is part of the value";
        let defect = value.defect(&finding::CRLF_IN_VALUE, span.clone(), detail);
        found.push(value.meant(defect, Some(value.cooked.replace("\r\n", "\n").into_bytes())));
    }
    found.push(value.defect(&finding::MULTILINE_VALUE, span, "the value spans several lines"));
    found
}

fn mixed(value: &Value<'_>, pieces: &[Piece]) -> Vec<Defect> {
    let quotes = slice_of(pieces, |p| p.form != Form::Bare);
    let spans_lines = quotes.clone().any(|p| value.sheet.text(&p.span).contains(&b'\n'));
    if spans_lines && value.has_swallowed() {
        return vec![unbalanced(value)];
    }
    let tail = pieces.last().filter(|p| p.form == Form::Bare);
    let tail_text = tail.map_or(&b""[..], |p| value.sheet.text(&p.span));
    let span = tail.map_or(value.written.clone(), |p| p.span.start..value.written.end);
    let ends_in_backslash =
        quotes.last().is_some_and(|p| value.sheet.text(&p.span).ends_with(b"\\'"));
    if tail_text.starts_with(b"\\'") {
        let detail = "an apostrophe written the way of shells is a stray quote for systemd";
        let defect = value.defect(&finding::SHELL_QUOTE_SPLICE, span, detail);
        return vec![value.meant(defect, shell_form(value.text()))];
    }
    if ends_in_backslash && has_unescaped(tail_text, b'\'') {
        return vec![unbalanced(value)];
    }
    if let Some(defect) = text_behind(value, pieces, tail_text, span.clone()) {
        let mut found = vec![defect];
        found.extend(lines(value).into_iter().filter(|d| d.is(&finding::MULTILINE_VALUE)));
        return found;
    }
    let mut found = lines(value);
    if let Some(piece) = tail {
        found.extend(backslashes(value, &piece.span).into_iter().filter(|d| !is_escaped(d)));
        found.extend(reference(value, &piece.span));
    }
    for piece in pieces.iter().filter(|p| matches!(p.form, Form::Double { .. })) {
        found.extend(reference(value, &piece.span));
    }
    found.push(value.requote(&finding::MIXED_QUOTING, span, "pieces with different quotes"));
    found
}

fn is_escaped(defect: &Defect) -> bool {
    defect.is(&finding::ESCAPED_SPECIAL)
}

fn slice_of<'a>(
    pieces: &'a [Piece],
    keep: impl Fn(&Piece) -> bool + Clone + 'a,
) -> impl Iterator<Item = &'a Piece> + Clone {
    pieces.iter().filter(move |p| keep(p))
}

/// Blanks between pieces, or text behind the last quote that a shell would not join.
fn text_behind(
    value: &Value<'_>,
    pieces: &[Piece],
    tail: &[u8],
    span: Range<usize>,
) -> Option<Defect> {
    let gap = pieces.windows(2).any(|pair| match pair {
        [a, b] => a.span.end < b.span.start,
        _ => false,
    });
    let odd = slice(tail, 0..tail.trim_ascii_end().len())
        .iter()
        .any(|b| is_blank(*b) || b"'\";&|<>()#".contains(b));
    if !gap && !odd {
        return None;
    }
    let text = value.text();
    let line = value.first_line();
    let meant = if tail.starts_with(b"#") {
        pieces.first().map(|p| strip_outer(value.sheet.text(&p.span)))
    } else if text.starts_with(b"\"\"") && text.ends_with(b"\"\"") && text.len() >= 4 {
        Some(slice(text, 2..text.len() - 2).to_vec())
    } else if !gap && text.first() == text.last() && line == value.written {
        Some(strip_outer(text))
    } else if !text.contains(&b'\n') {
        // Whatever was meant, this is what the service runs with.
        Some(value.raw.cooked.to_vec())
    } else {
        None
    };
    let detail = "text behind the closing quote is part of the value";
    Some(value.meant(value.defect(&finding::TEXT_AFTER_QUOTE, span, detail), meant))
}

/// What a POSIX shell reads in a word of quotes and escapes.
fn shell_form(text: &[u8]) -> Option<Vec<u8>> {
    let mut out = Vec::new();
    let mut rest = text.iter().copied();
    while let Some(byte) = rest.next() {
        match byte {
            b'\\' => out.push(rest.next()?),
            b'\'' => loop {
                match rest.next()? {
                    b'\'' => break,
                    other => out.push(other),
                }
            },
            b'"' | b' ' | b'\t' | b'\n' | b'$' | b'`' => return None,
            other => out.push(other),
        }
    }
    Some(out)
}

fn bare(value: &Value<'_>, span: &Range<usize>) -> Vec<Defect> {
    let text = value.text();
    if let Some(defect) = ansi_c(value, text) {
        return vec![defect];
    }
    if let Some(defect) = inline_comment(value, text) {
        return vec![defect];
    }
    let mut found = backslashes(value, span);
    if found.iter().any(|d| !is_escaped(d)) {
        return found;
    }
    if let Some(defect) = reference(value, &value.written) {
        return vec![defect];
    }
    if let Some(defect) = stray_quote(value, text) {
        return vec![defect];
    }
    if let Some(at) = special(text) {
        let at = value.written.start + at;
        let detail = "blanks or shell characters without quotes";
        found.push(value.requote(&finding::UNQUOTED_SPECIAL, at..at + 1, detail));
    }
    found
}

/// `$'…'` of bash.
fn ansi_c(value: &Value<'_>, text: &[u8]) -> Option<Defect> {
    let inner = text.strip_prefix(b"$'")?.strip_suffix(b"'")?;
    let mut out = Vec::new();
    let mut known = true;
    let mut rest = inner.iter().copied();
    while let Some(byte) = rest.next() {
        match (byte, if byte == b'\\' { rest.next() } else { None }) {
            (b'\\', Some(b'n')) => out.push(b'\n'),
            (b'\\', Some(b't')) => out.push(b'\t'),
            (b'\\', Some(b'r')) => out.push(b'\r'),
            (b'\\', Some(c @ (b'\\' | b'\'' | b'"'))) => out.push(c),
            (b'\\', _) => known = false,
            (other, _) => out.push(other),
        }
    }
    let span = value.written.start..value.written.start + 2;
    let detail = "systemd takes the dollar and the quotes for a part of the value";
    let defect = value.defect(&finding::ANSI_C_QUOTE, span, detail);
    Some(value.meant(defect, Some(out).filter(|_| known)))
}

/// A number sign behind a blank, or as the first byte behind blanks.
fn inline_comment(value: &Value<'_>, text: &[u8]) -> Option<Defect> {
    let leading = value.written.start > value.raw.value.start;
    let mut at = 0;
    let mut blank = leading;
    while let Some(byte) = text.get(at) {
        match byte {
            b'\\' => {
                at += 2;
                blank = false;
                continue;
            }
            b'#' if blank => {
                let start = value.written.start + at;
                let meant = slice(text, 0..at).trim_ascii_end().to_vec();
                let detail = "the comment behind it is part of the value";
                let defect =
                    value.defect(&finding::INLINE_COMMENT, start..value.written.end, detail);
                return Some(value.meant(defect, Some(meant)));
            }
            other => blank = is_blank(*other),
        }
        at += 1;
    }
    None
}

/// A quote at the end that has no partner.
fn stray_quote(value: &Value<'_>, text: &[u8]) -> Option<Defect> {
    let last = text.last().copied().filter(|b| *b == b'\'' || *b == b'"')?;
    let quotes = text.iter().filter(|b| **b == b'\'' || **b == b'"').count();
    (quotes == 1 && text.len() > 1).then(|| {
        let detail = "a closing quote without an opening one is part of the value";
        let at = value.written.end - 1;
        let defect = value.defect(&finding::UNBALANCED_QUOTE, at..at + 1, detail);
        value.meant(defect, text.strip_suffix(&[last]).map(<[u8]>::to_vec))
    })
}

/// The first unescaped byte that a shell would not take literally in an assignment.
fn special(text: &[u8]) -> Option<usize> {
    let mut at = 0;
    while let Some(byte) = text.get(at) {
        let home = *byte == b'~' && (at == 0 || text.get(at - 1) == Some(&b':'));
        if is_blank(*byte) || b"$()&;<>|'\"`".contains(byte) || home {
            return Some(at);
        }
        at += if *byte == b'\\' { 2 } else { 1 };
    }
    None
}

/// Backslashes outside quotes: at a line's end, before ordinary letters, before special ones.
fn backslashes(value: &Value<'_>, span: &Range<usize>) -> Vec<Defect> {
    let text = value.sheet.text(span);
    let mut ends = Vec::new();
    let mut ordinary = None;
    let mut escaped = None;
    let mut only_n = true;
    let mut at = 0;
    while let Some(byte) = text.get(at) {
        if *byte != b'\\' {
            at += 1;
            continue;
        }
        match text.get(at + 1) {
            None | Some(b'\n' | b'\r') => ends.push(span.start + at),
            Some(c) if is_blank(*c) || b"$`\"'\\()&;<>|#~*?[]{}!".contains(c) => {
                escaped = escaped.or(Some(span.start + at));
            }
            Some(c) => {
                only_n &= *c == b'n';
                ordinary = ordinary.or(Some(span.start + at));
            }
        }
        at += 2;
    }
    let mut found = Vec::new();
    if !ends.is_empty() {
        found.extend(line_ends(value, &ends, ordinary.is_some()));
    }
    if let Some(at) = ordinary {
        let detail = "systemd drops the backslash";
        let defect = value.defect(&finding::UNQUOTED_BACKSLASH, at..at + 1, detail);
        let literal = value.sheet.text(&value.written).to_vec();
        let meant = if only_n && escaped.is_none() {
            String::from_utf8_lossy(&literal).replace("\\n", "\n").into_bytes()
        } else {
            literal
        };
        let told = ends.is_empty() && value.pieces.len() == 1;
        found.push(value.meant(defect, Some(meant).filter(|_| told)));
    }
    if let Some(at) = escaped.filter(|_| found.is_empty()) {
        let detail = "backslashes before special characters";
        found.push(value.requote(&finding::ESCAPED_SPECIAL, at..at + 1, detail));
    }
    found
}

/// Backslashes that join lines: harmless, meant, or a key lost.
fn line_ends(value: &Value<'_>, ends: &[usize], literal: bool) -> Option<Defect> {
    let first = *ends.first()?;
    let bytes = value.sheet.bytes;
    let mut harmless = true;
    let mut lost = false;
    for at in ends {
        let from = match (bytes.get(at + 1), bytes.get(at + 2)) {
            (Some(b'\r'), Some(b'\n')) => continue,
            (None, _) => continue,
            _ => at + 2,
        };
        let line = value.sheet.text(&(from..bytes.len()));
        let line = line.split(|b| *b == b'\n').next().unwrap_or_default();
        let blank = line.trim_ascii().is_empty();
        harmless &= blank;
        lost |= looks_like_assignment(line)
            || line.trim_ascii_start().first().is_some_and(|b| *b == b'#' || *b == b';')
            || bytes.get(at + 1) == Some(&b'\r');
    }
    let span = first..first + 1;
    if harmless {
        let mut defect =
            value.defect(&finding::TRAILING_BACKSLASH, span, "the value ends in a backslash");
        for at in ends {
            let length = if bytes.get(at + 1) == Some(&b'\r') { 2 } else { 1 };
            defect = defect.edit(Edit::delete(*at..at + length));
        }
        return Some(defect);
    }
    if !lost {
        let detail = "the value spans several lines";
        return Some(value.defect(&finding::MULTILINE_VALUE, span, detail));
    }
    let detail = "the value ends in a backslash; the next line is part of it";
    let defect = value.defect(&finding::TRAILING_BACKSLASH, span, detail).class(Repair::Asks);
    Some(if literal {
        let line = value.first_line();
        let text = encode_bytes(value.sheet.text(&line));
        defect.propose(Edit::replace(line, text))
    } else {
        defect.propose(Edit::delete(first..first + 1))
    })
}
