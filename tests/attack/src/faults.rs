//! One system call of a repair fails, or the helper is killed at it; for each that it makes.
//!
//! After each: every file is the old or the new one, whole; what was replaced is backed up; the
//! next run ends with a healthy field and nothing left over.

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, ensure};
use serde::{Deserialize, Serialize};

use crate::ground;

const LOGS: &str = "/var/log/projectmeats";
const ENV: &str = "/etc/projectmeats/projectmeats.env";
/// A file with defects that are repaired without a question.
const BROKEN: &str = "export SECRET_KEY=env-secret-0123456789\nDEBUG=False\nexport A=1\n";

/// What was injected and what came of it.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Report {
    /// Runs with something injected.
    pub injections: u64,
    /// A line for each time that something must not have been.
    pub losses: Vec<String>,
    /// System calls of the undisturbed repair.
    pub calls: u64,
    /// How often the env file was found old and new.
    pub old: u64,
    /// How often the helper really was killed.
    pub killed: u64,
    pub new: u64,
}

/// Names of the calls that an undisturbed repair makes, in order.
struct Course {
    calls: Vec<String>,
    /// The env file as a repair leaves it.
    healthy: Vec<u8>,
    /// The service user.
    user: u32,
}

/// The field, broken; quick, because it is laid for every call.
fn lay() -> Result<()> {
    for tree in
        ["/var/lib/projectmeats-fixes", "/run/projectmeats-fixes", LOGS, "/etc/projectmeats"]
    {
        let _ = fs::remove_dir_all(tree);
    }
    let user = nix::unistd::User::from_name("projectmeats")?.context("no service user")?;
    let web = nix::unistd::User::from_name("www-data")?.context("no www-data")?;
    let (user, web) = (Some(user.uid.as_raw()), Some(web.gid.as_raw()));
    fs::create_dir("/etc/projectmeats")?;
    fs::write(ENV, BROKEN)?;
    chown(ENV, user, user)?;
    fs::create_dir(LOGS)?;
    fs::set_permissions(LOGS, fs::Permissions::from_mode(0o775))?;
    chown(LOGS, user, web)?;
    for (name, owner, mode) in
        [("error", web, 0o644), ("django", user, 0o440), ("post_failure", user, 0o664)]
    {
        let path = format!("{LOGS}/{name}.log");
        fs::write(&path, "kept\n")?;
        chown(&path, owner, web)?;
        fs::set_permissions(&path, fs::Permissions::from_mode(mode))?;
    }
    Ok(())
}

fn strace(options: &[&str]) -> Result<(Option<i32>, String)> {
    let _ = fs::remove_file("/run/bout/trace");
    let status = Command::new("/bout/strace")
        .args(["-f", "-qq", "-o", "/run/bout/trace"])
        .args(options)
        .args(["--", "/bout/pre-start"])
        .env_clear()
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .context("no strace")?;
    let trace = fs::read_to_string("/run/bout/trace").unwrap_or_default();
    Ok((status.code(), trace))
}

fn course() -> Result<Course> {
    ground::lay()?;
    lay()?;
    let (status, trace) = strace(&[])?;
    ensure!(status == Some(0), "the undisturbed repair ended with {status:?}");
    let name = |line: &str| {
        let call = line.split_once(' ')?.1.trim_start().split_once('(')?.0;
        call.chars().all(|c| c.is_ascii_alphanumeric() || c == '_').then(|| call.to_owned())
    };
    let calls = trace.lines().filter_map(name).skip(1).collect();
    let user = nix::unistd::User::from_name("projectmeats")?.context("no service user")?;
    Ok(Course { calls, healthy: fs::read(ENV)?, user: user.uid.as_raw() })
}

/// Calls that change nothing: killed at one of them, the host is as it was at the next.
const READING: &[&str] = &[
    "brk",
    "close",
    "fcntl",
    "fstat",
    "getdents64",
    "lseek",
    "mmap",
    "mprotect",
    "munmap",
    "newfstatat",
    "openat2",
    "read",
    "readlinkat",
];

/// Kills the helper at each call of the course that may change something, and lets each call fail
/// with one of `errors` (`EIO`) in turn; with `every`, with each of them.
///
/// # Errors
/// When the undisturbed repair does not work.
pub fn all(errors: &[&str], every: bool) -> Result<Report> {
    let course = course()?;
    let mut report = Report { calls: course.calls.len() as u64, ..Report::default() };
    ensure!(course.healthy != BROKEN.as_bytes(), "the repair changed nothing");
    let mut seen = std::collections::BTreeMap::<&str, u64>::new();
    for (at, call) in course.calls.iter().enumerate() {
        let number = seen.entry(call).or_default();
        *number += 1;
        let kill = (!READING.contains(&call.as_str())).then(|| "signal=SIGKILL".to_owned());
        let due = |turn: usize| every || at % errors.len() == turn;
        let failing = errors.iter().enumerate().filter(|(turn, _)| due(*turn));
        let failing = failing.map(|(_, error)| format!("error={error}"));
        for fault in kill.into_iter().chain(failing) {
            let inject = format!("inject={call}:{fault}:when={number}");
            report.injections += 1;
            one(&inject, &course, &mut report).with_context(|| inject.clone())?;
        }
    }
    Ok(report)
}

