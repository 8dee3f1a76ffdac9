//! capture-failure is killed at any moment: what is there afterwards can be read, and the next
//! failure is recorded.
#![allow(
    clippy::disallowed_methods,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::unwrap_used,
    reason = "a test lays out its own root and starts the built program"
)]

#[path = "support/called.rs"]
mod called;

use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use called::called;
use serde_json::Value;

fn layout(root: &Path) {
    for path in ["run", "var/lib", "var/log/projectmeats", "etc/projectmeats", "proc"] {
        fs::create_dir_all(root.join(path)).unwrap();
    }
    fs::write(root.join("etc/projectmeats/projectmeats.env"), "SECRET_KEY=planted-secret\n")
        .unwrap();
}

fn capture(root: &Path, n: u32) -> Command {
    let mut command = Command::new(called("capture-failure"));
    command
        .arg("--root")
        .arg(root)
        .env_clear()
        .env("SERVICE_RESULT", "exit-code")
        .env("EXIT_CODE", "exited")
        // Another status is another cause: a record of its own.
        .env("EXIT_STATUS", (n % 7 + 1).to_string())
        .env("INVOCATION_ID", format!("{n:08x}").repeat(4))
        .stderr(Stdio::null());
    command
}

fn records(root: &Path) -> Vec<PathBuf> {
    let directory = root.join("var/lib/projectmeats-fixes/failures");
    let Ok(entries) = fs::read_dir(directory) else { return Vec::new() };
    let paths = entries.map(|e| e.unwrap().path());
    paths.filter(|p| p.extension().is_some_and(|e| e == "json")).collect()
}

/// Everything that is there is whole.
fn check(root: &Path) {
    for path in records(root) {
        let text = fs::read_to_string(&path).unwrap();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        let record: Value = serde_json::from_str(&text).expect("a record is whole or absent");
        assert_eq!(record["complete"], true, "{name}");
    }
    let state = root.join("run/projectmeats-fixes/capture-projectmeats.service.json");
    if let Ok(text) = fs::read_to_string(state) {
        serde_json::from_str::<Value>(&text).expect("the state is whole or absent");
    }
    let log = fs::read_to_string(root.join("var/log/projectmeats/post_failure.log"));
    assert!(log.unwrap_or_default().lines().all(|l| !l.is_empty() && l.len() <= 200));
}

#[test]
fn killed_at_any_moment() {
    let dir = tempfile::tempdir().unwrap();
    layout(dir.path());
    let mut killed = 0;
    for n in 0..80 {
        let mut child = capture(dir.path(), n).spawn().expect("the program");
        std::thread::sleep(Duration::from_micros(u64::from(n) * 400));
        child.kill().ok();
        killed += u32::from(!child.wait().unwrap().success());
        check(dir.path());
    }
    assert!(killed > 5, "only {killed} of 80 were killed before they had ended");
    let before: u64 = counts(dir.path());
    assert!(capture(dir.path(), 9_999).status().unwrap().success());
    check(dir.path());
    assert_eq!(counts(dir.path()), before + 1);
    let kept = fs::read_dir(dir.path().join("var/lib/projectmeats-fixes/failures")).unwrap();
    let all = kept.count();
    assert_eq!(all, records(dir.path()).len(), "what killed captures left behind goes");
}

/// The system calls of one capture, in order: name and how-manieth of its name.
fn course(root: &Path) -> Vec<(String, usize)> {
    let trace = root.join("trace");
    let status = traced(root, 1, &["-o".as_ref(), trace.as_os_str()]).status().expect("strace");
    assert!(status.success());
    let mut calls: Vec<(String, usize)> = Vec::new();
    for line in fs::read_to_string(&trace).unwrap().lines() {
        let Some((call, _)) = line.split_once('(') else { continue };
        if call.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_') {
            let number = calls.iter().filter(|(c, _)| c == call).count() + 1;
            calls.push((call.to_owned(), number));
        }
    }
    calls
}

