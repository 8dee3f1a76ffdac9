//! dpkg and the script that it runs are killed at every step that changes something; what an
//! administrator does then brings the package and the service to where they should have come.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use host::service;
use host::{Machine, field, package, recipe, variant};

/// Programs that change something, in the place where dpkg and the scripts find them first. The
/// call whose number is in /run/cut does not happen: its ancestors up to dpkg are killed.
const SHIM: &str = r#"#!/bin/bash
name=${0##*/}
real=$(PATH=/usr/sbin:/usr/bin:/sbin:/bin command -v $name)
case $name:$* in
    systemctl:*show*|systemctl:*is-*|dpkg-deb:*--field*) exec $real "$@" ;;
esac
if [ -e /run/cut ]; then
    count=$(($(cat /run/count) + 1))
    echo $count >/run/count
    if [ $count = "$(cat /run/cut)" ]; then
        echo "$name $*" >/run/cut-at
        victims= next=$PPID
        while [ $next -gt 1 ]; do
            victims="$next $victims"
            [ "$(cat /proc/$next/comm)" != dpkg ] || break
            next=$(ps -o ppid= -p $next | tr -d " ")
        done
        kill -KILL $victims
        exit 1
    fi
fi
exec $real "$@"
"#;

const STEPS: &[&str] = &[
    "deb-systemd-invoke",
    "dpkg-deb",
    "dpkg-split",
    "invoke-rc.d",
    "rm",
    "systemctl",
    "systemd-sysusers",
    "systemd-tmpfiles",
];

/// More steps than any operation has.
const MOST: u32 = 40;

struct Operation {
    name: &'static str,
    /// What brings the host to where the operation begins.
    begin: &'static str,
    go: &'static str,
    /// What an administrator does after the interruption, until the status is what it should be.
    heal: &'static str,
    status: &'static str,
    /// Must succeed at the end.
    check: &'static str,
}

const RUNS: &str = "systemctl is-active projectmeats.service && \
                    curl -sS -f --retry 8 --retry-connrefused --retry-delay 1 http://127.0.0.1:8000/health/";

const OPERATIONS: &[Operation] = &[
    Operation {
        name: "installation",
        begin: "dpkg -P projectmeats-fixes",
        go: "dpkg -i $ours",
        heal: "dpkg --configure -a; dpkg -i $ours",
        status: "install ok installed",
        check: RUNS,
    },
    Operation {
        name: "upgrade that changes the unit",
        begin: "dpkg -i $ours; systemctl start projectmeats",
        go: "dpkg -i $changed",
        heal: "dpkg --configure -a; dpkg -i $changed",
        status: "install ok installed",
        check: "grep -zq MEATS_MARK=changed \
                /proc/$(systemctl show -P MainPID projectmeats)/environ",
    },
    Operation {
        name: "removal with purge",
        begin: "dpkg -i $ours; systemctl start projectmeats",
        go: "dpkg -P projectmeats-fixes",
        heal: "dpkg --configure -a; dpkg -P projectmeats-fixes",
        status: "",
        check: "[ ! -e /usr/bin/meats-diagnose ] && [ ! -e /run/projectmeats-fixes ] && \
                ! systemctl cat projectmeats && ! curl -sS http://127.0.0.1:8000/health/ && \
                [ -z \"$(find /var/lib/projectmeats-fixes -type f)\" ]",
    },
];

#[test]
fn at_every_step_of_dpkg_and_the_scripts() -> Result<()> {
    let mut machine = Machine::of(&recipe::app())?;
    field::fresh_host(&machine.root())?;
    machine.boot()?;
    package::upload(&machine)?;
    let changed =
        variant::make(&machine, "9.1-1", &variant::emits("Environment=MEATS_MARK=changed"))?;
    // quickly unpacked
    let ours = variant::make(&machine, "9.0-1", ":")?;
    for name in STEPS {
        machine.put(&format!("/usr/local/sbin/{name}"), SHIM.as_bytes(), 0o755)?;
    }
    let files = format!("ours={ours}; changed={changed};");
    for operation in OPERATIONS {
        let count = interrupt(&machine, operation, &files).context(operation.name)?;
        println!("{}: interrupted at {count} steps, healed each time", operation.name);
        ensure!(count >= 5, "{}: only {count} steps were seen", operation.name);
    }
    machine.finish()
}

/// One interruption after the other, until none happens any more; how many there were.
fn interrupt(machine: &Machine, operation: &Operation, files: &str) -> Result<u32> {
    let run = |script: &str| {
        machine.run_with(&format!("{files} {script}"), b"", Duration::from_secs(120))
    };
    for step in 1..MOST {
        run(&format!("/usr/bin/rm -f /run/cut; {}", operation.begin))?;
        if !operation.begin.contains("-P") {
            service::await_health(machine)?;
        }
        let go = format!(
            "/usr/bin/rm -f /run/cut-at; echo 0 >/run/count; echo {step} >/run/cut; {}; /usr/bin/rm /run/cut; \
             cat /run/cut-at",
            operation.go
        );
        let cut = run(&go)?;
        let happened = cut.code == 0;
        let healed = if happened { run(operation.heal)?.text() } else { String::new() };
        let context = || format!("step {step}: {cut}\nthen: {healed}");
        verify(machine, operation).with_context(context)?;
        if !happened {
            return Ok(step - 1);
        }
    }
    anyhow::bail!("more than {MOST} steps")
}

fn verify(machine: &Machine, operation: &Operation) -> Result<()> {
    let status = "dpkg-query -W -f '${Status}' projectmeats-fixes 2>/dev/null || true";
    let status = machine.ok(status)?;
    ensure!(status == operation.status, "status \"{status}\"");
    ensure!(machine.ok("dpkg --audit")?.is_empty(), "dpkg --audit");
    machine.ok(operation.check)?;
    machine.ok(
        "[ ! -e /run/projectmeats-fixes.install ] && [ ! -e /run/projectmeats-fixes/before ]",
    )?;
    Ok(())
}
