//! `meats-env get`, `read`, `readers` and `export`.

use std::collections::HashSet;
use std::io::Write;
use std::path::Path;

use serde::Serialize;
use serde_json::{Map, Value as Json, json};

use super::files::Session;
use super::{Done, FAILED, REFUSED, Stop, USAGE};
use crate::env::mask::{MASK, is_harmless};
use crate::env::readers::{Outcome, Reader, Value, View, encode_for, read_as};
use crate::env::{Rules, read as read_systemd};
use crate::report;

fn write_failed(error: std::io::Error) -> Stop {
    Stop::new(FAILED, format!("standard output: {error}"))
}

/// The value itself, a line end behind it.
pub fn get(session: &Session, key: &str, file: Option<&Path>, out: &mut dyn Write) -> Done {
    let input = session.read(file)?;
    let reading = read_systemd(&input.bytes, Rules::Since254);
    if let Err(why) = &reading.loads {
        return Err(Stop::new(REFUSED, format!("{}: {why}", input.name)));
    }
    match reading.get(key) {
        Some(var) => {
            out.write_all(var.value.expose()).map_err(write_failed)?;
            out.write_all(b"\n").map_err(write_failed)?;
            Ok(0)
        }
        None => Err(Stop::new(1, format!("{}: {key} is not set", input.name))),
    }
}

/// How a reading is printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    Text,
    Json,
    Null,
}

impl Form {
    pub fn of(json: bool, null: bool) -> Self {
        match (json, null) {
            (true, _) => Self::Json,
            (_, true) => Self::Null,
            _ => Self::Text,
        }
    }
}

fn reader(word: &str) -> Result<Reader, Stop> {
    Reader::parse(word).ok_or_else(|| {
        let text = "systemd, systemd:VERSION, sh, dotenv, environ, decouple, compose or docker";
        Stop::new(USAGE, format!("\"{word}\" is no reader; {text}"))
    })
}

pub fn read(
    session: &Session,
    word: &str,
    form: Form,
    file: Option<&Path>,
    out: &mut dyn Write,
    err: &mut dyn Write,
) -> Done {
    let reader = reader(word)?;
    let input = session.read(file)?;
    let view = read_as(&input.bytes, reader);
    match form {
        Form::Json => {
            let dropped = match reader {
                Reader::Systemd(rules) => dropped(&input.bytes, rules),
                _ => Json::Null,
            };
            document(&view_json(word, &view, dropped), out)?;
        }
        Form::Null => {
            for var in &view.vars {
                if let Value::Text(value) = &var.value {
                    let entry = [&var.key, b"=".as_slice(), value.expose(), b"\0"].concat();
                    out.write_all(&entry).map_err(write_failed)?;
                }
            }
        }
        Form::Text => text(&view, out),
    }
    match view.outcome {
        Outcome::Whole => Ok(0),
        Outcome::Error { line, why } => {
            writeln!(err, "{}:{line}: {word} stops here: {why}", report::escape(&input.name)).ok();
            Ok(REFUSED)
        }
        Outcome::Depends { line, why } => {
            let name = report::escape(&input.name);
            writeln!(err, "{name}:{line}: depends on execution: {why}").ok();
            Ok(FAILED)
        }
    }
}

/// Names with their values masked; `--json` and `-0` print values.
fn text(view: &View, out: &mut dyn Write) {
    for var in &view.vars {
        let name = String::from_utf8_lossy(&var.key);
        let key = if is_harmless(&var.key) { report::escape(&name) } else { MASK.to_owned() };
        let shown = match &var.value {
            Value::Text(value) if value.expose().is_empty() => "(empty)",
            Value::Text(_) => MASK,
            Value::None => "(no value)",
            Value::Fails => "(an error when it is asked for)",
        };
        writeln!(out, "{key}={shown}").ok();
    }
}

fn dropped(bytes: &[u8], rules: Rules) -> Json {
    let reading = read_systemd(bytes, rules);
    let entry =
        |d: &crate::env::Dropped| json!({"line": d.line, "why": d.why.word(), "key": d.key});
    Json::from(reading.dropped.iter().map(entry).collect::<Vec<_>>())
}

fn bytes_json(bytes: &[u8]) -> Json {
    match std::str::from_utf8(bytes) {
        Ok(text) => Json::from(text),
        Err(_) => json!({ "bytes": bytes }),
    }
}

fn view_json(word: &str, view: &View, dropped: Json) -> Reading {
    let mut env = Map::new();
    for var in &view.vars {
        let value = match &var.value {
            Value::Text(value) => bytes_json(value.expose()),
            Value::None => Json::Null,
            Value::Fails => json!({ "error": true }),
        };
        env.insert(String::from_utf8_lossy(&var.key).into_owned(), value);
    }
    let (outcome, line, why) = match view.outcome {
        Outcome::Whole => ("whole", None, None),
        Outcome::Error { line, why } => ("error", Some(line), Some(why)),
        Outcome::Depends { line, why } => ("depends on execution", Some(line), Some(why)),
    };
    Reading {
        schema: "projectmeats.env-reading/1.0",
        reader: word.to_owned(),
        outcome,
        line,
        why,
        env,
        dropped,
        complete: true,
    }
}

