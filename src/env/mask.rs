//! Lines of an env file with the values hidden.
//!
//! Invariant: no byte of a value is shown, nor its length; a mask is always eight stars.

use super::scan::{NodeKind, Rules, is_blank, scan};
use super::slice;

/// What stands for a value.
pub const MASK: &str = "********";

/// Every line (by LF) in a form that may be shown.
pub fn mask_lines(bytes: &[u8]) -> Vec<String> {
    let inside = lines_inside_values(bytes);
    let text = bytes.strip_suffix(b"\n").unwrap_or(bytes);
    text.split(|b| *b == b'\n')
        .enumerate()
        .map(
            |(number, line)| {
                if inside.binary_search(&number).is_ok() {
                    MASK.to_owned()
                } else {
                    mask_line(line)
                }
            },
        )
        .collect()
}

/// Numbers (from 0) of lines that begin inside a value.
fn lines_inside_values(bytes: &[u8]) -> Vec<usize> {
    let mut found = Vec::new();
    let mut line = 0;
    for node in scan(bytes, Rules::Since254) {
        let breaks = |range| slice(bytes, range).iter().filter(|b| **b == b'\n').count();
        let within = breaks(node.text.clone());
        if let NodeKind::Assignment(_) = node.kind {
            found.extend(line + 1..=line + within);
        }
        line += breaks(node.span.clone());
    }
    found
}

/// One line on its own.
fn mask_line(line: &[u8]) -> String {
    let body = line.strip_suffix(b"\r").unwrap_or(line);
    let end = if body.len() < line.len() { "\\r" } else { "" };
    let shown = match body.iter().position(|b| *b == b'=') {
        Some(equals) => assignment(body, equals),
        None if is_comment(body) || is_mark(body) => show(body),
        None if body.trim_ascii().is_empty() => show(body),
        None => MASK.to_owned(),
    };
    shown + end
}

fn assignment(line: &[u8], equals: usize) -> String {
    let name = slice(line, 0..equals);
    if !is_comment(line) && !is_harmless(name) {
        return MASK.to_owned();
    }
    let value = slice(line, equals + 1..line.len());
    let blanks = value.iter().take_while(|b| is_blank(**b)).count();
    let written = slice(value, blanks..value.len());
    let quote = written.first().filter(|b| **b == b'\'' || **b == b'"');
    let head = show(slice(line, 0..equals + 1 + blanks));
    match quote {
        _ if written.is_empty() => head,
        Some(q) => {
            let closed = written.len() > 1 && written.trim_ascii_end().last() == Some(q);
            let q = char::from(*q);
            let end = if closed { q.to_string() } else { String::new() };
            format!("{head}{q}{MASK}{end}")
        }
        None => format!("{head}{MASK}"),
    }
}

fn is_comment(line: &[u8]) -> bool {
    matches!(line.trim_ascii_start().first(), Some(b'#' | b';'))
}

fn is_mark(line: &[u8]) -> bool {
    let first = line.first().copied().unwrap_or_default();
    line.len() >= 7 && line.iter().take(7).all(|b| *b == first && b"<>=|".contains(b))
        || line.starts_with(b"[") && line.len() < 40
}

/// Names are shown; what could be the second half of a secret is not.
fn is_harmless(name: &[u8]) -> bool {
    let digits = name.iter().any(u8::is_ascii_digit);
    let lower = name.iter().any(u8::is_ascii_lowercase);
    let blank = name.contains(&b' ');
    let mixed = digits && lower && !blank && name.len() >= 12;
    name.len() <= 64 && !mixed && !name.iter().any(|b| b"/+$\"'`".contains(b))
}

/// Control characters and marks in a form that can be seen.
fn show(bytes: &[u8]) -> String {
    let text = String::from_utf8_lossy(bytes);
    text.chars()
        .map(|c| match c {
            '\t' => " ".to_owned(),
            c if c.is_control() || c == '\u{feff}' => format!("<{:02X}>", u32::from(c)),
            c => c.to_string(),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_hidden() {
        let cases = [
            ("A=secret", "A=********"),
            ("export A = 'secret'", "export A = '********'"),
            ("A='secret", "A='********"),
            ("A=\"x y\"\r\n", "A=\"********\"\\r"),
            ("A=", "A="),
            ("# OLD=secret", "# OLD=********"),
            ("# a note", "# a note"),
            ("s3cretwithoutequals", "********"),
            ("abc123def456ghi=", "********"),
            ("a/b+c=", "********"),
            ("A='one\nTWO=three'\nB=1", "A='********|********|B=********"),
            ("<<<<<<< HEAD", "<<<<<<< HEAD"),
        ];
        for (text, expected) in cases {
            assert_eq!(mask_lines(text.as_bytes()).join("|"), expected, "{text:?}");
        }
    }
}
