//! What a value says: placeholders, damage by tools, characters that are not what they seem.

use crate::env::byte_set::ByteSet;
use crate::env::double_equals::{GENERATED, is_django_letter};
use crate::env::{is_secret_key_name, slice};

/// A lint of the value as it is read: its kind, and what was meant if that can be told.
pub(super) struct Word {
    pub kind: &'static crate::model::Kind,
    pub warn_only: bool,
    pub meant: Option<Vec<u8>>,
}

/// Texts that templates use for a value that is still to come; the longest first.
const STEMS: &[&str] = &[
    "your-secret-key-here",
    "your_secret_key_here",
    "your-super-secret-key",
    "your-production-secret-key",
    "your-secret-key",
    "your_secret_key",
    "your-password-here",
    "your_password_here",
    "your-api-key-here",
    "your_api_key_here",
    "your-password",
    "your_password",
    "your-api-key",
    "your_api_key",
    "secret-key-here",
    "change-this-key",
    "change-this-in-production",
    "change-me-in-production",
    "change-me-please",
    "change-this",
    "change_this",
    "changethis",
    "change-me",
    "change_me",
    "changeme",
    "replace-with",
    "replace_with",
    "replace-me",
    "replace_me",
    "replaceme",
    "temp-key",
    "temp_key",
    "insert-key-here",
];

/// Whole values only: too short to be looked for inside others.
const WHOLE: &[&str] =
    &["todo", "fixme", "tbd", "placeholder", "dummy", "xxx", "secret", "password", "insecure"];

/// Bytes of the longest of them.
const LONGEST: usize = "placeholder".len();

pub(super) fn placeholder(key: &str, value: &str) -> Option<Word> {
    let braces = memchr::memchr(b'{', value.as_bytes()).is_some();
    if !braces && !may_be_word(value.as_bytes()) {
        return None;
    }
    let lower = value.to_ascii_lowercase();
    let secret = is_secret_key_name(key);
    let word = |kind, warn_only, meant| Some(Word { kind, warn_only, meant });
    if secret && lower.starts_with("django-insecure-") {
        return word(&crate::model::finding::PLACEHOLDER, true, None);
    }
    let stemmed = holds_stem(value.as_bytes());
    let meant = if stemmed { ampersand(key, value, &lower, secret) } else { None };
    if let Some(meant) = meant {
        return word(&crate::model::finding::SED_AMPERSAND, false, Some(meant));
    }
    let wrapped = |open: &str, close: &str| {
        lower.len() > open.len() + close.len()
            && lower.starts_with(open)
            && lower.ends_with(close)
            && lower.bytes().any(|b| b.is_ascii_alphabetic())
    };
    let whole = wrapped("<", ">") && !lower.contains("><") && !lower.contains("</")
        || wrapped("__", "__") && lower.len() < GENERATED
        || wrapped("[your", "]")
        || lower.contains("{{") && lower.contains("}}")
        || ["your-", "your_", "your "].iter().any(|stem| lower.starts_with(stem))
        || secret && WHOLE.contains(&lower.as_str())
        || stemmed && STEMS.iter().any(|stem| stands_alone(&lower, stem));
    if whole { word(&crate::model::finding::PLACEHOLDER, false, None) } else { None }
}

/// False for nearly every value without braces, at the cost of one look at each byte.
pub(super) fn may_be_word(value: &[u8]) -> bool {
    matches!(value, [b'<' | b'_' | b'[' | b'd' | b'D', ..])
        || value.len() <= LONGEST
            && WHOLE.iter().any(|word| value.eq_ignore_ascii_case(word.as_bytes()))
        || holds_stem(value)
}

/// Their first letters.
const INITIALS: ByteSet = ByteSet::of(b"yYsScCtTrRiI");

/// True where a stem stands, in either case.
fn holds_stem(bytes: &[u8]) -> bool {
    let mut rest = bytes;
    while let Some(at) = rest.iter().position(|b| INITIALS.has(*b)) {
        let text = slice(rest, at..rest.len());
        if begins_like_stem(text) && STEMS.iter().any(|stem| begins(text, stem.as_bytes())) {
            return true;
        }
        rest = slice(text, 1..text.len());
    }
    false
}

