//! A package of Debian's that the service stands on changes: the operator hears of it at once, with
//! what to do, and of a harmless change nothing.

use anyhow::{Result, ensure};
use host::{Machine, package, recipe, service};

/// Builds /root/NAME.deb of a package with the files below /root/tree.
const BUILD: &str = r#"
build() { # NAME VERSION: packs /root/tree
    mkdir -p /root/tree/DEBIAN
    printf 'Package: %s\nVersion: %s\nArchitecture: all\nMaintainer: x <x@example>\nDescription: x\n' \
        "$1" "$2" >/root/tree/DEBIAN/control
    dpkg-deb --root-owner-group -Zgzip -z1 -b /root/tree "/root/$1.deb"
    rm -rf /root/tree
}
set -e
rm -rf /root/tree; mkdir -p /root/tree/usr/bin
"#;

fn build(machine: &Machine, script: &str) -> Result<()> {
    machine.ok(&format!("{BUILD}{script}")).map(drop)
}

#[test]
fn a_python_that_the_venv_was_not_made_for() -> Result<()> {
    let machine = package::serving()?;
    let pid = service::main_pid(&machine)?;
    // as in the upgrade from Debian 12 to 13: another version beside, then the default changes
    build(
        &machine,
        "cp /usr/bin/python3.11 /root/tree/usr/bin/python3.13; build python3.13-minimal 3.13.5-1",
    )?;
    build(&machine, "ln -s python3.13 /root/tree/usr/bin/python3; build python3-minimal 3.13.5-1")?;
    let beside = machine.run("dpkg -i /root/python3.13-minimal.deb")?.text();
    ensure!(beside.contains("Processing triggers for projectmeats-fixes"), "{beside}");
    ensure!(!beside.contains("projectmeats-fixes: "), "a harmless change was reported: {beside}");
    let broken = machine.run("dpkg -i --force-depends /root/python3-minimal.deb")?;
    ensure!(broken.code == 0, "{broken}");
    for wanted in [
        "projectmeats-fixes: after a change of /usr/bin/python3:",
        "belong to another Python",
        "python3 -m venv --clear /opt/projectmeats/venv",
        "All that was found: meats-diagnose",
    ] {
        ensure!(broken.text().contains(wanted), "\"{wanted}\" was not said: {broken}");
    }
    ensure!(machine.ok("dpkg --audit")?.lines().all(|l| !l.contains("projectmeats-fixes")));
    assert_eq!(service::main_pid(&machine)?, pid, "nothing was restarted");
    let next = machine.run("meats-diagnose")?;
    ensure!(next.code == 3 && next.stdout.contains("PKG-003"), "{next}");
    machine.finish()
}

#[test]
fn libpq_and_gunicorn_are_watched() -> Result<()> {
    let mut machine = Machine::of(&recipe::base())?;
    machine.boot()?;
    package::install(&machine)?;
    for (name, path) in [
        ("libpq5", "usr/lib/x86_64-linux-gnu/libpq.so.5"),
        ("gunicorn", "usr/bin/gunicorn"),
        ("python3-gunicorn", "usr/lib/python3/dist-packages/gunicorn/__init__.py"),
    ] {
        build(&machine, &format!("install -D /dev/null /root/tree/{path}; build {name} 1"))?;
        let said = machine.ok(&format!("dpkg -i /root/{name}.deb"))?;
        ensure!(said.contains("Processing triggers for projectmeats-fixes"), "{name}: {said}");
    }
    machine.finish()
}
