//! How to write a value so that as many readers as possible read it back.
//!
//! Invariant: systemd, bash and dash read every encoded value back to the same bytes.
//! The rule and its measure against ten others: env-readers facts; it is also the rule of `set`.

use super::byte_set::ByteSet;
use super::is_strict_utf8;

/// A bare value is written only of these; all readers take them literally.
pub(super) const PORTABLE: ByteSet =
    ByteSet::of(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_@%+=:,./^-");

/// True when systemd can be given this value at all.
pub fn is_encodable(value: &[u8]) -> bool {
    !value.contains(&0) && is_strict_utf8(value)
}

/// The portable form of `value`; `None` when no form of it can be read (NUL, not UTF-8).
pub fn encode(value: &[u8]) -> Option<Vec<u8>> {
    is_encodable(value).then(|| encode_bytes(value))
}

/// The portable form, for a value that is known to be readable.
pub fn encode_bytes(value: &[u8]) -> Vec<u8> {
    if !value.is_empty() && value.iter().all(|b| PORTABLE.has(*b)) {
        return value.to_vec();
    }
    let has = |byte: u8| value.contains(&byte);
    let backslashes = value.windows(2).any(|pair| pair == b"\\\\") || value.ends_with(b"\\");
    if !has(b'\'') && !backslashes {
        return [b"'", value, b"'"].concat();
    }
    let mut text = vec![b'"'];
    for byte in value {
        if b"\"\\$`".contains(byte) {
            text.push(b'\\');
        }
        text.push(*byte);
    }
    text.push(b'"');
    text
}

#[cfg(test)]
mod tests {
    use super::super::{Rules, Why, read};
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn forms() {
        let cases: &[(&str, &str)] = &[
            ("plain-1/2", "plain-1/2"),
            ("=x", "=x"),
            ("", "''"),
            ("a b", "'a b'"),
            ("a\\b", "'a\\b'"),
            ("a\\\\b", "\"a\\\\\\\\b\""),
            ("end\\", "\"end\\\\\""),
            ("it's", "\"it's\""),
            ("it's \"$5\" `x`", "\"it's \\\"\\$5\\\" \\`x\\`\""),
        ];
        for (value, expected) in cases {
            let found = encode(value.as_bytes()).unwrap();
            assert_eq!(String::from_utf8(found).unwrap(), *expected);
        }
        assert_eq!(encode(b"a\0b"), None);
        assert_eq!(encode(b"\xff"), None);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(5000))]

        #[test]
        fn systemd_reads_it_back(value in "([ -~]|[\"'\\\\$`\n\r\t ]|\\PC){0,40}") {
            let Some(written) = encode(value.as_bytes()) else { return Ok(()) };
            let file = [b"K=", written.as_slice(), b"\nL=1\n"].concat();
            for rules in Rules::ALL {
                let reading = read(&file, rules);
                prop_assert_eq!(reading.get("K").map(|v| v.value.expose()), Some(value.as_bytes()));
                prop_assert_eq!(reading.vars.len(), 2);
                prop_assert!(reading.dropped.iter().all(|d| d.why == Why::Swallowed));
            }
        }
    }
}
