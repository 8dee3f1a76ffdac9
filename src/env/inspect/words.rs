//! What a value says: placeholders, damage by tools, characters that are not what they seem.

use std::cell::LazyCell;
use std::ops::Range;

use crate::env::byte_set::ByteSet;
use crate::env::double_equals::is_django_letter;
use crate::env::systemd::is_valid_name;
use crate::env::{is_secret_key_name, slice};
use crate::model::Kind;
use crate::model::finding::{PLACEHOLDER, SED_AMPERSAND};

/// A lint of the value as it is read: its kind, and what was meant if that can be told.
pub(super) struct Word {
    pub kind: &'static Kind,
    pub detail: &'static str,
    pub warn_only: bool,
    pub meant: Option<Vec<u8>>,
}

impl Word {
    fn new(kind: &'static Kind, detail: &'static str) -> Self {
        Self { kind, detail, warn_only: false, meant: None }
    }
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
    &["todo", "fixme", "tbd", "placeholder", "dummy", "secret", "password", "insecure"];

/// What secrets begin with that are still to come.
const BEGINNINGS: &[&str] = &[
    "your ",
    "change me",
    "change this",
    "change it",
    "change-it",
    "change_it",
    "changeit",
    "replace me",
    "replace this",
];

/// Those that are a mark by themselves; shorter ones are too likely in what a generator makes.
const ALONE: &[&str] = &["secret", "password", "token", "username"];

/// What stands between the signs of a template, and behind `your-`.
const MARK_WORDS: &[&str] = &[
    "access",
    "account",
    "address",
    "admin",
    "api",
    "app",
    "aws",
    "bucket",
    "change",
    "client",
    "company",
    "database",
    "db",
    "django",
    "domain",
    "dsn",
    "email",
    "generated",
    "gmail",
    "here",
    "host",
    "hostname",
    "id",
    "key",
    "login",
    "mail",
    "me",
    "name",
    "organization",
    "pass",
    "password",
    "port",
    "production",
    "project",
    "random",
    "redis",
    "region",
    "secret",
    "sentry",
    "server",
    "site",
    "smtp",
    "this",
    "token",
    "url",
    "user",
    "username",
    "value",
    "your",
];

/// Bytes of the longest of them.
const LONGEST: usize = "placeholder".len();

const STILL: &str = "still the placeholder of a template";
const INSIDE: &str = "the text of a placeholder is part of the value";

pub(super) fn placeholder(key: &str, value: &str) -> Option<Word> {
    let braces = memchr::memchr(b'{', value.as_bytes()).is_some();
    if !braces && !may_be_word(key.as_bytes(), value.as_bytes()) {
        return None;
    }
    let lower = value.to_ascii_lowercase();
    let secret = is_secret_key_name(key);
    if secret && lower.starts_with("django-insecure-") {
        let word = Word::new(&PLACEHOLDER, "made by startproject and marked insecure");
        return Some(Word { warn_only: true, ..word });
    }
    let stemmed = holds_stem(value.as_bytes());
    let meant = if stemmed { ampersand(key, value, &lower, secret) } else { None };
    if meant.is_some() {
        return Some(Word { meant, ..Word::new(&SED_AMPERSAND, INSIDE) });
    }
    if let Some(word) = marked(key, value, &lower).filter(|_| secret) {
        return Some(word);
    }
    if own_line(key.as_bytes(), value.as_bytes()).is_some() {
        let word = Word::new(&SED_AMPERSAND, "the value has its own key and = in it");
        let rest = value.strip_prefix(key).and_then(|rest| rest.strip_prefix('='));
        let rest = rest.filter(|rest| own_line(key.as_bytes(), rest.as_bytes()).is_none());
        return Some(Word { meant: rest.map(|rest| rest.as_bytes().to_vec()), ..word });
    }
    let whole = is_wrapped(&lower)
        || is_yours(&lower, secret)
        || secret && WHOLE.contains(&lower.as_str())
        || secret && lower.len() > 2 && lower.bytes().all(|b| b == b'x')
        || secret && BEGINNINGS.iter().any(|word| lower.starts_with(word))
        || stemmed && STEMS.iter().any(|stem| stands_alone(&lower, stem));
    whole.then(|| Word::new(&PLACEHOLDER, STILL))
}

/// The signs of a template around all of it. A key that a generator made may begin and end so, too.
fn is_wrapped(lower: &str) -> bool {
    let inner = |open: &str, close: &str| lower.strip_prefix(open)?.strip_suffix(close);
    inner("<", ">").is_some_and(is_prose)
        || inner("__", "__").is_some_and(|text| is_prose(text) && !has_digit(text))
        || inner("[your", "]").is_some()
        || lower.contains("{{") && lower.contains("}}")
}

/// Words, as people write them between signs.
fn is_prose(text: &str) -> bool {
    const LONG: usize = 30;
    let sign = |b: u8| b.is_ascii_alphanumeric() || !b.is_ascii() || b"-_.:/'@,()! ".contains(&b);
    text.bytes().any(|b| b.is_ascii_alphabetic())
        && !text.starts_with('/')
        && (text.contains(' ') || text.len() < LONG || !has_digit(text))
        && (text.bytes().all(sign) || text.contains(' ') && !text.contains(['<', '>']))
}

fn has_digit(text: &str) -> bool {
    text.bytes().any(|b| b.is_ascii_digit())
}

/// `your-` and a word of templates; behind it anything, if the value is to be a secret.
fn is_yours(lower: &str, secret: bool) -> bool {
    let rest = lower.strip_prefix("your").and_then(|rest| rest.strip_prefix(['-', '_']));
    let Some(rest) = rest else { return false };
    let first = rest.split(|c: char| !c.is_ascii_alphabetic()).next().unwrap_or_default();
    secret || MARK_WORDS.contains(&first)
}

/// `<secret>` or `__SECRET_KEY__` inside: put there by sed for each `&`, or never replaced.
fn marked(key: &str, value: &str, lower: &str) -> Option<Word> {
    let mark = mark_of(lower, "<", ">").or_else(|| mark_of(lower, "__", "__"))?;
    if lower == mark {
        return None;
    }
    let line = format!("{}={mark}", key.to_ascii_lowercase());
    let mark = if lower.contains(&line) { line.as_str() } else { mark };
    let glued = lower.match_indices(mark).any(|(at, _)| {
        let before = lower.get(..at).and_then(|t| t.bytes().next_back());
        let after = lower.get(at + mark.len()..).and_then(|t| t.bytes().next());
        [before, after].into_iter().flatten().any(|b| b.is_ascii_alphanumeric())
    });
    if !glued {
        return Some(Word::new(&PLACEHOLDER, STILL));
    }
    Some(Word { meant: with_ampersands(value, lower, mark), ..Word::new(&SED_AMPERSAND, INSIDE) })
}

/// The first text between two signs that is made of words of templates, with the signs.
fn mark_of<'a>(lower: &'a str, open: &str, close: &str) -> Option<&'a str> {
    const LONGEST: usize = 40;
    lower.match_indices(open).find_map(|(at, _)| {
        let inner = lower.get(at + open.len()..)?;
        let inner = inner
            .char_indices()
            .nth(LONGEST)
            .map_or(inner, |(end, _)| inner.get(..end).unwrap_or_default());
        let inner = inner.get(..inner.find(close)?)?;
        let known = |word: &str| MARK_WORDS.contains(&word);
        let told = inner.contains(['-', '_', ' ']) || ALONE.contains(&inner);
        (told && inner.split(['-', '_', ' ']).all(known)).then_some(())?;
        lower.get(at..at + open.len() + inner.len() + close.len())
    })
}

