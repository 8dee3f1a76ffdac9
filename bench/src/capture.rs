//! G6, G7, G14: the capture of failures.

use std::time::Duration;

use anyhow::{Result, ensure};
use host::{Machine, service};

use crate::counts;
use crate::ground::{CAPTURE, DROP_CACHES, FLOOR};
use crate::row::{Bound, Row};
use crate::timing::{Times, exponent};

pub fn measure(machine: &Machine) -> Result<Vec<Row>> {
    let mut rows = clean_stop(machine)?;
    rows.extend(big_journal(machine)?);
    rows.extend(crash_loop(machine)?);
    Ok(rows)
}

fn clean_stop(machine: &Machine) -> Result<Vec<Row>> {
    let id = service::property(machine, "InvocationID")?;
    let command = format!(
        "env SERVICE_RESULT=success EXIT_CODE=exited EXIT_STATUS=0 INVOCATION_ID={id} {CAPTURE}"
    );
    let floor = format!(
        "env SERVICE_RESULT=success EXIT_CODE=exited EXIT_STATUS=0 INVOCATION_ID={id} {FLOOR}"
    );
    let times = Times::of(machine, 200, None, &[&command, &floor])?;
    let calls = counts::calls(machine, &command)?;
    Ok(vec![
        Row::ratio(
            "G7",
            "capture of a clean stop by an empty static C program (both behind env)",
            times.ratio(0, 1),
            Bound::AtMost(2.0),
        ),
        Row::new("G7", "forks of it", calls.forks as f64, "", Bound::AtMost(0.0)),
        Row::new("G7", "changes made by it", calls.writes as f64, "", Bound::AtMost(0.0)),
    ])
}

/// What was captured is forgotten, so that the same failure is captured again.
const FORGET: &str = "/root/forget.sh";
const FORGET_AND_DROP: &str = "/root/forget-and-drop.sh";
/// Sizes of the journal, in MiB; journald's own files are larger than the first.
const SIZES: [u32; 3] = [16, 200, 500];

/// One failure, captured again and again with what systemd gave to ExecStopPost= (systemd.exec(5)),
/// while the journal grows by other programs' lines.
fn big_journal(machine: &Machine) -> Result<Vec<Row>> {
    machine.ok("mkdir -p /var/log/journal && journalctl --flush && journalctl --sync")?;
    let capture = failed_for_good(machine)?;
    let query = "journalctl -u projectmeats.service -n 50 --no-pager";
    let mut times = Vec::new();
    for mib in SIZES {
        grow_journal(machine, mib)?;
        let size = journal_size(machine)?;
        let warm = Times::of(machine, 25, Some(FORGET), &[&capture, query])?;
        let cold = Times::of(machine, 9, Some(FORGET_AND_DROP), &[&capture, query])?;
        times.push((size, warm, cold));
    }
    machine
        .ok("rm /run/systemd/system/projectmeats.service.d/once.conf; systemctl daemon-reload; \
         systemctl reset-failed projectmeats; systemctl start projectmeats.socket projectmeats")?;
    service::await_health(machine)?;
    let [(small, a, b), _, (large, c, d)] = times.as_slice() else { return Ok(Vec::new()) };
    let warm: Vec<_> = times.iter().map(|(size, warm, _)| (*size, warm.median(0))).collect();
    let sizes = format!("{large:.0} by {small:.0} MiB");
    let what = |how: &str| format!("capture with a large journal by a small one, {how}");
    Ok(vec![
        Row::new(
            "G6",
            "exponent of a capture's growth with the journal",
            exponent(&warm),
            "",
            Bound::None,
        ),
        Row::new("G6", what("warm"), c.median(0) / a.median(0), "×", Bound::AtMost(1.3))
            .note(&sizes)
            .series(warm, "MiB of journal"),
        Row::new("G6", what("caches dropped"), d.median(0) / b.median(0), "×", Bound::AtMost(1.3))
            .note(&sizes),
        Row::ratio(
            "G6",
            "journalctl -u … -n 50 on the large one by capture, warm",
            c.ratio(1, 0),
            Bound::AtLeast(10.0),
        )
        .note("the capture has journald write to disk, asks PID 1, and writes a record, too"),
        Row::ratio("G6", "the same, caches dropped", d.ratio(1, 0), Bound::AtLeast(10.0)),
    ])
}