fn one(inject: &str, course: &Course, report: &mut Report) -> Result<()> {
    lay()?;
    // Not --seccomp-bpf: strace 6.1 injects nothing with it.
    let call = inject.split([':', '=']).nth(1).unwrap_or_default();
    let (status, _) = strace(&["-e", &format!("trace={call}"), "-e", inject])?;
    if inject.contains("signal=SIGKILL") {
        report.killed += u64::from(status.is_none_or(|code| code == 137));
    }
    let now = fs::read(ENV).unwrap_or_default();
    let mut lost = |what: String| report.losses.push(format!("{inject}: {what}"));
    if now == course.healthy {
        report.new += 1;
        let kept =
            fs::read_dir("/var/lib/projectmeats-fixes/backups").into_iter().flatten().flatten();
        let whole = |e: fs::DirEntry| fs::read(e.path()).is_ok_and(|b| b == BROKEN.as_bytes());
        if !kept.into_iter().any(whole) {
            lost("the env file is new and the old one is not kept".to_owned());
        }
    } else if now == BROKEN.as_bytes() {
        report.old += 1;
    } else {
        lost(format!("the env file is neither old nor new: {} bytes", now.len()));
    }
    let status = Command::new("/bout/pre-start").env_clear().stderr(Stdio::null()).status()?;
    if !status.success() {
        lost(format!("the next run ends with {status}"));
    }
    if fs::read(ENV).unwrap_or_default() != course.healthy {
        lost("the next run leaves the env file broken".to_owned());
    }
    let left = left_over(course)?;
    if !left.is_empty() {
        lost(format!("after the next run: {left:?}"));
    }
    Ok(())
}

/// What is not as a repair must leave it.
fn left_over(course: &Course) -> Result<Vec<String>> {
    let mut left = Vec::new();
    for directory in [
        "/etc/projectmeats",
        "/var/lib/projectmeats-fixes/backups",
        "/run/projectmeats-fixes",
        LOGS,
    ] {
        for entry in fs::read_dir(directory)? {
            let path = entry?.path();
            if path.to_string_lossy().ends_with(".meats-new") {
                left.push(format!("{} is left", path.display()));
            }
        }
    }
    let env = fs::metadata(ENV)?;
    if (env.uid(), env.mode() & 0o7777) != (0, 0o640) {
        left.push(format!("env file {} {:o}", env.uid(), env.mode()));
    }
    for log in ["access", "error", "django", "post_failure"] {
        let path = format!("{LOGS}/{log}.log");
        let meta = fs::symlink_metadata(&path)?;
        let ours = meta.uid() == course.user && meta.mode() & 0o600 == 0o600;
        let kept = log == "access" || fs::read(&path)? == b"kept\n";
        if !(ours && kept) {
            left.push(format!("{path} {} {:o}, kept: {kept}", meta.uid(), meta.mode()));
        }
    }
    Ok(left)
}

/// Two starts at the same moment, and an edit by the operator's tool meanwhile, `times` over.
///
/// # Errors
/// When a program cannot be started.
pub fn together(times: u64) -> Result<Report> {
    let course = course()?;
    let mut report = Report { calls: course.calls.len() as u64, ..Report::default() };
    for round in 0..times {
        lay()?;
        report.injections += 1;
        fs::write("/run/bout/value", format!("round-{round}"))?;
        let start = || {
            let mut command = Command::new("/bout/pre-start");
            command.env_clear().stdin(Stdio::null()).stderr(Stdio::null()).spawn()
        };
        let (mut one, mut other) = (start()?, start()?);
        let edit = Command::new("/bout/meats-env")
            .args(["set", "ADDED", "--value-file", "/run/bout/value"])
            .env_clear()
            .stdin(Stdio::null())
            .output()?;
        let (one, other) = (one.wait()?, other.wait()?);
        let mut lost = |what: String| report.losses.push(format!("round {round}: {what}"));
        if !(one.success() && other.success()) {
            lost(format!("the starts ended with {one}, {other}"));
        }
        if !edit.status.success() {
            let said = String::from_utf8_lossy(&edit.stderr);
            lost(format!("meats-env ended with {}: {said}", edit.status));
        }
        let text = fs::read_to_string(ENV)?;
        let has = |line: &str| text.lines().any(|l| l == line);
        let whole = ["SECRET_KEY=env-secret-0123456789", "DEBUG=False", "A=1"].into_iter().all(has);
        if !(whole && has(&format!("ADDED=round-{round}"))) {
            let kept: Vec<_> = text.lines().filter_map(|l| l.split('=').next()).collect();
            lost(format!("an edit or a repair was lost; keys: {kept:?}"));
        }
    }
    Ok(report)
}