/// Three letters tell nearly always.
fn begins_like_stem(text: &[u8]) -> bool {
    let [a, b, c, ..] = text else { return false };
    let head = [a | 0x20, b | 0x20, c | 0x20];
    matches!(&head, b"you" | b"sec" | b"cha" | b"tem" | b"rep" | b"ins")
}

fn begins(text: &[u8], stem: &[u8]) -> bool {
    text.get(..stem.len()).is_some_and(|head| head.eq_ignore_ascii_case(stem))
}

/// The stem with no letter glued to it, at least once.
fn stands_alone(lower: &str, stem: &str) -> bool {
    lower.match_indices(stem).any(|(at, _)| {
        let before = lower.get(..at).and_then(|t| t.chars().next_back());
        let after = lower.get(at + stem.len()..).and_then(|t| t.chars().next());
        let letter = |c: Option<char>| c.is_some_and(char::is_alphabetic);
        !letter(before) && !letter(after)
    })
}

/// `&` in a replacement of sed is the text that was replaced: the placeholder, or the whole line.
fn ampersand(key: &str, value: &str, lower: &str, secret: bool) -> Option<Vec<u8>> {
    let stem = STEMS.iter().find(|stem| lower.contains(*stem))?;
    let line = format!("{}={stem}", key.to_ascii_lowercase());
    let stem = if lower.contains(&line) { line.as_str() } else { stem };
    let places: Vec<usize> = lower.match_indices(stem).map(|(at, _)| at).collect();
    let glued = places.iter().any(|at| {
        let before = lower.get(..*at).and_then(|t| t.bytes().next_back());
        let after = lower.get(at + stem.len()..).and_then(|t| t.bytes().next());
        let joins = |b: Option<u8>| b.is_some_and(|b| b.is_ascii_alphabetic());
        let tight =
            |b: Option<u8>| b.is_some_and(|b| is_django_letter(&b) && b != b'-' && b != b'_');
        joins(before) || joins(after) && tight(after)
    });
    let whole = lower.trim_matches(|c: char| !c.is_ascii_alphabetic()) == stem;
    if whole || !glued || (places.len() < 2 && !secret) {
        return None;
    }
    let mut meant = String::new();
    let mut at = 0;
    for place in places {
        meant.push_str(value.get(at..place)?);
        meant.push('&');
        at = place + stem.len();
    }
    meant.push_str(value.get(at..)?);
    Some(meant.into_bytes())
}

const ENTITIES: &[(&str, &str)] = &[
    ("&lt;", "<"),
    ("&gt;", ">"),
    ("&quot;", "\""),
    ("&#39;", "'"),
    ("&#x27;", "'"),
    ("&apos;", "'"),
    ("&amp;", "&"),
];

/// The value with HTML entities decoded, if it has any.
pub(super) fn decoded_html(value: &str) -> Option<Vec<u8>> {
    memchr::memchr(b'&', value.as_bytes())?;
    let has = ENTITIES.iter().any(|(entity, _)| value.contains(entity));
    has.then(|| {
        ENTITIES
            .iter()
            .fold(value.to_owned(), |text, (from, to)| text.replace(from, to))
            .into_bytes()
    })
}

/// The text between typographic quotes, if the value begins with one.
pub(super) fn smart_quoted(value: &str) -> Option<Vec<u8>> {
    if value.is_ascii() {
        return None;
    }
    let quote =
        |c: char| "\u{201C}\u{201D}\u{201E}\u{2018}\u{2019}\u{201A}\u{AB}\u{BB}".contains(c);
    let inner = value.strip_prefix(quote)?;
    Some(inner.strip_suffix(quote).unwrap_or(inner).as_bytes().to_vec())
}