/// The value with an `&` in the place of each mark.
fn with_ampersands(value: &str, lower: &str, mark: &str) -> Option<Vec<u8>> {
    let mut meant = String::new();
    let mut at = 0;
    for (place, _) in lower.match_indices(mark) {
        meant.push_str(value.get(at..place)?);
        meant.push('&');
        at = place + mark.len();
    }
    meant.push_str(value.get(at..)?);
    Some(meant.into_bytes())
}

/// Where a value has its own `KEY=` in it, but not as an item of a list.
fn own_line(key: &[u8], value: &[u8]) -> Option<usize> {
    const SHORTEST: usize = 4;
    memchr::memchr(b'=', value).filter(|_| key.len() >= SHORTEST)?;
    let line = [key, b"="].concat();
    let secret = LazyCell::new(|| is_random(key, value));
    memchr::memmem::find_iter(value, &line).find(|at| *at == 0 || is_glued(&secret, value, *at))
}

/// Whether the signs of a generator may stand in a value: it is a secret, and no URL.
fn is_random(key: &[u8], value: &[u8]) -> bool {
    is_secret_key_name(&String::from_utf8_lossy(key))
        && memchr::memmem::find(value, b"://").is_none()
}

/// Whether what begins at `at` is glued to what stands in front of it, and no item of a list.
fn is_glued<F: FnOnce() -> bool>(secret: &LazyCell<bool, F>, value: &[u8], at: usize) -> bool {
    match at.checked_sub(1).and_then(|before| value.get(before)) {
        None => false,
        Some(before) => before.is_ascii_alphanumeric() || is_django_letter(before) && **secret,
    }
}

