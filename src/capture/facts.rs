//! What is known at the moment of a failure. Everything that could not be looked at says so.

use std::path::{Path, PathBuf};
use std::time::Duration;

use super::outcome::Outcome;
use crate::model::{Fact, Space, Stat};

/// A line of the journal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogLine {
    /// Microseconds since the epoch.
    pub time: u64,
    pub identifier: String,
    pub message: String,
    /// Bytes behind the message that were not kept.
    pub cut: usize,
}

/// A path that the service needs, with names instead of numbers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PathState {
    pub path: PathBuf,
    pub stat: Fact<Stat>,
    /// `user:group`, empty when nothing is there.
    pub owner: String,
}

/// Who listens at an address where the service should.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listener {
    pub address: String,
    /// `gunicorn[4127]`; `Absent` when the address is free.
    pub holder: Fact<String>,
}

/// The host at that moment.
#[derive(Clone, Debug)]
pub struct Host {
    pub disks: Vec<(PathBuf, Fact<Space>)>,
    /// Bytes that can be had without swapping (`MemAvailable`).
    pub memory: Fact<u64>,
    pub listeners: Vec<Listener>,
    /// The address in `DATABASE_URL` and whether it takes a connection; `Absent` without one.
    pub database: Fact<(String, bool)>,
    /// Newest change of what the service depends on: what, seconds since the epoch.
    pub changed: Vec<(String, i64)>,
    /// The newest deployment: release or commit, seconds since the epoch.
    pub deployed: Option<(String, i64)>,
    /// When the service last started well, in seconds since the epoch.
    pub good_start: Option<i64>,
}

/// All facts of one failure.
#[derive(Clone, Debug)]
pub struct Facts {
    pub unit: String,
    pub outcome: Outcome,
    /// How long the main process ran.
    pub ran: Option<Duration>,
    pub journal: Fact<Vec<LogLine>>,
    /// Older lines of this run, only in the journal.
    pub older: usize,
    /// Lines that gunicorn wrote to its error log during this run.
    pub error_log: Fact<Vec<String>>,
    /// What our pre-start helper found at this start and would not start with: id and text.
    pub blocked: Vec<(String, String)>,
    pub paths: Vec<PathState>,
    pub host: Host,
    /// Names that the classification needs.
    pub names: ServiceNames,
}

/// Names from the settings.
#[derive(Clone, Debug, Default)]
pub struct ServiceNames {
    pub user: String,
    pub app_dir: String,
    pub venv: String,
    pub log_dir: String,
    /// `projectmeats.wsgi:application`
    pub application: String,
    pub settings_module: String,
    pub env_file: String,
}

/// Our own programs: what they say is not what the application said.
const OWN: [&str; 2] = ["capture-failure", "pre-start"];
/// The last so many seconds of a run can hold its cause.
const FINAL: u64 = 30_000_000;

impl Facts {
    fn lines(&self) -> &[LogLine] {
        self.journal.known().map_or(&[], Vec::as_slice)
    }

    /// What the processes of the service said in the last moments of the run: source and line,
    /// the error log after the journal.
    pub fn said(&self) -> Vec<(&'static str, &str)> {
        let end = self.lines().last().map_or(0, |l| l.time);
        let journal = self
            .lines()
            .iter()
            .filter(|l| !from_manager(l) && !OWN.contains(&l.identifier.as_str()))
            .filter(|l| l.time + FINAL >= end)
            .map(|l| ("journal", l.message.as_str()));
        let log = self.error_log.known().into_iter().flatten();
        journal.chain(log.map(|l| ("error.log", l.as_str()))).collect()
    }

    /// What systemd said about the unit.
    pub fn manager(&self) -> Vec<&str> {
        self.lines().iter().filter(|l| from_manager(l)).map(|l| l.message.as_str()).collect()
    }

    /// The last line of systemd's that holds one of `needles`.
    pub fn manager_line(&self, needles: &[&str]) -> Option<&str> {
        self.manager().into_iter().rev().find(|line| needles.iter().any(|n| line.contains(n)))
    }

    /// Paths that complaints in the last lines name; their state may be the cause.
    pub fn mentioned_paths(&self) -> Vec<PathBuf> {
        const MOST: usize = 16;
        let complains = |line: &str| line.contains("Errno") || line.contains("isn't writable");
        let said = self.said();
        let lines = said.iter().rev().map(|(_, line)| *line).filter(|line| complains(line));
        let mut paths: Vec<PathBuf> = lines.flat_map(quoted_paths).take(MOST).collect();
        paths.dedup();
        paths
    }

    /// The path's state, if it was looked at.
    pub fn path(&self, path: &str) -> Option<&PathState> {
        self.paths.iter().find(|p| p.path.as_os_str() == path)
    }
}

/// Absolute paths between quotes, and the directories above them.
fn quoted_paths(line: &str) -> Vec<PathBuf> {
    let quoted = line.split(['\'', '"']).skip(1).step_by(2);
    let paths = quoted.filter(|t| t.starts_with('/') && t.len() < 1024 && !t.contains('\0'));
    paths.flat_map(|t| Path::new(t).ancestors().take(2)).map(Path::to_owned).collect()
}

/// PID 1, or its child before the program was executed, whose name is in brackets.
fn from_manager(line: &LogLine) -> bool {
    line.identifier == "systemd" || line.identifier.starts_with('(')
}
