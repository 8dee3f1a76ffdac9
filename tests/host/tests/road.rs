//! The road from "gunicorn cannot start" to "HTTP 200, and stays there", a test a step.

use std::io::Read;

use anyhow::{Result, ensure};
use host::service::{self, BACKUPS, FAILURE_LOG, FAILURES, RECOVERY, UNIT};
use host::{Machine, field, package, recipe};

/// The field's host, booted, failing.
fn broken() -> Result<Machine> {
    let mut machine = Machine::of(&recipe::app())?;
    field::break_host(&machine.root())?;
    machine.boot()?;
    ensure!(machine.run(&format!("systemctl is-active {UNIT}"))?.code != 0, "nothing is broken");
    Ok(machine)
}

/// The same after the package was installed.
fn healed() -> Result<Machine> {
    let machine = broken()?;
    package::install(&machine)?;
    service::await_health(&machine)?;
    Ok(machine)
}

#[test]
fn installing_heals_a_broken_host() -> Result<()> {
    let machine = healed()?;
    service::check_environment(&machine)?;
    let owners =
        machine.ok("cd /var/log/projectmeats; stat -c '%n %U:%G %a' . access.log error.log")?;
    let wanted = ". projectmeats:www-data 775\n\
                  access.log projectmeats:www-data 664\n\
                  error.log projectmeats:www-data 664\n";
    assert_eq!(owners, wanted);
    let file = format!("stat -c '%U:%G %a' {}", field::ENV_FILE);
    assert_eq!(machine.ok(&file)?, "root:projectmeats 640\n");
    assert_eq!(machine.fetch(field::UNIT)?, field::UNIT_TEXT, "the administrator's unit is his");
    machine.finish()
}

#[test]
fn the_env_file_is_repaired_once_and_the_old_one_is_kept() -> Result<()> {
    let machine = healed()?;
    let backups = format!("cd {BACKUPS} && stat -c '%U %a %n' * && cat *");
    let kept = machine.ok(&backups)?;
    assert!(kept.contains(&field::env_text()), "no backup holds the old bytes");
    assert!(kept.starts_with("root 600 "), "{kept}");
    let identity = format!("stat -c '%i %Z' {}", field::ENV_FILE);
    let before = machine.ok(&identity)?;
    machine.ok(&format!("systemctl restart {UNIT}"))?;
    service::await_health(&machine)?;
    assert_eq!(machine.ok(&identity)?, before, "the second start wrote the env file again");
    assert_eq!(machine.ok(&backups)?, kept, "the second start made a backup");
    // a shell reads now what the service reads
    let shell = format!("set -eu; . {}; printf %s \"$SECRET_KEY\"", field::ENV_FILE);
    assert_eq!(machine.ok(&shell)?, field::KEY);
    machine.finish()
}

#[test]
fn no_output_shows_a_secret() -> Result<()> {
    let machine = broken()?;
    let apt = package::install(&machine)?;
    service::await_health(&machine)?;
    service::check_no_secret("apt", &apt.text())?;
    let commands = [
        "meats-diagnose",
        "meats-diagnose --json",
        "meats-diagnose config",
        "meats-env check",
        "cat /run/projectmeats-fixes/*",
        "grep -r . /run/systemd/generator/",
        "journalctl --sync; journalctl --no-pager --output=export",
        "ls -R /var/lib/projectmeats-fixes",
        "meats-diagnose -q --html /root/p --prometheus /root/m; cat /root/p /root/m",
    ];
    for command in commands {
        let output = machine.run(command)?;
        ensure!(!output.text().is_empty(), "{command} says nothing");
        service::check_no_secret(command, &output.text())?;
    }
    machine.ok("meats-diagnose bundle /root/b")?;
    let packed = std::fs::read(machine.root().join("root/b"))?;
    let mut archive = Vec::new();
    ruzstd::decoding::StreamingDecoder::new(packed.as_slice())?.read_to_end(&mut archive)?;
    let archive = String::from_utf8_lossy(&archive);
    ensure!(archive.contains("systemd: Start"), "the bundle has no journal");
    service::check_no_secret("bundle", &archive)?;
    machine.finish()
}