/// A document; the keys in the order in which they are written.
#[derive(Serialize)]
struct Reading {
    schema: &'static str,
    reader: String,
    outcome: &'static str,
    line: Option<usize>,
    why: Option<&'static str>,
    env: Map<String, Json>,
    dropped: Json,
    complete: bool,
}

/// The same for `readers`.
#[derive(Serialize)]
struct Comparison {
    schema: &'static str,
    keys: usize,
    differing: Map<String, Json>,
    /// Readers that do not read all of the file.
    stops: Map<String, Json>,
    /// Readers that take something for a name which is not shown.
    other_names: Vec<&'static str>,
    runs_here: Vec<&'static str>,
    complete: bool,
}

fn document(value: &impl Serialize, out: &mut dyn Write) -> Result<(), Stop> {
    let text = serde_json::to_string_pretty(value)
        .map_err(|error| Stop::new(FAILED, error.to_string()))?;
    writeln!(out, "{text}").map_err(write_failed)
}

/// What a reader makes of a key, compared with systemd; None where both have the same.
fn compare(view: &View, key: &[u8], truth: Option<&Value>) -> Option<&'static str> {
    let Some(truth) = truth else {
        return matches!(view.get(key), Some(Value::Text(_))).then_some("set, not by systemd");
    };
    match (view.outcome, view.get(key)) {
        (Outcome::Error { .. }, _) => Some("error"),
        (Outcome::Depends { .. }, _) => Some("depends on execution"),
        (_, None) => Some("not set"),
        (_, Some(Value::Fails)) => Some("error"),
        (_, Some(Value::None)) => Some("no value"),
        (_, Some(value)) if value == truth => None,
        _ => Some("other value"),
    }
}

