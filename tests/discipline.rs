//! The points of systemd.generator(7), read off the system calls of the built generator: what it
//! does not do cannot be seen in its output.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::disallowed_methods,
    reason = "a test program: it runs programs and stops at the first surprise"
)]

#[path = "support/called.rs"]
mod called;

use std::fs;
use std::path::Path;
use std::process::Command;

use called::called;
use tempfile::TempDir;

const GENERATOR: &str = "projectmeats-generator";

/// System calls of one run for a host with the application, after the start of the program itself.
/// It is measured, and kept low on purpose: systemd waits for every one of them.
const MOST_CALLS: usize = 100;

struct Run {
    root: TempDir,
    normal: TempDir,
    calls: Vec<String>,
}

/// A host with the application and no unit of its own, and the trace of one run on it.
fn run() -> Run {
    let root = TempDir::new().unwrap();
    let normal = TempDir::new().unwrap();
    host(root.path());
    let trace = root.path().join("trace");
    let status = Command::new("strace")
        .args(["-f", "-y", "-s", "256", "-o"])
        .arg(&trace)
        .arg(called(GENERATOR))
        .arg("--root")
        .arg(root.path())
        .arg(normal.path())
        .env_clear()
        .status()
        .expect("strace is a prerequisite: make tools");
    assert!(status.success());
    let text = fs::read_to_string(&trace).unwrap();
    // The loader and the standard library come first; a debug build looks at each descriptor.
    let own = text.lines().skip_while(|call| !call.contains("alarm(")).collect::<Vec<_>>();
    let own = own.into_iter().filter(|call| !call.contains("F_GETFD"));
    let calls = own.map(str::to_owned).collect();
    assert!(normal.path().join("projectmeats.service").exists());
    Run { root, normal, calls }
}

fn host(root: &Path) {
    for (path, text) in [
        ("etc/passwd", "root:x:0:0::/root:/bin/sh\nprojectmeats:x:998:998::/opt:/bin/false\n"),
        ("etc/group", "root:x:0:\nwww-data:x:33:\nprojectmeats:x:998:\n"),
        ("etc/projectmeats/fixes.conf", "[gunicorn]\nworkers = 4\n"),
        ("etc/projectmeats/projectmeats.env", "SECRET_KEY=x\n"),
        ("opt/projectmeats/venv/bin/gunicorn", "#!/bin/sh\n"),
        ("usr/lib/x86_64-linux-gnu/systemd/libsystemd-shared-257.so", ""),
        ("var/log/projectmeats/error.log", ""),
    ] {
        let path = root.join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
}

impl Run {
    /// Calls that begin with one of these names.
    fn named(&self, names: &[&str]) -> Vec<&str> {
        let name = |call: &str| {
            let call = call.split_once(' ').map_or(call, |(_, rest)| rest.trim_start());
            call.split('(').next().unwrap_or_default().to_owned()
        };
        let named = self.calls.iter().filter(|c| names.contains(&name(c).as_str()));
        named.map(String::as_str).collect()
    }
}

#[test]
fn it_starts_nothing_and_asks_nobody() {
    let run = run();
    let others =
        ["execve", "fork", "vfork", "clone", "clone3", "socket", "connect", "sendto", "bind"];
    assert_eq!(run.named(&others), [""; 0]);
}

#[test]
fn it_opens_for_writing_only_in_the_given_directory() {
    let run = run();
    let normal = run.normal.path().to_str().unwrap();
    let writes: Vec<&str> = run
        .named(&[
            "openat",
            "openat2",
            "open",
            "creat",
            "mkdirat",
            "symlinkat",
            "renameat",
            "unlinkat",
        ])
        .into_iter()
        .filter(|call| {
            let write =
                ["O_WRONLY", "O_RDWR", "O_CREAT", "mkdirat", "symlinkat", "rename", "unlink"];
            write.iter().any(|w| call.contains(w))
        })
        .collect();
    assert!(writes.len() >= 4, "the trace is not understood: {writes:?}");
    for call in writes {
        assert!(call.contains(&format!("<{normal}")), "{call}");
    }
}

/// Early boot: `/var` is not mounted, `/proc` may be anything, and nothing of the caller's
/// environment counts.
#[test]
fn it_looks_only_where_early_boot_has_something() {
    let run = run();
    let root = run.root.path().to_str().unwrap();
    for call in run.named(&["openat", "openat2", "open", "newfstatat", "readlinkat", "readlink"]) {
        let path = call.replace(root, "").replace("/var/tmp", "");
        assert!(!path.contains("/var") && !path.contains("\"var"), "{call}");
        assert!(!path.contains("\"/proc"), "{call}");
    }
}

#[test]
fn it_limits_itself() {
    let run = run();
    let alarms = run.named(&["alarm", "setitimer", "timer_settime"]);
    assert!(alarms.iter().any(|call| call.contains("alarm(2)")), "{alarms:?}");
    assert_eq!(run.named(&["nanosleep", "clock_nanosleep", "poll"]), [""; 0]);
}

#[test]
fn it_is_quick() {
    let run = run();
    let count = run.calls.iter().filter(|c| c.contains('(')).count();
    println!("{count} system calls");
    assert!(count <= MOST_CALLS, "{count} system calls:\n{}", run.calls.join("\n"));
}

/// On a root that is mounted read-only it emits the same.
#[test]
fn a_read_only_root_is_enough() {
    let run = run();
    let again = TempDir::new().unwrap();
    let script = "mount --bind \"$1\" \"$1\" && mount -o remount,bind,ro \"$1\" && \
                  ! touch \"$1/x\" 2>/dev/null && exec \"$0\" --root \"$1\" \"$2\"";
    let output = Command::new("unshare")
        .args(["--mount", "sh", "-c", script])
        .arg(called(GENERATOR))
        .arg(run.root.path())
        .arg(again.path())
        .output()
        .expect("unshare is a prerequisite: make tools");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    for name in ["projectmeats.service", "projectmeats.socket"] {
        let [first, second] = [&run.normal, &again].map(|d| fs::read(d.path().join(name)).unwrap());
        assert_eq!(first, second, "{name}");
    }
}
