//! What fixes.conf can ask of the generated unit, on a booted root.

use std::time::Duration;

use anyhow::{Result, ensure};
use host::service::{self, UNIT};
use host::{Machine, field, package, recipe};

fn fresh(settings: &str) -> Result<Machine> {
    let mut machine = Machine::of(&recipe::app())?;
    field::fresh_host(&machine.root())?;
    machine.boot()?;
    set(&machine, settings)?;
    package::install(&machine)?;
    service::await_health(&machine)?;
    Ok(machine)
}

fn set(machine: &Machine, settings: &str) -> Result<()> {
    machine.put("/etc/projectmeats/fixes.conf.d/test.conf", settings.as_bytes(), 0o644)
}

fn quiet(machine: &Machine, units: &str) -> Result<()> {
    service::accepted(machine, units)
}

/// The values are in files that only the service user can read, not in its environment, not in the
/// unit; and they follow the env file.
#[test]
fn credentials_are_files() -> Result<()> {
    for suite in recipe::suites() {
        credentials(suite)?;
    }
    Ok(())
}

fn credentials(suite: &'static str) -> Result<()> {
    let mut machine = Machine::of(&recipe::app_of(suite))?;
    field::fresh_host(&machine.root())?;
    machine.boot()?;
    // the application as projectmeats-generator(8) tells its developers to write it
    machine.ok(
        "sed -i 's|^SECRET_KEY = .*|SECRET_KEY = (Path(os.environ[\"CREDENTIALS_DIRECTORY\"]) / \
         \"SECRET_KEY\").read_text()|' /opt/projectmeats/backend/projectmeats/settings.py",
    )?;
    set(&machine, "[service]\ncredentials = SECRET_KEY,EMAIL_HOST_PASSWORD\n")?;
    package::install(&machine)?;
    service::await_health(&machine)?;
    quiet(&machine, "projectmeats.service projectmeats.socket")?;
    let environment = service::environment(&machine)?;
    ensure!(!environment.contains_key("SECRET_KEY"), "SECRET_KEY is in the environment");
    let key = |machine: &Machine| {
        machine.ok(&format!(
            "pid=$(systemctl show -P MainPID {UNIT}); d=$(tr '\\0' '\\n' </proc/$pid/environ | \
             sed -n s/^CREDENTIALS_DIRECTORY=//p); nsenter -t $pid -m cat $d/SECRET_KEY"
        ))
    };
    ensure!(key(&machine)?.trim() == field::KEY, "another value than the file's");
    let unit = machine.fetch("/run/systemd/generator/projectmeats.service")?;
    ensure!(!unit.contains(field::KEY), "the unit has the value");
    let mode = "stat -c %a:%U /var/lib/projectmeats-fixes/credentials/SECRET_KEY";
    ensure!(machine.ok(mode)? == "600:root\n", "who may read it");
    // a new value is there after one restart
    let new = "changed-0123456789-abcdefghijklmnopqrstuvwxyz-ABCDEFG";
    machine.ok(&format!(
        "sed -i 's/^SECRET_KEY=.*/SECRET_KEY={new}/' {}; systemctl restart {UNIT}",
        field::ENV_FILE
    ))?;
    service::await_health(&machine)?;
    ensure!(key(&machine)?.trim() == new, "{suite}: the old value after a restart");
    // nothing of it can keep the helpers from running: the file is made anew
    machine
        .ok(&format!("rm -r /var/lib/projectmeats-fixes/credentials; systemctl restart {UNIT}"))?;
    service::await_health(&machine)?;
    ensure!(key(&machine)?.trim() == new, "{suite}: after the loss of the files");
    // a variable that the file lacks stops the start, and says so
    set(&machine, "[service]\ncredentials = SECRET_KEY NOT_THERE\n")?;
    let start = machine.run(&format!("systemctl daemon-reload; systemctl restart {UNIT}"))?;
    ensure!(start.code != 0, "it started");
    let log = machine.ok(&format!("journalctl -b -o cat --no-pager -u {UNIT} -t pre-start"))?;
    ensure!(log.contains("NOT_THERE is a credential of the service"), "{log}");
    machine.finish()
}

