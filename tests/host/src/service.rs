//! The service inside a machine, as its users and its operator see it.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use serde_json::Value;

use crate::field;
use crate::machine::Machine;

/// The unit.
pub const UNIT: &str = "projectmeats.service";
/// The address that the service answers at.
pub const HEALTH: &str = "http://127.0.0.1:8000/health/";
/// Where failure records are kept.
pub const FAILURES: &str = "/var/lib/projectmeats-fixes/failures";
/// Where replaced env files are kept.
pub const BACKUPS: &str = "/var/lib/projectmeats-fixes/backups";
/// The failures as people read them.
pub const FAILURE_LOG: &str = "/var/log/projectmeats/post_failure.log";
/// Long enough for RestartSec=10 and a slow start of Django.
pub const RECOVERY: Duration = Duration::from_secs(30);

/// Waits for `/health/` to answer 200 with "healthy"; the answer with its status line.
///
/// # Errors
/// With curl's last words, when it does not within [`RECOVERY`].
pub fn await_health(machine: &Machine) -> Result<String> {
    let ask = format!("curl -sS -f -i --max-time 5 {HEALTH} | tr -d '\\r'");
    let answer = machine.wait_for(&ask, RECOVERY)?;
    ensure!(answer.contains("\"status\": \"healthy\""), "200, but not healthy: {answer}");
    Ok(answer)
}

/// A property of the unit, as `systemctl show` says it.
pub fn property(machine: &Machine, name: &str) -> Result<String> {
    Ok(machine.ok(&format!("systemctl show -P {name} {UNIT}"))?.trim().to_owned())
}

/// The process id of gunicorn's master; 0 when there is none.
pub fn main_pid(machine: &Machine) -> Result<u32> {
    Ok(property(machine, "MainPID")?.parse()?)
}

/// The environment that gunicorn's master was started with.
pub fn environment(machine: &Machine) -> Result<BTreeMap<String, String>> {
    let pid = main_pid(machine)?;
    let text = machine.ok(&format!("cat /proc/{pid}/environ"))?;
    let pairs = text.split('\0').filter_map(|entry| entry.split_once('='));
    Ok(pairs.map(|(key, value)| (key.to_owned(), value.to_owned())).collect())
}

/// The values of the env file of the field that gunicorn must have been started with: all that
/// systemd read before, and the key without the surplus `=`.
///
/// # Errors
/// With the key's name (not the value) of the first that differs.
pub fn check_environment(machine: &Machine) -> Result<()> {
    let environment = environment(machine)?;
    for line in field::env_text().lines().filter(|line| !line.starts_with('#')) {
        let (key, value) = line.split_once('=').context("a line without =")?;
        let wanted = if key == "SECRET_KEY" { field::KEY } else { value };
        let same = environment.get(key).is_some_and(|value| value == wanted);
        ensure!(same, "{key} does not have the value that it had in the file");
    }
    Ok(())
}

/// The journal, after journald has written what it was sent.
pub fn journal(machine: &Machine, options: &str) -> Result<String> {
    machine.ok(&format!("journalctl --sync; journalctl --no-pager {options}"))
}

/// All failure records, oldest first by file name.
pub fn failures(machine: &Machine) -> Result<Vec<Value>> {
    let names = machine.ok(&format!("ls {FAILURES} | grep '\\.json$' || true"))?;
    let read = |name| {
        let text = machine.fetch(&format!("{FAILURES}/{name}"))?;
        serde_json::from_str(&text).with_context(|| format!("{FAILURES}/{name}"))
    };
    names.lines().map(read).collect()
}

/// Text that must hold no secret of the field's env file.
///
/// # Errors
/// Naming `what`, without the secret.
pub fn check_no_secret(what: &str, text: &str) -> Result<()> {
    let leaked = field::SECRETS.iter().position(|secret| text.contains(secret));
    ensure!(leaked.is_none(), "{what} shows secret number {leaked:?} of the env file");
    Ok(())
}

/// Every path in the machine's own file systems, without what changes by itself.
pub fn paths(machine: &Machine) -> Result<BTreeSet<String>> {
    let skip = [
        "/dev",
        "/proc",
        "/root",
        "/run",
        "/sys",
        "/tmp",
        "/var/cache",
        "/var/lib/apt",
        "/var/lib/dpkg",
        "/var/lib/systemd",
        "/var/log/apt",
        "/var/log/dpkg.log",
        "/var/log/journal",
        "/var/tmp",
    ];
    let prune = skip.map(|path| format!("-path {path}")).join(" -o ");
    let list = machine.ok(&format!(
        "find / \\( {prune} \\) -prune -o ! -name '*.pyc' ! -name __pycache__ -print"
    ))?;
    Ok(list.lines().map(str::to_owned).collect())
}

/// `systemd-analyze verify` has nothing to say about these units.
///
/// # Errors
/// With what it says.
pub fn accepted(machine: &Machine, units: &str) -> Result<()> {
    let output =
        machine.run(&format!("systemd-analyze --generators=yes --man=no verify {units}"))?;
    // 262 in a container, about its own sandbox for generators
    let sandbox = "Read-only bind remount failed, ignoring: Operation not supported";
    let text = output.text();
    let said: Vec<&str> = text.lines().filter(|line| *line != sandbox).collect();
    ensure!(output.code == 0 && said.is_empty(), "exit {}: {}", output.code, said.join("\n"));
    Ok(())
}
