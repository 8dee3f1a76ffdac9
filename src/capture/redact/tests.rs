//! Planted secrets in every form; the property is that none comes out.

use proptest::prelude::*;

use super::*;

fn redactor(secrets: &[(&str, &str)]) -> Redactor {
    let owned: Vec<(String, Secret)> =
        secrets.iter().map(|(k, v)| ((*k).to_owned(), Secret::new(*v))).collect();
    let public = ["/opt/projectmeats/backend", "projectmeats.service", "postgresql"];
    Redactor::new(owned.iter().map(|(k, v)| (k.as_str(), v)), &public)
}

#[test]
fn forms_of_one_secret() {
    let secret = "s3cr$t(k&y)#=9'x\"\\%41";
    let r = redactor(&[("SECRET_KEY", secret)]);
    for (name, text) in encodings(secret) {
        let out = r.text(&format!("before {text} after"));
        assert!(out.contains("[SECRET_KEY]"), "{name}: {out}");
        assert!(out.starts_with("before ") && out.ends_with(" after"), "{name}: {out}");
    }
}

#[test]
fn a_short_password_of_a_url_is_known_as_it_is_typed() {
    let known = redactor(&[("DATABASE_URL", "postgres://m:p%40s%21w@db/m")]);
    for text in ["password p@s!w failed", "p%40s%21w"] {
        assert!(known.text(text).contains("[DATABASE_URL]"), "{}", known.text(text));
    }
}

#[test]
fn what_is_public_stays() {
    let r = redactor(&[
        ("EMAIL_HOST_USER", "ops@projectmeats.example"),
        ("DATABASE_URL", "postgres://meats:hunter2hunter2@localhost:5432/meats"),
        ("DEBUG", "False"),
        ("PIN", "4711x"),
    ]);
    let cases = [
        ("/opt/projectmeats/backend/x.py", "/opt/projectmeats/backend/x.py"),
        ("could not connect to localhost:5432", "could not connect to localhost:5432"),
        ("DEBUG is False", "DEBUG is False"),
        ("pw hunter2hunter2!", "pw [DATABASE_URL]!"),
        ("pin 4711x.", "pin [PIN]."),
        ("word a4711xb", "word a4711xb"),
        ("a\x1b[31mb\rc", "a\\x1b[31mb\\x0dc"),
    ];
    for (text, expected) in cases {
        assert_eq!(r.text(text), expected);
    }
}

#[test]
fn a_value_cut_off_or_wrapped_is_found() {
    let r = redactor(&[("SECRET_KEY", "abcdefghijklmnopqrstuvwxyz0123456789")]);
    assert_eq!(r.text("cast as 'abcdefghijk'"), "cast as '[SECRET_KEY]'");
    let lines = r.lines(&["x abcdefghijk", "   lmnopqrstuv", "wxyz0123456789 y"]);
    assert_eq!(lines, ["x [SECRET_KEY]", "[SECRET_KEY]", "[SECRET_KEY] y"]);
}

#[test]
fn nothing_passes_where_there_is_too_much_to_learn() {
    let large = "x7-".repeat(MOST / 3 + 1);
    let secrets = [("A", "short-one"), ("B", large.as_str())];
    let blind = redactor(&secrets);
    assert!(blind.is_blind() && !redactor(&secrets[..1]).is_blind());
    let lines = blind.lines(&["any word", "and x7-x7-x7-"]);
    assert_eq!(lines, [LEFT_OUT, LEFT_OUT]);
    assert_eq!(blind.own(&["ours, not short-one"]), ["ours, not [A]"]);
}

#[test]
fn a_value_that_is_told_again_is_counted_once() {
    let many: Vec<(String, Secret)> = (0..20_000)
        .flat_map(|n| vec![(format!("K{n}"), Secret::new(format!("v{n:05}"))); 4])
        .collect();
    let r = Redactor::new(many.iter().map(|(k, v)| (k.as_str(), v)), &[]);
    assert!(!r.is_blind());
    let text = "a line of the service with v00017 in it ".repeat(2000);
    assert!(!r.text(&text).contains("v00017"));
}

fn percent(text: &str, keep: &str) -> String {
    text.bytes()
        .map(|b| match char::from(b) {
            c if c.is_ascii_alphanumeric() || keep.contains(c) => c.to_string(),
            _ => format!("%{b:02X}"),
        })
        .collect()
}

