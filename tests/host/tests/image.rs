//! The package in an image that is built and not booted, as debootstrap and cloud images are made.

use std::collections::BTreeSet;
use std::fs;

use anyhow::{Result, ensure};
use host::machine::COMMAND;
use host::{Machine, field, package, recipe, service};

const DEB: &str = "/srv/package.deb";

fn image(recipe: &recipe::Recipe) -> Result<Machine> {
    let machine = Machine::of(recipe)?;
    fs::copy(package::file()?, field::below(&machine.root(), DEB))?;
    Ok(machine)
}

fn ok(machine: &Machine, script: &str) -> Result<String> {
    let output = machine.in_image(script, COMMAND)?;
    ensure!(output.code == 0, "{script}: {output}");
    Ok(output.text())
}

/// Every path of the image with type, mode, owner and target, but for what any change leaves.
fn tree(machine: &Machine) -> Result<BTreeSet<String>> {
    let list = "find / -xdev ! -path '/proc/*' ! -path '/var/lib/dpkg/*' ! -path '/var/log/*' \
                ! -path '/var/cache/*' ! -path '/dev/*' ! -path '/run/*' ! -path '/sys/*' \
                ! -name '*.pyc' ! -name __pycache__ ! -path '/etc/*-' \
                ! -path /etc/.pwd.lock ! -path '/var/lib/systemd/*' \
                ! -path '/tmp/*' -printf '%p %y %m %u:%g %l\\n'";
    let output = machine.in_image(list, COMMAND)?;
    ensure!(output.code == 0, "{list}: {output}");
    Ok(output.stdout.lines().map(str::to_owned).collect())
}

/// Installed, configured twice, quiet; the first boot starts the service.
#[test]
fn installed_in_an_image_it_starts_at_the_first_boot() -> Result<()> {
    let mut machine = image(&recipe::app())?;
    field::fresh_host(&machine.root())?;
    let said = ok(&machine, &format!("dpkg -i {DEB} && dpkg -i {DEB}"))?;
    for word in ["Failed", "BROKEN", "not found", "No such"] {
        ensure!(!said.contains(word), "{said}");
    }
    ok(&machine, "id projectmeats && [ -z \"$(dpkg --audit)\" ] && [ ! -e /run/systemd/system ]")?;
    machine.boot()?;
    service::await_health(&machine)?;
    ensure!(machine.ok("systemctl is-system-running")?.trim() == "running");
    machine.finish()
}

/// An image from which it is purged again is the image from before, but for users and groups.
#[test]
fn purged_from_an_image_nothing_is_left() -> Result<()> {
    let machine = image(&recipe::base())?;
    let before = tree(&machine)?;
    ok(&machine, &format!("dpkg -i {DEB} && dpkg -P projectmeats-fixes"))?;
    let after = tree(&machine)?;
    let changed: Vec<_> = before.symmetric_difference(&after).collect();
    ensure!(changed.is_empty(), "{changed:?}");
    machine.finish()
}
