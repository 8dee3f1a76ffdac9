//! `set -a; . FILE` in bash and dash. Source: POSIX, Shell Command Language.
//!
//! Modelled are assignments, comments, quotes, references to keys of the file, `export` and
//! `set -a`. Everything else runs or may run something, or is read differently by the two shells:
//! then the reading says so and stops.

use super::{Outcome, View};
use crate::env::systemd::is_valid_name;

pub(super) fn read(bytes: &[u8]) -> View {
    if let Some(at) = bytes.iter().position(|b| *b == 0) {
        let before = bytes.get(..at).unwrap_or_default();
        let line = 1 + before.iter().filter(|b| **b == b'\n').count();
        let why = "a NUL byte: shells leave it out with a warning";
        return View { outcome: Outcome::Depends { line, why }, ..View::whole() };
    }
    let mut shell = Shell { bytes, at: 0, line: 1, view: View::whole(), pending: Vec::new() };
    loop {
        match shell.command() {
            Ok(true) => {}
            Ok(false) => return shell.view,
            Err(outcome) => return View { outcome, ..shell.view },
        }
    }
}

struct Shell<'a> {
    bytes: &'a [u8],
    at: usize,
    line: usize,
    view: View,
    /// Names assigned by the command that is being read.
    pending: Vec<Vec<u8>>,
}

struct Word {
    text: Vec<u8>,
    /// Length of an unquoted `NAME=` in front.
    assigns: Option<usize>,
    quoted: bool,
}

type Step<T> = Result<T, Outcome>;

