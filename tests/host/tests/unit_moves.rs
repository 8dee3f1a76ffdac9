//! Restarts under load, and the move of a running host from one way of listening to the other.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use host::service::{self, UNIT};
use host::{Machine, field, package, recipe};

/// Asks over new connections until a file is gone and enough was asked; counts what came back.
const CLIENT: &str = r#"
import http.client, json, os, socket, sys, time
where, least = sys.argv[1], int(sys.argv[2])
class Unix(http.client.HTTPConnection):
    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(30)
        self.sock.connect(where)
counts, longest, asked, gap, good = {}, 0.0, 0, 0.0, time.monotonic()
while asked < least or os.path.exists("/run/restarting"):
    begin = time.monotonic()
    make = Unix if where.startswith("/") else http.client.HTTPConnection
    connection = make("localhost" if where.startswith("/") else where, timeout=30)
    try:
        connection.request("GET", "/health/")
        what = str(connection.getresponse().status)
    except OSError as error:
        what = type(error).__name__
    except http.client.HTTPException as error:
        what = type(error).__name__
    connection.close()
    if what == "200":
        gap, good = max(gap, begin - good), time.monotonic()
    counts[what] = counts.get(what, 0) + 1
    longest, asked = max(longest, time.monotonic() - begin), asked + 1
    time.sleep(0.005)
print(json.dumps({"counts": counts, "asked": asked, "longest answer": round(longest, 2),
                  "longest gap": round(gap, 2)}))
"#;

fn fresh() -> Result<Machine> {
    let mut machine = Machine::of(&recipe::app())?;
    field::fresh_host(&machine.root())?;
    machine.boot()?;
    machine.put("/root/client.py", CLIENT.as_bytes(), 0o644)?;
    package::install(&machine)?;
    service::await_health(&machine)?;
    Ok(machine)
}

fn listen(machine: &Machine, settings: &str) -> Result<()> {
    let text = format!("[listen]\n{settings}\n");
    machine.put("/etc/projectmeats/fixes.conf.d/listen.conf", text.as_bytes(), 0o644)
}

/// Runs `what` while the client asks; what the client counted.
fn load(machine: &Machine, at: &str, least: u32, what: &str) -> Result<(u64, u64, String)> {
    let script = format!(
        "touch /run/restarting
         (sleep 0.3; {what}; sleep 0.3; rm /run/restarting) >/run/what.log 2>&1 &
         python3 /root/client.py {at} {least}; wait; cat /run/what.log >&2"
    );
    let output = machine.run_with(&script, b"", Duration::from_secs(150))?;
    ensure!(output.code == 0, "{output}");
    let json: serde_json::Value = serde_json::from_str(output.stdout.trim()).context("no JSON")?;
    let asked = json["asked"].as_u64().context("asked")?;
    let good = json["counts"]["200"].as_u64().unwrap_or(0);
    Ok((asked, asked - good, json.to_string()))
}

const RESTARTS: &str = "for n in $(seq 20); do systemctl reset-failed projectmeats; \
                        systemctl restart projectmeats || echo FAILED; sleep 0.2; done";

#[test]
fn twenty_restarts_under_load() -> Result<()> {
    let machine = fresh()?;
    let cases = [
        ("activated TCP", "activation = yes", "127.0.0.1:8000", true),
        (
            "activated unix socket",
            "activation = yes\naddresses = /run/projectmeats.sock",
            "/run/projectmeats.sock",
            true,
        ),
        ("plain TCP", "activation = no", "127.0.0.1:8000", false),
    ];
    for (name, settings, at, spared) in cases {
        listen(&machine, settings)?;
        machine.ok(
            "systemctl daemon-reload; systemctl stop projectmeats.socket projectmeats.service",
        )?;
        machine.ok("systemctl reset-failed; systemctl start projectmeats")?;
        let (asked, lost, all) = load(&machine, at, 2000, RESTARTS)?;
        println!("{name}: {lost} of {asked} requests lost over 20 restarts: {all}");
        ensure!(asked >= 2000, "{name}: only {asked} requests");
        ensure!((lost == 0) == spared, "{name}: {all}");
    }
    machine.finish()
}

/// One `systemctl restart` after the daemon-reload moves a running host, both ways. A plain bind
/// closes its port with its process, so these moves have the gap of one plain restart; all other
/// addresses of the socket unit are spared.
#[test]
fn a_running_host_moves_by_one_restart() -> Result<()> {
    let machine = fresh()?;
    let moves = [
        ("activated to plain", "activation = no", "inactive", "127.0.0.1:8000"),
        ("plain to activated", "activation = yes", "active", "127.0.0.1:8000"),
    ];
    for (name, settings, socket, at) in moves {
        listen(&machine, settings)?;
        let go = "systemctl daemon-reload && systemctl restart projectmeats || echo FAILED";
        let (asked, lost, all) = load(&machine, at, 200, go)?;
        println!("{name}: {lost} of {asked} requests lost: {all}");
        let state = machine.run("systemctl is-active projectmeats.socket")?.stdout;
        ensure!(state.trim() == socket, "{name}: the socket is {state}");
        ensure!(service::property(&machine, "ActiveState")? == "active", "{name}: {all}");
        service::await_health(&machine)?;
        let before = service::main_pid(&machine)?;
        machine.ok(&format!("systemctl reload {UNIT}"))?;
        ensure!(service::main_pid(&machine)? == before, "{name}: reload");
    }
    machine.finish()
}
