//! Text from outside, made harmless for a terminal, a journal and a copied command.

use std::path::Path;

/// Control characters, bidirectional overrides and other format characters become `\x1b` or
/// `\u{202e}`; the rest stays.
pub fn escape(text: &str) -> String {
    if text.bytes().all(|b| b == b' ' || b.is_ascii_graphic()) {
        return text.to_owned();
    }
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            c if c.is_ascii_control() => out.push_str(&format!("\\x{:02x}", u32::from(c))),
            c if hidden(c) => out.extend(c.escape_unicode()),
            c => out.push(c),
        }
    }
    out
}

/// A path, quoted; bytes that are not UTF-8 become `\xff`.
pub fn escape_path(path: &Path) -> String {
    let mut out = String::from("\"");
    for chunk in path.as_os_str().as_encoded_bytes().utf8_chunks() {
        out.push_str(&escape(chunk.valid()));
        for byte in chunk.invalid() {
            out.push_str(&format!("\\x{byte:02x}"));
        }
    }
    out.push('"');
    out
}

/// Characters that change how the text around them looks (Unicode categories Cc, Cf and the line
/// separators).
fn hidden(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{ad}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}')
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::ffi::OsStr;
    use std::os::unix::ffi::OsStrExt;

    #[test]
    fn nothing_moves_the_cursor() {
        assert_eq!(escape("a\x1b[2Jb\nc\u{202e}d\u{e9}"), "a\\x1b[2Jb\\x0ac\\u{202e}d\u{e9}");
        let path = Path::new(OsStr::from_bytes(b"/l/\xff\r"));
        assert_eq!(escape_path(path), "\"/l/\\xff\\x0d\"");
    }
}
