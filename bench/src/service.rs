//! G10, G11: what the unit costs a start, and what a restart costs the users.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use host::{Machine, service};

use crate::row::{Bound, Row};
use crate::timing::Times;

const PAIRS: u32 = 50;
const NO_LIMIT: &str = "/run/systemd/system/projectmeats.service.d/zz-bench.conf";
/// The bare unit: the same program, without helpers, sandbox and activation.
const BARE: &str = "/etc/systemd/system/bare.service";
/// The same in the sandbox of ours.
const WALLED: &str = "/etc/systemd/system/walled.service";
const RESTART: &str = "\
#!/bin/bash
systemctl restart $1
for n in $(seq 400); do
    curl -s -f -o /dev/null -H 'Host: localhost' http://127.0.0.1:$2/health/ && exit 0
    sleep 0.01
done
exit 1
";
const LOAD: &str = "\
import http.client, subprocess, sys, threading, time
lost = asked = 0
over = threading.Event()
def restarts():
    for _ in range(20):
        subprocess.run(['systemctl', 'restart', 'projectmeats.service'], check=True)
    over.set()
threading.Thread(target=restarts).start()
while not over.is_set() or asked < 2000:
    asked += 1
    try:
        c = http.client.HTTPConnection('127.0.0.1', 8000, timeout=30)
        c.request('GET', '/health/', headers={'Host': 'localhost'})
        lost += c.getresponse().status != 200
    except OSError:
        lost += 1
    time.sleep(0.005)
print(asked, lost)
";

pub fn measure(machine: &Machine) -> Result<Vec<Row>> {
    // Restarts in a row are what is measured; the limit on them is out of the way.
    machine.put(NO_LIMIT, b"[Unit]\nStartLimitIntervalSec=0\n", 0o644)?;
    machine.ok("systemctl daemon-reload; systemctl reset-failed")?;
    let mut rows = latency(machine)?;
    rows.push(requests(machine)?);
    machine.ok(&format!("rm {NO_LIMIT}; systemctl daemon-reload"))?;
    Ok(rows)
}

/// Ours, the bare unit, and the bare unit in the sandbox of ours: what is added is the sandbox, which
/// PID 1 builds mount by mount before it starts the program, and the helpers.
fn latency(machine: &Machine) -> Result<Vec<Row>> {
    let cat = "systemctl cat projectmeats.service";
    let exec = machine.ok(&format!("{cat} | sed -n 's/^ExecStart=//p' | tail -1"))?;
    let application = machine
        .ok(&format!("echo '{}' | grep -oE '[a-z_.]+\\.wsgi:[a-z]+'", exec.replace('\'', "")))?;
    let sandbox = machine.ok(&format!("{cat} | sed -n '/^# Sandbox/,/^$/p'"))?;
    ensure!(sandbox.contains("ProtectSystem="), "no sandbox in the unit: {sandbox}");
    for (path, port, more) in [(BARE, 8001, ""), (WALLED, 8002, &*sandbox)] {
        let unit = format!(
            "[Service]\nUser=projectmeats\nGroup=www-data\nType=notify\nNotifyAccess=all\n\
             WorkingDirectory=/opt/projectmeats/backend\n\
             EnvironmentFile=/etc/projectmeats/projectmeats.env\n\
             ExecStart=/opt/projectmeats/venv/bin/gunicorn --bind 127.0.0.1:{port} --workers 3 \
             --worker-class gthread --threads 2 --preload {}\n{more}",
            application.trim()
        );
        machine.put(path, unit.as_bytes(), 0o644)?;
    }
    machine.put("/root/restart.sh", RESTART.as_bytes(), 0o755)?;
    machine.ok("systemctl daemon-reload")?;
    let ours = "/root/restart.sh projectmeats 8000";
    let (bare, walled) = ("/root/restart.sh bare 8001", "/root/restart.sh walled 8002");
    for unit in [bare, walled] {
        let started = machine.run(unit)?;
        ensure!(started.code == 0, "{unit}: {started}");
    }
    let times = Times::of(machine, PAIRS, None, &[ours, bare, walled])?;
    machine
        .ok(&format!("systemctl stop bare walled; rm {BARE} {WALLED}; systemctl daemon-reload"))?;
    let added = |more: usize, less: usize, what: &str| {
        Row::new("G10", what, times.added(more, less) * 1e3, "ms", Bound::None)
    };
    let all = "restart to the first 200, added to a bare unit's";
    Ok(vec![
        Row::new("G10", all, times.added(0, 1) * 1e3, "ms", Bound::AtMost(5.0)),
        added(2, 1, "of it the sandbox: a bare unit with the same one"),
        added(0, 2, "of it the helpers: ours against that one"),
    ])
}

fn requests(machine: &Machine) -> Result<Row> {
    service::await_health(machine)?;
    machine.put("/root/load.py", LOAD.as_bytes(), 0o644)?;
    let output = machine.run_with("python3 /root/load.py", b"", Duration::from_secs(400))?;
    let (asked, lost) =
        output.stdout.trim().split_once(' ').with_context(|| format!("{output}"))?;
    let what = format!("requests lost of {asked} across 20 restarts, socket-activated TCP");
    Ok(Row::new("G11", what, lost.parse()?, "", Bound::AtMost(0.0)))
}
