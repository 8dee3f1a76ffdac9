//! What stays when the package goes, and what comes back with it.

use anyhow::{Result, ensure};
use host::service::{self, UNIT};
use host::{Machine, field, package, recipe};

/// dpkg gives the scripts an old version in this case, as in an upgrade; /run is empty.
#[test]
fn installed_again_after_a_removal_and_a_reboot_it_starts() -> Result<()> {
    let mut machine = package::serving()?;
    let said = package::remove(&machine)?;
    ensure!(said.text().contains("was stopped; to go on without the package"), "{said}");
    let unit = machine.fetch("/var/lib/projectmeats-fixes/unit/projectmeats.service")?;
    ensure!(
        !unit.contains("projectmeats-fixes/") && !unit.contains("meats-diagnose probe"),
        "{unit}"
    );
    machine.reboot()?;
    ensure!(machine.run("curl -sS http://127.0.0.1:8000/health/")?.code == 7);
    package::install(&machine)?;
    service::await_health(&machine)?;
    machine.finish()
}

/// The administrator's unit that --adopt set aside is his: purge says where it is.
#[test]
fn a_purge_keeps_what_was_set_aside() -> Result<()> {
    let mut machine = Machine::of(&recipe::app())?;
    field::break_host(&machine.root())?;
    machine.boot()?;
    package::install(&machine)?;
    service::await_health(&machine)?;
    machine.ok("meats-diagnose unit --adopt --yes")?;
    machine.ok(&format!("systemctl restart {UNIT}"))?;
    service::await_health(&machine)?;
    machine.ok("install -d /var/lib/projectmeats-fixes/deploy && cd /var/lib/projectmeats-fixes/deploy && touch 1.dump lock 1-code.tar")?;
    let said = package::purge(&machine)?;
    for wanted in [
        "your own unit, set aside by --adopt, is in /var/lib/projectmeats-fixes/units",
        "/var/lib/projectmeats-fixes/units stays",
        "/var/lib/projectmeats-fixes/backups stays",
        "/var/lib/projectmeats-fixes/deploy stays",
    ] {
        ensure!(said.text().contains(wanted), "\"{wanted}\" was not said: {said}");
    }
    let kept = machine.ok("cat /var/lib/projectmeats-fixes/units/projectmeats.service.*")?;
    assert_eq!(kept, field::UNIT_TEXT);
    let backups = machine.ok(&format!("cat {}/*", service::BACKUPS))?;
    ensure!(backups.contains(&field::env_text()), "the oldest env file is gone");
    let left = machine.ok("cd /var/lib/projectmeats-fixes && ls && ls deploy")?;
    assert_eq!(left, "backups\ndeploy\nunits\n1.dump\n");
    machine.ok(&format!("[ -s {} ] && [ -d {} ]", field::ENV_FILE, field::LOGS))?;
    machine.finish()
}
