//! One look at everything that can tell why, each with its share of the time; then the record.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::secrets::{self, Environment};
use super::{Case, now};
use crate::capture::{
    Circumstances, Facts, Host, Listener, LogLine, PathState, Record, ServiceNames, classify,
    recent_lines,
};
use crate::config::{CAPTURE, RUN_DIR, STATE_DIR};
use crate::flow::observe_unit;
use crate::model::{Fact, Names, Secret};
use crate::sys::ids::Accounts;
use crate::sys::{clock, journal, process, sockets};

const SYNC: Duration = Duration::from_millis(300);
const JOURNAL: Duration = Duration::from_millis(700);
const CONNECT: Duration = Duration::from_millis(150);
const ERROR_LOG_TAIL: u64 = 64 << 10;
/// A change longer ago than this did not bring the failure about.
const RECENT: i64 = 24 * 3600;
const CHANGES: usize = 4;

/// Looks, concludes, and makes the printable record.
pub(super) fn record(case: &Case) -> Record {
    let mut not_seen: Vec<String> = case.truth.doubt.iter().cloned().collect();
    let environment = secrets::observe(case);
    let journal = journal_lines(case, &mut not_seen);
    let (blocked, pre_start) = pre_start(case);
    let mut facts = Facts {
        unit: case.unit.clone(),
        outcome: case.truth.outcome,
        ran: case.truth.ran,
        journal,
        error_log: error_log(case),
        blocked,
        paths: Vec::new(),
        host: host(case, &environment),
        names: names(case),
    };
    facts.paths = paths(case, &facts);
    let mut busy = facts.busy_addresses();
    busy.retain(|address| facts.host.listeners.iter().all(|l| l.address != *address));
    facts.host.listeners.extend(listeners(case, busy.into_iter()));
    let verdict = classify(&facts);
    let frame = verdict
        .traceback
        .as_ref()
        .and_then(|t| t.last_frame(&facts.names.app_dir, &facts.names.venv));
    // The file where it broke is the first to ask when it was changed.
    let raised = frame.and_then(|f| recent_change(case, Path::new(&f.file)));
    facts.host.changed.splice(0..0, raised);
    if case.budget.passed() {
        not_seen.push("the time for looking was over before everything was seen".to_owned());
    }
    let about = Circumstances {
        now: now(),
        invocation: case.truth.invocation.clone(),
        start: case.truth.start,
        gunicorn: gunicorn(case),
        env: environment.state.clone(),
        pre_start,
        not_seen,
        captured_by: case.by,
    };
    Record::new(&facts, &verdict, about, &secrets::redactor(case, &environment))
}

fn journal_lines(case: &Case, not_seen: &mut Vec<String>) -> Fact<Vec<LogLine>> {
    if !process::systemd_runs(case.root) {
        return Fact::Unknown("there is no journal here".to_owned());
    }
    let Some(invocation) = &case.truth.invocation else {
        return Fact::Unknown("the invocation id is not known".to_owned());
    };
    // What the process wrote a moment ago may still be on its way (systemd.md: 6 of 12 runs).
    if !journal::sync(SYNC.min(case.budget.left())) {
        not_seen.push("journald did not confirm that it wrote everything".to_owned());
    }
    let max = usize::try_from(case.config.capture_lines.value).unwrap_or(200);
    match journal::of_invocation(invocation, max, JOURNAL.min(case.budget.left())) {
        Ok(lines) if lines.is_empty() => Fact::Unknown(
            "the journal has no line of this run (journald stopped, or its rate limit reached)"
                .to_owned(),
        ),
        Ok(lines) => Fact::Known(lines.into_iter().filter_map(line).collect()),
        Err(why) => Fact::Unknown(format!("the journal could not be read: {why}")),
    }
}

/// Our own lines are no evidence.
fn line(line: journal::Line) -> Option<LogLine> {
    let own = Path::new(CAPTURE).file_name().is_some_and(|n| n == line.identifier.as_str());
    let journal::Line { time, identifier, message } = line;
    (!own).then_some(LogLine { time, identifier, message })
}