impl Shell<'_> {
    fn peek(&self) -> Option<u8> {
        self.bytes.get(self.at).copied()
    }

    fn take(&mut self) -> Option<u8> {
        let byte = self.peek()?;
        self.at += 1;
        self.line += usize::from(byte == b'\n');
        Some(byte)
    }

    fn depends<T>(&self, why: &'static str) -> Step<T> {
        Err(Outcome::Depends { line: self.line, why })
    }

    /// One command with its line end; false at the end of the file.
    fn command(&mut self) -> Step<bool> {
        let mut words = Vec::new();
        self.pending.clear();
        loop {
            while matches!(self.peek(), Some(b' ' | b'\t')) {
                self.take();
            }
            match self.peek() {
                None => {
                    self.run(words)?;
                    return Ok(false);
                }
                Some(b'\n') => {
                    // The line is looked at before it is left, for the number in messages.
                    self.run(words)?;
                    self.take();
                    return Ok(true);
                }
                Some(b'#') => {
                    while self.peek().is_some_and(|b| b != b'\n') {
                        self.take();
                    }
                }
                Some(b';' | b'&' | b'|' | b'<' | b'>' | b'(' | b')') => {
                    return self.depends("an operator: something is run, or a syntax error");
                }
                Some(_) => {
                    let word = self.word(&words)?;
                    words.extend(word);
                }
            }
        }
    }

    /// A word; `None` for a line end that a backslash took away.
    fn word(&mut self, before: &[Word]) -> Step<Option<Word>> {
        let start_line = self.line;
        let mut word = Word { text: Vec::new(), assigns: None, quoted: false };
        let mut any = false;
        while let Some(byte) = self.peek() {
            match byte {
                b' ' | b'\t' | b'\n' | b';' | b'&' | b'|' | b'<' | b'>' | b'(' | b')' => break,
                b'\'' => {
                    self.take();
                    self.single(&mut word.text, start_line)?;
                    word.quoted = true;
                    any = true;
                }
                b'"' => {
                    self.take();
                    self.double(&mut word.text, start_line)?;
                    word.quoted = true;
                    any = true;
                }
                b'\\' => {
                    self.take();
                    match self.take() {
                        Some(b'\n') => {}
                        Some(c) => {
                            word.text.push(c);
                            word.quoted = true;
                            any = true;
                        }
                        // At the end of the file the two shells differ.
                        None => return self.depends("a backslash at the end of the file"),
                    }
                }
                b'$' if matches!(self.bytes.get(self.at + 1), Some(b'\'' | b'"')) => {
                    return self.depends("dollar quotes: bash and dash differ");
                }
                b'$' => {
                    any = true;
                    if word.assigns.is_none() {
                        return self.depends("an expansion outside an assignment");
                    }
                    self.dollar(&mut word.text)?;
                }
                b'`' => return self.depends("a command substitution"),
                b'=' if word.assigns.is_none() && !word.quoted && is_valid_name(&word.text) => {
                    self.take();
                    word.text.push(b'=');
                    word.assigns = Some(word.text.len());
                    self.pending.push(word.text.strip_suffix(b"=").unwrap_or_default().to_vec());
                    any = true;
                    self.no_tilde()?;
                }
                b':' if word.assigns.is_some() => {
                    self.take();
                    word.text.push(b':');
                    self.no_tilde()?;
                }
                b'+' if !word.quoted
                    && word.assigns.is_none()
                    && is_valid_name(&word.text)
                    && self.bytes.get(self.at + 1) == Some(&b'=') =>
                {
                    return self.depends("+=: bash appends, dash runs a command");
                }
                b'[' if !word.quoted && word.assigns.is_none() && is_valid_name(&word.text) => {
                    return self.depends("a subscript: bash and dash differ");
                }
                _ => {
                    self.take();
                    word.text.push(byte);
                    any = true;
                }
            }
        }
        if word.assigns.is_some() && before.iter().all(|w| w.assigns.is_some()) {
            self.not_special(&word.text)?;
        }
        Ok(any.then_some(word))
    }

    fn no_tilde(&self) -> Step<()> {
        match self.peek() {
            Some(b'~') => self.depends("a tilde: a home directory"),
            _ => Ok(()),
        }
    }

    /// Variables that the shell itself keeps: they are read-only or mean something at once.
    fn not_special(&self, text: &[u8]) -> Step<()> {
        let name = text.split(|b| *b == b'=').next().unwrap_or_default();
        let kept: &[&[u8]] = &[
            b"UID",
            b"EUID",
            b"PPID",
            b"SHELLOPTS",
            b"BASHOPTS",
            b"IFS",
            b"RANDOM",
            b"SECONDS",
            b"LINENO",
            b"SRANDOM",
            b"EPOCHSECONDS",
            b"EPOCHREALTIME",
            b"HISTCMD",
            b"GROUPS",
            b"DIRSTACK",
            b"FUNCNAME",
            b"BASHPID",
            b"OPTIND",
            b"POSIXLY_CORRECT",
            b"_",
            b"LC_ALL",
            b"LANG",
            b"LC_CTYPE",
            b"PS4",
            b"PATH_SEPARATOR",
        ];
        if kept.contains(&name) || name.starts_with(b"BASH") || name.starts_with(b"COMP_") {
            return self.depends("a variable that the shell keeps for itself");
        }
        Ok(())
    }

    fn single(&mut self, out: &mut Vec<u8>, line: usize) -> Step<()> {
        loop {
            match self.take() {
                None => return Err(Outcome::Error { line, why: "a quote is not closed" }),
                Some(b'\'') => return Ok(()),
                Some(byte) => out.push(byte),
            }
        }
    }

    fn double(&mut self, out: &mut Vec<u8>, line: usize) -> Step<()> {
        loop {
            match self.peek() {
                None => return Err(Outcome::Error { line, why: "a quote is not closed" }),
                Some(b'"') => {
                    self.take();
                    return Ok(());
                }
                Some(b'`') => return self.depends("a command substitution"),
                Some(b'$') => self.dollar(out)?,
                Some(b'\\') => {
                    self.take();
                    match self.take() {
                        Some(b'\n') => {}
                        Some(c @ (b'"' | b'\\' | b'$' | b'`')) => out.push(c),
                        Some(c) => out.extend([b'\\', c]),
                        None => return Err(Outcome::Error { line, why: "a quote is not closed" }),
                    }
                }
                Some(byte) => {
                    self.take();
                    out.push(byte);
                }
            }
        }
    }

    /// `$NAME` and `${NAME}` of keys that the file has set; others come from the environment.
    fn dollar(&mut self, out: &mut Vec<u8>) -> Step<()> {
        self.take();
        let braced = self.peek() == Some(b'{');
        let start = self.at + usize::from(braced);
        let rest = self.bytes.get(start..).unwrap_or_default();
        let length = rest.iter().take_while(|b| b.is_ascii_alphanumeric() || **b == b'_').count();
        let name = rest.get(..length).unwrap_or_default();
        if rest.get(length..).is_some_and(|tail| tail.starts_with(b"\\\n")) {
            return self.depends("a name that a backslash carries over a line end");
        }
        if !is_valid_name(name) {
            let special = braced
                || rest.first().is_some_and(|b| b.is_ascii_digit() || b"@*#?-$!([".contains(b));
            if special {
                return self.depends("an expansion that is more than a name");
            }
            out.push(b'$');
            return Ok(());
        }
        if braced && rest.get(length) != Some(&b'}') {
            return self.depends("an expansion that is more than a name");
        }
        if self.pending.iter().any(|pending| pending == name) {
            return self.depends("a variable of the same line");
        }
        match self.view.text(name) {
            Some(value) => out.extend_from_slice(value),
            None => return self.depends("a variable of the environment"),
        }
        self.at = start + length + usize::from(braced);
        Ok(())
    }

    /// Assignments alone are set; with `export` in front as well.
    fn run(&mut self, words: Vec<Word>) -> Step<()> {
        let plain = |word: &Word, text: &[u8]| !word.quoted && word.text == text;
        let skip = match words.as_slice() {
            [word, ..] if plain(word, b"export") => 1,
            [set, flag] if plain(set, b"set") && (plain(flag, b"-a") || plain(flag, b"+a")) => {
                return Ok(());
            }
            _ => 0,
        };
        let named = |word: &Word| skip == 1 && is_valid_name(&word.text) && !word.quoted;
        if !words.iter().skip(skip).all(|word| word.assigns.is_some() || named(word)) {
            return self.depends("a command");
        }
        for word in words.iter().skip(skip) {
            if let Some(length) = word.assigns {
                let (name, value) = word.text.split_at(length);
                self.view.set(name.strip_suffix(b"=").unwrap_or(name), value);
            }
        }
        Ok(())
    }
}
