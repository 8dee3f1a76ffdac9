//! How the other programs read an env file.
//!
//! Invariant: a reading agrees with the real program, or says that it depends on execution; nothing
//! is run, expanded by a shell, or looked up in an environment to find it out.

mod compose;
mod decouple;
mod docker;
mod dotenv;
mod environ;
mod sh;
mod text;

use std::cell::OnceCell;
use std::collections::HashMap;
use std::fmt;

use super::systemd::{Var, survey};
use super::{Rules, encode, is_encodable};
use crate::model::Secret;

/// A program that reads env files.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reader {
    Systemd(Rules),
    /// bash and dash, `set -a; . FILE`.
    Sh,
    /// python-dotenv.
    Dotenv,
    /// django-environ, `read_env` and `env()`.
    Environ,
    /// python-decouple.
    Decouple,
    /// `docker compose` (v2).
    Compose,
    /// `docker run --env-file`.
    Docker,
}

impl Reader {
    /// One of each, systemd with its newest rules.
    pub const ALL: [Self; 7] = [
        Self::Systemd(Rules::Since254),
        Self::Sh,
        Self::Dotenv,
        Self::Environ,
        Self::Decouple,
        Self::Compose,
        Self::Docker,
    ];

    /// `systemd`, `systemd:252`, `sh`, `dotenv`, `environ`, `decouple`, `compose`, `docker`.
    pub fn parse(word: &str) -> Option<Self> {
        if let Some(version) = word.strip_prefix("systemd:") {
            return version.parse().ok().map(|v| Self::Systemd(Rules::of_version(v)));
        }
        Self::ALL.into_iter().find(|reader| reader.word() == word)
    }

    /// The name on the command line.
    pub fn word(self) -> &'static str {
        match self {
            Self::Systemd(_) => "systemd",
            Self::Sh => "sh",
            Self::Dotenv => "dotenv",
            Self::Environ => "environ",
            Self::Decouple => "decouple",
            Self::Compose => "compose",
            Self::Docker => "docker",
        }
    }

    /// What it is used for on a host of ours.
    pub fn used_by(self) -> &'static str {
        match self {
            Self::Systemd(_) => "the service: systemd hands it to gunicorn",
            Self::Sh => "an operator who sources the file, manage.py by hand",
            Self::Dotenv => "manage.py with python-dotenv, docker-compose 1",
            Self::Environ => "manage.py with django-environ",
            Self::Decouple => "manage.py with python-decouple",
            Self::Compose => "the Docker fallback",
            Self::Docker => "docker run --env-file",
        }
    }
}

impl fmt::Display for Reader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}

/// What a reader makes of one key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Value {
    Text(Secret),
    /// A key without a value.
    None,
    /// Asking for it is an error.
    Fails,
}

/// One variable of a view; names of other readers may be any text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Variable {
    pub key: Vec<u8>,
    pub value: Value,
}

/// How the reading ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    Whole,
    /// The program stops with an error; `vars` is what it has by then.
    Error {
        line: usize,
        why: &'static str,
    },
    /// What it reads depends on what a command does or which shell runs it; `vars` is unsure.
    Depends {
        line: usize,
        why: &'static str,
    },
}

/// What a program reads.
#[derive(Clone, Debug)]
pub struct View {
    pub vars: Vec<Variable>,
    pub outcome: Outcome,
    /// Where in `vars` a key is; made when that is asked for the first time.
    places: OnceCell<HashMap<Vec<u8>, usize>>,
}

impl View {
    fn whole() -> Self {
        Self { vars: Vec::new(), outcome: Outcome::Whole, places: OnceCell::new() }
    }

    fn error(line: usize, why: &'static str) -> Self {
        Self { outcome: Outcome::Error { line, why }, ..Self::whole() }
    }

    fn set(&mut self, key: impl Into<Vec<u8>>, value: impl Into<Vec<u8>>) {
        self.put(key.into(), Value::Text(Secret::new(value)));
    }

