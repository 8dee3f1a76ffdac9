//! The same unit in the same scripted life on every supported release: it is accepted without a
//! word, starts, reloads, outlives a crash, gives up in a crash loop, stops, and is there again
//! after a reboot.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use host::recipe::Recipe;
use host::service::{self, UNIT};
use host::{Machine, field, package, recipe};

#[test]
fn the_scripted_life() -> Result<()> {
    recipe::suites().into_iter().try_for_each(|suite| life(suite).context(suite))
}

fn fresh(recipe: &Recipe, settings: &str) -> Result<Machine> {
    let mut machine = Machine::of(recipe)?;
    field::fresh_host(&machine.root())?;
    machine.boot()?;
    machine.put("/etc/projectmeats/fixes.conf.d/test.conf", settings.as_bytes(), 0o644)?;
    package::install(&machine)?;
    service::await_health(&machine)?;
    Ok(machine)
}

fn life(suite: &'static str) -> Result<()> {
    let mut machine =
        fresh(&recipe::app_of(suite), "[restart]\nrestart_sec = 1\nstart_limit_burst = 4\n")?;
    accepted(&machine)?;
    reload(&machine)?;
    crash(&machine)?;
    stop(&machine)?;
    crash_loop(&machine)?;
    machine.ok(&format!("systemctl reset-failed; systemctl start {UNIT}"))?;
    service::await_health(&machine)?;
    machine.reboot()?;
    service::await_health(&machine)?;
    machine.finish()
}

/// Nothing to say for `systemd-analyze verify`, nothing unknown in the journal.
fn accepted(machine: &Machine) -> Result<()> {
    service::accepted(machine, "projectmeats.service projectmeats.socket")?;
    let unknown = machine.ok(
        "journalctl -b -o cat --no-pager _PID=1 | grep -iE 'unknown (key|section)|failed to parse' || true",
    )?;
    ensure!(unknown.is_empty(), "{unknown}");
    let score = machine.ok(&format!(
        "systemd-analyze security --no-pager {UNIT} | tail -1; systemctl --version | head -1"
    ))?;
    println!("{}", score.trim());
    Ok(())
}

/// HUP keeps the process and refuses nobody.
fn reload(machine: &Machine) -> Result<()> {
    let before = service::main_pid(machine)?;
    let ask = "for n in $(seq 40); do curl -sS -o /dev/null -w '%{http_code}\\n' \
               http://127.0.0.1:8000/health/ 2>&1; done | sort | uniq -c";
    let script = format!("(sleep 0.1; systemctl reload {UNIT}) & {ask}; wait");
    let answers = machine.ok(&script)?;
    ensure!(answers.trim() == "40 200", "{answers}");
    ensure!(service::main_pid(machine)? == before, "the process changed");
    Ok(())
}

/// A killed process comes back by itself, and its end was captured.
fn crash(machine: &Machine) -> Result<()> {
    let before = service::main_pid(machine)?;
    machine.ok(&format!("systemctl kill --kill-whom=main --signal=KILL {UNIT}"))?;
    let again = format!(
        "pid=$(systemctl show -P MainPID {UNIT}); [ $pid != 0 ] && [ $pid != {before} ] && \
         [ $(systemctl show -P ActiveState {UNIT}) = active ]"
    );
    machine.wait_for(&again, service::RECOVERY)?;
    service::await_health(machine)?;
    ensure!(service::property(machine, "NRestarts")? == "1", "restarts");
    Ok(())
}

/// A clean stop is one: no failure, nothing left, and no record of a failure more.
fn stop(machine: &Machine) -> Result<()> {
    machine.ok("systemctl stop projectmeats.socket projectmeats.service")?;
    let state = (service::property(machine, "ActiveState")?, service::property(machine, "Result")?);
    ensure!(state == ("inactive".to_owned(), "success".to_owned()), "{state:?}");
    machine.ok("systemctl start projectmeats.socket projectmeats.service")?;
    service::await_health(machine)?;
    Ok(())
}

/// A program that dies at once: systemd gives up where an operator sees it.
fn crash_loop(machine: &Machine) -> Result<()> {
    machine.ok("systemctl stop projectmeats.socket projectmeats.service")?;
    let gunicorn = "/opt/projectmeats/venv/bin/gunicorn";
    machine.ok(&format!("mv {gunicorn} {gunicorn}.ok; install -m 755 /bin/false {gunicorn}"))?;
    // earlier starts count for the limit, too
    machine.ok("systemctl reset-failed projectmeats")?;
    machine.run(&format!("systemctl start --no-block {UNIT}"))?;
    // between two tries 252 calls it failed for a moment, too
    let given_up = format!(
        "journalctl -b -o cat --no-pager -u {UNIT} | grep 'Start request repeated too quickly'"
    );
    machine.wait_for(&given_up, Duration::from_secs(60))?;
    ensure!(service::property(machine, "ActiveState")? == "failed", "not failed");
    let restarts: u32 = service::property(machine, "NRestarts")?.parse()?;
    ensure!((3..=4).contains(&restarts), "{restarts} restarts");
    let all = machine.ok("systemctl --failed --plain --no-legend")?;
    ensure!(all.contains(UNIT), "not among the failed units: {all}");
    machine.ok(&format!("mv {gunicorn}.ok {gunicorn}"))?;
    Ok(())
}

/// The strict profile with the real application and its database, then with the binary psycopg:
/// that no server answers is what psycopg itself finds out.
#[test]
fn the_strict_sandbox_runs_the_application() -> Result<()> {
    recipe::suites().into_iter().try_for_each(|suite| strict(suite).context(suite))
}

fn strict(suite: &'static str) -> Result<()> {
    let settings = "[hardening]\nprofile = strict\n[paths]\nwritable = \
                    /opt/projectmeats/backend/media /opt/projectmeats/backend/data\n";
    let machine = fresh(&recipe::psycopg_of(suite), settings)?;
    accepted(&machine)?;
    let url = "DATABASE_URL=postgres://meats:meats@127.0.0.1:1/meats";
    machine.ok(&format!("echo {url} >>{}; systemctl restart {UNIT}", field::ENV_FILE))?;
    let answer = machine.ok(&format!("curl -sS -m 10 {}", service::HEALTH))?;
    ensure!(answer.contains("\"database\": \"OperationalError\""), "{answer}");
    let loaded = machine
        .ok(&format!("grep -c psycopg_binary /proc/$(systemctl show -P MainPID {UNIT})/maps"))?;
    ensure!(loaded.trim() != "0", "the binary psycopg is not what was loaded");
    machine.finish()
}
