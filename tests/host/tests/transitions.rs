//! Every way from one state of the package to another, on a host whose service only the package
//! defines and on one with a unit of the administrator's.
//!
//! Each case begins with the package installed and the service healthy, and ends so.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use host::recipe;
use host::service::{self, UNIT};
use host::{Machine, field, package, variant};

/// What became of gunicorn's master.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Then {
    /// The same process answers.
    Same,
    /// Another process answers.
    Another,
    Stopped,
}
use Then::{Another, Same, Stopped};

/// Who defines the service.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Whose {
    Package,
    Administrator,
}
use Whose::{Administrator, Package};

struct Case {
    name: &'static str,
    on: &'static [Whose],
    /// Scripts; `$ours`, `$older`, `$changed` and `$bad` are files of versions.
    before: &'static str,
    step: &'static str,
    then: Then,
    /// What the step prints.
    says: &'static [&'static str],
    /// Must succeed afterwards.
    check: &'static str,
}

const BOTH: &[Whose] = &[Package, Administrator];

const MARK: &str = "Environment=MEATS_MARK=changed";
const BAD: &str = "ExecStart=\\nExecStart=/bin/false";

/// Nothing that starts or stops services is allowed (policy-rc.d(8)).
const DENY: &str = "printf '#!/bin/sh\\nexit 101\\n' >/usr/sbin/policy-rc.d; \
                    chmod 755 /usr/sbin/policy-rc.d";