fn error_log(case: &Case) -> Fact<Vec<String>> {
    let Some(since) = case.truth.started else {
        return Fact::Unknown("when this run began is not known".to_owned());
    };
    let tail = case.root.read_tail(&case.config.log_file("error.log"), ERROR_LOG_TAIL);
    // gunicorn writes whole seconds.
    tail.map(|(bytes, _)| recent_lines(&String::from_utf8_lossy(&bytes), since - 1))
}

/// What pre-start found at this very start: what stopped it, and everything as text.
fn pre_start(case: &Case) -> (Vec<(String, String)>, Vec<String>) {
    let path = Path::new(RUN_DIR).join("status.json");
    let bytes = case.root.read(&path, 1 << 20);
    let status: Option<serde_json::Value> =
        bytes.known().and_then(|b| serde_json::from_slice(b).ok());
    let Some(status) = status else { return Default::default() };
    let of_this_start = status.get("invocation_id").and_then(|i| i.as_str());
    if of_this_start.is_none() || of_this_start != case.truth.invocation.as_deref() {
        return Default::default();
    }
    let mut blocked = Vec::new();
    let mut all = Vec::new();
    for found in status.get("findings").and_then(|f| f.as_array()).into_iter().flatten() {
        let text = |name: &str| found.get(name).and_then(|t| t.as_str()).unwrap_or_default();
        if found.get("blocks").and_then(|b| b.as_bool()) == Some(true) {
            blocked.push((text("id").to_owned(), text("text").to_owned()));
        }
        all.push(format!("{} {}", text("id"), text("text")));
    }
    (blocked, all)
}

fn names(case: &Case) -> ServiceNames {
    let text = |path: &Path| path.display().to_string();
    ServiceNames {
        user: case.config.user.value.clone(),
        app_dir: text(&case.config.app_dir),
        venv: text(&case.config.venv),
        log_dir: text(&case.config.log_dir),
        application: case.config.application.value.clone(),
        settings_module: case.config.settings_module.value.clone(),
        env_file: text(&case.config.env_file),
    }
}

/// The state of what the service needs and of what its last lines name.
fn paths(case: &Case, facts: &Facts) -> Vec<PathState> {
    let config = case.config;
    let accounts = Accounts::observe(case.root);
    let mut paths = vec![
        config.log_dir.value.clone(),
        config.env_file.value.clone(),
        config.working_directory.value.clone(),
        config.venv.join("bin/gunicorn"),
    ];
    paths.extend(config.log_files.iter().map(|name| config.log_file(name)));
    paths.extend(facts.mentioned_paths());
    paths
        .into_iter()
        .map(|path| {
            let stat = case.root.stat(&path);
            let name = |uid, gid| format!("{}:{}", accounts.user(uid), accounts.group(gid));
            let owner = stat.known().map(|s| name(s.uid, s.gid)).unwrap_or_default();
            PathState { path, stat, owner }
        })
        .collect()
}

fn host(case: &Case, environment: &Environment) -> Host {
    let root = case.root;
    let mut disks: Vec<PathBuf> = Vec::new();
    let mut seen = Vec::new();
    for path in [Path::new("/"), &case.config.log_dir, Path::new(STATE_DIR), &case.config.app_dir] {
        let device = root.stat(path).known().map(|s| s.dev);
        if device.is_some() && !seen.contains(&device) {
            seen.push(device);
            disks.push(path.to_owned());
        }
    }
    let disks = disks.into_iter().map(|path| (path.clone(), root.space(&path))).collect();
    let spelled = |a: &String| if a.starts_with('/') { format!("unix:{a}") } else { a.clone() };
    Host {
        disks,
        memory: memory(case),
        listeners: listeners(case, case.config.addresses.iter().map(spelled)),
        database: database(case, environment),
        changed: changed(case),
    }
}