    /// The last one counts and stands where the first one stood.
    fn put(&mut self, key: Vec<u8>, value: Value) {
        match self.place(&key).and_then(|place| self.vars.get_mut(place)) {
            Some(var) => var.value = value,
            None => {
                if let Some(places) = self.places.get_mut() {
                    places.insert(key.clone(), self.vars.len());
                }
                self.vars.push(Variable { key, value });
            }
        }
    }

    fn place(&self, key: &[u8]) -> Option<usize> {
        let made = || self.vars.iter().enumerate().map(|(at, var)| (var.key.clone(), at)).collect();
        self.places.get_or_init(made).get(key).copied()
    }

    /// The value of a key.
    pub fn get(&self, key: &[u8]) -> Option<&Value> {
        self.place(key).and_then(|place| self.vars.get(place)).map(|var| &var.value)
    }

    /// The value of a key, where it is a text.
    pub fn text(&self, key: &[u8]) -> Option<&[u8]> {
        match self.get(key)? {
            Value::Text(value) => Some(value.expose()),
            Value::None | Value::Fails => None,
        }
    }
}

/// Reads `bytes` as a program does.
pub fn read_as(bytes: &[u8], reader: Reader) -> View {
    match reader {
        Reader::Systemd(rules) => systemd(bytes, rules),
        Reader::Sh => sh::read(bytes),
        Reader::Dotenv => dotenv::read(bytes),
        Reader::Environ => environ::read(bytes),
        Reader::Decouple => decouple::read(bytes),
        Reader::Compose => compose::read(bytes),
        Reader::Docker => docker::read(bytes),
    }
}

fn systemd(bytes: &[u8], rules: Rules) -> View {
    let survey = survey(bytes, rules);
    if let Err(error) = survey.loads {
        return View::error(error.line, "systemd refuses the whole file");
    }
    let own = |var: Var<'_>| Variable {
        key: var.key.as_bytes().to_vec(),
        value: Value::Text(Secret::new(var.value)),
    };
    View { vars: survey.vars.into_iter().map(own).collect(), ..View::whole() }
}

/// How `value` is best written for one reader; `None` when no form is read back.
pub fn encode_for(value: &[u8], reader: Reader) -> Option<Vec<u8>> {
    if !is_encodable(value) {
        return None;
    }
    let portable = encode(value)?;
    let escaped = |specials: &[u8]| {
        let mut text = vec![b'"'];
        for byte in value {
            if specials.contains(byte) {
                text.push(b'\\');
            }
            text.push(*byte);
        }
        text.push(b'"');
        text
    };
    let single: Vec<u8> = value
        .iter()
        .flat_map(|b| if b"'\\".contains(b) { vec![b'\\', *b] } else { vec![*b] })
        .collect();
    let forms = [
        portable,
        value.to_vec(),
        [b"'", value, b"'"].concat(),
        [b"'", single.as_slice(), b"'"].concat(),
        [b"\"", value, b"\""].concat(),
        escaped(b"\"\\"),
        escaped(b"\"\\$"),
    ];
    forms.into_iter().find(|form| reads_back(form, value, reader))
}

/// True when a line with this form is read as `value` and the line below it as well.
pub fn reads_back(form: &[u8], value: &[u8], reader: Reader) -> bool {
    let file = [b"K=", form, b"\nL=1\n"].concat();
    let view = read_as(&file, reader);
    view.outcome == Outcome::Whole
        && view.vars.len() == 2
        && view.text(b"K") == Some(value)
        && view.text(b"L") == Some(b"1")
}

/// The readers that read the portable form of `value` as something else.
pub fn differing(value: &[u8]) -> Vec<Reader> {
    let Some(form) = encode(value) else { return Reader::ALL.to_vec() };
    Reader::ALL.into_iter().filter(|reader| !reads_back(&form, value, *reader)).collect()
}