fn encodings(secret: &str) -> Vec<(&'static str, String)> {
    let wrap = |text: &str, between: &str| {
        let chars: Vec<char> = text.chars().collect();
        chars.chunks(7).map(|c| c.iter().collect::<String>()).collect::<Vec<_>>().join(between)
    };
    let base64_of = |text: &str| {
        let digits = base64(
            text.as_bytes(),
            b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/",
        );
        String::from_utf8(digits).expect("ASCII")
    };
    let html = secret.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
    vec![
        ("raw", secret.to_owned()),
        ("single-quoted", format!("'{}'", secret.replace('\'', "'\\''"))),
        ("double-quoted", format!("\"{}\"", secret.replace('\\', "\\\\").replace('"', "\\\""))),
        ("Rust debug", format!("{secret:?}")),
        ("JSON", serde_json::to_string(secret).expect("a string")),
        ("percent", percent(secret, "-_.~")),
        ("percent, lower case", percent(secret, "/").to_ascii_lowercase_hex()),
        ("form", percent(secret, "-_. ").replace(' ', "+")),
        ("percent twice", percent(&percent(secret, "-_.~"), "-_.~")),
        ("HTML", html.replace('"', "&quot;").replace('\'', "&#x27;")),
        ("base64", base64_of(secret)),
        ("base64 behind one", base64_of(&format!("u{secret}"))),
        ("base64 behind two", base64_of(&format!("u:{secret}"))),
        ("wrapped", wrap(secret, "\n")),
        ("wrapped and indented", wrap(secret, "\n    ")),
        ("wrapped as Python prints", wrap(secret, "'\n '")),
        ("wrapped base64", wrap(&base64_of(secret), "\n")),
    ]
}

trait LowerHex {
    fn to_ascii_lowercase_hex(&self) -> String;
}

impl LowerHex for String {
    /// `%2F` → `%2f`; the rest stays.
    fn to_ascii_lowercase_hex(&self) -> String {
        let mut out = String::new();
        let mut lower = 0;
        for c in self.chars() {
            out.push(if lower > 0 { c.to_ascii_lowercase() } else { c });
            lower = if c == '%' { 2 } else { usize::saturating_sub(lower, 1) };
        }
        out
    }
}

/// Undoes every form once more and looks for the secret, or a long piece of it, independently of
/// the code under test: plain search in the text and in the text without blanks and quotes.
fn leaks(secret: &str, text: &str) -> bool {
    let squeeze = |s: &str| {
        s.chars().filter(|c| !c.is_whitespace() && !"'\"\\`".contains(*c)).collect::<String>()
    };
    let (secret, flat) = (squeeze(secret), squeeze(text));
    let chars: Vec<char> = secret.chars().collect();
    chars.windows(LONG).any(|w| flat.contains(&w.iter().collect::<String>()))
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_planted_secret_passes(
        // Quotes at its ends would be left behind, which tells nothing.
        secret in "[!-~--'\"`\\\\][!-~]{10,38}[!-~--'\"`\\\\]",
        form in 0usize..17,
        before in "[a-z ]{0,20}",
        after in "[ -~]{0,20}",
    ) {
        prop_assume!(secret.chars().filter(|c| !"'\"\\`".contains(*c)).count() >= 10);
        // A URL keeps its public part; its password has a test of its own.
        prop_assume!(!secret.contains("://"));
        let r = redactor(&[("SECRET_KEY", secret.as_str())]);
        let (name, planted) = encodings(&secret).swap_remove(form);
        let text = format!("{before} {planted} {after}");
        let lines: Vec<&str> = text.split('\n').collect();
        let out = r.lines(&lines);
        prop_assert_eq!(out.len(), lines.len());
        let out = out.join("\n");
        prop_assert!(!leaks(&secret, &out), "{}: {}", name, out);
        prop_assert!(!leaks(&planted, &out), "{}: {}", name, out);
    }

    #[test]
    fn no_short_secret_passes_as_a_word(secret in "[a-zA-Z0-9$#!]{4,7}", form in 0usize..4) {
        prop_assume!(!secret.bytes().all(|b| b.is_ascii_digit()));
        let r = redactor(&[("PIN", secret.as_str())]);
        let (_, planted) = encodings(&secret).swap_remove(form);
        let out = r.text(&format!("( {planted} )"));
        prop_assume!(!["true", "false", "none", "null", "debug", "info", "error", "strict"]
            .contains(&secret.to_ascii_lowercase().as_str()));
        prop_assert!(!out.contains(&secret), "{}", out);
    }

    #[test]
    fn nothing_panics_and_lines_stay(secret in "\\PC{0,30}", lines in prop::collection::vec("(?s).{0,60}", 0..6)) {
        let r = redactor(&[("K", secret.as_str())]);
        let lines: Vec<String> = lines.iter().map(|l| l.replace('\n', " ")).collect();
        let out = r.lines(&lines);
        prop_assert_eq!(out.len(), lines.len());
        prop_assert!(out.iter().all(|l| !l.chars().any(char::is_control)));
    }
}
