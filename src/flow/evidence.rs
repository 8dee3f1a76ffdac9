//! Evidence about the value of SECRET_KEY in use, for the policy of `SECRET_KEY==…`.
//!
//! Values are compared in memory; what is stored is a digest with a random salt, root only.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::config::{Config, STATE_DIR};
use crate::env::{self, Candidates, Evidence, Match, Rules, Salt, Use};
use crate::model::{Action, Effect, Fact, Origin, Owner, Secret, Stat, Timestamp, finding, hex};
use crate::sys::{Root, clock, process};

const KEY: &[u8] = b"SECRET_KEY=";

/// What is remembered of starts. Written by pre-start when the value changes.
#[derive(Debug, Default, Serialize, Deserialize)]
struct Memory {
    schema: String,
    /// Hexadecimal.
    salt: String,
    /// Digest of the value of the last start of which a request was answered.
    last_good: Option<String>,
    /// Digest of the value of the newest start, and when it was.
    starting: Option<Starting>,
    complete: bool,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
struct Starting {
    digest: String,
    /// Seconds since the epoch.
    time: i64,
}

fn file() -> PathBuf {
    Path::new(STATE_DIR).join("secret-key.json")
}

fn recall(root: &Root) -> Memory {
    match root.read(&file(), 4096) {
        Fact::Known(bytes) => serde_json::from_slice(&bytes).unwrap_or_default(),
        Fact::Absent | Fact::Unknown(_) => Memory::default(),
    }
}

impl Memory {
    fn salt(&self) -> Option<Salt> {
        let bytes: Option<Vec<u8>> = (0..self.salt.len() / 2)
            .map(|i| self.salt.get(2 * i..2 * i + 2).and_then(|d| u8::from_str_radix(d, 16).ok()))
            .collect();
        bytes?.try_into().ok()
    }

    /// The digest of the last value that is known to have served; a newer start counts once a
    /// request was answered after it.
    fn good(&self, last_answer: Option<Timestamp>) -> Option<&str> {
        let served = |s: &&Starting| last_answer.is_some_and(|t| t.secs > s.time);
        let newest = self.starting.as_ref().filter(served).map(|s| s.digest.as_str());
        newest.or(self.last_good.as_deref())
    }
}

/// All evidence for an env file whose SECRET_KEY begins with `=`; nothing is looked at for others.
pub fn observe(root: &Root, config: &Config, bytes: &[u8], stat: &Stat) -> Evidence {
    let Some(candidates) = env::candidates(bytes) else { return Evidence::default() };
    let memory = recall(root);
    let answered = last_answer(root, config);
    let last_good = match (memory.salt(), memory.good(answered)) {
        (Some(salt), Some(good)) => Some(compare_digest(&candidates, &salt, good)),
        _ => None,
    };
    let used = match answered {
        Some(time) if time > stat.mtime => Use::Seen,
        _ if unreadable(root, config) => Use::Unknown,
        _ => Use::NotSeen,
    };
    Evidence { running: running(root, config, &candidates), last_good, used }
}

fn compare_digest(candidates: &Candidates, salt: &Salt, good: &str) -> Match {
    if env::digest(salt, candidates.as_written.expose()) == good {
        Match::AsWritten
    } else if env::digest(salt, candidates.stripped.expose()) == good {
        Match::Stripped
    } else {
        Match::Neither
    }
}

/// The value that a process of the unit has now; our own process has it from the file.
fn running(root: &Root, config: &Config, candidates: &Candidates) -> Option<Match> {
    running_value(root, config).map(|value| candidates.compare(value.expose()))
}

/// SECRET_KEY of the unit's first process, from `/proc/PID/environ`.
pub fn running_value(root: &Root, config: &Config) -> Option<Secret> {
    super::units::processes(root, config).find_map(|pid| {
        let entries = process::environment(root, pid);
        let value = entries.known()?.iter().find_map(|e| e.strip_prefix(KEY).map(<[u8]>::to_vec));
        value.map(Secret::new)
    })
}

/// When the newest successful request was logged: the access log, or the one that was rotated away
/// from it, has one near its end, and that log was written then.
fn last_answer(root: &Root, config: &Config) -> Option<Timestamp> {
    ["access.log", "access.log.1"].iter().find_map(|name| answer_in(root, &config.log_file(name)))
}

fn unreadable(root: &Root, config: &Config) -> bool {
    matches!(root.read_tail(&config.log_file("access.log"), 1), Fact::Unknown(_))
}

fn answer_in(root: &Root, path: &Path) -> Option<Timestamp> {
    let tail = root.read_tail(path, 64 << 10);
    let (bytes, stat) = tail.known()?;
    let answered = bytes.split(|b| *b == b'\n').any(|line| {
        // Combined log format: the status stands behind the quoted request.
        let text = String::from_utf8_lossy(line);
        let status = text.split("\" ").nth(1).and_then(|rest| rest.get(..3)).unwrap_or_default();
        status.starts_with(['2', '3']) && status.bytes().all(|b| b.is_ascii_digit())
    });
    answered.then_some(stat.mtime)
}

/// Remembers the value that this start will run with; nothing to write when it is the same.
pub fn remember(root: &Root, config: &Config, env: &[u8]) -> Option<Action> {
    let reading = env::read(env, Rules::Since254);
    let value = reading.get("SECRET_KEY")?.value.expose();
    let mut memory = recall(root);
    let salt = memory.salt().unwrap_or_else(crate::sys::random::bytes);
    let digest = env::digest(&salt, value);
    if memory.starting.as_ref().is_some_and(|s| s.digest == digest) {
        return None;
    }
    memory.last_good = memory.good(last_answer(root, config)).map(str::to_owned);
    memory.starting = Some(Starting { digest, time: clock::now().secs });
    Some(write(memory, salt))
}

/// Remembers the value that the service runs with as good (package installation).
pub fn remember_running(root: &Root, config: &Config) -> Option<Action> {
    let value = running_value(root, config)?;
    let mut memory = recall(root);
    let salt = memory.salt().unwrap_or_else(crate::sys::random::bytes);
    memory.last_good = Some(env::digest(&salt, value.expose()));
    Some(write(memory, salt))
}

fn write(mut memory: Memory, salt: Salt) -> Action {
    memory.schema = "projectmeats.secret-key/1.0".to_owned();
    memory.salt = hex(salt);
    memory.complete = true;
    let content = Secret::new(serde_json::to_vec(&memory).unwrap_or_default());
    let owner = Owner::ROOT;
    Action {
        why: &finding::LOG_MISSING,
        origin: Origin::Default,
        group: 0,
        effect: Effect::Write { path: file(), content, owner, mode: 0o600 },
    }
}
