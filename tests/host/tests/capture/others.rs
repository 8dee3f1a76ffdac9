//! Programs of the administrator's, and a service user who wishes us ill.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use host::service;
use serde_json::Value;

use crate::row::{instead, machine, records, row};

/// Programs of the administrator's: as the service user, with the record, and no others.
#[test]
fn hooks_hear_of_a_failure() -> Result<()> {
    let machine = machine()?;
    let dir = "/etc/projectmeats/on-failure.d";
    let hook = "#!/bin/sh\nid -un >/tmp/hook.user; cat >/tmp/hook.json; env >/tmp/hook.env\n";
    machine.put(&format!("{dir}/10-keep"), hook.as_bytes(), 0o755)?;
    machine.put(&format!("{dir}/20-slow"), b"#!/bin/sh\nexec sleep 1000\n", 0o755)?;
    machine.put(&format!("{dir}/30-loose"), b"#!/bin/sh\ntouch /tmp/loose\n", 0o777)?;
    let text = row("hooked", instead("/bin/sh -c 'exit 5'"), "");
    machine.put("/etc/systemd/system/row-hooked.service", text.text().as_bytes(), 0o644)?;
    machine.ok("systemctl daemon-reload; systemctl start row-hooked")?;
    machine.wait_for("[ -s /tmp/hook.env ]", Duration::from_secs(20))?;
    let json: Value = serde_json::from_str(&machine.fetch("/tmp/hook.json")?)?;
    ensure!(json["unit"] == "row-hooked.service" && json["complete"] == true, "{json:#}");
    ensure!(machine.fetch("/tmp/hook.user")? == "projectmeats\n");
    service::check_no_secret("the hook's environment", &machine.fetch("/tmp/hook.env")?)?;
    machine.ok("! test -e /tmp/loose")?;
    machine.finish()
}

/// The service user owns the directory of the log and says what the journal's lines are.
#[test]
fn a_hostile_log_and_hostile_lines_gain_nothing() -> Result<()> {
    let machine = machine()?;
    let said = r#"printf "\\033]0;x\\007\\r\\033[2JFORGED [ERROR] all is well\\n" >&2; exit 5"#;
    let lines = instead(&format!("/bin/sh -c '{said}'"));
    let row = row("hostile", lines, "");
    let unit = row.unit();
    let path = format!("/etc/systemd/system/{unit}");
    machine.put(&path, row.text().as_bytes(), 0o644)?;
    machine.ok("systemctl daemon-reload")?;
    let victims = "find /etc /root /usr/bin -newer /run/mark; sha256sum /etc/shadow /etc/passwd; \
                   stat -c '%n %a %u %g %h' /etc/shadow /etc/passwd";
    let strikes = [
        "ln -s /etc/shadow post_failure.log",
        "ln -s /etc/profile.d/evil.sh post_failure.log",
        "mkfifo post_failure.log",
        "mkdir post_failure.log",
        "ln error.log post_failure.log",
        ": >post_failure.log",
    ];
    machine.ok("touch /run/mark")?;
    let before = machine.ok(victims)?;
    for strike in strikes {
        machine.ok(&format!(
            "runuser -u projectmeats -- sh -c 'cd /var/log/projectmeats && rm -rf post_failure.log && {strike}'"
        ))?;
        machine.run(&format!("systemctl reset-failed {unit}; systemctl start {unit}"))?;
        let over = format!(
            "systemctl is-failed --quiet {unit} && \
             ! systemctl is-active --quiet projectmeats-capture@{unit}.service"
        );
        machine.wait_for(&over, Duration::from_secs(20)).context(strike)?;
        let after = machine.ok(victims)?;
        ensure!(after == before, "{strike}: {before}\n{after}");
    }
    let found = records(&machine, &unit)?;
    let count: u64 = found.iter().filter_map(|r| r["count"].as_u64()).sum();
    ensure!(count == strikes.len() as u64, "{count} of {} are counted", strikes.len());
    let log = machine.fetch(service::FAILURE_LOG)?;
    ensure!(log.contains("CAP-001"), "{log}");
    let journal = service::journal(&machine, "-t capture-failure -o cat")?;
    for text in [&log, &journal] {
        ensure!(!text.chars().any(|c| c != '\n' && c.is_control()), "{text:?}");
        ensure!(!text.lines().any(|l| l.starts_with("FORGED")), "{text}");
    }
    machine.finish()
}
