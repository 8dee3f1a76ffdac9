//! systemd's quoting (systemd.syntax(7), systemd.service(5) "Command lines").

/// One word of a setting that is split at blanks and expands specifiers.
pub fn quote(word: &str) -> String {
    protect(word, false)
}

/// One word of an `Exec…=` line: `$` is doubled too.
pub fn quote_exec(word: &str) -> String {
    protect(word, true)
}

/// A path of `EnvironmentFile=`, which systemd takes for a pattern (glob(7)).
pub fn escape_pattern(path: &str) -> String {
    let mut out = String::with_capacity(path.len());
    for c in path.chars() {
        if matches!(c, '*' | '?' | '[' | '\\') {
            out.push('\\');
        }
        out.push(c);
        if c == '%' {
            out.push('%');
        }
    }
    out
}

fn protect(word: &str, exec: bool) -> String {
    let plain = |c: char| match c {
        '_' | '-' | '+' | '=' | ':' | ',' | '.' | '/' | '@' | '^' | '~' | '!' | '?' | '*' | '[' => {
            true
        }
        ']' | '(' | ')' | '{' | '}' | '<' | '>' | '|' | '&' | '#' => true,
        c => c.is_alphanumeric(),
    };
    let first = word.bytes().next();
    let quoted = first.is_none_or(|b| b"@:+!|~#;".contains(&b))
        || !word.chars().all(|c| plain(c) || c == '%' || c == '$');
    if !quoted && !word.bytes().any(|b| b == b'%' || b == b'$') {
        return word.to_owned();
    }
    let mut out = String::with_capacity(word.len() + 2);
    if quoted {
        out.push('"');
    }
    for c in word.chars() {
        match c {
            '%' => out.push_str("%%"),
            '$' if exec => out.push_str("$$"),
            '"' | '\\' => {
                out.push('\\');
                out.push(c);
            }
            '\n' => out.push_str("\\n"),
            '\t' => out.push_str("\\t"),
            c if c.is_ascii_control() => out.push_str(&format!("\\x{:02x}", u32::from(c))),
            c => out.push(c),
        }
    }
    if quoted {
        out.push('"');
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns() {
        for (path, pattern) in [("/a%b\\c", "/a%%b\\\\c"), ("/a*[b]? d", "/a\\*\\[b]\\? d")] {
            assert_eq!(escape_pattern(path), pattern);
        }
    }

    #[test]
    fn words() {
        let cases = [
            ("/usr/bin/x", "/usr/bin/x", "/usr/bin/x"),
            ("--bind", "--bind", "--bind"),
            ("", "\"\"", "\"\""),
            ("a b", "\"a b\"", "\"a b\""),
            ("50%", "50%%", "50%%"),
            ("$HOME", "$HOME", "$$HOME"),
            ("a\"b\\c", "\"a\\\"b\\\\c\"", "\"a\\\"b\\\\c\""),
            ("it's", "\"it's\"", "\"it's\""),
            (";", "\";\"", "\";\""),
        ];
        for (word, setting, exec) in cases {
            assert_eq!(quote(word), setting);
            assert_eq!(quote_exec(word), exec);
        }
    }
}
