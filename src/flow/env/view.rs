//! `meats-env get`, `read`, `readers` and `export`.

use std::io::Write;
use std::path::Path;

use serde::Serialize;
use serde_json::{Map, Value as Json, json};

use super::files::Session;
use super::{Done, FAILED, REFUSED, Stop, USAGE};
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
        let key = report::escape(&String::from_utf8_lossy(&var.key));
        let shown = match &var.value {
            Value::Text(value) if value.expose().is_empty() => "(empty)",
            Value::Text(_) => crate::env::mask::MASK,
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
    runs_here: Vec<&'static str>,
    complete: bool,
}

fn document(value: &impl Serialize, out: &mut dyn Write) -> Result<(), Stop> {
    let text = serde_json::to_string_pretty(value)
        .map_err(|error| Stop::new(FAILED, error.to_string()))?;
    writeln!(out, "{text}").map_err(write_failed)
}

/// What each reader makes of a key, compared with systemd.
fn compare(view: &View, key: &[u8], truth: &Value) -> &'static str {
    match (view.outcome, view.get(key)) {
        (Outcome::Error { .. }, _) => "error",
        (Outcome::Depends { .. }, _) => "depends on execution",
        (_, None) => "not set",
        (_, Some(Value::Fails)) => "error",
        (_, Some(Value::None)) => "no value",
        (_, Some(value)) if value == truth => "same",
        _ => "other value",
    }
}

pub fn readers(session: &Session, file: Option<&Path>, json: bool, out: &mut dyn Write) -> Done {
    let input = session.read(file)?;
    let views: Vec<(Reader, View)> =
        Reader::ALL.iter().map(|r| (*r, read_as(&input.bytes, *r))).collect();
    let Some((_, truth)) = views.first() else { return Ok(0) };
    let mut rows: Vec<(String, Vec<(Reader, &'static str)>)> = Vec::new();
    for var in &truth.vars {
        let found: Vec<(Reader, &'static str)> = views
            .iter()
            .skip(1)
            .map(|(reader, view)| (*reader, compare(view, &var.key, &var.value)))
            .filter(|(_, word)| *word != "same")
            .collect();
        if !found.is_empty() {
            rows.push((String::from_utf8_lossy(&var.key).into_owned(), found));
        }
    }
    let here = here(session);
    if json {
        let keys: Map<String, Json> = rows
            .iter()
            .map(|(key, found)| {
                let cells = found.iter().map(|(r, w)| (r.word().to_owned(), Json::from(*w)));
                (key.clone(), Json::from(cells.collect::<Map<_, _>>()))
            })
            .collect();
        let comparison = Comparison {
            schema: "projectmeats.env-readers/1.0",
            keys: truth.vars.len(),
            differing: keys,
            runs_here: here.iter().map(|r| r.word()).collect(),
            complete: true,
        };
        document(&comparison, out)?;
    } else {
        table(&input.name, truth.vars.len(), &rows, &here, out);
    }
    let matters = rows.iter().any(|(_, found)| found.iter().any(|(r, _)| here.contains(r)));
    Ok(u8::from(matters))
}

fn table(
    name: &str,
    keys: usize,
    rows: &[(String, Vec<(Reader, &'static str)>)],
    here: &[Reader],
    out: &mut dyn Write,
) {
    writeln!(out, "{}: {keys} keys as systemd reads them", report::escape(name)).ok();
    if rows.is_empty() {
        writeln!(out, "every reader gets the same values").ok();
        return;
    }
    for (key, found) in rows {
        writeln!(out, "{}", report::escape(key)).ok();
        for (reader, word) in found {
            let mark = if here.contains(reader) { "!" } else { " " };
            writeln!(out, "  {mark} {:<9} {word}", reader.word()).ok();
        }
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