#[test]
fn a_killed_gunicorn_is_recorded_and_comes_back() -> Result<()> {
    let machine = healed()?;
    let pid = service::main_pid(&machine)?;
    machine.ok(&format!("kill -KILL {pid}"))?;
    let record = machine.wait_for(&format!("cat {FAILURES}/*.json"), RECOVERY)?;
    assert!(record.contains("KILL"), "{record}");
    service::await_health(&machine)?;
    assert_ne!(service::main_pid(&machine)?, pid);
    let text = machine.fetch(FAILURE_LOG)?;
    assert!(text.contains("KILL"), "{text}");
    let shown = machine.ok("meats-diagnose failures")?;
    assert!(shown.contains("KILL"), "{shown}");
    machine.finish()
}

/// gunicorn exits with 1, which SuccessExitStatus=0 1 calls a success.
#[test]
fn an_app_that_cannot_be_imported_is_recorded_although_systemd_calls_it_a_success() -> Result<()> {
    let machine = healed()?;
    let app = "/opt/projectmeats/backend/projectmeats/wsgi.py";
    machine.ok(&format!("mv {app} {app}.good; echo 'import nowhere_to_be_found' >{app}"))?;
    machine.run(&format!("systemctl restart {UNIT}"))?;
    let record = format!("grep -h nowhere_to_be_found {FAILURES}/*.json");
    let record = machine.wait_for(&record, RECOVERY)?;
    service::check_no_secret("the record", &record)?;
    assert_eq!(service::property(&machine, "Result")?, "success", "systemd's own verdict");
    let diagnosis = machine.run("meats-diagnose")?;
    assert_eq!(diagnosis.code, 3, "{diagnosis}");
    machine.ok(&format!("mv {app}.good {app}"))?;
    service::await_health(&machine)?;
    machine.finish()
}

#[test]
fn a_clean_stop_leaves_no_record() -> Result<()> {
    let machine = healed()?;
    machine.ok(&format!("systemctl stop {UNIT}"))?;
    assert_eq!(service::property(&machine, "Result")?, "success");
    assert_eq!(machine.ok(&format!("ls {FAILURES}"))?, "");
    machine.finish()
}

#[test]
fn the_diagnosis_tells_broken_from_healthy() -> Result<()> {
    let machine = broken()?;
    package::upload(&machine)?;
    machine.ok(&format!("dpkg-deb -x {} /root/look", package::INSIDE))?;
    let before = machine.run("/root/look/usr/bin/meats-diagnose --json")?;
    assert_eq!(before.code, 3, "{before}");
    serde_json::from_str::<serde_json::Value>(&before.stdout)?;
    check_undo(&machine)?;
    package::install(&machine)?;
    service::await_health(&machine)?;
    let after = machine.run("meats-diagnose --json")?;
    assert_eq!(after.code, 0, "{after}");
    serde_json::from_str::<serde_json::Value>(&after.stdout)?;
    let user =
        machine.run("setpriv --reuid nobody --clear-groups --regid nogroup meats-diagnose")?;
    assert_eq!(user.code, 4, "an ordinary user cannot check everything: {user}");
    machine.finish()
}

/// The service runs after `--fix`; after `undo` owners, modes and the env file are as before.
fn check_undo(machine: &Machine) -> Result<()> {
    let picture = format!(
        "stat -c '%n %U:%G %a' {0} {0}/error.log {1}; sha256sum {1}",
        field::LOGS,
        field::ENV_FILE
    );
    machine.ok(&format!("systemctl stop {UNIT}"))?;
    let before = machine.ok(&picture)?;
    let fixed = machine.run("/root/look/usr/bin/meats-diagnose --fix --yes")?;
    ensure!(fixed.stdout.contains("meats-diagnose undo 1"), "{fixed}");
    ensure!(machine.ok(&picture)? != before, "nothing was repaired");
    machine.ok(&format!("systemctl stop {UNIT}"))?;
    let undone = machine.run("/root/look/usr/bin/meats-diagnose undo --yes")?;
    assert_eq!(machine.ok(&picture)?, before, "{undone}");
    machine.ok(&format!("systemctl start --no-block {UNIT}"))?;
    Ok(())
}

