//! Lines of an env file with the values hidden.
//!
//! Invariant: no byte of a value is shown, nor its length; a mask is always eight stars.

use std::collections::HashSet;

use super::line_index::LineIndex;
use super::scan::{NodeKind, Rules, is_blank, scan};
use super::slice;

/// What stands for a value.
pub const MASK: &str = "********";

/// The lines (by LF) of a file in a form that may be shown; each is made when it is asked for.
#[derive(Debug)]
pub struct MaskedLines<'a> {
    lines: Vec<&'a [u8]>,
    /// Numbers (from 1) of those that begin inside a value.
    inside: HashSet<usize>,
}

impl<'a> MaskedLines<'a> {
    pub fn new(bytes: &'a [u8]) -> Self {
        let text = bytes.strip_suffix(b"\n").unwrap_or(bytes);
        Self { lines: text.split(|b| *b == b'\n').collect(), inside: lines_inside_values(bytes) }
    }

    /// A line by its number, from 1.
    pub fn line(&self, number: usize) -> Option<String> {
        let line = self.lines.get(number.checked_sub(1)?)?;
        Some(if self.inside.contains(&number) { MASK.to_owned() } else { mask_line(line) })
    }

    /// All of them.
    pub fn all(&self) -> Vec<String> {
        (1..=self.lines.len()).filter_map(|number| self.line(number)).collect()
    }
}

fn lines_inside_values(bytes: &[u8]) -> HashSet<usize> {
    let lines = LineIndex::new(bytes);
    let mut found = HashSet::new();
    for node in scan(bytes, Rules::Since254) {
        let NodeKind::Assignment(raw) = node.kind else { continue };
        if memchr::memchr(b'\n', slice(bytes, raw.value.clone())).is_some() {
            found.extend(lines.line(raw.value.start).0 + 1..=lines.line(raw.value.end).0);
        }
    }
    found
}

/// One line on its own. A CR inside it ends a comment, but not a value in quotes.
fn mask_line(line: &[u8]) -> String {
    let body = line.strip_suffix(b"\r").unwrap_or(line);
    let end = if body.len() < line.len() { "\\r" } else { "" };
    let first = body.split(|b| *b == b'\r').next().unwrap_or_default();
    let shown = match first.iter().position(|b| *b == b'=') {
        Some(equals) => assignment(body, equals),
        None if first.len() < body.len() => mask_line(first) + "<0D>" + MASK,
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
    let mixed = |word: &[u8]| {
        word.len() >= 12
            && word.iter().any(u8::is_ascii_digit)
            && word.iter().any(u8::is_ascii_lowercase)
    };
    name.len() <= 64
        && !name.split(|b| is_blank(*b)).any(mixed)
        && !name.iter().any(|b| b"/+$\"'`".contains(b))
}

/// Control characters and marks in a form that can be seen.
fn show(bytes: &[u8]) -> String {
    let text = String::from_utf8_lossy(bytes);
    if bytes.iter().all(|b| *b == b' ' || b.is_ascii_graphic()) {
        return text.into_owned();
    }
    let mut shown = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '\t' => shown.push(' '),
            c if c.is_control() || c == '\u{feff}' => {
                shown.push_str(&format!("<{:02X}>", u32::from(c)));
            }
            c => shown.push(c),
        }
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

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
            assert_eq!(MaskedLines::new(text.as_bytes()).all().join("|"), expected, "{text:?}");
        }
    }

    /// Where a secret S may stand: as a value, and as what broken lines leave of one.
    const PLACES: &[&str] = &[
        "KEY=S",
        "KEY = S ",
        "export KEY='S'",
        "KEY=\"S",
        "KEY='S",
        "KEY='a'S\"",
        "KEY=\\S",
        "# KEY=S",
        "; KEY = 'S'",
        "S",
        "S=",
        "  S",
        "S B=1",
        "-S=",
        "KEY=a;S",
        "KEY==S",
        "MY-KEY=S",
        "KEY=\"a\nS\nB=S\"",
        "KEY=a\\\nS",
        "KEY=",
        "'",
        "\"",
        "# x\\",
        "",
    ];

    fn line(secret: &str) -> impl Strategy<Value = String> + use<> {
        let secret = secret.to_owned();
        proptest::sample::select(PLACES).prop_map(move |place| place.replace('S', &secret))
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(4000))]

        #[test]
        fn no_part_of_a_secret_is_shown(
            (secret, lines) in "[a-z][0-9][A-Za-z0-9_-]{14,40}".prop_flat_map(|secret| {
                let lines = proptest::collection::vec(line(&secret), 1..8);
                (Just(secret), lines)
            }),
            end in proptest::sample::select(&["\n", "\r\n", "\r", "\\\n"][..]),
        ) {
            let text = lines.join(end);
            let masked = MaskedLines::new(text.as_bytes());
            for (number, shown) in masked.all().iter().enumerate() {
                let alone = masked.line(number + 1);
                prop_assert_eq!(alone.as_deref(), Some(shown.as_str()));
                for part in secret.as_bytes().windows(8) {
                    let found = memchr::memmem::find(shown.as_bytes(), part);
                    prop_assert!(found.is_none(), "{text:?} shows {shown:?}");
                }
            }
            prop_assert_eq!(masked.line(0), None);
        }
    }
}
