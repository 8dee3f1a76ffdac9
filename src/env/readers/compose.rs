//! `docker compose` v2. Source: compose-spec/compose-go, `dotenv/parser.go` and
//! `template/template.go` at v2.0.2, in docker compose 2.26.1.
//!
//! References are resolved from the file alone: the environment is taken as empty. Braced
//! references with an operator are a language of their own and not modelled.

use super::{Outcome, View};

pub(super) fn read(bytes: &[u8]) -> View {
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    let mut parser = Parser { rest: bytes, total: bytes, view: View::whole() };
    loop {
        match parser.statement() {
            Ok(true) => {}
            Ok(false) => return parser.view,
            Err(Stop::Error(why)) => {
                return View::error(parser.line(), why);
            }
            Err(Stop::Depends(why)) => {
                let line = parser.line();
                return View { outcome: Outcome::Depends { line, why }, ..parser.view };
            }
        }
    }
}

enum Stop {
    Error(&'static str),
    Depends(&'static str),
}

struct Parser<'a> {
    rest: &'a [u8],
    total: &'a [u8],
    view: View,
}

/// The first character and its length; a broken byte is U+FFFD of length 1, as in Go.
fn decode(bytes: &[u8]) -> Option<(char, usize)> {
    let head = bytes.get(..bytes.len().min(4))?;
    let chunk = head.utf8_chunks().next()?;
    match chunk.valid().chars().next() {
        Some(c) => Some((c, c.len_utf8())),
        None => Some(('\u{fffd}', 1)),
    }
}

/// compose-go's `isSpace`: no line feed.
fn is_space(c: char) -> bool {
    matches!(c, '\t' | '\u{b}' | '\u{c}' | '\r' | ' ' | '\u{85}' | '\u{a0}')
}

fn skip(mut bytes: &[u8], accept: impl Fn(char) -> bool) -> &[u8] {
    while let Some((c, length)) = decode(bytes) {
        if !accept(c) {
            break;
        }
        bytes = bytes.get(length..).unwrap_or_default();
    }
    bytes
}

fn trim_end(mut bytes: &[u8]) -> &[u8] {
    loop {
        let start = (1..=bytes.len().min(4)).find(|n| {
            let tail = bytes.get(bytes.len() - n..).unwrap_or_default();
            std::str::from_utf8(tail).is_ok_and(|t| t.chars().all(char::is_whitespace))
        });
        match start {
            Some(n) => bytes = bytes.get(..bytes.len() - n).unwrap_or_default(),
            None => return bytes,
        }
    }
}

impl Parser<'_> {
    fn line(&self) -> usize {
        let passed = self.total.len() - self.rest.len();
        let passed = self.total.get(..passed).unwrap_or_default();
        1 + passed.iter().filter(|b| **b == b'\n').count()
    }

    /// False at the end of the file.
    fn statement(&mut self) -> Result<bool, Stop> {
        loop {
            self.rest = skip(self.rest, char::is_whitespace);
            if !self.rest.starts_with(b"#") {
                break;
            }
            match self.rest.iter().position(|b| *b == b'\n') {
                Some(at) => self.rest = self.rest.get(at..).unwrap_or_default(),
                None => self.rest = b"",
            }
        }
        if self.rest.is_empty() {
            return Ok(false);
        }
        let (key, inherited) = self.key()?;
        if key.contains(&b' ') {
            return Err(Stop::Error("a blank in the name"));
        }
        if !inherited {
            let value = self.value()?;
            self.view.set(key, value);
        }
        Ok(true)
    }

    /// The name; true when the line has no value.
    fn key(&mut self) -> Result<(Vec<u8>, bool), Stop> {
        if let Some(after) = self.rest.strip_prefix(b"export") {
            // The regular expression knows ASCII blanks only, line feeds among them.
            if after.first().is_some_and(|b| b" \t\n\x0c\r".contains(b)) {
                self.rest = skip(after, is_space);
            }
        }
        let line = self.rest;
        let mut at = 0;
        while let Some((c, length)) = decode(line.get(at..).unwrap_or_default()) {
            match c {
                '=' | ':' | '\n' => {
                    let key = trim_end(line.get(..at).unwrap_or_default()).to_vec();
                    self.rest = skip(line.get(at + 1..).unwrap_or_default(), is_space);
                    return Ok((key, c == '\n'));
                }
                '_' | '.' | '-' | '[' | ']' => {}
                c if is_space(c) || is_letter(c) => {}
                _ => return Err(Stop::Error("a character that no name has")),
            }
            at += length;
        }
        if line.is_empty() {
            return Err(Stop::Error("a name is missing"));
        }
        // Without any end the whole text counts as the value of the empty name.
        self.rest = skip(line, is_space);
        Ok((Vec::new(), false))
    }

    fn value(&mut self) -> Result<Vec<u8>, Stop> {
        let quote = match self.rest.first() {
            Some(quote @ (b'\'' | b'"')) => *quote,
            _ => return self.unquoted(),
        };
        let mut chars = Vec::new();
        let mut escaped = false;
        for (at, byte) in self.rest.iter().enumerate().skip(1) {
            match *byte {
                b if b == quote && !escaped => {
                    let text = if quote == b'"' { self.expand(&escapes(&chars))? } else { chars };
                    self.rest = self.rest.get(at + 1..).unwrap_or_default();
                    return Ok(text);
                }
                b if b == quote => {
                    escaped = false;
                    chars.push(b);
                }
                b'\\' if !escaped => escaped = true,
                b => {
                    if std::mem::take(&mut escaped) {
                        chars.push(b'\\');
                    }
                    chars.push(b);
                }
            }
        }
        Err(Stop::Error("the quote is not closed"))
    }