#[test]
fn a_reboot_finds_it_healthy_with_the_generated_drop_in() -> Result<()> {
    let mut machine = healed()?;
    machine.reboot()?;
    service::await_health(&machine)?;
    assert_eq!(service::property(&machine, "FragmentPath")?, field::UNIT);
    let drop_ins = service::property(&machine, "DropInPaths")?;
    assert!(drop_ins.contains("/run/systemd/generator/projectmeats.service.d/10-"), "{drop_ins}");
    let mut commands = service::property(&machine, "ExecStartPre")?;
    commands += &service::property(&machine, "ExecStopPost")?;
    assert!(commands.contains("/pre-start") && commands.contains("/capture-failure"), "{commands}");
    let verify =
        machine.run(&format!("systemd-analyze --generators=yes --man=no verify {UNIT}"))?;
    assert_eq!((verify.code, verify.text()), (0, String::new()));
    machine.finish()
}

#[test]
fn removal_and_purge_leave_the_service_as_it_was() -> Result<()> {
    let machine = broken()?;
    let before = service::paths(&machine)?;
    package::install(&machine)?;
    service::await_health(&machine)?;
    let pid = service::main_pid(&machine)?;
    let env = machine.fetch(field::ENV_FILE)?;
    package::remove(&machine)?;
    package::purge(&machine)?;
    service::await_health(&machine)?;
    assert_eq!(service::main_pid(&machine)?, pid, "the service was restarted");
    assert_eq!(machine.fetch(field::UNIT)?, field::UNIT_TEXT);
    assert_eq!(machine.fetch(field::ENV_FILE)?, env);
    assert_eq!(service::property(&machine, "DropInPaths")?, "");
    let after = service::paths(&machine)?;
    let lost: Vec<_> = before.difference(&after).collect();
    assert!(lost.is_empty(), "the purge took {lost:?}");
    // logs are the service's, backups may be the only copies of earlier env files
    let kept = [field::LOGS, BACKUPS];
    let ours = after.difference(&before).filter(|path| *path != "/var/lib/projectmeats-fixes");
    let left: Vec<_> =
        ours.filter(|path| !kept.iter().any(|kept| path.starts_with(kept))).collect();
    assert!(left.is_empty(), "the purge has left {left:?}");
    machine.finish()
}

#[test]
fn removed_and_installed_again_it_heals_again() -> Result<()> {
    let machine = healed()?;
    package::remove(&machine)?;
    machine.ok(&format!(
        "systemctl stop {UNIT}; chown -R www-data /var/log/projectmeats; \
         chmod -R u=rwX,go=rX /var/log/projectmeats"
    ))?;
    machine.run(&format!("systemctl start {UNIT}"))?;
    machine.wait_for("journalctl -u projectmeats -b | grep -F \"isn't writable\"", RECOVERY)?;
    package::install(&machine)?;
    service::await_health(&machine)?;
    machine.finish()
}

/// A service that answers is not restarted under its users.
#[test]
fn installing_leaves_a_running_service_alone() -> Result<()> {
    let machine = healed()?;
    package::purge(&machine)?;
    let pid = service::main_pid(&machine)?;
    let apt = package::install(&machine)?;
    assert_eq!(service::main_pid(&machine)?, pid);
    assert!(apt.text().contains("systemctl restart projectmeats"), "{apt}");
    service::await_health(&machine)?;
    machine.finish()
}