/// Whether what begins at `at` stands behind one plain word and a blank.
fn is_beside(value: &[u8], at: usize) -> bool {
    let word = slice(value, 0..at).strip_suffix(b" ");
    word.is_some_and(|w| {
        !w.is_empty()
            && !w.starts_with(b"-")
            && !w.ends_with(b"env")
            && !w.iter().any(|b| b" =".contains(b))
    })
}

/// The name of an assignment that is glued to a value.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Second {
    pub name: Range<usize>,
    /// Where it begins is certain: nothing of the value is taken for the name.
    pub told: bool,
}

/// Another assignment at the end of a value, whose line had no end when the next was appended.
pub(super) fn second_line(key: &[u8], value: &[u8]) -> Option<Second> {
    let secret = LazyCell::new(|| is_random(key, value));
    memchr::memchr_iter(b'=', value).find_map(|equals| {
        let capital = |b: &u8| b.is_ascii_uppercase() || b.is_ascii_digit() || *b == b'_';
        let head = slice(value, 0..equals);
        let run = head.iter().rev().take_while(|b| capital(b)).count();
        let (before, run) = head.split_at_checked(equals - run)?;
        let (length, known) = second_name(run)?;
        let name = equals - length..equals;
        // `-DNAME=` of Java.
        let option = before.ends_with(b"-") && run.len() == length + 1;
        let text = slice(value, name.clone());
        let good = is_valid_name(text) && text != key && !option;
        let glued =
            good && (known && is_beside(value, name.start) || is_glued(&secret, value, name.start));
        glued.then(|| Second { name, told: known || !*secret })
    })
}

/// Length of the name in which a run of capitals ends, and whether it is one of those below.
fn second_name(run: &[u8]) -> Option<(usize, bool)> {
    let known = KEYS.iter().filter(|known| run.ends_with(known.as_bytes()));
    let ends = |end: &&str| run.ends_with(end.as_bytes()) && run.len() > end.len() + 1;
    match known.map(|known| known.len()).max() {
        Some(length) => Some((length, true)),
        None => ENDS.iter().any(ends).then_some((run.len(), false)),
    }
}

/// Names that are common in files of Django projects.
const KEYS: &[&str] = &[
    "ADMIN_EMAIL",
    "ALLOWED_HOSTS",
    "BASE_URL",
    "CACHE_URL",
    "CORS_ALLOWED_ORIGINS",
    "CSRF_TRUSTED_ORIGINS",
    "DATABASE_URL",
    "DB_ENGINE",
    "DB_HOST",
    "DB_NAME",
    "DB_PASSWORD",
    "DB_PORT",
    "DB_USER",
    "DEBUG",
    "DEFAULT_FROM_EMAIL",
    "DJANGO_SETTINGS_MODULE",
    "EMAIL_HOST",
    "EMAIL_HOST_PASSWORD",
    "EMAIL_HOST_USER",
    "EMAIL_PORT",
    "EMAIL_USE_TLS",
    "ENVIRONMENT",
    "LOG_LEVEL",
    "PGPASSWORD",
    "POSTGRES_DB",
    "POSTGRES_PASSWORD",
    "POSTGRES_USER",
    "REDIS_URL",
    "SECRET_KEY",
    "SECURE_SSL_REDIRECT",
    "SENTRY_DSN",
    "STATIC_ROOT",
    "MEDIA_ROOT",
    "TIME_ZONE",
];

