//! The tests that Debian's autopkgtest would run, in the root that it would run them in.

use anyhow::{Result, ensure};
use host::{Machine, package, recipe};

#[test]
fn the_package_s_own_tests_pass() -> Result<()> {
    let mut machine = Machine::of(&recipe::base())?;
    machine.boot()?;
    package::install(&machine)?;
    for (name, script) in [
        ("commands", include_str!("../../../debian/tests/commands")),
        ("repair", include_str!("../../../debian/tests/repair")),
    ] {
        machine.put(&format!("/root/{name}"), script.as_bytes(), 0o755)?;
        let output = machine.run(&format!("/root/{name}"))?;
        ensure!(output.code == 0, "debian/tests/{name}: {output}");
    }
    machine.finish()
}
