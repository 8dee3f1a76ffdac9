//! The helpers on a booted host whose service user wants root: what systemd starts as root touches
//! nothing outside the service's own places, and keeps no more power than it needs.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use host::service::{self, FAILURE_LOG, FAILURES, UNIT};
use host::{Machine, package};

/// CHOWN, DAC_OVERRIDE, FOWNER, SETGID, SETUID and SYS_PTRACE; capabilities(7) has the numbers.
const KEPT: u64 = 1 | 1 << 1 | 1 << 3 | 1 << 6 | 1 << 7 | 1 << 19;

/// Everything that is not the service's: names, owners, modes, sizes, times of change.
const MANIFEST: &str = "find /etc /usr /opt/victim /root -xdev ! -path '/etc/projectmeats/*' \
    ! -name '*.pyc' ! -name __pycache__ -type f -printf '%p %U:%G %m %s %C@\\n' | sort";

/// What the service user does in its own tree, and goes on doing while root is at work.
const ATTACK: &str = r#"
cd /var/log/projectmeats
rm -f error.log access.log post_failure.log
ln -s /etc/shadow error.log
ln -s /opt/victim/file post_failure.log
mkdir -p d && ln -s /etc d/out
mkfifo access.log
i=0
while [ $i -lt 3000 ]; do
    ln -sfn /etc swap; rm -f swap; mkdir swap; rmdir swap; i=$((i + 1))
done"#;

#[test]
fn helpers_under_attack() -> Result<()> {
    let machine = package::serving()?;
    machine.ok("mkdir /opt/victim; echo mine >/opt/victim/file; chmod 600 /opt/victim/file")?;
    hooks(&machine)?;
    let before = machine.ok(MANIFEST)?;
    starts(&machine)?;
    captures(&machine)?;
    same(&before, &machine.ok(MANIFEST)?)?;
    machine.finish()
}

fn same(before: &str, after: &str) -> Result<()> {
    let changed: Vec<&str> = after.lines().filter(|line| !before.contains(line)).take(9).collect();
    ensure!(before == after, "the host outside the service's tree has changed: {changed:?}");
    Ok(())
}

const HOOKS: &str = "/etc/projectmeats/on-failure.d";

/// Programs for failures that must not be run: others can write them, or they are links.
fn hooks(machine: &Machine) -> Result<()> {
    machine.ok(&format!(
        "mkdir -p {HOOKS}; cd {HOOKS}
         for name in loose theirs linked; do
             printf '#!/bin/sh\\ntouch /tmp/ran-'$name'\\n' >/opt/victim/$name
             chmod 755 /opt/victim/$name
         done
         cp /opt/victim/loose loose; cp /opt/victim/theirs theirs
         chmod 777 loose; chown projectmeats theirs
         ln -s /opt/victim/linked linked"
    ))?;
    Ok(())
}

/// The package's own `ExecStartPre=+` while the service user works against it.
fn starts(machine: &Machine) -> Result<()> {
    let script = format!(
        "runuser -u projectmeats -- sh -c '{ATTACK}' >/dev/null 2>&1 &
         for round in 1 2 3; do systemctl restart {UNIT} || true; systemctl reset-failed; done
         wait"
    );
    machine.run_with(&script, b"", Duration::from_secs(120))?;
    let log = machine.ok("journalctl -b --no-pager -o cat -t pre-start")?;
    ensure!(log.contains("error.log"), "pre-start says nothing of the link: {log}");
    Ok(())
}

/// A failure whose log is a link, whose place is the user's, and whose programs are the user's.
fn captures(machine: &Machine) -> Result<()> {
    machine.ok("cd /var/log/projectmeats; rm -f error.log access.log; rm -rf d swap")?;
    machine.ok(&format!("systemctl reset-failed; systemctl restart {UNIT}"))?;
    service::await_health(machine)?;
    machine.ok(&format!("test -L {FAILURE_LOG}"))?;
    machine.ok(&format!(
        "cd {FAILURES}; chown projectmeats .; chmod 755 .. .
         runuser -u projectmeats -- sh -c 'ln -s /opt/victim/file x.json; ln -s /etc .x.meats-new'"
    ))?;
    machine.ok(&format!("cd {HOOKS}; printf '#!/bin/sh\\nsleep 5\\n' >slow; chmod 755 slow"))?;
    machine.ok(&format!("kill -KILL $(systemctl show -P MainPID {UNIT})"))?;
    let pid = "pgrep -of '[c]apture-failure --hooks'";
    machine.wait_for(pid, Duration::from_secs(20))?;
    bounded(&machine.ok(&format!("cat /proc/$({pid})/status"))?)?;
    let slow = machine.wait_for("pgrep -of on-failure.d/[s]low", Duration::from_secs(20))?;
    let status = machine.ok(&format!("cat /proc/{}/status", slow.trim()))?;
    ensure!(number(&status, "CapEff", 16)? == 0, "a program for failures has power: {status}");
    ensure!(number(&status, "Uid", 10)? != 0, "a program for failures runs as root");
    machine.wait_for(&format!("! {pid}"), Duration::from_secs(20))?;
    let ran = machine.ok("ls /tmp | grep ran- || true")?;
    ensure!(ran.is_empty(), "programs that others can write were run: {ran}");
    let killed =
        "grep -rl --include=*.json CAP-002 /run/projectmeats-fixes /var/lib/projectmeats-fixes";
    machine.ok(killed).context("no record of the kill")?;
    Ok(())
}

/// What a helper of root's has left.
fn bounded(status: &str) -> Result<()> {
    for set in ["CapEff", "CapPrm"] {
        ensure!(number(status, set, 16)? & !KEPT == 0, "more than is needed: {status}");
    }
    ensure!(number(status, "CapInh", 16)? == 0, "children inherit capabilities: {status}");
    ensure!(number(status, "NoNewPrivs", 10)? == 1, "new privileges can be had: {status}");
    Ok(())
}

/// The first number of a line of proc_pid_status(5).
fn number(status: &str, name: &str, radix: u32) -> Result<u64> {
    let line = status.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
    let word = line.and_then(|rest| rest.split_whitespace().next()).context(name.to_owned())?;
    Ok(u64::from_str_radix(word, radix)?)
}
