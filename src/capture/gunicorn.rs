//! Causes in gunicorn's own words (gunicorn 20 to 27), with the state of the host behind them.

use super::cause::{Cause, between, shortened};
use super::facts::{Facts, Listener};
use crate::model::{Fact, FileKind, Kind, Stat, finding};

type Rule = fn(&Facts, &str) -> Option<Cause>;

/// What one line can say; the last line that a rule knows decides.
const RULES: &[Rule] =
    &[not_writable, port_busy, bind, pid_file, wrong_object, python, option, error];

/// The cause that gunicorn names itself.
pub(super) fn cause(facts: &Facts) -> Option<Cause> {
    let mut listens = None;
    facts.said().into_iter().rev().find_map(|(source, line)| {
        if line.contains("Listening at: ") {
            listens = Some(source);
        }
        // It was taken, and then free.
        if is_busy(line) && listens == Some(source) {
            return None;
        }
        let found = RULES.iter().find_map(|rule| rule(facts, line));
        found.map(|cause| cause.seen(source, line))
    })
}

/// Only that a worker could not boot, when no better cause is known.
pub(super) fn worker_boot(facts: &Facts) -> Option<Cause> {
    let said = facts.said();
    let (source, line) = said.iter().rev().find(|(_, l)| l.contains("Worker failed to boot"))?;
    let sentence = "a worker died while it loaded the application, without saying why";
    Some(Cause::new(&finding::APP_WORKER_BOOT, sentence).seen(source, *line))
}

/// `Error: '/path' isn't writable [PermissionError(13, 'Permission denied')]`
fn not_writable(facts: &Facts, line: &str) -> Option<Cause> {
    let (before, why) = line.split_once("isn't writable [")?;
    let path = between(before, "'", "'")?;
    Some(unwritable_log(facts, path, why))
}

/// A log file that could not be opened: the host says why.
pub(super) fn unwritable_log(facts: &Facts, path: &str, error: &str) -> Cause {
    let state = facts.path(path);
    let (kind, why): (&'static Kind, String) = if error.contains("No space left") {
        (&finding::APP_DISK_FULL, "no space left on the file system".to_owned())
    } else if error.contains("Read-only file system") {
        (&finding::APP_DENIED, "the file system is read-only for the service".to_owned())
    } else if error.contains("Operation not permitted") {
        (&finding::LOG_REFUSED, "it is immutable (chattr +i)".to_owned())
    } else {
        match state.map(|s| (&s.stat, &s.owner)) {
            Some((Fact::Known(stat), owner)) => rights(facts, stat, owner),
            Some((Fact::Absent, _)) => missing(facts, path),
            Some((Fact::Unknown(why), _)) => (&finding::LOG_REFUSED, why.clone()),
            None => (&finding::LOG_OWNER, "permission denied".to_owned()),
        }
    };
    let cause = Cause::new(kind, format!("gunicorn could not open \"{path}\": {why}"));
    cause.command(&["meats-diagnose", "--fix"])
}

fn rights(facts: &Facts, stat: &Stat, owner: &str) -> (&'static Kind, String) {
    if stat.kind != FileKind::Regular {
        return (&finding::LOG_REFUSED, format!("it is a {}", stat.kind.word()));
    }
    let mode = format!("mode {:04o}", stat.mode);
    if owner.split(':').next() == Some(facts.names.user.as_str()) && stat.mode & 0o200 != 0 {
        (&finding::LOG_MODE, format!("a directory above it refuses ({owner}, {mode})"))
    } else if owner.split(':').next() == Some(facts.names.user.as_str()) {
        (&finding::LOG_MODE, mode)
    } else {
        (&finding::LOG_OWNER, format!("owned by {owner}, {mode}"))
    }
}

fn missing(facts: &Facts, path: &str) -> (&'static Kind, String) {
    let parent = path.rsplit_once('/').map_or("/", |(parent, _)| parent);
    match facts.path(parent).map(|p| (&p.stat, &p.owner)) {
        Some((Fact::Known(stat), owner)) => (
            &finding::LOG_OWNER,
            format!("it is missing and \"{parent}\" is {owner}, mode {:04o}", stat.mode),
        ),
        _ => (&finding::LOG_MISSING, format!("\"{parent}\" does not exist")),
    }
}

/// `Connection in use: ('127.0.0.1', 8000)`
fn port_busy(facts: &Facts, line: &str) -> Option<Cause> {
    is_busy(line).then(|| busy_address(facts, line))
}

fn is_busy(line: &str) -> bool {
    line.contains("Connection in use") || line.contains("Address already in use")
}

/// `('127.0.0.1', 8000)` in a complaint of gunicorn's → `127.0.0.1:8000`.
fn named_address(line: &str) -> Option<String> {
    between(line, "('", ")").map(|t| t.replace("', ", ":"))
}

/// Addresses that gunicorn found taken; who holds them may be the cause.
pub fn busy_addresses(facts: &Facts) -> Vec<String> {
    let said = facts.said();
    let lines = said.iter().map(|(_, line)| *line).filter(|line| is_busy(line));
    let mut addresses: Vec<String> = lines.filter_map(named_address).collect();
    addresses.sort();
    addresses.dedup();
    addresses
}

