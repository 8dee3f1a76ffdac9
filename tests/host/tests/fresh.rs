//! Hosts without an administrator's unit, and hosts that do not want the service.

use anyhow::Result;
use host::service::{self, UNIT};
use host::{Machine, field, package, recipe};

fn fresh() -> Result<Machine> {
    let mut machine = Machine::of(&recipe::app())?;
    field::fresh_host(&machine.root())?;
    machine.boot()?;
    Ok(machine)
}

#[test]
fn a_fresh_host_gets_a_whole_unit_and_a_socket() -> Result<()> {
    let mut machine = fresh()?;
    package::install(&machine)?;
    service::await_health(&machine)?;
    machine.reboot()?;
    service::await_health(&machine)?;
    let fragment = service::property(&machine, "FragmentPath")?;
    assert_eq!(fragment, "/run/systemd/generator/projectmeats.service");
    assert_eq!(machine.ok("systemctl is-active projectmeats.socket")?, "active\n");
    let listener = machine.ok("ls -l /proc/1/fd; cat /proc/net/tcp")?;
    // 127.0.0.1:8000 listens, and process 1 holds it
    assert!(listener.contains("0100007F:1F40 00000000:0000 0A"), "{listener}");
    let verify = machine.run(
        "systemd-analyze --generators=yes --man=no verify projectmeats.service projectmeats.socket",
    )?;
    assert_eq!((verify.code, verify.text()), (0, String::new()));
    machine.finish()
}

/// With a socket held by systemd, a restart refuses nobody.
#[test]
fn a_restart_loses_no_request() -> Result<()> {
    let machine = fresh()?;
    package::install(&machine)?;
    service::await_health(&machine)?;
    let ask = "for n in $(seq 100); do curl -sS -o /dev/null -w '%{http_code}\\n' \
               http://127.0.0.1:8000/health/ 2>&1; done | sort | uniq -c";
    let script = format!("(sleep 0.2; systemctl restart {UNIT}) & {ask}; wait");
    assert_eq!(machine.ok(&script)?.trim(), "100 200");
    machine.finish()
}

#[test]
fn without_activation_gunicorn_binds_the_address_itself() -> Result<()> {
    let machine = fresh()?;
    machine.put(
        "/etc/projectmeats/fixes.conf.d/tcp.conf",
        b"[listen]\nactivation = no\n",
        0o644,
    )?;
    package::install(&machine)?;
    service::await_health(&machine)?;
    assert_eq!(machine.run("systemctl is-active projectmeats.socket")?.stdout, "inactive\n");
    let command = service::property(&machine, "ExecStart")?;
    assert!(command.contains("--bind 127.0.0.1:8000"), "{command}");
    machine.finish()
}

#[test]
fn a_masked_service_stays_masked() -> Result<()> {
    let mut machine = fresh()?;
    machine.ok(&format!("ln -s /dev/null /etc/systemd/system/{UNIT}; systemctl daemon-reload"))?;
    package::install(&machine)?;
    machine.reboot()?;
    assert_eq!(service::property(&machine, "LoadState")?, "masked");
    assert_eq!(service::main_pid(&machine)?, 0);
    let emitted = machine.ok("find /run/systemd/generator -name 'projectmeats*'")?;
    assert_eq!(emitted, "", "nothing is emitted for a masked service");
    package::purge(&machine)?;
    machine.finish()
}

#[test]
fn a_service_that_is_switched_off_is_not_started() -> Result<()> {
    let mut machine = fresh()?;
    machine.put("/etc/projectmeats/fixes.conf.d/off.conf", b"[service]\nenabled = no\n", 0o644)?;
    package::install(&machine)?;
    assert_eq!(service::main_pid(&machine)?, 0);
    machine.reboot()?;
    assert_eq!(service::main_pid(&machine)?, 0);
    machine.ok(&format!("systemctl start {UNIT}"))?;
    service::await_health(&machine)?;
    machine.finish()
}

/// The service that only our generator defines ends with the package; the purge leaves its data.
#[test]
fn removal_stops_a_generated_service() -> Result<()> {
    let machine = fresh()?;
    let before = service::paths(&machine)?;
    package::install(&machine)?;
    service::await_health(&machine)?;
    package::remove(&machine)?;
    assert_eq!(service::property(&machine, "LoadState")?, "not-found");
    assert_eq!(machine.run("curl -sS http://127.0.0.1:8000/health/")?.code, 7);
    package::install(&machine)?;
    service::await_health(&machine)?;
    package::purge(&machine)?;
    let after = service::paths(&machine)?;
    let lost: Vec<_> = before.difference(&after).collect();
    assert!(lost.is_empty(), "the purge took {lost:?}");
    let logs_or_made = |path: &&String| {
        path.starts_with(field::LOGS) || path.starts_with("/opt/projectmeats/backend/")
    };
    let left: Vec<_> = after.difference(&before).filter(|path| !logs_or_made(path)).collect();
    assert!(left.is_empty(), "the purge has left {left:?}");
    machine.finish()
}