const CASES: &[Case] = &[
    Case {
        name: "the same version again",
        on: BOTH,
        before: "",
        step: "dpkg -i $ours",
        then: Same,
        says: &["healthy"],
        check: "",
    },
    Case {
        name: "downgrade",
        on: BOTH,
        before: "",
        step: "dpkg -i $older",
        then: Same,
        says: &["healthy"],
        check: "[ -e /usr/share/projectmeats-fixes/marker ]",
    },
    Case {
        name: "upgrade, same unit",
        on: BOTH,
        before: "dpkg -i $older",
        step: "dpkg -i $ours",
        then: Same,
        says: &["healthy"],
        check: "[ ! -e /usr/share/projectmeats-fixes/marker ]",
    },
    Case {
        name: "upgrade, other unit",
        on: BOTH,
        before: "",
        step: "dpkg -i $changed",
        then: Another,
        says: &["the unit changed; projectmeats.service was restarted and is well"],
        check: "grep -z MEATS_MARK=changed /proc/$(systemctl show -P MainPID projectmeats)/environ",
    },
    Case {
        name: "upgrade, other unit, somebody reloads between unpacking and configuring",
        on: &[Package],
        before: "",
        step: "dpkg --unpack $changed; systemctl daemon-reload; dpkg --configure -a",
        then: Another,
        says: &["was restarted and is well"],
        check: "",
    },
    Case {
        name: "upgrade, other unit, stopped",
        on: BOTH,
        before: "systemctl stop 'projectmeats.*'",
        step: "dpkg -i $changed",
        then: Stopped,
        says: &[],
        check: "",
    },
    Case {
        name: "upgrade, other unit, masked",
        on: &[Package],
        before: "systemctl stop 'projectmeats.*'; \
                 ln -s /dev/null /etc/systemd/system/projectmeats.service; systemctl daemon-reload",
        step: "dpkg -i $changed",
        then: Stopped,
        says: &[],
        check: "[ \"$(readlink /etc/systemd/system/projectmeats.service)\" = /dev/null ]",
    },
    Case {
        name: "upgrade, other unit, switched off and stopped",
        on: &[Package],
        before: "printf '[service]\\nenabled = no\\n' >/etc/projectmeats/fixes.conf.d/off.conf; \
                 systemctl daemon-reload; systemctl stop 'projectmeats.*'",
        step: "dpkg -i $changed",
        then: Stopped,
        says: &[],
        check: "",
    },
    Case {
        name: "upgrade, other unit, policy-rc.d denies",
        on: BOTH,
        before: DENY,
        step: "dpkg -i $changed",
        then: Same,
        says: &["could not be restarted now", "systemctl restart projectmeats"],
        check: "",
    },
    Case {
        name: "upgrade, the new unit does not come up",
        on: BOTH,
        before: "",
        step: "dpkg -i $bad",
        then: Another,
        says: &["is not well", "the former unit was put back and is well"],
        check: "systemctl is-active projectmeats",
    },
    Case {
        name: "upgrade, nothing comes up, and the next upgrade",
        on: &[Package],
        before: "dpkg -i $bad; printf '[service]\\n' >/etc/projectmeats/fixes.conf.d/x.conf",
        step: "dpkg -i $changed",
        then: Another,
        says: &["was restarted and is well"],
        check: "[ ! -e /run/systemd/system/projectmeats.service ] && \
                [ ! -e /run/projectmeats-fixes/former ]",
    },
    Case {
        name: "conffile changed by the administrator, and by the new version",
        on: &[Package],
        before: "echo '# mine' >>/etc/projectmeats/fixes.conf",
        step: "! dpkg -i $conffile </dev/null || exit 1; dpkg --force-confold --configure -a",
        then: Same,
        says: &["end of file on stdin", "healthy"],
        check: "grep '# mine' /etc/projectmeats/fixes.conf && \
                ls /etc/projectmeats/fixes.conf.dpkg-dist && \
                rm /etc/projectmeats/fixes.conf.dpkg-dist && \
                sed -i '/# mine/d' /etc/projectmeats/fixes.conf",
    },
    Case {
        name: "conffile deleted by the administrator",
        on: BOTH,
        before: "rm /etc/projectmeats/fixes.conf; dpkg -i $older",
        step: "dpkg -i $ours",
        then: Same,
        says: &["healthy"],
        check: "[ ! -e /etc/projectmeats/fixes.conf ] && \
                dpkg -i --force-confmiss $ours && [ -e /etc/projectmeats/fixes.conf ]",
    },
    Case {
        name: "disk full while unpacking",
        on: BOTH,
        before: "d=/usr/libexec/projectmeats-fixes; cp -a $d /root/d; \
                 mount -t tmpfs -o size=$(du -s --block-size=1 $d | cut -f1) x $d; \
                 cp -a /root/d/. $d; rm -r /root/d",
        step: "! dpkg -i $changed || exit 1; dpkg --audit; \
               cmp $d/pre-start /usr/libexec/projectmeats-fixes/pre-start; \
               systemctl daemon-reload; umount /usr/libexec/projectmeats-fixes; \
               dpkg -i $ours",
        then: Same,
        says: &["No space left on device", "healthy"],
        check: "",
    },
    Case {
        name: "removed and installed again",
        on: &[Package],
        before: "",
        step: "dpkg -r projectmeats-fixes; dpkg -i $ours",
        then: Another,
        says: &["is defined by this package alone and was stopped", "healthy"],
        check: "",
    },
    Case {
        name: "removed and installed again",
        on: &[Administrator],
        before: "",
        step: "dpkg -r projectmeats-fixes; dpkg -i $ours",
        then: Same,
        says: &["runs on as it is", "healthy"],
        check: "",
    },
    Case {
        name: "removed, the static unit takes over, and installed again",
        on: &[Package],
        before: "",
        step: "dpkg -r projectmeats-fixes; \
               cp /var/lib/projectmeats-fixes/unit/* /etc/systemd/system/ && \
               systemctl enable --now projectmeats; curl -sS http://127.0.0.1:8000/health/; \
               pid=$(systemctl show -P MainPID projectmeats); dpkg -i $ours; \
               [ $pid = $(systemctl show -P MainPID projectmeats) ] && echo the same process",
        then: Another,
        says: &["\"healthy\"", "runs on as it is", "the same process"],
        check: "systemctl show -P DropInPaths projectmeats | grep 10-projectmeats-fixes.conf; \
                systemctl disable projectmeats; \
                rm /etc/systemd/system/projectmeats.s*; systemctl daemon-reload",
    },
    Case {
        name: "purged and installed again",
        on: &[Administrator],
        before: "",
        step: "dpkg -P projectmeats-fixes; dpkg -i $ours",
        then: Same,
        says: &["backups stays"],
        check: "",
    },
    Case {
        name: "removed while policy-rc.d denies",
        on: &[Package],
        before: DENY,
        step: "dpkg -r projectmeats-fixes",
        then: Same,
        says: &["could not be stopped now and runs on without a unit"],
        check: "",
    },
];

