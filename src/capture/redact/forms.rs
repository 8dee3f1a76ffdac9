//! The forms in which a text can hide a value: as it is, percent-encoded, as a form field, with
//! HTML entities, with backslash escapes, and combinations. Each is undone into plain bytes that
//! know where in the text they stood.

use std::ops::Range;

/// Bytes of a text with one form undone, without blanks, control characters, quotes and
/// backslashes: a value that was quoted or wrapped over lines is in one piece again.
#[derive(Clone, Debug, Default)]
pub(super) struct Plain {
    pub(super) bytes: Vec<u8>,
    /// For each byte, where it stood.
    pub(super) at: Vec<Range<usize>>,
}

#[derive(Clone, Copy)]
pub(super) struct Form {
    percent: bool,
    /// `+` is a blank (application/x-www-form-urlencoded).
    plus: bool,
    entities: bool,
    backslashes: bool,
}

const NONE: Form = Form { percent: false, plus: false, entities: false, backslashes: false };
/// The forms that are looked through, each for itself and all at once.
pub(super) const FORMS: [Form; 6] = [
    NONE,
    Form { percent: true, ..NONE },
    Form { percent: true, plus: true, ..NONE },
    Form { entities: true, ..NONE },
    Form { backslashes: true, ..NONE },
    Form { percent: true, plus: false, entities: true, backslashes: true },
];
/// All escapes, for the second pass over what one pass has undone.
pub(super) const ALL: Form = FORMS[5];

impl Form {
    /// False when undoing this form would change nothing.
    pub(super) fn concerns(self, text: &[u8]) -> bool {
        let has = |byte: u8| text.contains(&byte);
        (!self.percent && !self.plus && !self.entities && !self.backslashes)
            || (self.percent && has(b'%'))
            || (self.plus && has(b'+'))
            || (self.entities && has(b'&'))
            || (self.backslashes && has(b'\\'))
    }

    /// Undoes this form once.
    pub(super) fn undo(self, text: &[u8]) -> Plain {
        let mut plain = Plain::default();
        let mut at = 0;
        while let Some(rest) = text.get(at..).filter(|r| !r.is_empty()) {
            let (bytes, used) = self.unit(rest);
            for byte in bytes {
                plain.push(byte, at..at + used);
            }
            at += used;
        }
        plain
    }

    /// What the first unit of `rest` stands for, and how long it is.
    fn unit(self, rest: &[u8]) -> (Vec<u8>, usize) {
        let first = rest.first().copied().unwrap_or_default();
        let escape = match first {
            b'%' if self.percent => hex(rest.get(1..3)).map(|b| (vec![b], 3)),
            b'+' if self.plus => Some((vec![b' '], 1)),
            b'&' if self.entities => entity(rest),
            b'\\' if self.backslashes => backslash(rest),
            _ => None,
        };
        escape.unwrap_or_else(|| (vec![first], 1))
    }
}

impl Plain {
    fn push(&mut self, byte: u8, at: Range<usize>) {
        if !is_gap(byte) {
            self.bytes.push(byte);
            self.at.push(at);
        }
    }

    /// Undoes another form over this one.
    pub(super) fn again(&self, form: Form) -> Plain {
        let over = form.undo(&self.bytes);
        let place = |r: &Range<usize>| {
            let start = self.at.get(r.start).map_or(0, |r| r.start);
            let end = self.at.get(r.end.saturating_sub(1)).map_or(start, |r| r.end);
            start..end
        };
        Plain { at: over.at.iter().map(place).collect(), bytes: over.bytes }
    }
}

/// What may stand between the parts of one value.
fn is_gap(byte: u8) -> bool {
    byte <= b' ' || byte == 0x7f || matches!(byte, b'"' | b'\'' | b'`' | b'\\')
}

fn hex(digits: Option<&[u8]>) -> Option<u8> {
    let digits = std::str::from_utf8(digits?).ok()?;
    let plain = digits.len() == 2 && digits.bytes().all(|b| b.is_ascii_hexdigit());
    plain.then(|| u8::from_str_radix(digits, 16).ok()).flatten()
}

