//! A server on which ProjectMeats is not installed, with /etc under version control: the package
//! waits quietly, and what it changes below /etc is known.

use anyhow::{Result, ensure};
use host::{Machine, package, recipe};

const RUNNING: &str = "systemctl is-system-running --wait; systemctl --failed --no-legend";

fn changes(machine: &Machine) -> Result<Vec<String>> {
    let status = machine.ok("git -C /etc status --porcelain --untracked-files=all")?;
    // copies that the tools for users make of their files
    let names = status.lines().filter(|line| !line.ends_with('-') && !line.ends_with(".pwd.lock"));
    Ok(names.map(|line| line.trim_start().to_owned()).collect())
}

#[test]
fn the_package_waits_quietly_and_leaves_etc_as_it_was() -> Result<()> {
    let mut machine = Machine::of(&recipe::server())?;
    machine.boot()?;
    machine
        .ok("cd /etc; git init -q .; git config user.name x; git config user.email x@example; \
         git add -A; git commit -qm before")?;
    let said = package::install(&machine)?;
    let waits = "there is no /opt/projectmeats/venv/bin/gunicorn yet; nothing is started";
    ensure!(said.text().contains(waits), "{said}");
    ensure!(machine.ok(RUNNING)?.trim() == "running", "something failed");
    let added = [
        "M group",
        "M gshadow",
        "M passwd",
        "M shadow",
        "?? logrotate.d/projectmeats-fixes",
        "?? projectmeats/fixes.conf",
    ];
    assert_eq!(changes(&machine)?, added);
    machine.reboot()?;
    ensure!(machine.ok(RUNNING)?.trim() == "running", "something failed after the boot");
    machine.ok("systemctl start logrotate.service")?;
    package::purge(&machine)?;
    // the user stays: files may still be his
    assert_eq!(changes(&machine)?, added[..4]);
    machine.ok("[ ! -e /etc/projectmeats ] && [ ! -e /var/lib/projectmeats-fixes ]")?;
    ensure!(machine.ok(RUNNING)?.trim() == "running", "something failed after the purge");
    machine.finish()
}
