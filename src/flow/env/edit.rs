//! `meats-env set` and `unset`.

use std::io::Write;
use std::path::Path;

use super::files::Session;
use super::fix::masked_diff;
use super::{Done, FAILED, REFUSED, Stop, USAGE};
use crate::cli::env::Set;
use crate::env::readers::{Reader, differing};
use crate::env::{self, Rules, SetError};
use crate::model::{Fact, Secret, finding};
use crate::report;
use crate::sys::{stdin, terminal};

/// Longest value that the kernel lets a program have, with its name.
const VALUE_LIMIT: u64 = 128 << 10;

pub fn set(session: &Session, asked: &Set, out: &mut dyn Write, err: &mut dyn Write) -> Done {
    let readers = wanted_readers(&asked.readers)?;
    if asked.file.as_deref() == Some(Path::new("-")) && asked.value_file.is_none() {
        let text = "standard input cannot be both the file and the value; \
                    take the value from a file: --value-file FILE";
        return Err(Stop::new(USAGE, text));
    }
    let value = value(session, asked, err)?;
    let encodable = env::is_encodable(value.expose());
    let wrong = if encodable { differing(value.expose()) } else { Vec::new() };
    let refused: Vec<&str> =
        wrong.iter().filter(|r| readers.contains(r)).map(|r| r.word()).collect();
    if !refused.is_empty() {
        let text = format!(
            "{}: no common form of this value is read back by {}; nothing was changed \
             (leave them out of --readers to accept that)",
            asked.key,
            refused.join(", ")
        );
        return Err(Stop::new(REFUSED, text));
    }
    let after = |bytes: &[u8]| env::set(bytes, &asked.key, value.expose());
    let code = write(session, asked.file.as_deref(), after, asked.dry_run, out)?;
    if !wrong.is_empty() {
        let words: Vec<&str> = wrong.iter().map(|r| r.word()).collect();
        let named = asked.file.as_deref();
        let path = named.filter(|file| *file == Path::new("-")).map(Path::to_owned);
        let path = path.unwrap_or_else(|| session.path(named));
        let (file, words) = (path.display().to_string(), words.join(", "));
        writeln!(err, "note: {}: {words} will read another value", asked.key).ok();
        writeln!(err, "    {}", report::shell_words(&["meats-env", "readers", &file])).ok();
    }
    Ok(code)
}

fn wanted_readers(words: &[String]) -> Result<Vec<Reader>, Stop> {
    if words.is_empty() {
        return Ok(vec![Reader::Systemd(Rules::Since254), Reader::Sh]);
    }
    let reader = |word: &String| {
        let parsed = Reader::parse(word).map(|reader| match reader {
            Reader::Systemd(_) => Reader::Systemd(Rules::Since254),
            other => other,
        });
        parsed.ok_or_else(|| Stop::new(USAGE, format!("--readers: \"{word}\" is no reader")))
    };
    words.iter().map(reader).collect()
}

/// The value from a file or standard input, asked for on a terminal; one line end at its end belongs
/// to the tool that wrote it, not to the value.
fn value(session: &Session, asked: &Set, err: &mut dyn Write) -> Result<Secret, Stop> {
    let (mut bytes, from_file) = match &asked.value_file {
        Some(file) => match session.root.read(&session.path(Some(file)), VALUE_LIMIT) {
            Fact::Known(bytes) => (bytes, true),
            Fact::Absent => {
                return Err(Stop::new(FAILED, format!("{}: no such file", file.display())));
            }
            Fact::Unknown(why) => {
                return Err(Stop::new(FAILED, format!("{}: {why}", file.display())));
            }
        },
        None if terminal::observe().stdin => {
            let key = report::escape(&asked.key);
            let line = if env::is_secret_key_name(&asked.key) {
                terminal::ask_hidden(err, &format!("value of {key} (it is not shown): "))
            } else {
                write!(err, "value of {key}: ").and_then(|()| err.flush()).ok();
                terminal::read_line()
            };
            // An empty line is more often a hand that stopped than a wish.
            let line = line.filter(|line| !line.is_empty());
            let nothing = || Stop::new(USAGE, "no value was given; nothing was changed");
            (line.ok_or_else(nothing)?.into_bytes(), true)
        }
        None => {
            let bytes = stdin::read_all(VALUE_LIMIT).map_err(|why| Stop::new(FAILED, why))?;
            // A pipe whose first command failed looks like that.
            if bytes.is_empty() {
                let text = "standard input is empty, nothing was changed; \
                            an empty value is one line end: echo | meats-env set KEY";
                return Err(Stop::new(USAGE, text));
            }
            (bytes, false)
        }
    };
    if !from_file && !asked.keep_newline && bytes.last() == Some(&b'\n') {
        bytes.pop();
    }
    Ok(Secret::new(bytes))
}

pub fn unset(
    session: &Session,
    key: &str,
    file: Option<&Path>,
    dry_run: bool,
    out: &mut dyn Write,
) -> Done {
    write(session, file, |bytes| env::unset(bytes, key), dry_run, out)
}

/// Changes a file by `edit`, or shows the change.
pub(super) fn write(
    session: &Session,
    file: Option<&Path>,
    edit: impl Fn(&[u8]) -> Result<Secret, SetError>,
    dry_run: bool,
    out: &mut dyn Write,
) -> Done {
    let input = session.read_to_change(file)?;
    let after = edit(&input.bytes).map_err(|why| {
        let code = if why == SetError::Name { USAGE } else { REFUSED };
        Stop::new(code, format!("{}: {why}", input.name))
    })?;
    if input.path.is_none() && !dry_run {
        out.write_all(after.expose())
            .map_err(|e| Stop::new(FAILED, format!("standard output: {e}")))?;
        return Ok(0);
    }
    if after.expose() == input.bytes {
        writeln!(out, "{}: nothing to change", report::escape(&input.name)).ok();
        return Ok(0);
    }
    write!(out, "{}", masked_diff(&input.bytes, after.expose())).ok();
    if !dry_run {
        let id = session.replace(&input, after, &finding::ENV_EDITED)?.unwrap_or_default();
        writeln!(out, "done; the file as it was is backup {id}").ok();
    }
    Ok(0)
}
