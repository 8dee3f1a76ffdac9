//! The first line of a script: who runs it.
//!
//! Invariant: read as the kernel reads `#!`, and through the two-line form that pip and uv write
//! when the interpreter's path is too long for the kernel or holds a blank.

use std::path::PathBuf;

/// What the beginning of a file says about its interpreter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Shebang {
    /// This program runs it.
    Interpreter(PathBuf),
    /// A script whose interpreter is found only when it runs (`env`, a relative path).
    Relative,
    /// No `#!`: a binary, or an empty file.
    None,
}

/// Reads the beginning of a script.
pub fn parse_shebang(head: &[u8]) -> Shebang {
    let Some(rest) = head.strip_prefix(b"#!") else { return Shebang::None };
    let text = String::from_utf8_lossy(rest);
    let mut lines = text.lines();
    let program = lines.next().unwrap_or_default().split_whitespace().next().unwrap_or_default();
    if program.ends_with("/env") {
        return Shebang::Relative;
    }
    if program == "/bin/sh" {
        if let Some(command) = lines.next().and_then(|line| line.strip_prefix("'''exec' ")) {
            return quoted_path(command);
        }
    }
    absolute(program)
}

/// The first word of a shell command, in quotes of either kind or none.
fn quoted_path(command: &str) -> Shebang {
    let word = match command.chars().next() {
        Some(quote @ ('"' | '\'')) => command.split(quote).nth(1),
        _ => command.split_whitespace().next(),
    };
    absolute(word.unwrap_or_default())
}

fn absolute(program: &str) -> Shebang {
    if program.starts_with('/') && !program.contains(char::is_control) {
        Shebang::Interpreter(PathBuf::from(program))
    } else {
        Shebang::Relative
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn interpreters() {
        let path = |p: &str| Shebang::Interpreter(PathBuf::from(p));
        for (head, expected) in [
            (
                "#!/opt/projectmeats/venv/bin/python3\n# -*- coding",
                path("/opt/projectmeats/venv/bin/python3"),
            ),
            ("#! /usr/bin/python3 -E\n", path("/usr/bin/python3")),
            ("#!/bin/sh\n'''exec' \"/a b/python3\" \"$0\" \"$@\"\n' '''\n", path("/a b/python3")),
            ("#!/bin/sh\n'''exec' /long/python3 \"$0\" \"$@\"\n", path("/long/python3")),
            ("#!/bin/sh\n'''exec' \"$(dirname -- \"$0\")\"/'python' \"$0\"\n", Shebang::Relative),
            ("#!/bin/sh\nexec gunicorn\n", path("/bin/sh")),
            ("#!/usr/bin/env python3\n", Shebang::Relative),
            ("#!python\n", Shebang::Relative),
            ("#!", Shebang::Relative),
            ("\u{7f}ELF", Shebang::None),
            ("", Shebang::None),
        ] {
            assert_eq!(parse_shebang(head.as_bytes()), expected, "{head:?}");
        }
    }

    proptest! {
        #[test]
        fn survives_any_bytes(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
            let _ = parse_shebang(&bytes);
            let _ = parse_shebang(&[b"#!/bin/sh\n'''exec' ", bytes.as_slice()].concat());
        }
    }
}
