//! django-environ: `read_env`, then `env(KEY)`. Source: joke2k/django-environ,
//! `environ/environ.py`; measured with 0.14.0.

use super::text::python_text;
use super::{Value, View};
use crate::model::Secret;

pub(super) fn read(bytes: &[u8]) -> View {
    let text = match python_text(bytes) {
        Ok(text) => text,
        Err(line) => return View::error(line, "the file is not UTF-8"),
    };
    let mut file = View::whole();
    for line in text.split(is_line_end) {
        if let Some((key, value)) = assignment(line) {
            file.set(key, value);
        }
    }
    for var in &file.vars {
        let Value::Text(value) = &var.value else { continue };
        if value.expose().contains(&0) {
            return View::error(1, "a NUL byte cannot be put into the environment");
        }
    }
    let mut view = View::whole();
    for var in &file.vars {
        let value = follow(&file, &var.key).map_or(Value::Fails, |v| Value::Text(Secret::new(v)));
        view.put(var.key.clone(), value);
    }
    view
}

/// Python's `str.splitlines`.
fn is_line_end(c: char) -> bool {
    matches!(c, '\n' | '\u{b}' | '\u{c}' | '\u{1c}'..='\u{1e}' | '\u{85}' | '\u{2028}' | '\u{2029}')
}

fn assignment(line: &str) -> Option<(&str, String)> {
    let line = line.strip_prefix("export ").unwrap_or(line);
    let (key, value) = line.split_once('=')?;
    let name = |c: char| c.is_ascii_alphanumeric() || c == '_';
    if key.is_empty() || !key.chars().all(name) {
        return None;
    }
    let inner = |text: &'_ str, quote| -> Option<String> {
        let inner = text.strip_prefix(quote)?.strip_suffix(quote)?;
        Some(inner.to_owned())
    };
    let value = inner(value, '\'').unwrap_or_else(|| value.to_owned());
    let value = inner(&value, '"').map_or(value, |text| unescape(&text));
    Some((key, value))
}

/// A backslash goes, but not before n, r and t.
fn unescape(text: &str) -> String {
    let mut out = String::new();
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        if c != '\\' {
            out.push(c);
            continue;
        }
        match chars.next() {
            Some(next @ ('r' | 'n' | 't')) => out.extend(['\\', next]),
            Some(next) => out.push(next),
            None => out.push('\\'),
        }
    }
    out
}

/// A value that begins with `$` is the name of another variable; unset ones are an error.
fn follow(file: &View, key: &[u8]) -> Option<Vec<u8>> {
    let mut key = key.to_vec();
    for _ in 0..=file.vars.len() {
        let value = file.text(&key)?;
        if !value.starts_with(b"$") {
            return Some(value.to_vec());
        }
        key = value.iter().copied().skip_while(|b| *b == b'$').collect();
    }
    None
}