    fn unquoted(&mut self) -> Result<Vec<u8>, Stop> {
        let end = self.rest.iter().position(|b| *b == b'\n');
        let line = self.rest.get(..end.unwrap_or(self.rest.len())).unwrap_or_default();
        let comment = line.windows(2).position(|pair| pair == b" #").unwrap_or(line.len());
        let text = trim_end(line.get(..comment).unwrap_or_default()).to_vec();
        let value = self.expand(&text)?;
        self.rest = end.and_then(|end| self.rest.get(end + 1..)).unwrap_or_default();
        Ok(value)
    }

    /// `$$`, `$NAME`, `${NAME}`.
    fn expand(&self, text: &[u8]) -> Result<Vec<u8>, Stop> {
        let mut out = Vec::new();
        let mut at = 0;
        while let Some(byte) = text.get(at) {
            let rest = text.get(at + 1..).unwrap_or_default();
            match (byte, rest.first()) {
                (b'$', Some(b'$')) => {
                    out.push(b'$');
                    at += 2;
                }
                (b'$', Some(b'{')) => {
                    let inner = rest.get(1..).unwrap_or_default();
                    let length = name_length(inner);
                    match inner.get(length) {
                        Some(b'}') if length > 0 => {
                            out.extend(self.lookup(inner.get(..length).unwrap_or_default()));
                            at += length + 3;
                        }
                        Some(b':' | b'-' | b'+' | b'?') if length > 0 => {
                            return Err(Stop::Depends("a reference with an operator"));
                        }
                        _ => return Err(Stop::Error("an invalid reference")),
                    }
                }
                (b'$', _) => match name_length(rest) {
                    0 => {
                        out.push(b'$');
                        at += 1;
                    }
                    length => {
                        out.extend(self.lookup(rest.get(..length).unwrap_or_default()));
                        at += 1 + length;
                    }
                },
                (byte, _) => {
                    out.push(*byte);
                    at += 1;
                }
            }
        }
        Ok(out)
    }

    fn lookup(&self, name: &[u8]) -> Vec<u8> {
        self.view.text(name).unwrap_or_default().to_vec()
    }
}

/// Go's `IsLetter` and `IsNumber`.
fn is_letter(c: char) -> bool {
    c.is_alphabetic() && !is_mark(c) || c.is_numeric()
}

/// Alphabetic in Rust, but a mark and no letter in Go.
fn is_mark(c: char) -> bool {
    matches!(u32::from(c), 0x345 | 0x5B0..=0x5C7 | 0x610..=0x61A | 0x64B..=0x65F | 0x24B6..=0x24E9)
}

/// Length of `[_A-Za-z][_A-Za-z0-9]*`; the long s and the Kelvin sign fold to ASCII letters in Go.
fn name_length(text: &[u8]) -> usize {
    let mut at = 0;
    while let Some((c, length)) = decode(text.get(at..).unwrap_or_default()) {
        let letter = c.is_ascii_alphabetic() || c == '_' || c == '\u{17f}' || c == '\u{212a}';
        if !(letter || at > 0 && c.is_ascii_digit()) {
            break;
        }
        at += length;
    }
    at
}

/// `\$` becomes `$$`, which the expansion reads as a dollar.
fn escapes(text: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    let mut at = 0;
    while let Some(byte) = text.get(at) {
        let next = if *byte == b'\\' { text.get(at + 1) } else { None };
        let (decoded, length): (&[u8], usize) = match next {
            Some(b'$') => (b"$$", 2),
            Some(b'a') => (b"\x07", 2),
            Some(b'b') => (b"\x08", 2),
            Some(b'f') => (b"\x0c", 2),
            Some(b'n') => (b"\n", 2),
            Some(b'r') => (b"\r", 2),
            Some(b't') => (b"\t", 2),
            Some(b'v') => (b"\x0b", 2),
            Some(b'"') => (b"\"", 2),
            Some(b'\\') => (b"\\", 2),
            Some(b'0') => {
                let (text, length) = octal(text.get(at..).unwrap_or_default());
                out.extend(text);
                at += length;
                continue;
            }
            _ => (std::slice::from_ref(byte), 1),
        };
        out.extend_from_slice(decoded);
        at += length;
    }
    out
}

/// `\0` and up to three digits: Go takes exactly three octal digits behind the backslash.
fn octal(text: &[u8]) -> (Vec<u8>, usize) {
    let digits: Vec<u8> =
        text.iter().skip(2).take(3).copied().take_while(u8::is_ascii_digit).collect();
    let length = 2 + digits.len();
    let code = std::str::from_utf8(&digits)
        .ok()
        .filter(|d| d.len() == 3)
        .and_then(|d| u32::from_str_radix(d, 8).ok())
        .filter(|code| *code < 256)
        .and_then(char::from_u32);
    match code {
        Some(c) => (c.to_string().into_bytes(), length),
        // What cannot be decoded stays, without the zero that was put in front.
        None => ([b"\\".as_slice(), &digits].concat(), length),
    }
}