fn listeners(case: &Case, addresses: impl Iterator<Item = String>) -> Vec<Listener> {
    addresses
        .map(|address| Listener {
            holder: sockets::holder(case.root, &address, &case.budget),
            address,
        })
        .collect()
}

fn memory(case: &Case) -> Fact<u64> {
    match case.root.read(Path::new("/proc/meminfo"), 64 << 10) {
        Fact::Known(bytes) => {
            let text = String::from_utf8_lossy(&bytes).into_owned();
            let line = text.lines().find_map(|l| l.strip_prefix("MemAvailable:"));
            let kib = line.and_then(|l| l.split_whitespace().next()?.parse::<u64>().ok());
            kib.map_or(Fact::Absent, |kib| Fact::Known(kib * 1024))
        }
        Fact::Absent => Fact::Absent,
        Fact::Unknown(why) => Fact::Unknown(why),
    }
}

/// Only an address in numbers (or localhost) is tried: no name is looked up.
fn database(case: &Case, environment: &Environment) -> Fact<(String, bool)> {
    let url = environment.secrets.iter().rev().find(|(key, _)| key == "DATABASE_URL");
    let Some(address) = url.and_then(|(_, value)| database_address(value)) else {
        return Fact::Absent;
    };
    let limit = CONNECT.min(case.budget.left());
    if limit.is_zero() || !case.root.is_system() {
        return Fact::Unknown("not tried".to_owned());
    }
    Fact::Known((address.to_string(), sockets::connects(address, limit)))
}

fn database_address(url: &Secret) -> Option<SocketAddr> {
    let url = std::str::from_utf8(url.expose()).ok()?;
    let (scheme, rest) = url.split_once("://")?;
    if !scheme.starts_with("postgres") {
        return None;
    }
    let authority = rest.rsplit_once('@').map_or(rest, |(_, a)| a);
    let host = authority.split(['/', '?']).next()?;
    let (host, port) = match host.rsplit_once(':') {
        Some((host, port)) if port.bytes().all(|b| b.is_ascii_digit()) => (host, port),
        _ => (host, "5432"),
    };
    let host = if host == "localhost" { "127.0.0.1" } else { host };
    format!("{host}:{port}").parse().ok()
}

/// What changed in the last day, newest first: code, virtual environment, settings, unit.
fn changed(case: &Case) -> Vec<(String, i64)> {
    let config = case.config;
    let mut watched = vec![
        config.env_file.value.clone(),
        config.working_directory.value.clone(),
        config.app_dir.join("current"),
        config.venv.join("bin/gunicorn"),
        config.venv.join("pyvenv.cfg"),
        config.log_dir.value.clone(),
        PathBuf::from(crate::config::FILE),
    ];
    watched.extend(case.truth.unit_files.iter().cloned());
    let changes = watched.iter().filter_map(|path| recent_change(case, path));
    let mut changes: Vec<_> = changes.collect();
    changes.sort_by_key(|(_, time)| std::cmp::Reverse(*time));
    changes.truncate(CHANGES);
    changes
}

/// When an object was changed, if that was in the last day.
fn recent_change(case: &Case, path: &Path) -> Option<(String, i64)> {
    let ctime = case.root.stat(path).known()?.ctime.secs;
    let age = clock::now().secs - ctime;
    (0..=RECENT).contains(&age).then(|| (path.display().to_string(), ctime))
}

fn gunicorn(case: &Case) -> Option<String> {
    let (major, minor) = *observe_unit(case.root, case.config).gunicorn.known()?;
    Some(format!("{major}.{minor}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_of_databases() {
        let cases = [
            ("postgres://u:p@localhost:5433/x", Some("127.0.0.1:5433")),
            ("postgresql://u:p#@/y@10.0.0.1/x", Some("10.0.0.1:5432")),
            ("postgres://u@db.example/x", None),
            ("postgres:///x", None),
            ("sqlite:////x", None),
            ("", None),
        ];
        for (url, expected) in cases {
            let got = database_address(&Secret::new(url)).map(|a| a.to_string());
            assert_eq!(got.as_deref(), expected, "{url}");
        }
    }
}
