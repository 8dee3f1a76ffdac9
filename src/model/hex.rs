//! Bytes as lower-case hexadecimal digits, two a byte.

use std::fmt::Write as _;

/// `[0x0a, 0xff]` is `0aff`.
pub fn hex(bytes: impl AsRef<[u8]>) -> String {
    bytes.as_ref().iter().fold(String::new(), |mut text, byte| {
        write!(text, "{byte:02x}").ok();
        text
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_digits_a_byte() {
        assert_eq!(hex([0x0a, 0xff, 0]), "0aff00");
        assert_eq!(hex([]), "");
    }
}