/// The service, killed and not started again, so that PID 1 goes on to say how it ended; the command
/// that captures it.
fn failed_for_good(machine: &Machine) -> Result<String> {
    machine.put(
        "/run/systemd/system/projectmeats.service.d/once.conf",
        b"[Service]\nRestart=no\n",
        0o644,
    )?;
    machine.ok("systemctl daemon-reload; systemctl stop projectmeats.socket; \
         systemctl restart projectmeats")?;
    let pid = service::main_pid(machine)?;
    ensure!(pid > 0, "the service does not run");
    let id = service::property(machine, "InvocationID")?;
    machine.ok(&format!("kill -KILL {pid}; sleep 1; journalctl --sync"))?;
    let forget = format!(
        "rm -rf /run/projectmeats-fixes/capture-*.json {0}; mkdir -m 700 {0}\n",
        service::FAILURES
    );
    machine.put(FORGET, format!("#!/bin/sh\n{forget}").as_bytes(), 0o755)?;
    let both = format!("#!/bin/sh\n{forget}exec {DROP_CACHES}\n");
    machine.put(FORGET_AND_DROP, both.as_bytes(), 0o755)?;
    let capture = format!(
        "env SERVICE_RESULT=signal EXIT_CODE=killed EXIT_STATUS=KILL INVOCATION_ID={id} {CAPTURE}"
    );
    machine.ok(&format!("{FORGET}; {capture}"))?;
    let record = service::failures(machine)?;
    let lines = record.first().and_then(|r| r["journal"]["lines"].as_array()).map_or(0, Vec::len);
    ensure!(record.len() == 1 && lines > 0, "what is measured is no capture: {record:#?}");
    Ok(capture)
}

fn journal_size(machine: &Machine) -> Result<f64> {
    let text = machine.ok("du -cm /var/log/journal | tail -1 | cut -f1")?;
    Ok(text.trim().parse()?)
}

/// Lines of many programs; journald's own limits are out of the way.
fn grow_journal(machine: &Machine, mib: u32) -> Result<()> {
    machine.ok(
        "mkdir -p /run/systemd/journald.conf.d && printf '[Journal]\\nRateLimitBurst=0\\n\
         RateLimitIntervalSec=0\\nSystemMaxUse=2G\\nSystemMaxFileSize=64M\\n' \
         >/run/systemd/journald.conf.d/bench.conf && systemctl restart systemd-journald",
    )?;
    for _ in 0..200 {
        if journal_size(machine)? >= f64::from(mib) {
            break;
        }
        machine.ok("for n in 1 2 3 4; do head -c 6000000 /dev/urandom | base64 -w 300 | \
             systemd-cat -t filler-$n; done; journalctl --sync")?;
    }
    Ok(())
}

/// Failures in a row, of which every tenth has another cause: time for each and disk in all.
fn crash_loop(machine: &Machine) -> Result<Vec<Row>> {
    const FAILURES: u32 = 10_000;
    const ONE: &str = "/root/one-failure.sh";
    let script = format!(
        "#!/bin/bash\nread -r id </proc/sys/kernel/random/uuid\n\
         export MONITOR_SERVICE_RESULT=exit-code MONITOR_EXIT_CODE=exited\n\
         MONITOR_EXIT_STATUS=${{1:-5}} MONITOR_INVOCATION_ID=${{id//-/}} exec {CAPTURE} --unit bench-loop\n"
    );
    machine.put(ONE, script.as_bytes(), 0o755)?;
    let first = Times::of(machine, 20, None, &[ONE])?;
    let all = format!(
        "for n in $(seq {FAILURES}); do [ $((n % 10)) = 0 ] && s=$((n / 10 % 100 + 10)) || s=5; \
         {ONE} $s >/dev/null 2>&1; done"
    );
    let output = machine.run_with(&all, b"", Duration::from_secs(1200))?;
    ensure!(output.code == 0, "{output}");
    let last = Times::of(machine, 20, None, &[ONE])?;
    let disk = machine.ok(&format!(
        "du -ck {} {} | tail -1 | cut -f1",
        service::FAILURES,
        service::FAILURE_LOG
    ))?;
    Ok(vec![
        Row::new(
            "G14",
            format!("time of a capture after {FAILURES} by the first"),
            last.median(0) / first.median(0),
            "×",
            Bound::AtMost(1.3),
        ),
        Row::new(
            "G14",
            format!("disk after {FAILURES} failures"),
            disk.trim().parse()?,
            "KiB",
            Bound::AtMost(16384.0),
        ),
    ])
}
