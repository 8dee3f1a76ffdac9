//! The running process against the files: what it was started with, where it writes, what the
//! arbiter of gunicorn had to kill.

use std::path::PathBuf;

use super::{Check, Facts, Verdict, first_and_more};
use crate::model::{Finding, Subject, escape_path, finding};

/// The process is of today's env file and code, writes to today's logs, and its workers live.
pub const PROCESS: Check = Check {
    kinds: || {
        vec![
            &finding::SVC_STALE,
            &finding::LOG_ROTATED_AWAY,
            &finding::APP_WORKER_TIMEOUT,
            &finding::APP_WORKER_KILLED,
        ]
    },
    run: process,
};

/// What is seen of the main process.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Process {
    /// Keys of the env files whose value the process does not have.
    pub other_values: Vec<String>,
    /// A file of the code that is newer than the process.
    pub newer_code: Option<PathBuf>,
    /// Open log files that have another name by now, or none.
    pub logs_elsewhere: Vec<PathBuf>,
    /// Workers that were killed for being silent, in the last hour of this run.
    pub timeouts: usize,
    /// Workers that somebody else killed, in the last hour of this run.
    pub killed: usize,
}

fn process(facts: &Facts) -> Verdict {
    Verdict::of(&facts.process, "root", |process| judge(facts, process))
}

fn judge(facts: &Facts, process: &Process) -> Vec<Finding> {
    let unit = facts.config.unit();
    let name = facts.config.service.value.as_str();
    let mut found = Vec::new();
    let mut add = |kind, detail: String, command: &[&str]| {
        found.push(Finding::new(kind, Subject::unit(&unit), detail).command(command));
    };
    let restart = ["systemctl", "restart", name];
    if let Some(keys) = first_and_more(&process.other_values) {
        let detail = format!("it runs with another value of {keys} than the env file has");
        add(&finding::SVC_STALE, detail, &restart);
    } else if let Some(file) = &process.newer_code {
        let detail = format!("{} was changed after it was started", escape_path(file));
        add(&finding::SVC_STALE, detail, &restart);
    }
    if let Some(file) = process.logs_elsewhere.first() {
        let detail = format!("it writes to {}", escape_path(file));
        let reopen = ["systemctl", "kill", "--kill-whom=main", "--signal=USR1", name];
        add(&finding::LOG_ROTATED_AWAY, detail, &reopen);
    }
    let log = facts.config.log_file("error.log");
    let tail = ["tail", "-n", "50", &*log.to_string_lossy()];
    if process.timeouts > 0 {
        let detail = format!("{} in the last hour", process.timeouts);
        add(&finding::APP_WORKER_TIMEOUT, detail, &tail);
    }
    if process.killed > 0 {
        let detail = format!("{} in the last hour", process.killed);
        add(&finding::APP_WORKER_KILLED, detail, &tail);
    }
    found
}