/// The capture below strace(1). It has one thread where it starts no child.
fn traced(root: &Path, n: u32, options: &[&OsStr]) -> Command {
    let plain = capture(root, n);
    let mut command = Command::new("/usr/bin/strace");
    command.arg("-qq").args(options).arg("--").arg(plain.get_program()).args(plain.get_args());
    command.env_clear().stderr(Stdio::null());
    command.envs(plain.get_envs().filter_map(|(k, v)| Some((k, v?))));
    command
}

/// Killed at each of its system calls, at the first failure and at one more of a loop, a capture
/// leaves whole records, and the next one counts.
#[test]
fn killed_at_each_system_call() {
    for looping in [false, true] {
        // 8 and 15 have the status of 1: the same cause.
        let lay = |root: &Path| {
            layout(root);
            assert!(!looping || capture(root, 8).status().unwrap().success());
        };
        let first = tempfile::tempdir().unwrap();
        lay(first.path());
        let calls = course(first.path());
        assert!(calls.iter().any(|(c, _)| c == "renameat"), "{calls:?}");
        let mut killed = 0;
        for (call, number) in calls.iter().filter(|(c, _)| c != "execve") {
            let dir = tempfile::tempdir().unwrap();
            lay(dir.path());
            let before = counts(dir.path());
            let inject = format!("--inject={call}:signal=KILL:when={number}");
            let status = traced(dir.path(), 1, &["-o/dev/null".as_ref(), inject.as_ref()]).status();
            killed += usize::from(!status.unwrap().success());
            check(dir.path());
            let during = counts(dir.path());
            assert!(during == before || during == before + 1, "{inject}: {before} to {during}");
            assert!(capture(dir.path(), 15).status().unwrap().success(), "{inject}");
            check(dir.path());
            assert_eq!(counts(dir.path()), during + 1, "{inject}");
        }
        assert!(killed * 10 >= calls.len() * 9, "{killed} kills at {} calls", calls.len());
    }
}

/// A clean stop costs no child and changes nothing.
#[test]
fn a_clean_stop_costs_nothing() {
    let dir = tempfile::tempdir().unwrap();
    layout(dir.path());
    let trace = dir.path().join("trace");
    let status = traced(dir.path(), 1, &["-f".as_ref(), "-o".as_ref(), trace.as_os_str()])
        .env("SERVICE_RESULT", "success")
        .env("EXIT_STATUS", "0")
        .status();
    assert!(status.expect("strace").success());
    let text = fs::read_to_string(&trace).unwrap();
    let calls = ["clone", "fork", "write(", "mkdir", "rename", "unlink"];
    let changes = |line: &&str| {
        // Behind the number of the process.
        let call = line.split_once(' ').map_or("", |(_, call)| call.trim_start());
        let opened = ["O_WRONLY", "O_RDWR", "O_CREAT"].iter().any(|flag| call.contains(flag));
        opened || calls.iter().any(|name| call.trim_start_matches('v').starts_with(name))
    };
    let changes: Vec<&str> = text.lines().filter(changes).collect();
    assert!(text.lines().count() > 10 && changes.is_empty(), "{changes:#?}");
}

/// A loop of changing causes stays within its caps.
#[test]
fn a_long_loop_stays_within_its_caps() {
    let dir = tempfile::tempdir().unwrap();
    layout(dir.path());
    let settings = "[capture]\nmax_records = 10\nmax_log_size = 65536\n";
    fs::write(dir.path().join("etc/projectmeats/fixes.conf"), settings).unwrap();
    for n in 0..150 {
        assert!(capture(dir.path(), n).status().unwrap().success());
    }
    assert!(records(dir.path()).len() <= 10, "{} records", records(dir.path()).len());
    let logs = dir.path().join("var/log/projectmeats");
    for entry in fs::read_dir(logs).unwrap() {
        let entry = entry.unwrap();
        assert!(entry.metadata().unwrap().len() <= 65_536, "{entry:?}");
    }
}

fn counts(root: &Path) -> u64 {
    let count = |path: &PathBuf| {
        let record: Value = serde_json::from_str(&fs::read_to_string(path).unwrap()).unwrap();
        record["count"].as_u64().unwrap()
    };
    records(root).iter().map(count).sum()
}
