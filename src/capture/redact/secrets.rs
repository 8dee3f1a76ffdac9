//! Which values are secrets, and which part of them.

use crate::model::Secret;

/// Keys whose values are no secrets: they are needed to understand a failure.
const HARMLESS: &[&str] = &[
    "ALLOWED_HOSTS",
    "CORS_ALLOWED_ORIGINS",
    "CSRF_TRUSTED_ORIGINS",
    "DB_ENGINE",
    "DB_HOST",
    "DB_NAME",
    "DB_PORT",
    "DB_USER",
    "DEBUG",
    "DEFAULT_FROM_EMAIL",
    "DJANGO_DEBUG",
    "DJANGO_ENV",
    "DJANGO_LOG_FILE",
    "DJANGO_SETTINGS_MODULE",
    "EMAIL_BACKEND",
    "EMAIL_HOST",
    "EMAIL_PORT",
    "EMAIL_USE_SSL",
    "EMAIL_USE_TLS",
    "EXIT_CODE",
    "EXIT_STATUS",
    "HOME",
    "INVOCATION_ID",
    "JOURNAL_STREAM",
    "LANG",
    "LOGNAME",
    "LOG_DIR",
    "LOG_LEVEL",
    "MEDIA_ROOT",
    "MEDIA_URL",
    "NOTIFY_SOCKET",
    "PATH",
    "POSTGRES_DB",
    "POSTGRES_HOST",
    "POSTGRES_PORT",
    "POSTGRES_USER",
    "PYTHONPATH",
    "PYTHONUNBUFFERED",
    "SECURE_REFERRER_POLICY",
    "SERVICE_RESULT",
    "SHELL",
    "STATIC_ROOT",
    "STATIC_URL",
    "SYSTEMD_EXEC_PID",
    "TIME_ZONE",
    "TZ",
    "USER",
    "VIRTUAL_ENV",
    "WEB_CONCURRENCY",
    "X_FRAME_OPTIONS",
    "XDG_RUNTIME_DIR",
];

/// Values that say nothing.
const WORDS: &[&str] = &[
    "true",
    "false",
    "yes",
    "no",
    "on",
    "off",
    "none",
    "null",
    "debug",
    "info",
    "warning",
    "error",
    "production",
    "development",
    "staging",
    "localhost",
    "default",
    "strict",
    "same-origin",
];

/// Shorter values are not looked for: they would be found everywhere.
pub(super) const SHORTEST: usize = 4;

/// A part of a value that must not be printed, and the key that masks it.
#[derive(Clone, Debug)]
pub(super) struct Part {
    pub(super) key: String,
    pub(super) bytes: Vec<u8>,
}

/// The parts of one assignment that are secret.
pub(super) fn secret_parts(key: &str, value: &Secret) -> Vec<Part> {
    let bytes = value.expose();
    let part = |bytes: &[u8]| Part { key: mask_name(key), bytes: bytes.to_vec() };
    if is_harmless(key, bytes) {
        return Vec::new();
    }
    match url_password(bytes).filter(|p| !p.is_empty() || !bytes.starts_with(b"http")) {
        Some(password) => vec![part(password)],
        None if is_url(bytes) => url_tokens(bytes).map(part).collect(),
        None => vec![part(bytes)],
    }
    .into_iter()
    .filter(|p| p.bytes.len() >= SHORTEST)
    .collect()
}

/// Keys come from a file that may be broken: only what looks like the name of a variable is printed.
fn mask_name(key: &str) -> String {
    if is_name(key) { key.to_owned() } else { "secret".to_owned() }
}

fn is_name(key: &str) -> bool {
    let upper = |b: u8| b.is_ascii_uppercase() || b.is_ascii_digit() || b == b'_';
    let lower = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_';
    let one_case = key.bytes().all(upper) || key.bytes().all(lower);
    one_case && (1..=40).contains(&key.len()) && !key.starts_with(|c: char| c.is_ascii_digit())
}

fn is_harmless(key: &str, value: &[u8]) -> bool {
    let Ok(text) = std::str::from_utf8(value) else { return false };
    let number = text.len() <= 6 && text.bytes().all(|b| b.is_ascii_digit() || b == b'.');
    HARMLESS.contains(&key) || number || WORDS.iter().any(|w| text.eq_ignore_ascii_case(w))
}

/// `scheme://…`
fn is_url(value: &[u8]) -> bool {
    scheme_end(value).is_some() && !value.contains(&b'@') && !value.contains(&b'?')
}

/// Parts of a URL's path that look made up by a machine, as in the addresses of web hooks: at least
/// eight bytes with a digit, or sixteen. Files and this host's own addresses have none.
fn url_tokens(value: &[u8]) -> impl Iterator<Item = &[u8]> {
    let file = [&b"file:"[..], b"sqlite:"].iter().any(|scheme| value.starts_with(scheme));
    let path = scheme_end(value).filter(|_| !file).and_then(|end| value.get(end..));
    let parts = path.unwrap_or_default().split(|byte| *byte == b'/').skip(1);
    parts.filter(|part| part.len() >= 16 || part.len() >= 8 && part.iter().any(u8::is_ascii_digit))
}

