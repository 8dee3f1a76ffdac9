//! A host in trouble still gets its record: no journald or one that hangs, no room, no writing to
//! /var, lines that journald drops, a clock that was ahead.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use host::{Machine, service};
use serde_json::Value;

use crate::row::{instead, machine, records, row};

/// A unit that fails as `lines` say, started once more; its records.
fn crash(machine: &Machine, name: &'static str, lines: String) -> Result<Vec<Value>> {
    let row = row(name, lines, "");
    let unit = row.unit();
    machine.put(&format!("/etc/systemd/system/{unit}"), row.text().as_bytes(), 0o644)?;
    machine.ok(&format!("systemctl daemon-reload; systemctl start {unit}"))?;
    let over = format!(
        "case $(systemctl show -P ActiveState {unit}) in inactive|failed) ;; *) false;; esac"
    );
    machine.wait_for(&over, Duration::from_secs(20))?;
    records(machine, &unit)
}

fn shell(script: &str) -> String {
    instead(&format!("/bin/sh -c '{script}'"))
}

/// The one record, and what it says was not seen.
fn only(found: Vec<Value>) -> Result<(Value, String)> {
    ensure!(found.len() == 1, "{} records: {found:#?}", found.len());
    let record = found.into_iter().next().context("no record")?;
    let not_seen = record["not_seen"].as_array().context("not_seen")?;
    let texts: Vec<&str> = not_seen.iter().filter_map(Value::as_str).collect();
    let text = texts.join("; ");
    Ok((record, text))
}

#[test]
fn a_disk_in_trouble() -> Result<()> {
    let machine = machine()?;
    let volatile = |unit: &str| -> Result<Value> {
        let path = format!("grep -l {unit} /run/projectmeats-fixes/failures/*.json");
        Ok(serde_json::from_str(&machine.fetch(machine.ok(&path)?.trim())?)?)
    };
    let state = "/var/lib/projectmeats-fixes";
    machine.ok(&format!(
        "mount -t tmpfs -o size=64k,mode=700 none {state}; \
        mkdir -m 700 {state}/failures; head -c 1M /dev/zero >{state}/full || true"
    ))?;
    crash(&machine, "full", shell("exit 5"))?;
    ensure!(volatile("row-full.service")?["count"] == 1);
    machine.ok(&format!("mount -o remount,ro {state}"))?;
    crash(&machine, "readonly", shell("exit 5"))?;
    ensure!(volatile("row-readonly.service")?["count"] == 1);
    machine.finish()
}