fn character(code: u32, used: usize) -> Option<(Vec<u8>, usize)> {
    Some((char::from_u32(code)?.to_string().into_bytes(), used))
}

/// `&amp;`, `&#39;`, `&#x27;`.
fn entity(rest: &[u8]) -> Option<(Vec<u8>, usize)> {
    let end = rest.iter().take(10).position(|b| *b == b';')?;
    let name = std::str::from_utf8(rest.get(1..end)?).ok()?;
    let used = end + 1;
    let named = |byte: u8| Some((vec![byte], used));
    match name {
        "amp" => named(b'&'),
        "lt" => named(b'<'),
        "gt" => named(b'>'),
        "quot" => named(b'"'),
        "apos" => named(b'\''),
        _ => match name.strip_prefix("#x").or_else(|| name.strip_prefix("#X")) {
            Some(digits) => character(u32::from_str_radix(digits, 16).ok()?, used),
            None => character(name.strip_prefix('#')?.parse().ok()?, used),
        },
    }
}

/// Escapes of Python, JSON, C and our own: `\n`, `\x1b`, `\u00e4`, `\u{202e}`, `\U0001f600`, `\033`.
fn backslash(rest: &[u8]) -> Option<(Vec<u8>, usize)> {
    let digits = |from: usize, count: usize| {
        let text = std::str::from_utf8(rest.get(from..from + count)?).ok()?;
        u32::from_str_radix(text, 16).ok()
    };
    match rest.get(1)? {
        b'n' | b't' | b'r' | b'f' | b'v' | b'a' | b'b' => Some((vec![b' '], 2)),
        b'x' => Some((vec![hex(rest.get(2..4))?], 4)),
        b'u' if rest.get(2) == Some(&b'{') => {
            let end = rest.iter().take(12).position(|b| *b == b'}')?;
            character(digits(3, end.checked_sub(3)?)?, end + 1)
        }
        b'u' => match digits(2, 4)? {
            // JSON writes characters beyond the first plane as two surrogates.
            high @ 0xd800..=0xdbff if rest.get(6..8) == Some(b"\\u") => {
                let low = digits(8, 4)?.checked_sub(0xdc00)?;
                character(0x10000 + ((high - 0xd800) << 10) + low, 12)
            }
            code => character(code, 6),
        },
        b'U' => character(digits(2, 8)?, 10),
        b'0'..=b'3' => {
            let text = std::str::from_utf8(rest.get(1..4)?).ok()?;
            Some((vec![u8::from_str_radix(text, 8).ok()?], 4))
        }
        other => Some((vec![*other], 2)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(form: Form, text: &str, expected: &str) {
        let plain = form.undo(text.as_bytes());
        assert_eq!(String::from_utf8_lossy(&plain.bytes), expected, "{text}");
        assert_eq!(plain.at.len(), plain.bytes.len());
    }

    #[test]
    fn forms_are_undone() {
        check(NONE, "a 'b'\n \"c\"\\ d%41", "abcd%41");
        check(FORMS[1], "a%41%zz%4", "aA%zz%4");
        check(FORMS[2], "a+b%2B", "ab+");
        check(FORMS[3], "x&amp;&lt;&#39;&#x41;&nope;&", "x&<A&nope;&");
        check(FORMS[4], "\\x41\\u0042\\u{43}\\U00000044\\105\\n\\\\\\q", "ABCDEq");
        check(FORMS[4], "\\ud83d\\ude00", "\u{1f600}");
        check(ALL, "%5Cx41", "x41");
    }

    #[test]
    fn places_survive_two_passes() {
        let text = b"ab%2541c";
        let twice = ALL.undo(text).again(ALL);
        assert_eq!(twice.bytes, b"abAc");
        assert_eq!(twice.at, [0..1, 1..2, 2..7, 7..8]);
    }
}
