//! Redaction by position: what stands beside a telling name, in a URL, or in systemd's complaint
//! about a line of the env file is hidden even if it is in no file that was read.

use std::ops::Range;

/// Parts of names that tell a secret (Django's own list in `SafeExceptionReporterFilter`, and the
/// usual others).
const NAMES: &[&str] = &[
    "password",
    "passwd",
    "secret",
    "token",
    "api_key",
    "apikey",
    "api-key",
    "private_key",
    "signature",
    "credential",
    "authorization",
    "sessionid",
    "csrftoken",
    "pgpass",
];

/// Ranges of `text` to hide.
pub(super) fn by_position(text: &str) -> Vec<Range<usize>> {
    let mut hidden = Vec::new();
    let mut at = 0;
    for line in text.split('\n') {
        let mut found = Vec::new();
        url_passwords(line, &mut found);
        named_values(line, &mut found);
        dropped_assignments(line, &mut found);
        wrong_ports(line, &mut found);
        hidden.extend(found.into_iter().map(|r| at + r.start..at + r.end));
        at += line.len() + 1;
    }
    hidden
}

/// `scheme://user:PASSWORD@host`, up to the last `@` before a blank or quote.
fn url_passwords(line: &str, found: &mut Vec<Range<usize>>) {
    let mut from = 0;
    while let Some(at) = line.get(from..).and_then(|rest| rest.find("://")) {
        let start = from + at + 3;
        let rest = line.get(start..).unwrap_or_default();
        let end = rest.find([' ', '"', '\'', '<', '>', '\t']).unwrap_or(rest.len());
        let whole = rest.get(..end).unwrap_or_default();
        let last = whole.rfind('@');
        let colon = whole.find(':');
        if let (Some(colon), Some(last)) = (colon, last) {
            if colon + 1 < last {
                found.push(start + colon + 1..start + last);
            }
        }
        from = start;
    }
}

/// `name = value`, `'NAME': 'value'`, `NAME=value`, `<th>NAME</th><td>value`.
fn named_values(line: &str, found: &mut Vec<Range<usize>>) {
    let lower = line.to_ascii_lowercase();
    for name in NAMES {
        let mut from = 0;
        while let Some(at) = lower.get(from..).and_then(|rest| rest.find(name)) {
            let end = from + at + name.len();
            found.extend(value_behind(line, end));
            from = end;
        }
    }
}

fn value_behind(line: &str, name_end: usize) -> Option<Range<usize>> {
    let rest = line.get(name_end..)?;
    // The rest of the name, then quotes and blanks around one sign.
    let word = rest.find(|c: char| !(c.is_ascii_alphanumeric() || c == '_' || c == '-'));
    let mut at = name_end + word?;
    let skip = |at: usize, set: &[char]| {
        let rest = line.get(at..).unwrap_or_default();
        at + (rest.len() - rest.trim_start_matches(set).len())
    };
    at = skip(at, &['"', '\'', ' ', ']']);
    let sign = line.get(at..)?.chars().next().filter(|c| *c == '=' || *c == ':')?;
    at = skip(at + sign.len_utf8(), &[' ', '=', '>']);
    let value = line.get(at..)?;
    let (start, end) = match value.chars().next()? {
        quote @ ('"' | '\'') => {
            let inner = value.get(1..)?;
            (1, 1 + closing(inner, quote))
        }
        _ if sign == ':'
            && value.contains(' ')
            && !value.starts_with("Basic ")
            && !value.starts_with("Bearer ") =>
        {
            // "token: expected an indent" is prose, not a value.
            return None;
        }
        _ if value.starts_with("Basic ") || value.starts_with("Bearer ") => (0, value.len()),
        _ => (0, value.find([' ', ',', ';', ')', '}', '&']).unwrap_or(value.len())),
    };
    (end > start).then_some(at + start..at + end)
}

fn closing(inner: &str, quote: char) -> usize {
    let mut escaped = false;
    for (i, c) in inner.char_indices() {
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            c if c == quote => return i,
            _ => {}
        }
    }
    inner.len()
}

