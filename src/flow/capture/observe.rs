//! One look at everything that can tell why, each with its share of the time; then the record.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::case::Case;
use super::secrets::{self, Environment};
use super::{past, said};
use crate::capture::{
    Circumstances, Facts, Host, Listener, PathState, Record, ServiceNames, busy_addresses, classify,
};
use crate::config::STATE_DIR;
use crate::flow::environment::gunicorn_addresses;
use crate::flow::units::gunicorn_version;
use crate::model::{Fact, Names, Secret, is_postgres_scheme};
use crate::sys::ids::Accounts;
use crate::sys::{clock, sockets};

const CONNECT: Duration = Duration::from_millis(150);

/// Looks, concludes, and makes the printable record.
pub(super) fn record(case: &Case) -> Record {
    let mut not_seen: Vec<String> = case.truth.doubt.iter().cloned().collect();
    let environment = secrets::observe(case);
    let (journal, older) = said::journal_lines(case, &mut not_seen);
    let (blocked, pre_start) = said::pre_start(case);
    let mut facts = Facts {
        unit: case.unit.clone(),
        outcome: case.truth.outcome,
        ran: case.truth.ran,
        journal,
        older,
        error_log: said::error_log(case),
        blocked,
        paths: Vec::new(),
        host: host(case, &environment),
        names: names(case),
    };
    facts.paths = paths(case, &facts);
    let mut busy = busy_addresses(&facts);
    busy.retain(|address| facts.host.listeners.iter().all(|l| l.address != *address));
    facts.host.listeners.extend(listeners(case, busy.into_iter()));
    let verdict = classify(&facts);
    let frame = verdict
        .traceback
        .as_ref()
        .and_then(|t| t.last_frame(&facts.names.app_dir, &facts.names.venv));
    // The file where it broke is the first to ask when it was changed.
    let raised = frame.and_then(|f| past::recent_change(case, Path::new(&f.file)));
    facts.host.changed.splice(0..0, raised);
    if case.budget.passed() {
        not_seen.push("the time for looking was over before everything was seen".to_owned());
    }
    let redactor = secrets::redactor(case, &environment, &mut not_seen);
    let about = Circumstances {
        now: clock::timestamp(),
        invocation: case.truth.invocation.clone(),
        start: case.truth.start,
        gunicorn: gunicorn(case),
        env: environment.state.clone(),
        pre_start,
        not_seen,
        captured_by: case.by,
    };
    Record::new(&facts, &verdict, about, &redactor)
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
    Host {
        disks,
        memory: memory(case),
        listeners: listeners(case, gunicorn_addresses(case.config).into_iter()),
        database: database(case, environment),
        changed: past::changed(case),
        deployed: past::deployed(case),
        good_start: past::good_start(case),
    }
}

fn listeners(case: &Case, addresses: impl Iterator<Item = String>) -> Vec<Listener> {
    addresses
        .map(|address| Listener {
            holder: sockets::holder(case.root, &address, &case.budget).map(|h| h.to_string()),
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
    if !is_postgres_scheme(scheme) {
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

fn gunicorn(case: &Case) -> Option<String> {
    let (major, minor) = *gunicorn_version(case.root, &case.config.venv).known()?;
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
            ("psql://u@127.0.0.1/x", Some("127.0.0.1:5432")),
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