#[test]
fn of_a_service_that_the_package_defines() -> Result<()> {
    all(Package)
}

#[test]
fn beside_an_administrator_s_unit() -> Result<()> {
    all(Administrator)
}

fn all(whose: Whose) -> Result<()> {
    let mut machine = Machine::of(&recipe::app())?;
    match whose {
        Package => field::fresh_host(&machine.root())?,
        Administrator => field::break_host(&machine.root())?,
    }
    machine.boot()?;
    package::install(&machine)?;
    service::await_health(&machine)?;
    let mut files = format!("ours={};", package::INSIDE);
    for (name, version, change) in [
        ("older", "0.0.9-1", variant::MARKED.to_owned()),
        ("changed", "9.1-1", variant::emits(MARK)),
        ("bad", "9.2-1", variant::emits(BAD)),
        ("conffile", "9.3-1", variant::NEW_CONFFILE.to_owned()),
    ] {
        files += &format!(" {name}={};", variant::make(&machine, version, &change)?);
    }
    let cases: Vec<&Case> = CASES.iter().filter(|case| case.on.contains(&whose)).collect();
    for case in &cases {
        machine.note(&format!("=== {}", case.name));
        run(&machine, case, &files).with_context(|| format!("{whose:?}: {}", case.name))?;
    }
    println!("{whose:?}: {} transitions", cases.len());
    machine.finish()
}

fn script(machine: &Machine, script: &str) -> Result<String> {
    let output = machine.run_with(script, b"", Duration::from_secs(120))?;
    ensure!(output.code == 0, "{script}: {output}");
    Ok(output.text())
}

fn run(machine: &Machine, case: &Case, files: &str) -> Result<()> {
    script(machine, &format!("{files} {} :", terminated(case.before)))?;
    let pid = service::main_pid(machine)?;
    let said = script(machine, &format!("{files} exec 2>&1; {}", case.step))?;
    for wanted in case.says {
        ensure!(said.contains(wanted), "\"{wanted}\" was not said: {said}");
    }
    let now = service::main_pid(machine)?;
    let then = match now {
        0 => Stopped,
        now if now == pid => Same,
        _ => Another,
    };
    ensure!(then == case.then, "{then:?} instead of {:?} ({pid}, {now}): {said}", case.then);
    if then != Stopped {
        service::await_health(machine)?;
    }
    script(machine, &format!("{files} {} :", terminated(case.check)))?;
    restore(machine, files)
}

fn terminated(script: &str) -> String {
    if script.is_empty() { String::new() } else { format!("set -e; {script};") }
}

/// The package under test, installed whole, and the service healthy.
fn restore(machine: &Machine, files: &str) -> Result<()> {
    script(
        machine,
        &format!(
            "{files} set -e
             rm -f /usr/sbin/policy-rc.d /etc/projectmeats/fixes.conf.d/*.conf
             [ ! -L /etc/systemd/system/{UNIT} ] || rm /etc/systemd/system/{UNIT}
             dpkg --force-confold --force-confmiss -i $ours
             test \"$(dpkg-query -W -f '${{Status}}' projectmeats-fixes)\" = 'install ok installed'
             test -z \"$(dpkg --audit)\"
             systemctl daemon-reload; systemctl reset-failed; systemctl start {UNIT}"
        ),
    )?;
    service::await_health(machine)?;
    let left = "/run/projectmeats-fixes/before /run/projectmeats-fixes/former \
                /run/projectmeats-fixes.install /run/systemd/system/projectmeats.service";
    let found = machine.run(&format!("ls -d {left} 2>/dev/null"))?;
    ensure!(found.stdout.is_empty(), "left: {}", found.stdout);
    Ok(())
}