/// A character that ends the host's name too early makes a port of the password's first part, which
/// may be too short to be known as one (urllib.parse; libpq, `parse_int_param`).
fn wrong_ports(line: &str, found: &mut Vec<Range<usize>>) {
    const BEFORE: [&str; 3] =
        ["cast to integer value as ", "invalid integer value ", "invalid port number: "];
    for (at, before) in BEFORE.iter().filter_map(|b| line.find(b).map(|at| (at, b))) {
        let start = at + before.len() + 1;
        let value = line.get(start..).unwrap_or_default();
        let value = value.split(" for connection option ").next().unwrap_or_default();
        let end = value.rfind(['"', '\'']).unwrap_or(value.len());
        if end > 0 {
            found.push(start..start + end);
        }
    }
}

/// systemd prints a line that it drops together with its value.
fn dropped_assignments(line: &str, found: &mut Vec<Range<usize>>) {
    const ASSIGNMENT: &str = "gnoring invalid environment assignment '";
    const UTF8: &str = "invalid UTF-8 value for key ";
    if let Some(at) = line.find(ASSIGNMENT) {
        let start = at + ASSIGNMENT.len();
        let rest = line.get(start..).unwrap_or_default();
        let end = rest.rfind("': ").unwrap_or(rest.len());
        let equals = rest.get(..end).and_then(|a| a.find('='));
        if let Some(equals) = equals.filter(|e| e + 1 < end) {
            found.push(start + equals + 1..start + end);
        }
    }
    if let Some(at) = line.find(UTF8) {
        let rest = line.get(at..).unwrap_or_default();
        if let Some(open) = rest.find(": '") {
            let end = rest.rfind("', ").unwrap_or(rest.len());
            if open + 3 < end {
                found.push(at + open + 3..at + end);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::by_position;

    fn check(text: &str, expected: &str) {
        let mut out = String::new();
        let mut at = 0;
        let mut ranges = by_position(text);
        ranges.sort_by_key(|r| r.start);
        for range in ranges.into_iter().filter(|r| r.start < r.end) {
            if range.start >= at {
                out.push_str(&text[at..range.start]);
                out.push('#');
                at = range.end;
            }
        }
        out.push_str(&text[at..]);
        assert_eq!(out, expected);
    }

    #[test]
    fn positions() {
        let cases = [
            ("postgres://u:p@ss@db/x and more", "postgres://u:#@db/x and more"),
            ("http://127.0.0.1:8000/ fine", "http://127.0.0.1:8000/ fine"),
            ("'PASSWORD': 'a\\'b', 'HOST': 'x'", "'PASSWORD': '#', 'HOST': 'x'"),
            ("DB_PASSWORD=abc def", "DB_PASSWORD=# def"),
            ("os.environ['SECRET_KEY'] = 'abc'", "os.environ['SECRET_KEY'] = '#'"),
            ("Authorization: Bearer abc.def", "Authorization: #"),
            (
                "Port could not be cast to integer value as 'Sommer7'",
                "Port could not be cast to integer value as '#'",
            ),
            (
                "invalid integer value \"S'7\" for connection option \"port\"",
                "invalid integer value \"#\" for connection option \"port\"",
            ),
            ("invalid port number: \"\"", "invalid port number: \"\""),
            ("unexpected token: a name was expected", "unexpected token: a name was expected"),
            (
                "The SECRET_KEY setting must not be empty.",
                "The SECRET_KEY setting must not be empty.",
            ),
            (
                "u: Ignoring invalid environment assignment 'export K=v'w': /etc/x",
                "u: Ignoring invalid environment assignment 'export K=#': /etc/x",
            ),
            (
                "/f:3: invalid UTF-8 value for key K: 'v\u{fffd}', ignoring.",
                "/f:3: invalid UTF-8 value for key K: '#', ignoring.",
            ),
        ];
        for (text, expected) in cases {
            check(text, expected);
        }
    }
}