/// Last words of others.
const ENDS: &[&str] = &[
    "_BACKEND",
    "_BUCKET",
    "_DSN",
    "_EMAIL",
    "_HOST",
    "_HOSTS",
    "_KEY",
    "_LEVEL",
    "_MODULE",
    "_NAME",
    "_ORIGINS",
    "_PASSWORD",
    "_PATH",
    "_PORT",
    "_ROOT",
    "_SECRET",
    "_SECURE",
    "_TIMEOUT",
    "_TOKEN",
    "_URL",
    "_USER",
];

/// False for nearly every value without braces, at the cost of a few looks at each byte.
pub(super) fn may_be_word(key: &[u8], value: &[u8]) -> bool {
    let begins = match value {
        [b'<' | b'_' | b'[' | b'd' | b'D' | b'y' | b'Y' | b'x' | b'X', ..] => true,
        [b'c' | b'C', ..] => begins(value, b"change"),
        [b'r' | b'R', ..] => begins(value, b"replace"),
        _ => false,
    };
    begins
        || value.len() <= LONGEST
            && WHOLE.iter().any(|word| value.eq_ignore_ascii_case(word.as_bytes()))
        || holds_stem(value)
        || may_be_marked(value)
        || own_line(key, value).is_some()
}

fn may_be_marked(value: &[u8]) -> bool {
    match memchr::memchr2(b'<', b'_', value) {
        None => false,
        Some(at) => {
            let rest = slice(value, at..value.len());
            memchr::memchr(b'<', rest).is_some() || memchr::memmem::find(rest, b"__").is_some()
        }
    }
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
    with_ampersands(value, lower, stem)
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

/// Typographic quotes that the author took for quotes: what was meant, if that can be told.
pub(super) fn smart_quoted(value: &str) -> Option<Option<Vec<u8>>> {
    const DOUBLE: &str = "\u{201C}\u{201D}\u{201E}\u{AB}\u{BB}";
    const SINGLE: &str = "\u{2018}\u{2019}\u{201A}";
    if value.is_ascii() {
        return None;
    }
    let double = |c: char| DOUBLE.contains(c);
    let quote = |c: char| double(c) || SINGLE.contains(c);
    let only = |kind: &dyn Fn(char) -> bool| value.chars().filter(|c| kind(*c)).count() == 1;
    let whole = only(&quote) || value.ends_with(quote);
    if let Some(inner) = value.strip_prefix(quote).filter(|_| whole) {
        return Some(Some(inner.strip_suffix(quote).unwrap_or(inner).as_bytes().to_vec()));
    }
    // In prose they come in pairs, and an apostrophe stands between letters.
    match value.strip_suffix(quote) {
        Some(inner) if only(&quote) => Some(Some(inner.as_bytes().to_vec())),
        _ => (!value.contains(' ') && only(&double)).then_some(None),
    }
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
    use proptest::prelude::*;

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
            ("EMAIL_HOST_PASSWORD", "your-app-password", "placeholder"),
            ("DB_PASSWORD", "your_db_password", "placeholder"),
            ("API_KEY", "your-key", "placeholder"),
            ("SECRET_KEY", "Your_django_secret_key_goes_here_please_00", "placeholder"),
            ("EMAIL_HOST_USER", "your-email@gmail.com", "placeholder"),
            ("DB_PASSWORD", "change me", "placeholder"),
            ("DB_PASSWORD", "change_it", "placeholder"),
            ("DB_PASSWORD", "xxxxxxxx", "placeholder"),
            ("SLOGAN", "your meat, our passion", ""),
            ("SLOGAN", "your-beef-is-here", ""),
            ("DB_PASSWORD", "exchange_items", ""),
            ("SECRET_KEY", "ab<secret>cd<secret>", "sed-ampersand"),
            ("SECRET_KEY", "abSECRET_KEY=<secret>cd", "sed-ampersand"),
            ("DATABASE_URL", "postgres://m:a<database-url>b@h/d", "sed-ampersand"),
            ("DATABASE_URL", "postgres://<user>:<password>@<host>/d", "placeholder"),
            ("SECRET_KEY", "x__SECRET_KEY__y", "sed-ampersand"),
            ("SECRET_KEY", "abSECRET_KEY=oldoldcd", "sed-ampersand"),
            ("SECRET_KEY", "SECRET_KEY=abcd", "sed-ampersand"),
            ("DB_PASSWORD", "x<b>y", ""),
            ("LOG_FORMAT", "<name>: <value>", ""),
            ("PAGE_URL", "https://a.org/?PAGE_URL=x", ""),
        ];
        for (key, value, expected) in cases {
            let found = placeholder(key, value).map_or("", |word| word.kind.name);
            assert_eq!(found, expected, "{key}={value}");
        }
    }

    #[test]
    fn lines_glued_together() {
        let cases = [
            ("SECRET_KEY", "x9$(DEBUG=False", Some("DEBUG")),
            ("SECRET_KEY", "x9ABDEBUG=False", Some("DEBUG")),
            ("DB_HOST", "localhostDB_PORT=5432", Some("DB_PORT")),
            ("DB_NAME", "meatsAWS_S3_REGION_NAME=eu", Some("AWS_S3_REGION_NAME")),
            ("OPTIONS", "-e DEBUG=1", None),
            ("OPTIONS", "a=1,DEBUG=1;LOG_LEVEL=2", None),
            ("JAVA_OPTS", "-DDB_HOST=x", None),
            ("API_URL", "https://a.org/?API_KEY=x&DEBUG=1", None),
            ("SECRET_KEY", "x9ab+/c==", None),
            ("ODBC", "SERVER=db;DB_NAME=x", None),
            ("DB_DSN", "host=db;DB_NAME=x", None),
            ("CFLAGS", "-DDEBUG=1", None),
        ];
        for (key, value, expected) in cases {
            let name = second_line(key.as_bytes(), value.as_bytes());
            assert_eq!(name.and_then(|second| value.get(second.name)), expected, "{key}={value}");
        }
    }

    #[test]
    fn typographic_quotes() {
        let some = |text: &str| Some(Some(text.as_bytes().to_vec()));
        for (value, expected) in [
            ("\u{201C}x\u{201D}", some("x")),
            ("x\u{201D}", some("x")),
            ("b\u{201D}c", Some(None)),
            ("Bob\u{2019}s Meats", None),
            ("say \u{201C}hi\u{201D}", None),
            ("le \u{AB} bon \u{BB} prix", None),
            ("James\u{2019} and Bob\u{2019}s", None),
        ] {
            assert_eq!(smart_quoted(value), expected, "{value}");
        }
    }

    const RANDOM: &[&str] = &[
        "[a-z0-9!@#$%^&*(=+)_-]{50}",
        "[A-Za-z0-9!@#$%^&*(=+)_<>-]{50}",
        "[A-Za-z0-9_-]{64}",
        "[!-~&&[^{}]]{32,70}",
        "[a-z0-9&<>_]{8,20}[a-z0-9](secret|key|password|debug|your|change|host|true|name|url|user)[a-z0-9][a-z0-9&<>_=]{30}",
        "[A-Z0-9&<>_]{8,20}[A-Z0-9](SECRET|KEY|PASSWORD|DEBUG|HOST|TRUE|NAME|URL|USER)[A-Z0-9][A-Z0-9&<>_]{30}",
    ];

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(6000))]

        #[test]
        fn what_a_generator_makes_is_no_placeholder_and_no_damage(
            value in proptest::sample::select(RANDOM).prop_flat_map(|text| {
                proptest::string::string_regex(text).unwrap()
            })
        ) {
            // "change" and then "me" by chance is the word of a template.
            prop_assume!(!holds_stem(value.as_bytes()));
            let found = placeholder("SECRET_KEY", &value).map_or("", |word| word.kind.name);
            prop_assert_eq!(found, "");
            prop_assert_eq!(second_line(b"SECRET_KEY", value.as_bytes()), None);
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
