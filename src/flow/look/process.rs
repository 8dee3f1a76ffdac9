//! What /proc and gunicorn's log tell of the running process.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::path::{Path, PathBuf};

use crate::capture::recent_lines;
use crate::checks::{Process, ServiceState};
use crate::config::Config;
use crate::model::{Fact, FileKind, Secret};
use crate::sys::{Root, clock, process};
use crate::unit::WALL;

/// Most files of the code that are looked at, and how deep.
const FILES: usize = 4000;
const DEPTH: usize = 6;
const HOUR: i64 = 3600;
/// What gunicorn 20 to 27 says of a worker that ended against its will (arbiter.py, `reap_workers`).
const DIED: &[&str] = &[
    "was sent SIGKILL",
    "was sent SIGSEGV",
    "was sent SIGBUS",
    "due to signal 9",
    "due to signal 11",
];

/// The main process, if there is one.
pub(super) fn observe(
    root: &Root,
    config: &Config,
    service: &Fact<ServiceState>,
    variables: &Fact<Vec<(String, Secret)>>,
) -> Fact<Process> {
    let Some(state) = service.known().filter(|s| s.runs() && s.main_pid > 0) else {
        return Fact::Absent;
    };
    let environment = match process::environment(root, state.main_pid) {
        Fact::Known(entries) => entries,
        Fact::Absent => return Fact::Absent,
        Fact::Unknown(why) => {
            return Fact::Unknown(format!("the environment of the main process: {why}"));
        }
    };
    let log = recent_errors(root, config, state);
    let (timeouts, killed) = workers(&log);
    Fact::Known(Process {
        other_values: other_values(config, variables, &environment),
        newer_code: state.main_started.and_then(|since| newer_code(root, config, since)),
        logs_elsewhere: logs_elsewhere(root, config, state.main_pid),
        timeouts,
        killed,
    })
}

/// How many workers were silent for too long, and how many others ended against their will.
fn workers(log: &[String]) -> (usize, usize) {
    let silent: Vec<&String> = log.iter().filter(|l| l.contains("WORKER TIMEOUT")).collect();
    let other = |line: &&String| {
        let pid = worker(line);
        pid.is_none() || silent.iter().all(|l| worker(l) != pid)
    };
    let died = log.iter().filter(|l| DIED.iter().any(|words| l.contains(words)));
    (silent.len(), died.filter(other).count())
}

/// The number in "WORKER TIMEOUT (pid:5)", "Worker (pid:5) was sent SIGKILL!", "Worker with pid 5".
fn worker(line: &str) -> Option<&str> {
    let (_, rest) = line.split_once("pid:").or_else(|| line.split_once("with pid "))?;
    rest.split(|c: char| !c.is_ascii_digit()).next().filter(|pid| !pid.is_empty())
}

/// Keys whose value in the env files is not that of the process. What the unit takes away or hands
/// over in another way is no difference.
fn other_values(
    config: &Config,
    variables: &Fact<Vec<(String, Secret)>>,
    environment: &[Vec<u8>],
) -> Vec<String> {
    let split = |entry: &Vec<u8>| {
        let at = entry.iter().position(|b| *b == b'=')?;
        let (key, value) = entry.split_at(at);
        Some((key.to_vec(), value.get(1..).unwrap_or_default().to_vec()))
    };
    let has: BTreeMap<Vec<u8>, Vec<u8>> = environment.iter().filter_map(split).collect();
    let differs = |(key, value): &&(String, Secret)| {
        let own = WALL.contains(&key.as_str()) || config.credentials.contains(key);
        // gunicorn's own, and what a unit may set itself.
        let set = ["DJANGO_SETTINGS_MODULE", "PATH", "HOME", "USER", "LANG"];
        !own && !set.contains(&key.as_str())
            && has.get(key.as_bytes()).is_none_or(|v| v != value.expose())
    };
    let all = variables.known().map(Vec::as_slice).unwrap_or_default();
    all.iter().filter(differs).map(|(key, _)| key.clone()).collect()
}

/// A Python file of the project that was written after the start; whole seconds are too coarse for
/// what was written while the process started.
fn newer_code(root: &Root, config: &Config, since: i64) -> Option<PathBuf> {
    let mut left = FILES;
    let mut waiting = vec![(config.working_directory.value.clone(), 0)];
    while let Some((directory, depth)) = waiting.pop() {
        let mut newer = None;
        let mut each = |name: &OsStr, stat: crate::model::Stat| {
            let bytes = name.as_encoded_bytes();
            let path = directory.join(name);
            if stat.kind == FileKind::Directory {
                let skipped: &[&[u8]] =
                    &[b"__pycache__", b"media", b"staticfiles", b"node_modules", b"venv", b"tests"];
                if depth < DEPTH && !bytes.starts_with(b".") && !skipped.contains(&bytes) {
                    waiting.push((path, depth + 1));
                }
            } else if bytes.ends_with(b".py")
                && bytes != b"manage.py"
                && stat.mtime.secs > since + 1
            {
                newer = Some(path);
            }
        };
        let most = u64::try_from(left).unwrap_or(0);
        root.scan(&directory, most, std::time::Duration::from_millis(200), &mut each);
        if newer.is_some() {
            return newer;
        }
        left = left.checked_sub(1)?;
    }
    None
}

/// Log files that the process has open under a name that is not one of today's.
fn logs_elsewhere(root: &Root, config: &Config, pid: u32) -> Vec<PathBuf> {
    let fds = PathBuf::from(format!("/proc/{pid}/fd"));
    let Fact::Known(listing) = root.list(&fds, 4096) else { return Vec::new() };
    let named: Vec<PathBuf> = config.log_files.iter().map(|n| config.log_file(n)).collect();
    let targets =
        listing.names.iter().filter_map(|n| root.link_target(&fds.join(n)).known().cloned());
    targets
        .filter(|target| {
            let text = target.to_string_lossy();
            let rotated = |log: &PathBuf| {
                let rest = text.strip_prefix(&*log.to_string_lossy());
                rest.is_some_and(|r| r == " (deleted)" || r.starts_with(['.', '-']))
            };
            named.iter().any(rotated)
        })
        .collect()
}

/// Lines of gunicorn's error log of this run, of the last hour at most.
fn recent_errors(root: &Root, config: &Config, state: &ServiceState) -> Vec<String> {
    let since = state.main_started.unwrap_or(0).max(clock::now().secs - HOUR);
    match root.read_tail(Path::new(&config.log_file("error.log")), 256 << 10) {
        Fact::Known((bytes, _)) => recent_lines(&String::from_utf8_lossy(&bytes), since),
        Fact::Absent | Fact::Unknown(_) => Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn workers_that_gunicorn_killed_itself_are_not_counted_twice() {
        let log = [
            "[x] [1] [CRITICAL] WORKER TIMEOUT (pid:12)",
            "[x] [1] [ERROR] Worker (pid:12) was sent SIGKILL! Perhaps out of memory?",
            "[x] [1] [WARNING] Worker with pid 12 was terminated due to signal 9",
            "[x] [1] [ERROR] Worker (pid:123) was sent SIGKILL! Perhaps out of memory?",
        ];
        assert_eq!(workers(&log.map(str::to_owned)), (1, 1));
    }
}
