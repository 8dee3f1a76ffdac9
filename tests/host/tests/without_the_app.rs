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

#[test]
fn logs_are_rotated_by_one_rule() -> Result<()> {
    const OURS: &str = "/etc/logrotate.d/projectmeats-fixes";
    const THEIRS: &str = "/etc/logrotate.d/projectmeats";
    let mut machine = Machine::of(&recipe::server())?;
    machine.boot()?;
    machine.put(
        THEIRS,
        b"/var/log/projectmeats/*.log {\n\tsu root root\n\tdaily\n\tmissingok\n}\n",
        0o644,
    )?;
    machine.ok("mkdir -p /var/log/projectmeats; echo x >/var/log/projectmeats/error.log")?;
    let said = package::install(&machine)?;
    ensure!(said.text().contains(THEIRS), "nothing is said of the host's rule: {said}");
    let rotates = "systemctl start logrotate.service";
    machine.ok(&format!("{rotates} && [ ! -e {OURS} ]"))?;
    let again = || package::reinstall(&machine);
    machine.ok(&format!("rm {THEIRS}"))?;
    again()?;
    machine.ok(&format!("grep -q USR1 {OURS} && {rotates}"))?;
    machine.put(
        THEIRS,
        b"\"/var/log/[o-q]*/error.log\" {\n\tsu root root\n\tweekly\n}\n",
        0o644,
    )?;
    again()?;
    machine.ok(&format!("{rotates} && [ ! -e {OURS} ] && rm {THEIRS}"))?;
    again()?;
    machine.ok(&format!("echo '# mine' >>{OURS}"))?;
    again()?;
    machine.ok(&format!("grep -q mine {OURS} && rm {OURS}"))?;
    again()?;
    machine.ok(&format!("[ ! -e {OURS} ]"))?;
    machine.finish()
}
