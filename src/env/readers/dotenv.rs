//! python-dotenv, also of docker-compose 1. Source: theskumar/python-dotenv,
//! `src/dotenv/parser.py`, `variables.py`; measured with 1.2.4.
//!
//! References are resolved from the file alone: the environment is taken as empty.

use super::text::{is_python_space, python_text};
use super::{Value, View};
use crate::model::Secret;

pub(super) fn read(bytes: &[u8]) -> View {
    let text = match python_text(bytes) {
        Ok(text) => text,
        Err(line) => return View::error(line, "the file is not UTF-8"),
    };
    let mut at = Cursor { rest: text.strip_prefix('\u{feff}').unwrap_or(&text) };
    let mut view = View::whole();
    while !at.rest.is_empty() {
        if let Some(Some((key, value))) = binding(&mut at) {
            let value = match value {
                None => Value::None,
                Some(text) => Value::Text(Secret::new(expand(&view, &text))),
            };
            view.put(key.into_bytes(), value);
        }
    }
    view
}

struct Cursor<'a> {
    rest: &'a str,
}

impl<'a> Cursor<'a> {
    fn skip(&mut self, accept: impl Fn(char) -> bool) -> &'a str {
        let length = self.rest.find(|c| !accept(c)).unwrap_or(self.rest.len());
        let (skipped, rest) = self.rest.split_at(length);
        self.rest = rest;
        skipped
    }

    fn take(&mut self, wanted: &str) -> bool {
        match self.rest.strip_prefix(wanted) {
            Some(rest) => {
                self.rest = rest;
                true
            }
            None => false,
        }
    }

    fn blanks(&mut self) -> &'a str {
        self.skip(|c| is_python_space(c) && c != '\n')
    }
}

type Binding = Option<(String, Option<String>)>;

/// One statement; `None` when it is broken, and then the rest of its line is skipped.
fn binding(at: &mut Cursor<'_>) -> Option<Binding> {
    at.skip(is_python_space);
    if at.rest.is_empty() {
        return Some(None);
    }
    let found = statement(at);
    if found.is_none() {
        at.skip(|c| c != '\n');
        at.take("\n");
    }
    found
}

fn statement(at: &mut Cursor<'_>) -> Option<Binding> {
    let before = at.rest;
    if !at.take("export") || at.blanks().is_empty() {
        at.rest = before;
    }
    let key = match at.rest.chars().next() {
        Some('#') => None,
        Some('\'') => {
            let (key, rest) = at.rest.strip_prefix('\'')?.split_once('\'')?;
            if key.is_empty() {
                return None;
            }
            at.rest = rest;
            Some(key.to_owned())
        }
        _ => {
            let key = at.skip(|c| c != '=' && c != '#' && !is_python_space(c));
            if key.is_empty() {
                return None;
            }
            Some(key.to_owned())
        }
    };
    at.blanks();
    let value = if at.take("=") {
        let gap = at.blanks();
        if !gap.is_empty() && at.rest.starts_with('#') {
            Some(String::new())
        } else {
            Some(value(at)?)
        }
    } else {
        None
    };
    let line = at.rest;
    at.blanks();
    if at.rest.starts_with('#') {
        at.skip(|c| c != '\n');
    } else {
        at.rest = line;
    }
    at.blanks();
    (at.take("\n") || at.rest.is_empty()).then(|| key.map(|key| (key, value)))
}

fn value(at: &mut Cursor<'_>) -> Option<String> {
    match at.rest.chars().next() {
        Some(quote @ ('\'' | '"')) => {
            let (inner, rest) = quoted(at.rest.strip_prefix(quote)?, quote)?;
            at.rest = rest;
            Some(unescape(inner, quote))
        }
        None | Some('\n') => Some(String::new()),
        Some(_) => Some(unquoted(at.skip(|c| c != '\n'))),
    }
}

/// Cuts at the first quote that no backslash protects.
fn quoted(text: &str, quote: char) -> Option<(&str, &str)> {
    let mut escaped = false;
    for (at, c) in text.char_indices() {
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            c if c == quote => return Some((text.get(..at)?, text.get(at + 1..)?)),
            _ => {}
        }
    }
    None
}

fn unescape(text: &str, quote: char) -> String {
    let mut out = String::new();
    let mut rest = text.chars().peekable();
    while let Some(c) = rest.next() {
        let decoded = match (c, rest.peek()) {
            ('\\', Some(next @ ('\\' | '\''))) => Some(*next),
            ('\\', Some(next)) if quote == '"' => match next {
                '"' => Some('"'),
                'a' => Some('\u{7}'),
                'b' => Some('\u{8}'),
                'f' => Some('\u{c}'),
                'n' => Some('\n'),
                'r' => Some('\r'),
                't' => Some('\t'),
                'v' => Some('\u{b}'),
                _ => None,
            },
            _ => None,
        };
        if decoded.is_some() {
            rest.next();
        }
        out.push(decoded.unwrap_or(c));
    }
    out
}

/// A comment begins with blanks and a number sign.
fn unquoted(part: &str) -> String {
    let mut blank_since = None;
    for (at, c) in part.char_indices() {
        match c {
            '#' if blank_since.is_some() => {
                let text = part.get(..blank_since.unwrap_or(at)).unwrap_or_default();
                return text.trim_end_matches(is_python_space).to_owned();
            }
            c if is_python_space(c) => {
                blank_since = blank_since.or(Some(at));
            }
            _ => blank_since = None,
        }
    }
    part.trim_end_matches(is_python_space).to_owned()
}

/// `${NAME}` and `${NAME:-default}`.
fn expand(view: &View, text: &str) -> String {
    let mut out = String::new();
    let mut rest = text;
    while let Some(at) = rest.find("${") {
        let (before, after) = rest.split_at(at);
        out.push_str(before);
        let body = after.get(2..).unwrap_or_default();
        match reference(body) {
            None => {
                out.push_str("${");
                rest = body;
            }
            Some((name, default, tail)) => {
                match view.get(name.as_bytes()) {
                    Some(Value::Text(value)) => {
                        out.push_str(&String::from_utf8_lossy(value.expose()));
                    }
                    Some(Value::None | Value::Fails) => {}
                    None => out.push_str(default),
                }
                rest = tail;
            }
        }
    }
    out.push_str(rest);
    out
}

fn reference(body: &str) -> Option<(&str, &str, &str)> {
    let end = body.find([':', '}'])?;
    let (name, rest) = body.split_at(end);
    if let Some(tail) = rest.strip_prefix('}') {
        return Some((name, "", tail));
    }
    let (default, tail) = rest.strip_prefix(":-")?.split_once('}')?;
    Some((name, default, tail))
}
