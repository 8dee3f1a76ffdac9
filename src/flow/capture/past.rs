//! What was before: what changed, what was deployed, and when the service last started well.

use std::path::{Path, PathBuf};
use std::time::Duration;

use super::case::Case;
use super::said::log_line;
use crate::capture::{LogLine, WELL, last_good_start};
use crate::model::Fact;
use crate::sys::{clock, journal, process};

/// A change longer ago than this did not bring the failure about.
const RECENT: i64 = 24 * 3600;
const CHANGES: usize = 4;
/// Lines of PID 1 about the unit that are looked through.
const LINES: usize = 300;
const JOURNAL: Duration = Duration::from_millis(200);

/// What changed in the last day, newest first: code, virtual environment, settings, unit.
pub(super) fn changed(case: &Case) -> Vec<(String, i64)> {
    let config = case.config;
    let mut watched = vec![
        config.env_file.value.clone(),
        config.working_directory.value.clone(),
        config.app_dir.join("current"),
        config.venv.join("bin/gunicorn"),
        config.venv.join("pyvenv.cfg"),
        config.log_dir.value.clone(),
        PathBuf::from(crate::config::FILE),
    ];
    watched.extend(case.truth.unit_files.iter().cloned());
    let changes = watched.iter().filter_map(|path| recent_change(case, path));
    let mut changes: Vec<_> = changes.collect();
    changes.sort_by_key(|(_, time)| std::cmp::Reverse(*time));
    changes.truncate(CHANGES);
    changes
}

/// When an object was changed, if that was in the last day.
pub(super) fn recent_change(case: &Case, path: &Path) -> Option<(String, i64)> {
    let ctime = case.root.stat(path).known()?.ctime.secs;
    let age = clock::now().secs - ctime;
    (0..=RECENT).contains(&age).then(|| (path.display().to_string(), ctime))
}

/// The newest deployment and when it was, in seconds since the epoch: the release that `current`
/// leads to, else the checkout of the application.
pub(super) fn deployed(case: &Case) -> Option<(String, i64)> {
    let (root, app) = (case.root, &case.config.app_dir.value);
    let current = app.join("current");
    if let Fact::Known(target) = root.link_target(&current) {
        let name = target.file_name()?.to_string_lossy().into_owned();
        return Some((name, root.stat(&current).known()?.ctime.secs));
    }
    let project = &case.config.working_directory.value;
    let log = [app, project].map(|tree| tree.join(".git/logs/HEAD"));
    let log = log.iter().find(|log| root.stat(log).known().is_some())?;
    let bytes = root.read_tail(log, 4096).known()?.0.clone();
    // OLD NEW NAME <MAIL> SECONDS ZONE\tWHAT
    let line = String::from_utf8_lossy(&bytes).lines().last()?.to_owned();
    let commit = line.split(' ').nth(1)?.get(..12)?.to_owned();
    let (_, times) = line.split_once("> ")?;
    Some((commit, times.split(' ').next()?.parse().ok()?))
}

/// When the service last started and then ran for a minute at least, in seconds since the epoch.
pub(super) fn good_start(case: &Case) -> Option<i64> {
    if case.truth.ran.is_some_and(|ran| ran >= WELL) {
        return case.truth.started;
    }
    if !process::systemd_runs(case.root) {
        return None;
    }
    let about = format!("UNIT={}", case.unit);
    let limit = JOURNAL.min(case.budget.left());
    let reading = journal::query(case.root, &[], &[&about], LINES, limit).ok()?;
    let lines: Vec<LogLine> = reading.lines.into_iter().map(log_line).collect();
    i64::try_from(last_good_start(&lines)? / 1_000_000).ok()
}
