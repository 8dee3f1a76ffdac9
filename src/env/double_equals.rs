//! `SECRET_KEY==…`: a typing error or the value?
//!
//! Invariant: a `=` is taken away only on evidence, on the site's word, or where nothing shows that
//! the service ever ran with it. A wrong guess logs every user out.
//! Source: Django's `get_random_secret_key` draws 50 characters from an alphabet of 50 that has `=`.

use super::Rules;
use super::systemd::survey;
use crate::model::Secret;

/// The setting of fixes.conf.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum DoubleEquals {
    #[default]
    Auto,
    Strip,
    Keep,
}

/// What a comparison with a value in use gave.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Match {
    /// It begins with the `=`.
    AsWritten,
    /// It is the value without the `=`.
    Stripped,
    /// It is another value.
    Neither,
}

/// Whether anything shows that the service ran with the file as it is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Use {
    /// A request was answered, or a process ran, since the file was written.
    Seen,
    /// It was looked for and there is none.
    NotSeen,
    /// Nobody could look, or only the file is known.
    #[default]
    Unknown,
}

/// All that is known besides the file.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Evidence {
    /// Comparison with `/proc/PID/environ` of the running service.
    pub running: Option<Match>,
    /// Comparison with the digest of the last good start.
    pub last_good: Option<Match>,
    pub used: Use,
}

/// What to do, and why, in words for a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    Keep(&'static str),
    Strip(&'static str),
    Propose(&'static str),
}

/// The two values in question, for whoever can compare them with one in use.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Candidates {
    pub key: &'static str,
    pub as_written: Secret,
    pub stripped: Secret,
}

impl Candidates {
    /// Compares with a value in use.
    pub fn compare(&self, in_use: &[u8]) -> Match {
        if in_use == self.as_written.expose() {
            Match::AsWritten
        } else if in_use == self.stripped.expose() {
            Match::Stripped
        } else {
            Match::Neither
        }
    }
}

/// The key that Django signs with.
pub(super) const SECRET_KEY: &str = "SECRET_KEY";

/// Length of a key that Django generates.
pub(super) const GENERATED: usize = 50;

/// The candidates, if systemd reads a `SECRET_KEY` that begins with `=`.
pub fn candidates(bytes: &[u8]) -> Option<Candidates> {
    // Most looks at a file are over here.
    memchr::memmem::find(bytes, SECRET_KEY.as_bytes())?;
    let reading = survey(bytes, Rules::Since254);
    let value = reading.get(SECRET_KEY)?.value.as_ref();
    let stripped = strip(value)?;
    Some(Candidates {
        key: SECRET_KEY,
        as_written: Secret::new(value),
        stripped: Secret::new(stripped),
    })
}

/// The value without its first `=`, the blanks behind it, and quotes that were meant as such.
pub(super) fn strip(value: &[u8]) -> Option<Vec<u8>> {
    let rest = value.strip_prefix(b"=")?.trim_ascii_start();
    let inner = [b'\'', b'"']
        .iter()
        .find_map(|quote| rest.strip_prefix(&[*quote])?.strip_suffix(&[*quote]));
    Some(inner.unwrap_or(rest).to_vec())
}

/// True for a character of Django's alphabet.
pub(super) fn is_django_letter(byte: &u8) -> bool {
    byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"!@#$%^&*(-_=+)".contains(byte)
}

/// True for what `get_random_secret_key` could have made.
pub(super) fn is_generated_key(value: &[u8]) -> bool {
    value.len() == GENERATED && value.iter().all(is_django_letter)
}

/// True for a generated key with one `=` too many in front.
pub(super) fn is_generated_key_with_surplus(value: &[u8]) -> bool {
    value.strip_prefix(b"=").is_some_and(is_generated_key)
}

/// Decides about a `SECRET_KEY` that begins with `=`.
pub fn decide(value: &[u8], policy: DoubleEquals, evidence: &Evidence) -> Verdict {
    match policy {
        DoubleEquals::Keep => return Verdict::Keep("double_equals = keep"),
        DoubleEquals::Strip => return Verdict::Strip("double_equals = strip"),
        DoubleEquals::Auto => (),
    }
    match evidence.running {
        Some(Match::AsWritten) => return Verdict::Keep("the running service uses it"),
        Some(Match::Stripped) => {
            return Verdict::Strip("the running service uses the value without it");
        }
        Some(Match::Neither) | None => (),
    }
    match evidence.last_good {
        Some(Match::AsWritten) => return Verdict::Keep("the last good start used it"),
        Some(Match::Stripped) => {
            return Verdict::Strip("the last good start used the value without it");
        }
        Some(Match::Neither) | None => (),
    }
    if is_generated_key(value) {
        return Verdict::Keep("50 characters of Django's alphabet with it");
    }
    if !is_generated_key_with_surplus(value) {
        return Verdict::Propose("the length does not tell");
    }
    match evidence.used {
        Use::NotSeen => Verdict::Strip(
            "50 characters without it, and nothing shows that the service ran with it",
        ),
        Use::Seen => Verdict::Propose("50 characters without it, but the service may have used it"),
        Use::Unknown => Verdict::Propose("50 characters without it"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(length: usize) -> Vec<u8> {
        [b"=".as_slice(), &vec![b'k'; length - 1]].concat()
    }

    #[test]
    fn order_of_evidence() {
        let none = Evidence::default();
        let running = |m| Evidence { running: Some(m), ..none };
        let stored = |m| Evidence { last_good: Some(m), ..none };
        let used = |used| Evidence { used, ..none };
        let auto = DoubleEquals::Auto;
        let word = |verdict| match verdict {
            Verdict::Keep(_) => "keep",
            Verdict::Strip(_) => "strip",
            Verdict::Propose(_) => "propose",
        };
        let cases = [
            (51, DoubleEquals::Keep, running(Match::Stripped), "keep"),
            (50, DoubleEquals::Strip, running(Match::AsWritten), "strip"),
            (51, auto, running(Match::AsWritten), "keep"),
            (50, auto, running(Match::Stripped), "strip"),
            (
                51,
                auto,
                Evidence { last_good: Some(Match::Stripped), ..running(Match::AsWritten) },
                "keep",
            ),
            (
                51,
                auto,
                Evidence { last_good: Some(Match::AsWritten), ..running(Match::Neither) },
                "keep",
            ),
            (40, auto, stored(Match::Stripped), "strip"),
            (51, auto, Evidence { used: Use::NotSeen, ..stored(Match::AsWritten) }, "keep"),
            (50, auto, none, "keep"),
            (50, auto, used(Use::NotSeen), "keep"),
            (51, auto, none, "propose"),
            (51, auto, used(Use::Seen), "propose"),
            (51, auto, used(Use::NotSeen), "strip"),
            (40, auto, used(Use::NotSeen), "propose"),
            (52, auto, used(Use::NotSeen), "propose"),
        ];
        for (length, policy, evidence, expected) in cases {
            let found = word(decide(&key(length), policy, &evidence));
            assert_eq!(found, expected, "{length} {policy:?} {evidence:?}");
        }
    }

    #[test]
    fn stripping() {
        for (value, expected) in
            [("=abc", "abc"), ("= abc", "abc"), ("='abc'", "abc"), ("=\"a'", "\"a'"), ("==x", "=x")]
        {
            assert_eq!(strip(value.as_bytes()).unwrap(), expected.as_bytes());
        }
        assert_eq!(strip(b"abc"), None);
    }
}
