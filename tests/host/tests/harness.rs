//! The harness itself: boots, breaks and reboots a root before anything of ours is in it.

use std::time::Duration;

use anyhow::Result;
use host::{Machine, field, recipe};

#[test]
fn a_root_boots_reboots_and_keeps_its_files() -> Result<()> {
    let mut machine = Machine::of(&recipe::base())?;
    machine.boot()?;
    assert_eq!(machine.ok("cat /proc/1/comm; id -u")?, "systemd\n0\n");
    machine.put("/srv/kept", b"\0bytes", 0o600)?;
    assert_eq!(machine.run("exit 7")?.code, 7);
    machine.reboot()?;
    assert_eq!(machine.fetch("/srv/kept")?, "\0bytes");
    assert_eq!(machine.ok("stat -c %a:%U /srv/kept")?, "600:root\n");
    machine.finish()
}

/// The field state fails for the reasons of the field, and each is real: take them away one by
/// one and the next shows itself, until the service answers.
#[test]
fn the_field_state_fails_for_the_right_reasons() -> Result<()> {
    let mut machine = Machine::of(&recipe::app())?;
    field::break_host(&machine.root())?;
    machine.boot()?;
    let journal = "journalctl --boot --unit projectmeats --output cat --no-pager";
    let fails_with = |words: &str| {
        machine.wait_for(&format!("{journal} | grep -F \"{words}\""), Duration::from_secs(20))
    };
    fails_with("Failed to set up mount namespacing: /run/systemd/unit-root/run/projectmeats")?;
    machine.ok("install -d -o projectmeats -g www-data /run/projectmeats")?;
    machine.ok("systemctl restart projectmeats || true")?;
    fails_with("Operation not permitted")?;
    machine.ok("sed -i '/^ExecStartPre/d' /etc/systemd/system/projectmeats.service")?;
    machine.ok("systemctl daemon-reload; systemctl restart projectmeats")?;
    fails_with("error.log' isn't writable [PermissionError(13, 'Permission denied')]")?;
    machine.ok("chown -R projectmeats:www-data /var/log/projectmeats")?;
    machine.ok("systemctl restart projectmeats")?;
    let health = "curl -fsS http://127.0.0.1:8000/health/";
    let answer = machine.wait_for(health, Duration::from_secs(20))?;
    assert!(answer.contains("\"healthy\""), "{answer}");
    machine.finish()
}
