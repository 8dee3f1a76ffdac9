//! What Python and Go call lines and blanks.

/// Python's `str.isspace` for one character.
pub(super) fn is_python_space(c: char) -> bool {
    c.is_whitespace() || ('\u{1c}'..='\u{1f}').contains(&c)
}

/// Text as Python's `open()` gives it: strict UTF-8, every line end a LF.
pub(super) fn python_text(bytes: &[u8]) -> Result<String, usize> {
    match std::str::from_utf8(bytes) {
        Ok(text) => Ok(text.replace("\r\n", "\n").replace('\r', "\n")),
        Err(error) => {
            let before = bytes.get(..error.valid_up_to()).unwrap_or_default();
            Err(1 + before.iter().filter(|b| **b == b'\n').count())
        }
    }
}