/// The text in characters that can be seen, if it has others. Empty when nothing can be said.
pub(super) fn plain_form(text: &str) -> Option<Vec<u8>> {
    if text.is_ascii() {
        return None;
    }
    let mut plain = String::new();
    let mut changed = false;
    let mut previous: Option<char> = None;
    let mut rest = text.chars().peekable();
    while let Some(c) = rest.next() {
        let next = rest.peek().copied();
        match replacement(c, previous, next) {
            None => plain.push(c),
            Some(text) => {
                changed = true;
                plain.push_str(text);
            }
        }
        previous = Some(c);
    }
    changed.then(|| plain.into_bytes())
}

/// What a character that deceives stands for.
fn replacement(c: char, previous: Option<char>, next: Option<char>) -> Option<&'static str> {
    let ascii = |c: Option<char>| c.is_none_or(|c| c.is_ascii());
    match c {
        '\u{A0}' | '\u{2000}'..='\u{200A}' | '\u{202F}' | '\u{3000}' => Some(" "),
        '\u{AD}' | '\u{200B}' | '\u{200E}' | '\u{200F}' | '\u{202A}'..='\u{202E}' => Some(""),
        '\u{2028}' | '\u{2029}' | '\u{2060}'..='\u{2064}' | '\u{2066}'..='\u{2069}' => Some(""),
        '\u{FEFF}' | '\u{FFFD}' => Some(""),
        // Joiners are part of words and emoji in other scripts.
        '\u{200C}' | '\u{200D}' if ascii(previous) || ascii(next) => Some(""),
        '\u{2013}' | '\u{2014}'
            if previous.is_none_or(|c| c == ' ')
                && next.is_some_and(|c| c.is_ascii_alphabetic()) =>
        {
            Some("--")
        }
        _ => None,
    }
}

/// True for control characters that are no line end or tab.
pub(super) fn has_control(value: &str) -> bool {
    if value.is_ascii() && !value.bytes().any(|b| b.is_ascii_control()) {
        return false;
    }
    let text = value.replace("\r\n", "\n");
    text.chars().any(|c| c.is_control() && c != '\n' && c != '\t')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_stem_is_passed_over() {
        assert!(WHOLE.iter().all(|word| word.len() <= LONGEST));
        for stem in STEMS {
            assert!(holds_stem(format!("x{}", stem.to_uppercase()).as_bytes()), "{stem}");
        }
    }

    #[test]
    fn placeholders() {
        let cases = [
            ("SECRET_KEY", "your-secret-key-here", "placeholder"),
            ("SECRET_KEY", "abcyour-secret-key-heredef", "sed-ampersand"),
            ("SECRET_KEY", "changeme123", "placeholder"),
            ("EMAIL_HOST_USER", "changeme@example.org", "placeholder"),
            ("PATH_PREFIX", "/exchangemechanism", ""),
            ("DB_PASSWORD", "<your-password>", "placeholder"),
            ("HTML", "<b>x</b>", ""),
            ("SECRET_KEY", "{{ key }}", "placeholder"),
            ("SECRET_KEY", "__SECRET_KEY__", "placeholder"),
            ("SECRET_KEY", "__k7m2q9x4v1p0ws3e6r8t5yu2iog4da7fh9jl1zc3b5n8m1q4w7__", ""),
            ("SECRET_KEY", "django-insecure-abc", "placeholder"),
            ("NAME", "django-insecure-abc", ""),
            ("DB_PASSWORD", "password", "placeholder"),
            ("WORD", "password", ""),
        ];
        for (key, value, expected) in cases {
            let found = placeholder(key, value).map_or("", |word| word.kind.name);
            assert_eq!(found, expected, "{key}={value}");
        }
    }

    #[test]
    fn what_cannot_be_seen() {
        let cases = [
            ("two\u{A0}words", Some("two words")),
            ("\u{2013}workers", Some("--workers")),
            ("a \u{2013} b", None),
            ("K\u{f6}ln", None),
            ("\u{1F468}\u{200D}\u{1F469}", None),
        ];
        for (text, expected) in cases {
            let found = plain_form(text).map(|t| String::from_utf8(t).unwrap());
            assert_eq!(found.as_deref(), expected, "{text}");
        }
    }
}
