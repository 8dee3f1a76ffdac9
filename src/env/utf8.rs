//! Text as systemd accepts it. Invariant: stricter than `str`: no noncharacters either.
//!
//! Source: systemd `src/basic/utf8.c`, `unichar_is_valid` and `utf8_encoded_valid_unichar`.

/// True for UTF-8 without U+FDD0..FDEF and without code points that end in FFFE or FFFF.
pub fn is_strict_utf8(bytes: &[u8]) -> bool {
    if bytes.is_ascii() {
        return true;
    }
    match std::str::from_utf8(bytes) {
        Ok(text) => !text.chars().any(is_noncharacter),
        Err(_) => false,
    }
}

fn is_noncharacter(c: char) -> bool {
    let code = u32::from(c);
    (0xFDD0..=0xFDEF).contains(&code) || code & 0xFFFE == 0xFFFE
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn noncharacters_surrogates_and_cut_sequences_are_refused() {
        let cases: &[(&[u8], bool)] = &[
            (b"", true),
            (b"plain", true),
            ("K\u{f6}ln \u{1F969}".as_bytes(), true),
            ("\u{FFFD}".as_bytes(), true),
            (b"\xef\xbf\xbe", false),
            (b"\xef\xbf\xbf", false),
            (b"\xef\xb7\x90", false),
            (b"\xef\xb7\xaf", false),
            ("\u{FDF0}".as_bytes(), true),
            ("\u{1FFFE}".as_bytes(), false),
            (b"\xed\xa0\x80", false),
            (b"\xc0\x80", false),
            (b"\xf4\x90\x80\x80", false),
            (b"caf\xc3", false),
            (b"\xff", false),
        ];
        for (bytes, expected) in cases {
            assert_eq!(is_strict_utf8(bytes), *expected, "{bytes:?}");
        }
    }
}