/// What the readers make of a file.
struct Differences {
    /// Number of keys that systemd reads.
    keys: usize,
    rows: Vec<(String, Vec<(Reader, &'static str)>)>,
    /// Readers that do not read all of the file, with the line and the reason.
    stops: Vec<(Reader, usize, &'static str)>,
    /// Readers that take something for a name which may be a piece of a value; it is not shown.
    unnamed: Vec<Reader>,
}

impl Differences {
    fn of(bytes: &[u8]) -> Self {
        let views = Reader::ALL.map(|reader| (reader, read_as(bytes, reader)));
        let stop = |(reader, view): &(Reader, View)| match view.outcome {
            Outcome::Whole => None,
            Outcome::Error { line, why } | Outcome::Depends { line, why } => {
                Some((*reader, line, why))
            }
        };
        let stops = views.iter().filter_map(stop).collect();
        let mut found = Self { keys: 0, rows: Vec::new(), stops, unnamed: Vec::new() };
        let Some((_, truth)) = views.first() else { return found };
        found.keys = truth.vars.len();
        let mut seen: HashSet<&[u8]> = HashSet::new();
        for key in views.iter().flat_map(|(_, view)| &view.vars).map(|var| var.key.as_slice()) {
            if !seen.insert(key) {
                continue;
            }
            let own = truth.get(key);
            let differs =
                |(reader, view): &(Reader, View)| Some((*reader, compare(view, key, own)?));
            let cells: Vec<_> = views.iter().skip(1).filter_map(differs).collect();
            // So docker names what a shell exports.
            let plain = key.strip_prefix(b"export ").unwrap_or(key);
            match String::from_utf8(key.to_vec()) {
                _ if cells.is_empty() => {}
                Ok(name) if is_harmless(plain) => found.rows.push((name, cells)),
                _ => found.add_unnamed(cells.iter().map(|(reader, _)| *reader)),
            }
        }
        found
    }

    fn add_unnamed(&mut self, readers: impl Iterator<Item = Reader>) {
        for reader in readers {
            if !self.unnamed.contains(&reader) {
                self.unnamed.push(reader);
            }
        }
    }

    fn concern(&self, reader: Reader) -> bool {
        self.rows.iter().any(|(_, found)| found.iter().any(|(r, _)| *r == reader))
            || self.stops.iter().any(|(r, _, _)| *r == reader)
            || self.unnamed.contains(&reader)
    }
}

pub fn readers(session: &Session, file: Option<&Path>, json: bool, out: &mut dyn Write) -> Done {
    let input = session.read(file)?;
    let found = Differences::of(&input.bytes);
    let here = here(session);
    if json {
        let keys: Map<String, Json> = found
            .rows
            .iter()
            .map(|(key, found)| {
                let cells = found.iter().map(|(r, w)| (r.word().to_owned(), Json::from(*w)));
                (key.clone(), Json::from(cells.collect::<Map<_, _>>()))
            })
            .collect();
        let stop = |(reader, line, why): &(Reader, usize, &str)| {
            (reader.word().to_owned(), json!({ "line": line, "why": why }))
        };
        let comparison = Comparison {
            schema: "projectmeats.env-readers/1.0",
            keys: found.keys,
            differing: keys,
            stops: found.stops.iter().map(stop).collect(),
            other_names: found.unnamed.iter().map(|r| r.word()).collect(),
            runs_here: here.iter().map(|r| r.word()).collect(),
            complete: true,
        };
        document(&comparison, out)?;
    } else {
        table(&input.name, &found, &here, out);
    }
    if found.stops.iter().any(|(reader, _, _)| matches!(reader, Reader::Systemd(_))) {
        return Ok(REFUSED);
    }
    Ok(u8::from(here.iter().any(|reader| found.concern(*reader))))
}

fn table(name: &str, found: &Differences, here: &[Reader], out: &mut dyn Write) {
    let keys = found.keys;
    writeln!(out, "{}: {keys} keys as systemd reads them", report::escape(name)).ok();
    if Reader::ALL.iter().all(|reader| !found.concern(*reader)) {
        writeln!(out, "every reader gets the same values").ok();
        return;
    }
    let mark = |reader: &Reader| if here.contains(reader) { "!" } else { " " };
    for (key, cells) in &found.rows {
        writeln!(out, "{}", report::escape(key)).ok();
        for (reader, word) in cells {
            writeln!(out, "  {} {:<9} {word}", mark(reader), reader.word()).ok();
        }
    }
    if !found.unnamed.is_empty() {
        writeln!(out, "names that may be pieces of a value").ok();
        for reader in &found.unnamed {
            writeln!(out, "  {} {}", mark(reader), reader.word()).ok();
        }
    }
    for (reader, line, why) in &found.stops {
        writeln!(out, "line {line}\n  {} {:<9} {why}", mark(reader), reader.word()).ok();
    }
    writeln!(out, "\nMarked ! are readers that matter on this host:").ok();
    for reader in here {
        writeln!(out, "  {:<9} {}", reader.word(), reader.used_by()).ok();
    }
}

/// systemd and shells always; Python libraries that the venv has; compose where its file is.
fn here(session: &Session) -> Vec<Reader> {
    let config = &session.config;
    let mut found = vec![Reader::Systemd(Rules::Since254), Reader::Sh];
    let lib = config.venv.value.join("lib");
    let pythons = session.root.list(&lib, 64);
    for python in pythons.known().map(|l| l.names.clone()).unwrap_or_default() {
        let site = lib.join(python).join("site-packages");
        for (name, reader) in [
            ("dotenv", Reader::Dotenv),
            ("environ", Reader::Environ),
            ("decouple.py", Reader::Decouple),
        ] {
            if session.root.stat(&site.join(name)).known().is_some() && !found.contains(&reader) {
                found.push(reader);
            }
        }
    }
    let compose = ["docker-compose.yml", "docker-compose.prod.yml", "compose.yaml"];
    let app = &config.app_dir.value;
    if compose.iter().any(|name| session.root.stat(&app.join(name)).known().is_some()) {
        found.extend([Reader::Compose, Reader::Docker]);
    }
    found
}

/// The values that systemd reads, written for another program.
pub fn export(
    session: &Session,
    word: &str,
    file: Option<&Path>,
    out: &mut dyn Write,
    err: &mut dyn Write,
) -> Done {
    let input = session.read(file)?;
    let reading = read_systemd(&input.bytes, Rules::Since254);
    if let Err(why) = &reading.loads {
        return Err(Stop::new(REFUSED, format!("{}: {why}", input.name)));
    }
    if word == "json" {
        let env: Map<String, Json> = reading
            .vars
            .iter()
            .map(|var| (var.key.clone(), bytes_json(var.value.expose())))
            .collect();
        writeln!(out, "{:#}", Json::from(env)).map_err(write_failed)?;
        return Ok(0);
    }
    let reader = reader(word)?;
    let mut text = Vec::new();
    let mut refused = 0;
    for var in &reading.vars {
        match encode_for(var.value.expose(), reader) {
            Some(value) => {
                text.extend_from_slice(&[var.key.as_bytes(), b"=", &value, b"\n"].concat());
            }
            None => {
                refused += 1;
                let name = report::escape(&input.name);
                let line = var.line;
                writeln!(err, "{name}:{line}: {word} cannot be given the value of {}", var.key)
                    .ok();
            }
        }
    }
    if refused > 0 {
        return Err(Stop::new(REFUSED, format!("{refused} keys have no form for {word}")));
    }
    let view = read_as(&text, reader);
    let whole = view.outcome == Outcome::Whole
        && reading.vars.iter().all(
            |var| matches!(view.get(var.key.as_bytes()), Some(Value::Text(v)) if *v == var.value),
        );
    if !whole {
        let text = format!("the keys together are not read back by {word}");
        return Err(Stop::new(REFUSED, text));
    }
    out.write_all(&text).map_err(write_failed)?;
    Ok(0)
}