/// A service that hangs is restarted; one that answers is left alone, and off means nothing runs.
#[test]
fn the_watchdog_restarts_what_hangs() -> Result<()> {
    let machine = fresh("[listen]\nactivation = yes\n")?;
    let timers = "systemctl list-timers --all --no-legend | grep -c projectmeats || true";
    ensure!(machine.ok(timers)?.trim() == "0", "a timer although it is off");
    set(
        &machine,
        "[watchdog]\ninterval_sec = 10\nfailures = 2\n[health]\ntimeout_sec = 1\n\
                   [gunicorn]\ngraceful_timeout = 2\n",
    )?;
    machine.ok(&format!("systemctl daemon-reload; systemctl restart {UNIT}"))?;
    service::await_health(&machine)?;
    quiet(&machine, "projectmeats-watchdog.service projectmeats-watchdog.timer")?;
    ensure!(machine.ok(timers)?.trim() == "1", "no timer");
    machine.ok("systemctl start projectmeats-watchdog.service")?;
    ensure!(machine.run("test -e /run/projectmeats-fixes/watchdog")?.code != 0, "a strike");
    let before = service::main_pid(&machine)?;
    // every process stands still: connections are accepted by the kernel, nobody answers
    machine.ok(&format!("systemctl kill --kill-whom=all --signal=STOP {UNIT}"))?;
    let restarted =
        format!("pid=$(systemctl show -P MainPID {UNIT}); [ $pid != 0 ] && [ $pid != {before} ]");
    machine.wait_for(&restarted, Duration::from_secs(100))?;
    service::await_health(&machine)?;
    machine.ok("systemctl stop projectmeats.socket projectmeats.service")?;
    let active = machine.run("systemctl is-active projectmeats-watchdog.timer")?.stdout;
    ensure!(active == "inactive\n", "the timer outlives the service: {active}");
    machine.finish()
}

/// A gunicorn that never says READY: started is only what can be connected to.
#[test]
fn readiness_of_an_old_gunicorn() -> Result<()> {
    let machine = fresh("[listen]\nactivation = no\n")?;
    machine.ok("cd /opt/projectmeats/venv/lib/python3*/site-packages
         mv gunicorn-*.dist-info gunicorn-19.9.0.dist-info")?;
    let slow = "import time; time.sleep(2)\n";
    machine.ok(&format!(
        "sed -i '1i {}' /opt/projectmeats/backend/projectmeats/wsgi.py; systemctl daemon-reload",
        slow.trim()
    ))?;
    machine.ok(&format!(
        "systemctl restart {UNIT} && curl -fsS -m 5 {} >/dev/null",
        service::HEALTH
    ))?;
    ensure!(service::property(&machine, "Type")? == "exec", "type");
    // one that never listens is not called started
    let gunicorn = "/opt/projectmeats/venv/bin/gunicorn";
    machine.ok(&format!("printf '#!/bin/sh\\nexec sleep 300\\n' >{gunicorn}"))?;
    machine.ok("mkdir -p /run/systemd/system/projectmeats.service.d")?;
    let short = b"[Service]\nTimeoutStartSec=4\nRestart=no\n";
    machine.put("/run/systemd/system/projectmeats.service.d/90-test.conf", short, 0o644)?;
    machine.ok("systemctl daemon-reload")?;
    ensure!(machine.run(&format!("systemctl restart {UNIT}"))?.code != 0, "started");
    machine.finish()
}

#[test]
fn single_directives_and_export() -> Result<()> {
    let settings = "[hardening]\noverride = PrivateTmp=no MemoryDenyWriteExecute=yes RemoveIPC= \
                    \"RestrictAddressFamilies=AF_UNIX AF_INET\" ProtectHome=read-only\n\
                    [restart]\non_failure = notify-me@%n.service\n";
    let machine = fresh(settings)?;
    for (name, value) in [
        ("PrivateTmp", "no"),
        ("MemoryDenyWriteExecute", "yes"),
        ("RemoveIPC", "no"),
        ("ProtectHome", "read-only"),
        ("RestrictAddressFamilies", "AF_INET AF_UNIX"),
    ] {
        let found = service::property(&machine, name)?;
        let mut words: Vec<&str> = found.split_whitespace().collect();
        words.sort_unstable();
        ensure!(words.join(" ") == value, "{name} is {found}");
    }
    let on_failure = service::property(&machine, "OnFailure")?;
    ensure!(on_failure.contains("notify-me@projectmeats.service.service"), "{on_failure}");
    // exported, the units stand by themselves and are the administrator's
    machine.ok("meats-diagnose unit --export /etc/systemd/system; systemctl daemon-reload")?;
    machine.ok("systemctl enable projectmeats.socket projectmeats.service")?;
    machine.ok(&format!("systemctl restart {UNIT}"))?;
    service::await_health(&machine)?;
    let fragment = service::property(&machine, "FragmentPath")?;
    ensure!(fragment == "/etc/systemd/system/projectmeats.service", "{fragment}");
    quiet(&machine, "projectmeats.service projectmeats.socket")?;
    ensure!(machine.run("meats-diagnose unit --export /etc/systemd/system")?.code == 2, "over it");
    machine.finish()
}
