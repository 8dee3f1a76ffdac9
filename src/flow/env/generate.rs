//! `meats-env generate`: a new file with fresh secrets, or one fresh secret.

use std::io::Write;
use std::path::Path;

use super::files::Session;
use super::{Done, FAILED, REFUSED, Stop, USAGE, edit};
use crate::cli::env::Generate;
use crate::env::{self, Rules, is_secret_key_name, read};
use crate::model::{Fact, Secret, finding};
use crate::report;
use crate::sys::{random, terminal};

/// Length of fresh secrets: 64 letters of 6 bits.
const LENGTH: usize = 64;

/// The file of a fresh host. Placeholders in angle brackets have to be filled.
const TEMPLATE: &str = "\
# Environment of the service; projectmeats.env(5).
SECRET_KEY=<secret>
DEBUG=False
ALLOWED_HOSTS=<host-names>
DATABASE_URL=<database-url>
";

pub fn run(session: &Session, asked: &Generate, out: &mut dyn Write, err: &mut dyn Write) -> Done {
    if let Some(key) = &asked.key {
        let secret = random::secret(LENGTH).map_err(|why| Stop::new(FAILED, why))?;
        return edit::write(
            session,
            asked.file.as_deref(),
            |bytes| env::set(bytes, key, &secret),
            false,
            out,
        );
    }
    let path = session.path(asked.file.as_deref());
    let shown = asked.stdout || asked.file.as_deref() == Some(Path::new("-"));
    if !shown {
        // Before anything is asked for.
        is_new(session, &path)?;
    }
    let mut text = template(session, asked)?;
    for (key, value) in values(session, asked)? {
        text = put(&text, &key, value.expose())?;
    }
    text = ask(&fill(&text)?, out)?;
    let open = placeholders(&text);
    if !open.is_empty() {
        let text = format!(
            "no value for {}: give it with --set KEY=VALUE, or with --from FILE if it is secret",
            open.join(", ")
        );
        return Err(Stop::new(USAGE, text));
    }
    let empty = empty_secrets(&text);
    if !empty.is_empty() {
        let keys = report::escape(&empty.join(", "));
        writeln!(err, "note: empty, as in the template: {keys}").ok();
    }
    if shown {
        out.write_all(&text).map_err(|e| Stop::new(FAILED, format!("standard output: {e}")))?;
        return Ok(0);
    }
    session.write_new(&path, Secret::new(text), &finding::ENV_EDITED)?;
    writeln!(out, "wrote {}", report::escape_path(&path)).ok();
    Ok(0)
}

fn template(session: &Session, asked: &Generate) -> Result<Vec<u8>, Stop> {
    match &asked.template {
        None => {
            let module = &session.config.settings_module.value;
            let text = TEMPLATE.as_bytes();
            if module.is_empty() {
                return Ok(text.to_vec());
            }
            put(text, "DJANGO_SETTINGS_MODULE", module.as_bytes())
        }
        Some(file) => {
            let bytes = session.read(Some(file))?.bytes;
            // What a reader would drop could not be filled either.
            let repaired = env::plan_repair(&bytes, &env::Context::default()).bytes;
            Ok(repaired.map_or(bytes, Secret::into_exposed))
        }
    }
}

/// Values from the other file, then those of the command line, which hold no secrets.
fn values(session: &Session, asked: &Generate) -> Result<Vec<(String, Secret)>, Stop> {
    let mut found = Vec::new();
    if let Some(file) = &asked.from {
        let input = session.read(Some(file))?;
        let reading = read(&input.bytes, Rules::Since254);
        if let Err(why) = &reading.loads {
            return Err(Stop::new(REFUSED, format!("{}: {why}", input.name)));
        }
        found.extend(reading.vars.into_iter().map(|var| (var.key, var.value)));
    }
    for pair in &asked.set {
        let (key, value) =
            pair.split_once('=').ok_or_else(|| Stop::new(USAGE, "--set takes KEY=VALUE"))?;
        let url_with_password = value.contains("://") && value.contains('@');
        let harmless = key == "DATABASE_URL" && !url_with_password;
        if is_secret_key_name(key) && !harmless {
            let text = format!(
                "--set {key}: a secret would be seen in the list of processes; use --from FILE"
            );
            return Err(Stop::new(USAGE, text));
        }
        found.push((key.to_owned(), Secret::new(value)));
    }
    Ok(found)
}

fn put(text: &[u8], key: &str, value: &[u8]) -> Result<Vec<u8>, Stop> {
    env::set(text, key, value)
        .map(Secret::into_exposed)
        .map_err(|why| Stop::new(REFUSED, format!("{key}: {why}")))
}

/// Fresh secrets; a signing key that is empty needs one as much as a placeholder does.
fn fill(text: &[u8]) -> Result<Vec<u8>, Stop> {
    let empty = |key: &String| key.ends_with("SECRET_KEY");
    let keys = placeholders(text).into_iter().chain(empty_secrets(text).into_iter().filter(empty));
    let mut text = text.to_vec();
    for key in keys {
        let value = match key.as_str() {
            "DATABASE_URL" => continue,
            key if is_secret_key_name(key) => {
                random::secret(LENGTH).map_err(|why| Stop::new(FAILED, why))?
            }
            _ => continue,
        };
        text = put(&text, &key, &value)?;
    }
    Ok(text)
}

/// Asks for what is still open, where somebody can answer.
fn ask(text: &[u8], out: &mut dyn Write) -> Result<Vec<u8>, Stop> {
    let mut text = text.to_vec();
    let terminal = terminal::observe();
    if !(terminal.stdin && terminal.stdout) {
        return Ok(text);
    }
    for key in placeholders(&text) {
        let shown = report::escape(&key);
        let line = if is_secret_key_name(&key) {
            terminal::ask_hidden(out, &format!("{shown} (it is not shown): "))
        } else {
            write!(out, "{shown}: ").and_then(|()| out.flush()).ok();
            terminal::read_line()
        };
        if let Some(value) = line.filter(|line| !line.is_empty()) {
            text = put(&text, &key, value.as_bytes())?;
        }
    }
    Ok(text)
}

/// Keys of secrets that have an empty value.
fn empty_secrets(text: &[u8]) -> Vec<String> {
    let vars = read(text, Rules::Since254).vars.into_iter();
    vars.filter(|var| var.value.expose().is_empty() && is_secret_key_name(&var.key))
        .map(|var| var.key)
        .collect()
}

/// Keys whose value is still a placeholder.
fn placeholders(text: &[u8]) -> Vec<String> {
    let found = env::check(text, &env::Context::default());
    found
        .into_iter()
        .filter(|f| f.kind == &finding::PLACEHOLDER)
        .filter_map(|f| f.subject.key)
        .collect()
}

/// A file that exists is never overwritten.
fn is_new(session: &Session, path: &Path) -> Result<(), Stop> {
    match session.root.stat(path) {
        Fact::Absent => {}
        Fact::Known(_) => {
            let text = format!("{}: it exists and is not overwritten", path.display());
            return Err(Stop::new(REFUSED, text));
        }
        Fact::Unknown(why) => return Err(Stop::new(FAILED, format!("{}: {why}", path.display()))),
    }
    let above = path.parent().unwrap_or(path);
    if session.root.stat(above).is_absent() {
        let text = format!("{}: there is no directory {}", path.display(), above.display());
        return Err(Stop::new(FAILED, text));
    }
    Ok(())
}
