//! The words of a setting as systemd splits them (systemd.syntax(7), "Quoting").

/// One word as it is written, quotes and escapes kept, so that it can be written again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RawWord<'a>(pub &'a str);

impl<'a> RawWord<'a> {
    /// The word with `-` before it (inside its quotes); one that has it stays as it is.
    pub fn dashed(self) -> String {
        let quote = self.0.chars().next().filter(|c| matches!(c, '"' | '\''));
        let (open, rest) = match quote {
            Some(q) => self.0.split_at(q.len_utf8()),
            None => ("", self.0),
        };
        if rest.starts_with('-') { self.0.to_owned() } else { format!("{open}-{rest}") }
    }

    /// True when the word begins with `-`.
    pub fn has_dash(self) -> bool {
        self.0.trim_start_matches(['"', '\'']).starts_with('-')
    }

    /// The word as systemd reads it: quotes removed, escapes undone. Specifiers stay.
    pub fn text(self) -> String {
        let mut out = String::with_capacity(self.0.len());
        let mut quote = None;
        let mut chars = self.0.chars();
        while let Some(c) = chars.next() {
            match c {
                '\\' => unescape(&mut chars, &mut out),
                '"' | '\'' if quote.is_none() => quote = Some(c),
                c if Some(c) == quote => quote = None,
                c => out.push(c),
            }
        }
        out
    }
}

/// The C-style escapes that `unquote` of systemd knows; an unknown one stays as written.
fn unescape(chars: &mut std::str::Chars, out: &mut String) {
    let Some(c) = chars.next() else { return };
    let code = |digits: usize, radix: u32, chars: &mut std::str::Chars| {
        let text: String = chars.as_str().chars().take(digits).collect();
        let value = u32::from_str_radix(&text, radix).ok().filter(|_| text.len() == digits)?;
        chars.nth(digits - 1);
        char::from_u32(value)
    };
    let plain = match c {
        'a' => Some('\u{7}'),
        'b' => Some('\u{8}'),
        'f' => Some('\u{c}'),
        'n' => Some('\n'),
        'r' => Some('\r'),
        't' => Some('\t'),
        'v' => Some('\u{b}'),
        's' => Some(' '),
        '\\' | '"' | '\'' => Some(c),
        'x' => code(2, 16, chars),
        'u' => code(4, 16, chars),
        'U' => code(8, 16, chars),
        _ => None,
    };
    match plain {
        Some(plain) => out.push(plain),
        None => out.extend(['\\', c]),
    }
}

/// Splits at blanks outside quotes.
pub fn raw_words(value: &str) -> Vec<RawWord<'_>> {
    let mut words = Vec::new();
    let mut start = None;
    let mut quote = None;
    let mut escaped = false;
    for (at, c) in value.char_indices() {
        let blank = quote.is_none() && !escaped && c.is_ascii_whitespace();
        match (start, blank) {
            (None, true) => continue,
            (None, false) => start = Some(at),
            (Some(from), true) => {
                words.extend(value.get(from..at).map(RawWord));
                start = None;
                continue;
            }
            (Some(_), false) => {}
        }
        if escaped {
            escaped = false;
        } else if c == '\\' {
            escaped = true;
        } else if quote == Some(c) {
            quote = None;
        } else if quote.is_none() && matches!(c, '"' | '\'') {
            quote = Some(c);
        }
    }
    words.extend(start.and_then(|from| value.get(from..)).map(RawWord));
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn splits_and_reads_as_systemd_does() {
        let cases: &[(&str, &[&str])] = &[
            ("", &[]),
            ("  /a  /b ", &["/a", "/b"]),
            (r#""/a b" '/c d' e\ f"#, &["/a b", "/c d", r"e\ f"]),
            (r#""a\"b" 'c"d'"#, &["a\"b", "c\"d"]),
            (r"\x41\tB \u00e4", &["A\tB", "ä"]),
            ("--a=\"b c\"d", &["--a=b cd"]),
        ];
        for (value, expected) in cases {
            let read: Vec<String> = raw_words(value).into_iter().map(RawWord::text).collect();
            assert_eq!(&read, expected, "{value}");
        }
    }

    #[test]
    fn dashes_go_inside_quotes_and_only_once() {
        let cases = [("/a", "-/a"), ("-/a", "-/a"), ("\"/a b\"", "\"-/a b\""), ("+/a", "-+/a")];
        for (word, expected) in cases {
            assert_eq!(RawWord(word).dashed(), expected);
            assert!(RawWord(expected).has_dash());
        }
    }

    #[test]
    fn what_is_quoted_is_read_back() {
        let strategy = proptest::string::string_regex("[ -~äß€\t]{0,40}").unwrap();
        proptest::proptest!(|(word in strategy)| {
            let quoted = crate::unit::quote(&word);
            let words = raw_words(&quoted);
            let read: Vec<String> =
                words.into_iter().map(|w| w.text().replace("%%", "%")).collect();
            proptest::prop_assert_eq!(read, vec![word]);
        });
    }
}