fn scheme_end(value: &[u8]) -> Option<usize> {
    let at = value.windows(3).position(|w| w == b"://")?;
    let scheme = value.get(..at)?;
    let fine = |b: &u8| b.is_ascii_alphanumeric() || b"+-.".contains(b);
    (!scheme.is_empty() && scheme.iter().all(fine)).then_some(at + 3)
}

/// The password of `scheme://user:password@…`; up to the last `@`, because a password with
/// characters that should have been encoded is the case that goes wrong. A URL with a query keeps
/// everything secret: tokens are handed on that way.
fn url_password(value: &[u8]) -> Option<&[u8]> {
    if value.contains(&b'?') && !value.contains(&b'@') {
        return None;
    }
    let rest = value.get(scheme_end(value)?..)?;
    let at = rest.iter().rposition(|b| *b == b'@')?;
    let user = rest.get(..at)?;
    let colon = user.iter().position(|b| *b == b':')?;
    user.get(colon + 1..)
}

/// Every `KEY=VALUE` of an env file's lines, also of those that systemd drops: systemd prints them
/// into the journal. No language is followed: a leading `export` and one pair of quotes go, and a
/// line without a name is a piece of the value above, under an empty key.
pub fn raw_assignments(file: &[u8]) -> Vec<(String, Secret)> {
    let lines = file.split(|b| *b == b'\n' || *b == b'\r');
    lines.filter_map(raw_assignment).collect()
}

fn raw_assignment(line: &[u8]) -> Option<(String, Secret)> {
    let line = line.trim_ascii();
    if line.is_empty() || line.starts_with(b"#") || line.starts_with(b";") {
        return None;
    }
    let Some((key, value)) = named(line) else {
        return Some((String::new(), Secret::new(line)));
    };
    let value = value.trim_ascii();
    let quoted = match value {
        [first @ (b'"' | b'\''), inner @ .., last] if first == last => inner,
        whole => whole,
    };
    (!quoted.is_empty()).then(|| (key, Secret::new(quoted)))
}

fn named(line: &[u8]) -> Option<(String, &[u8])> {
    let at = line.iter().position(|b| *b == b'=')?;
    let words = std::str::from_utf8(line.get(..at)?).ok()?;
    let key = words.split_whitespace().last()?;
    is_name(key).then_some((key.to_owned(), line.get(at + 1..)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_secret() {
        let cases: &[(&str, &str, &[&str])] = &[
            ("SECRET_KEY", "abc$def(ghi", &["abc$def(ghi"]),
            ("DEBUG", "longer-than-needed", &[]),
            ("ANY", "True", &[]),
            ("ANY", "8000", &[]),
            ("ANY", "abc", &[]),
            ("ANY", "1234567", &["1234567"]),
            ("DATABASE_URL", "postgres://u:p#w/1@db:5432/x", &["p#w/1"]),
            ("DATABASE_URL", "postgres://u:aa@bb@db/x", &["aa@bb"]),
            ("DATABASE_URL", "sqlite:////opt/db.sqlite3", &[]),
            ("SENTRY_DSN", "https://0123456789@o1.example/2", &["https://0123456789@o1.example/2"]),
            (
                "SLACK",
                "https://hooks.example/services/T0123ABCD/B98765432/abcdefghijklmnop",
                &["T0123ABCD", "B98765432", "abcdefghijklmnop"],
            ),
            ("SENTRY_DSN", "https://key012345:@o1.example", &["https://key012345:@o1.example"]),
            ("SITE", "https://meats.example.com:8443/orders/v2", &[]),
            ("CACHE", "file:///var/cache/projectmeats-2026/long-enough-name", &[]),
            ("HOOK", "https://x.example/?token=abcdef", &["https://x.example/?token=abcdef"]),
        ];
        for (key, value, expected) in cases {
            let parts = secret_parts(key, &Secret::new(*value));
            let got: Vec<_> = parts.iter().map(|p| String::from_utf8_lossy(&p.bytes)).collect();
            assert_eq!(got, *expected, "{key}");
        }
    }

    #[test]
    fn lines_of_a_file() {
        let file = b"# SECRET=no\nexport A='one two'\r\nB-C = x\nD==y\nno line\n E=\nMIIa==\n";
        let got = raw_assignments(file);
        let got: Vec<_> = got.iter().map(|(k, v)| (k.as_str(), v.expose())).collect();
        let expected: [(&str, &[u8]); 5] =
            [("A", b"one two"), ("", b"B-C = x"), ("D", b"=y"), ("", b"no line"), ("", b"MIIa==")];
        assert_eq!(got, expected);
    }
}