pub(super) fn busy_address(facts: &Facts, line: &str) -> Cause {
    let named = named_address(line);
    let holder = |l: &&Listener| named.as_deref() == Some(l.address.as_str());
    let held = facts.host.listeners.iter().find(holder);
    let held = held.and_then(|l| Some((l.address.clone(), l.holder.known()?)));
    let sentence = match named {
        Some(address) => format!("gunicorn could not listen at {address}: another process has it"),
        // It may be one of the application's own.
        None => "another process has an address that the service listens at".to_owned(),
    };
    let cause = Cause::new(&finding::APP_PORT_BUSY, sentence).command(&["ss", "-ltnp"]);
    match held {
        Some((at, holder)) => cause.seen("host", format!("{at} is held by {holder}")),
        None => cause,
    }
}

fn bind(facts: &Facts, line: &str) -> Option<Cause> {
    // A path or a tuple; drivers of databases and clients of the web say a sentence.
    let target = line.split_once("Can't connect to ").map(|(_, t)| t.trim());
    let target = target.filter(|t| t.starts_with(['(', '/']) || !t.contains(' '));
    let no_socket = line.trim().strip_suffix("is not a socket");
    let denied = line.contains("Permission denied") && line.contains("Invalid address");
    if target.is_none() && no_socket.is_none() && !denied {
        return None;
    }
    if let Some((_, busy)) = facts.said().into_iter().rev().find(|(_, line)| is_busy(line)) {
        return Some(busy_address(facts, busy));
    }
    // EADDRNOTAVAIL (gunicorn/sock.py).
    let nowhere = facts.said().iter().any(|(_, line)| line.contains("Invalid address: "));
    let why = if nowhere { ": the host has no such address" } else { "" };
    let sentence = match (target, no_socket) {
        (Some(target), _) => format!("gunicorn could not make its listening socket {target}{why}"),
        (_, Some(_)) => "something that is no socket lies at the path to listen at".to_owned(),
        _ => "gunicorn may not listen at its address".to_owned(),
    };
    Some(Cause::new(&finding::APP_BIND, sentence))
}

fn pid_file(_: &Facts, line: &str) -> Option<Cause> {
    let file = between(line, "pid file '", "'").or_else(|| between(line, "pid file ", " "));
    line.contains("Already running on PID").then(|| {
        let name = file.map(|f| format!(" (\"{f}\")")).unwrap_or_default();
        let sentence =
            format!("a pid file{name} names a living process, so gunicorn would not start");
        Cause::new(&finding::APP_PID_FILE, sentence)
    })
}

fn wrong_object(facts: &Facts, line: &str) -> Option<Cause> {
    let known = [
        "Failed to find attribute",
        "Failed to parse",
        "Application object must be callable",
        "Function reference must be",
    ];
    known.iter().any(|k| line.contains(k)).then(|| {
        let sentence = format!("gunicorn found no application at \"{}\"", facts.names.application);
        Cause::new(&finding::APP_OBJECT, sentence)
    })
}

/// What ends Python before it can run anything.
fn python(_: &Facts, line: &str) -> Option<Cause> {
    let lacks = ["No module named 'encodings'", "loading shared libraries: libpython"];
    lacks.iter().any(|words| line.contains(words)).then(|| {
        let sentence = "Python did not find its own library, so it could not start";
        Cause::new(&finding::APP_VENV, sentence)
    })
}

fn option(_: &Facts, line: &str) -> Option<Cause> {
    let usage = line.split_once("gunicorn: error: ").map(|(_, why)| why.trim());
    let settings = [
        "can't chdir to",
        "class uri",
        "Can't create pidfile",
        "Invalid boolean: ",
        "Invalid reload_engine: ",
        "Value must ",
        "environment setting",
        "is not a valid file descriptor",
        "is not a valid port",
        "No application module",
        "No such user",
        "No such group",
    ];
    let file = |text: &str| text.starts_with('\'') && text.ends_with("' doesn't exist");
    let told = |text: &&str| settings.iter().any(|word| text.contains(word)) || file(text);
    let config = line.trim().strip_prefix("Error: ").filter(told);
    let why = usage.or(config)?;
    Some(Cause::new(&finding::APP_OPTION, format!("gunicorn refused its command: {why}")))
}

/// `Error: TEXT` is all that gunicorn prints of a RuntimeError, its subclasses such as
/// RecursionError included (gunicorn/app/base.py, `BaseApplication.run`).
fn error(facts: &Facts, line: &str) -> Option<Cause> {
    let text = line.trim().strip_prefix("Error: ")?;
    let text = shortened(text);
    // Said before of a value in the configuration file.
    if facts.said().iter().any(|(_, line)| line.starts_with("Invalid value for ")) {
        let sentence = format!("gunicorn refused its configuration file: {text}");
        return Some(Cause::new(&finding::APP_OPTION, sentence));
    }
    let sentence = format!("the application ended with a RuntimeError: {text}");
    Some(Cause::new(&finding::APP_EXCEPTION, sentence))
}
