//! Counts that repeat exactly: instructions by callgrind, system calls by strace.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use host::Machine;

const LIMIT: Duration = Duration::from_secs(300);

/// System calls of one run, and those of them that matter.
#[derive(Debug, Clone, Copy)]
pub struct Calls {
    pub all: u64,
    pub forks: u64,
    /// write and its kin to files, and what changes names, owners or modes.
    pub writes: u64,
}

/// The system calls of a command and its children after its own execve, a line each.
fn trace(machine: &Machine, command: &str) -> Result<Vec<String>> {
    let script = format!(
        "rm -f /root/calls; strace -f -qq -o /root/calls {command} >/dev/null 2>&1; cat /root/calls"
    );
    let output = machine.run_with(&script, b"", LIMIT)?;
    ensure!(output.stdout.contains("execve("), "{script}: {output}");
    let call =
        |line: &str| line.split_once(' ').map_or("", |(_, rest)| rest.trim_start()).to_owned();
    Ok(output.stdout.lines().skip(1).map(call).collect())
}

fn named(calls: &[String], names: &[&str]) -> u64 {
    calls.iter().filter(|call| names.iter().any(|name| call.starts_with(name))).count() as u64
}

/// How many calls of one run begin so.
pub fn some(machine: &Machine, command: &str, names: &[&str]) -> Result<u64> {
    Ok(named(&trace(machine, command)?, names))
}

/// Counts the calls of a command. A thread is no fork.
pub fn calls(machine: &Machine, command: &str) -> Result<Calls> {
    let lines = trace(machine, command)?;
    let named = |names: &[&str]| named(&lines, names);
    let threads = lines.iter().filter(|call| call.contains("CLONE_THREAD")).count() as u64;
    Ok(Calls {
        all: named(&[""]) - named(&["+++", "---", "exit_group("]),
        forks: named(&["clone(", "clone3(", "fork(", "vfork("]) - threads,
        writes: named(&[
            "pwrite64(",
            "rename",
            "unlink",
            "mkdir",
            "symlink",
            "link",
            "fchmod",
            "chmod",
            "fchown",
            "chown",
            "lchown",
            "ftruncate",
            "truncate",
            "fsync",
            "fallocate",
            "setxattr",
            "fsetxattr",
        ]),
    })
}

/// Instructions of one run in user space. Programs are counted without their children.
pub fn instructions(machine: &Machine, command: &str) -> Result<u64> {
    callgrind(machine, "", command)
}

/// Those in a function and what it calls; the program must have its symbols. None is an error: the
/// function is another one now, or inlined.
pub fn instructions_within(machine: &Machine, function: &str, command: &str) -> Result<u64> {
    let count = callgrind(machine, &format!("--toggle-collect='{function}'"), command)?;
    ensure!(count > 0, "{command}: no function {function}");
    Ok(count)
}

fn callgrind(machine: &Machine, options: &str, command: &str) -> Result<u64> {
    let script = format!(
        "cd /root && valgrind --tool=callgrind --callgrind-out-file=/dev/null {options} {command} \
         2>&1 >/dev/null | sed -n 's/.*Collected : //p'"
    );
    let output = machine.run_with(&script, b"", LIMIT)?;
    let count = output.stdout.split_whitespace().next();
    count.and_then(|n| n.parse().ok()).with_context(|| format!("{script}: {output}"))
}

/// Peak resident memory of one run, in KiB. The parent must be small: what it had before exec counts.
pub fn peak(machine: &Machine, command: &str) -> Result<u64> {
    let script =
        format!("/usr/bin/time -f 'peak %M' {command} 2>&1 >/dev/null | sed -n 's/^peak //p'");
    let output = machine.run_with(&script, b"", LIMIT)?;
    output.stdout.trim().parse().with_context(|| format!("{script}: {output}"))
}
