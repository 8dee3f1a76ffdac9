//! Bad input: one clear error, nothing lost, the machine boots, the package can be removed.

use anyhow::{Result, ensure};
use host::service::{self, UNIT};
use host::{Machine, package};

/// One way in which a host with a healthy service goes bad.
struct Bad {
    /// Done to the running machine before the service is started again.
    damage: &'static str,
    /// Whether the service answers all the same.
    lives: bool,
    /// What pre-start or the generator must say in one line of the journal.
    said: &'static [&'static str],
    /// What the diagnosis must say.
    found: &'static [&'static str],
    /// Exit status of the diagnosis.
    code: i32,
}

/// Where the operator's data is; nothing here may change while we look at damage.
const DATA: &str = "find /etc/projectmeats /opt/projectmeats/backend -xdev -type f \
    ! -name '*.pyc' ! -path '*/staticfiles/*' -exec sha256sum {} + | sort";

fn check(bad: &Bad) -> Result<()> {
    let (machine, data) = damaged(bad)?;
    leave(machine, Some(&data))
}

/// A healthy host, damaged and judged; and the digests of the operator's data.
fn damaged(bad: &Bad) -> Result<(Machine, String)> {
    let machine = package::serving()?;
    machine.ok(&format!("systemctl stop projectmeats.socket {UNIT}"))?;
    machine.ok(bad.damage)?;
    let data = machine.ok(DATA)?;
    judge(&machine, bad)?;
    ensure!(machine.ok(DATA)? == data, "the operator's files are not what they were");
    Ok((machine, data))
}

/// The damaged machine boots and the package goes.
fn leave(mut machine: Machine, data: Option<&str>) -> Result<()> {
    machine.reboot()?;
    if let Some(data) = data {
        ensure!(machine.ok(DATA)? == data, "the boot has changed the operator's files");
    }
    package::remove(&machine)?;
    // dpkg cannot purge conffiles from a read-only /etc
    machine.run("umount /etc")?;
    package::purge(&machine)?;
    machine.finish()
}

/// Starts the damaged service, and reads what is said about it.
fn judge(machine: &Machine, bad: &Bad) -> Result<()> {
    let cursor = machine.ok("journalctl -n 0 --show-cursor | sed -n 's/^-- cursor: //p'")?;
    machine.run(&format!("systemctl daemon-reload; systemctl start {UNIT}"))?;
    if bad.lives {
        service::await_health(machine)?;
    } else {
        ensure!(machine.run(&format!("systemctl is-active {UNIT}"))?.code != 0, "it runs");
    }
    // not --after-cursor: with -t it leaves out the first line that matches
    let since = format!("-o cat --cursor '{}'", cursor.trim());
    let ours = format!("{since} -t pre-start -t projectmeats-generator");
    let journal = service::journal(machine, &ours)?;
    let clear = |line: &&str| bad.said.iter().all(|word| line.contains(word));
    ensure!(journal.lines().any(|line| clear(&line)), "no line with {:?}:\n{journal}", bad.said);
    let diagnosis = machine.run("meats-diagnose")?;
    let missing = bad.found.iter().find(|word| !diagnosis.text().contains(*word));
    ensure!(missing.is_none(), "the diagnosis does not say {missing:?}: {diagnosis}");
    ensure!(diagnosis.code == bad.code, "the diagnosis: {diagnosis}");
    service::check_no_secret("the journal", &service::journal(machine, &since)?)?;
    service::check_no_secret("the diagnosis", &diagnosis.text())
}

#[test]
fn missing_venv() -> Result<()> {
    check(&Bad {
        damage: "rm -r /opt/projectmeats/venv",
        lives: false,
        said: &["/opt/projectmeats/venv/bin/gunicorn", "does not exist", "what to do"],
        found: &["/opt/projectmeats/venv"],
        code: 3,
    })
}

#[test]
fn missing_env_file() -> Result<()> {
    check(&Bad {
        damage: "rm /etc/projectmeats/projectmeats.env",
        lives: false,
        said: &["/etc/projectmeats/projectmeats.env", "what to do"],
        found: &["/etc/projectmeats/projectmeats.env", "meats-env generate"],
        code: 3,
    })
}

#[test]
fn nul_in_the_env_file() -> Result<()> {
    check(&Bad {
        damage: "printf 'DEBUG=\\0\\n' >>/etc/projectmeats/projectmeats.env",
        lives: false,
        said: &["/etc/projectmeats/projectmeats.env\":5", "NUL", "what to do"],
        found: &["/etc/projectmeats/projectmeats.env:5", "NUL"],
        code: 3,
    })
}

#[test]
fn invalid_utf8_in_the_env_file() -> Result<()> {
    check(&Bad {
        damage: "printf 'NAME=caf\\351\\n' >>/etc/projectmeats/projectmeats.env",
        lives: false,
        said: &["/etc/projectmeats/projectmeats.env\":5", "UTF-8", "what to do"],
        found: &["/etc/projectmeats/projectmeats.env:5", "UTF-8"],
        code: 3,
    })
}

#[test]
fn missing_user() -> Result<()> {
    check(&Bad {
        damage: "userdel projectmeats",
        lives: false,
        said: &["user \"projectmeats\" does not exist", "what to do"],
        found: &["user \"projectmeats\" does not exist", "systemd-sysusers"],
        code: 3,
    })
}

/// The env file wants a repair that cannot be written; the service starts with what it has.
#[test]
fn read_only_etc() -> Result<()> {
    check(&Bad {
        damage: "echo \"NAME=a (b) & c\" >>/etc/projectmeats/projectmeats.env
            echo '/etc /etc none bind,ro 0 0' >>/etc/fstab
            mount --bind /etc /etc && mount -o remount,bind,ro /etc",
        lives: true,
        said: &["/etc/projectmeats/projectmeats.env", "ead-only file system"],
        found: &["/etc/projectmeats/projectmeats.env"],
        code: 1,
    })
}

/// No room for the repaired env file; the old one stays as it is, and no half of a new one.
#[test]
fn full_disk() -> Result<()> {
    let (machine, _) = damaged(&Bad {
        damage: "cp -a /etc/projectmeats /root/kept
            mount -t tmpfs -o size=64k,mode=755 tmpfs /etc/projectmeats
            cp -a /root/kept/. /etc/projectmeats
            echo \"NAME=a (b) & c\" >>/etc/projectmeats/projectmeats.env
            cat /dev/zero >/etc/projectmeats/fill 2>/dev/null || true
            ls /etc/projectmeats",
        lives: true,
        said: &["/etc/projectmeats/projectmeats.env", "o space left on device"],
        found: &["/etc/projectmeats/projectmeats.env", "disk-full"],
        code: 3,
    })?;
    // the full disk is gone after the boot
    leave(machine, None)
}

#[test]
fn broken_fixes_conf() -> Result<()> {
    check(&Bad {
        damage: "printf '[gunicorn\\nworkers = many\\n\\0' >/etc/projectmeats/fixes.conf",
        lives: true,
        said: &["/etc/projectmeats/fixes.conf"],
        found: &["/etc/projectmeats/fixes.conf:1"],
        code: 3,
    })
}