#[test]
fn a_journal_in_trouble() -> Result<()> {
    let machine = machine()?;
    let limited = |seconds, script: &str| {
        format!("LogRateLimitIntervalSec={seconds}s\nLogRateLimitBurst=100\n{}", shell(script))
    };
    // Lines that come too fast: journald says so when it takes the next, or has not said so yet.
    let found = crash(&machine, "flood", limited(30, "seq 5000; echo last words; exit 5"))?;
    let (record, not_seen) = only(found)?;
    ensure!(not_seen.contains("may be missing: journald takes 100 of a unit"), "{record:#}");
    let found = crash(&machine, "burst", limited(1, "seq 5000; sleep 2; echo again; exit 5"))?;
    let (record, not_seen) = only(found)?;
    ensure!(
        not_seen.contains("journald dropped") && not_seen.contains("lines of this run"),
        "{record:#}"
    );
    let (record, not_seen) = only(crash(&machine, "quiet", shell("seq 300; exit 5"))?)?;
    ensure!(not_seen.is_empty(), "{record:#}");

    // A file that a later systemd wrote.
    let id = machine.fetch("/etc/machine-id")?;
    let dir = format!("/var/log/journal/{}", id.trim());
    machine.ok(&format!(
        "cp {dir}/system.journal {dir}/later.journal; \
         printf '\\200' | dd of={dir}/later.journal bs=1 seek=12 conv=notrunc status=none"
    ))?;
    let (record, not_seen) = only(crash(&machine, "later", shell("echo here; exit 5"))?)?;
    ensure!(not_seen.contains("read with journalctl, because"), "{record:#}");
    ensure!(record["journal"].to_string().contains("\"here\""), "{record:#}");
    machine.ok(&format!("head -c 5000 /dev/urandom >{dir}/later.journal"))?;
    let (record, not_seen) = only(crash(&machine, "damaged", shell("echo here; exit 5"))?)?;
    ensure!(not_seen.contains("later.journal\" is damaged"), "{record:#}");
    ensure!(record["journal"].to_string().contains("\"here\""), "{record:#}");
    machine.ok(&format!("rm {dir}/later.journal"))?;

    machine.ok("mkdir -p /run/systemd/journald.conf.d; \
         printf '[Journal]\\nStorage=volatile\\n' >/run/systemd/journald.conf.d/x.conf; \
         mv /var/log/journal /var/log/away; systemctl restart systemd-journald")?;
    let (record, not_seen) = only(crash(&machine, "volatile", shell("echo here; exit 5"))?)?;
    ensure!(not_seen.contains("the journal is kept in memory only"), "{record:#}");
    ensure!(record["journal"].to_string().contains("\"here\""), "{record:#}");

    // One that hangs delays nothing; one that is gone, neither.
    machine.ok("systemctl kill -s STOP systemd-journald")?;
    let begin = Instant::now();
    let found = crash(&machine, "hangs", shell("exit 5"));
    let took = begin.elapsed();
    machine.ok("systemctl kill -s CONT systemd-journald")?;
    let (record, not_seen) = only(found?)?;
    ensure!(not_seen.contains("journald did not confirm"), "{record:#}");
    ensure!(took < Duration::from_secs(8), "it took {took:?}");
    machine.ok("systemctl stop systemd-journald.socket systemd-journald-dev-log.socket \
        systemd-journald-audit.socket systemd-journald.service")?;
    let (record, not_seen) = only(crash(&machine, "nojournal", shell("exit 5"))?)?;
    machine.ok("systemctl start systemd-journald.service")?;
    ensure!(record["journal"]["note"].is_string() && !not_seen.is_empty(), "{record:#}");
    machine.finish()
}

/// What a clock leaves behind that was a day ahead and is set right: the loop goes on, and nothing is
/// taken for old.
#[test]
fn a_clock_that_was_ahead() -> Result<()> {
    let machine = machine()?;
    let (before, _) = only(crash(&machine, "clock", shell("exit 5"))?)?;
    machine.ok(&format!(
        "cat >/root/ahead.py <<'END'
import datetime, glob, json, os
def ahead(text):
    time = datetime.datetime.fromisoformat(text.replace('Z', '+00:00'))
    return (time + datetime.timedelta(days=1)).isoformat().replace('+00:00', 'Z')
for path in glob.glob('{}/*.json') + glob.glob('/run/projectmeats-fixes/capture-*.json'):
    it = json.load(open(path))
    for key in ('first', 'last', 'mentioned'):
        if it.get(key):
            it[key] = ahead(it[key])
    json.dump(it, open(path, 'w'))
    os.utime(path, (4000000000, 4000000000))
END
python3 /root/ahead.py",
        service::FAILURES
    ))?;
    let (record, _) = only(crash(&machine, "clock", shell("exit 5"))?)?;
    ensure!(record["count"] == 2 && record["id"] == before["id"], "{record:#}");
    ensure!(record["last"].as_str() < record["first"].as_str(), "{record:#}");
    let found = crash(&machine, "clock", shell("exit 6"))?;
    ensure!(found.len() == 2, "{found:#?}");
    let last = found.iter().find(|r| r["result"]["exit_status"] == 6).context("the new one")?;
    ensure!(last["count"] == 1 && last["last"].as_str() < record["first"].as_str(), "{last:#}");
    machine.ok("meats-diagnose failures --since 1h | grep 'exit 6'")?;
    machine.finish()
}
