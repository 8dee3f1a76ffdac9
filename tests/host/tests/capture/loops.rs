//! Failures in a row: none is lost, and they take no more room than is allowed.

use std::time::Duration;

use anyhow::{Result, ensure};
use host::service;
use serde_json::Value;

use crate::row::{CAPTURE, instead, machine, records, row};

/// A unit with this main command, which fails in a loop.
fn looping(command: &str) -> String {
    let name = row("loop", instead(command), "").text();
    name.replace("[Unit]", "[Unit]\nStartLimitIntervalSec=0") + "Restart=always\nRestartSec=0\n"
}

#[test]
fn of_fifty_fast_crashes_none_is_lost() -> Result<()> {
    let machine = machine()?;
    let crash = "#!/bin/sh\nn=$(($(cat /tmp/n) + 1)); [ $n -gt 50 ] && exec sleep 1000\n\
        echo $n >/tmp/n; echo \"Traceback (most recent call last):\n  File \\\"/opt/x.py\\\", line $n, in f\"\n\
        echo \"KeyError: 'the last line $n'\"; exit 1\n";
    machine.put("/opt/crash", crash.as_bytes(), 0o755)?;
    machine.ok("echo 0 >/tmp/n; chmod 666 /tmp/n")?;
    machine.put("/etc/systemd/system/row-loop.service", looping("/opt/crash").as_bytes(), 0o644)?;
    machine.ok("systemctl daemon-reload; systemctl start row-loop")?;
    machine.wait_for("[ $(cat /tmp/n) = 50 ] && pgrep -x sleep", Duration::from_secs(60))?;
    let found = records(&machine, "row-loop.service")?;
    let counts: u64 = found.iter().filter_map(|r| r["count"].as_u64()).sum();
    ensure!((found.len(), counts) == (50, 50), "{} records, {counts} failures", found.len());
    for n in 1..=50 {
        let last = format!("KeyError: 'the last line {n}'");
        let has = |r: &Value| {
            let lines = r["journal"]["lines"].as_array().cloned().unwrap_or_default();
            lines.iter().any(|l| l["text"] == last)
        };
        ensure!(found.iter().any(has), "the last line of crash {n} is in no record");
    }
    machine.finish()
}

#[test]
fn the_start_limit_is_told_once() -> Result<()> {
    let machine = machine()?;
    let text = row("limit", instead("/bin/sh -c 'exit 9'"), "").text();
    let text = text.replace("[Unit]", "[Unit]\nStartLimitIntervalSec=60\nStartLimitBurst=3");
    let text = text + "Restart=always\nRestartSec=0\n";
    machine.put("/etc/systemd/system/row-limit.service", text.as_bytes(), 0o644)?;
    machine.run("systemctl daemon-reload; systemctl start row-limit")?;
    machine
        .wait_for(&format!("grep 'GIVEN UP' {}", service::FAILURE_LOG), Duration::from_secs(20))?;
    let found = records(&machine, "row-limit.service")?;
    ensure!(found.len() == 1 && found[0]["count"] == 3, "{found:#?}");
    machine.finish()
}

/// Of many failures every tenth has another cause. journald is stopped: what it does with the lines
/// of ours is not our cost.
#[test]
fn ten_thousand_failures_keep_within_the_caps() -> Result<()> {
    let machine = machine()?;
    machine.ok("systemctl stop systemd-journald.socket systemd-journald-dev-log.socket \
        systemd-journald-audit.socket systemd-journald.service")?;
    let script = format!(
        "export MONITOR_SERVICE_RESULT=exit-code MONITOR_EXIT_CODE=exited
fail() {{
    for n in $(seq $1 $2); do
        [ $((n % 10)) = 0 ] && status=$((n / 10 % 100 + 10)) || status=5
        printf -v id %08x%024x $n $n
        MONITOR_EXIT_STATUS=$status MONITOR_INVOCATION_ID=$id {CAPTURE} --unit row-caps.service
    done
}}
TIMEFORMAT='%3U %3S'
{{ time fail 1 500; }} 2>&1
fail 501 9500
{{ time fail 9501 10000; }} 2>&1"
    );
    let output = machine.run_with(&script, b"", Duration::from_secs(600))?;
    let seconds =
        |line: &str| -> Option<f64> { line.split(' ').map(|word| word.parse::<f64>().ok()).sum() };
    let spent: Vec<f64> = output.stdout.lines().filter_map(seconds).collect();
    let [early, late] = spent[..] else { anyhow::bail!("{output}") };
    machine.note(&format!("500 captures took {early} s of the processor, then {late} s"));
    ensure!(late < 3.0 * early, "500 captures took {spent:?} s of the processor");
    let found = records(&machine, "row-caps.service")?;
    let most = 100;
    ensure!(found.len() == most, "{} records", found.len());
    ensure!(found.iter().all(|r| r["complete"] == true), "{found:#?}");
    let newest = found.iter().map(|r| r["last_invocation"].as_str().unwrap_or_default()).max();
    ensure!(newest.is_some_and(|id| id.starts_with("00002710")), "{newest:?}");
    let kept: u64 = found.iter().filter_map(|r| r["count"].as_u64()).sum();
    ensure!(kept > 450, "{kept} failures are counted in the newest {most} records");
    let sizes = machine.ok(&format!(
        "du -sk {} /run/projectmeats-fixes | cut -f1; stat -c %s {}*",
        service::FAILURES,
        service::FAILURE_LOG
    ))?;
    let sizes: Vec<u64> = sizes.lines().filter_map(|l| l.parse().ok()).collect();
    ensure!(sizes[0] < 32 << 10 && sizes[1] < 1024, "KiB: {sizes:?}");
    ensure!(sizes[2..].iter().all(|bytes| *bytes <= 5 << 20), "{sizes:?}");
    let left = machine.ok(&format!("ls -a {} | grep -c meats-new || true", service::FAILURES))?;
    ensure!(left == "0\n", "half records are left: {left}");
    machine.finish()
}
