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
        _ if is_comment(first) => comment(first) + rest_masked(first, body),
        Some(equals) => assignment(body, equals),
        None if first.len() < body.len() => mask_line(first) + rest_masked(first, body),
        None if body.trim_ascii().is_empty() => show(body),
        None => mark(body).unwrap_or_else(|| MASK.to_owned()),
    };
    shown + end
}

/// What stands for the text behind a CR.
fn rest_masked(first: &[u8], body: &[u8]) -> &'static str {
    if first.len() < body.len() { "<0D>********" } else { "" }
}

fn assignment(line: &[u8], equals: usize) -> String {
    let name = slice(line, 0..equals);
    if !is_harmless_head(name) {
        return MASK.to_owned();
    }
    value(line, equals)
}

/// The line up to the sign at `at` and the blanks behind it, then the mask in its quotes.
fn value(line: &[u8], at: usize) -> String {
    let value = slice(line, at + 1..line.len());
    let blanks = value.iter().take_while(|b| is_blank(**b)).count();
    let written = slice(value, blanks..value.len());
    let quote = written.first().filter(|b| **b == b'\'' || **b == b'"');
    let head = show(slice(line, 0..at + 1 + blanks));
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

/// Old values and passwords stand in comments, too. Shown are the key of one that was commented
/// out, a line of dashes, and a short remark of small letters that speaks of no secret.
fn comment(line: &[u8]) -> String {
    let signs = |b: &u8| is_blank(*b) || b"#;".contains(b);
    let start = line.iter().take_while(|b| signs(b)).count();
    let text = slice(line, start..line.len());
    if !text.iter().any(|b| b.is_ascii_alphanumeric() || !b.is_ascii()) {
        return show(line);
    }
    match text.iter().position(|b| *b == b'=' || *b == b':') {
        Some(at) if is_capital_head(slice(text, 0..at)) => value(line, start + at),
        None if is_remark(text) => show(line),
        _ => show(slice(line, 0..start)) + MASK,
    }
}

/// In a comment small letters before the sign may be the beginning of a secret that has it.
fn is_capital_head(text: &[u8]) -> bool {
    let words = text.strip_prefix(b"export").unwrap_or(text);
    is_harmless_head(text) && !words.iter().any(u8::is_ascii_lowercase)
}

/// Words that anybody may read: a password has a word of its own, or a digit, or stands alone.
fn is_remark(text: &[u8]) -> bool {
    const COMMON: &[&str] = &[
        "a", "an", "and", "are", "as", "at", "be", "before", "below", "by", "comment", "do",
        "edit", "file", "for", "from", "here", "host", "in", "is", "it", "line", "not", "note",
        "of", "on", "only", "or", "see", "service", "settings", "the", "this", "to", "with",
    ];
    let text = String::from_utf8_lossy(text);
    text.split_ascii_whitespace().all(|word| COMMON.contains(&word))
}

/// Signs of a merge conflict, and headings of unit files.
fn mark(line: &[u8]) -> Option<String> {
    let headings = [&b"[Unit]"[..], b"[Service]", b"[Install]"];
    if headings.contains(&line.trim_ascii()) {
        return Some(show(line));
    }
    let first = line.first()?;
    let sign = b"<>|".contains(first) && line.iter().take(7).filter(|b| *b == first).count() == 7;
    let rest = line.get(7..).filter(|_| sign)?;
    let known = matches!(rest.trim_ascii(), b"" | b"HEAD");
    Some(if known { show(line) } else { show(slice(line, 0..7)) + MASK })
}

/// What stands in front of the equals sign: a name, with the words of a shell before it.
fn is_harmless_head(text: &[u8]) -> bool {
    let mut text = text;
    while let Some(rest) = text.strip_prefix(b"\xef\xbb\xbf") {
        text = rest;
    }
    let mut words = text.split(|b| is_blank(*b)).filter(|word| !word.is_empty());
    let Some(name) = words.next_back() else { return true };
    let leads = |word: &[u8]| {
        let shell: &[&[u8]] =
            &[b"export", b"set", b"declare", b"typeset", b"readonly", b"local", b"-", b"*", b"-x"];
        shell.contains(&word)
    };
    words.all(leads) && is_harmless(name)
}

/// True for what looks like the name of a variable and not like a piece of a secret: words of one
/// case, digits only as numbers of capital words, nothing that a generator would make.
pub fn is_harmless(name: &[u8]) -> bool {
    let joint = |b: &u8| b"_.-".contains(b);
    let capitals = !name.iter().any(u8::is_ascii_lowercase);
    name.len() <= 64
        && name.iter().any(u8::is_ascii_alphabetic)
        && name.iter().all(|b| b.is_ascii_alphanumeric() || joint(b))
        && name.first().is_some_and(|first| *first == b'_' || !joint(first))
        && (capitals || name.iter().all(|b| b.is_ascii_alphabetic() || b"_.".contains(b)))
        && name.split(joint).all(is_harmless_word)
}

fn is_harmless_word(word: &[u8]) -> bool {
    let digits = word.iter().filter(|b| b.is_ascii_digit()).count();
    let changes = word
        .windows(2)
        .filter(|pair| matches!(pair, [a, b] if a.is_ascii_digit() != b.is_ascii_digit()))
        .count();
    let tail = slice(word, 1..word.len());
    let small = tail.iter().all(|b| b.is_ascii_lowercase());
    let capital = !word.iter().any(u8::is_ascii_lowercase);
    (small || capital)
        && word.len() <= 24
        && (digits == 0 || word.len() <= 16 && changes < 3 && digits <= 4)
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
            ("<<<<<<< hunter", "<<<<<<<********"),
            ("[hunter", "********"),
            ("[\"hunter\"]", "********"),
            ("[Service]", "[Service]"),
            ("DB_PASSWORD hunterTWO=1", "********"),
            ("DB_PASSWORD: hunter=1", "********"),
            ("postgres://m:hunter@db/m?a=b", "********"),
            ("; DB_PASSWORD: hunter", "; DB_PASSWORD: ********"),
            ("# it was hunter\\", "# ********"),
            ("# -----", "# -----"),
            ("# abcde=1", "# ********"),
            ("#export OLD=1", "#export OLD=********"),
            ("declare -x A=1", "declare -x A=********"),
        ];
        for (text, expected) in cases {
            assert_eq!(MaskedLines::new(text.as_bytes()).all().join("|"), expected, "{text:?}");
        }
    }

    #[test]
    fn names_and_pieces_of_secrets() {
        for name in ["A", "_x", "DB_HOST", "K12_3", "OAUTH2_ID", "2FA_TOKEN", "MY-KEY", "no_proxy"]
        {
            assert!(is_harmless(name.as_bytes()), "{name}");
        }
        for piece in
            ["Tr0ub4dor3", "hunterTWO", "s3", "ab-c", "JBSWY3DPEHPK3PXP", "a/b", "a b", "1"]
        {
            assert!(!is_harmless(piece.as_bytes()), "{piece}");
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
