//! What was said: by the service and by systemd in the journal, by gunicorn in its error log, by our
//! pre-start at this start.

use std::path::Path;
use std::time::Duration;

use super::case::Case;
use crate::capture::{LogLine, recent_lines};
use crate::config::{CAPTURE, RUN_DIR};
use crate::model::Fact;
use crate::sys::{journal, process};

const SYNC: Duration = Duration::from_millis(300);
const JOURNAL: Duration = Duration::from_millis(700);
const DROPPED_TIME: Duration = Duration::from_millis(200);
const ERROR_LOG_TAIL: u64 = 64 << 10;
/// Most bytes of a line, and of the last lines together: the time for a capture is short, and what a
/// line may be is up to the service.
const LONGEST: usize = 8 << 10;
const ROOM: usize = 256 << 10;

/// The last lines of this run, and how many older ones there are.
pub(super) fn journal_lines(
    case: &Case,
    not_seen: &mut Vec<String>,
) -> (Fact<Vec<LogLine>>, usize) {
    match run(case, not_seen) {
        Ok((lines, older)) => (Fact::Known(lines), older),
        Err(why) => (Fact::Unknown(why), 0),
    }
}

fn run(case: &Case, not_seen: &mut Vec<String>) -> Result<(Vec<LogLine>, usize), String> {
    if !process::systemd_runs(case.root) {
        return Err("there is no journal here".to_owned());
    }
    let invocation = case.truth.invocation.as_ref().ok_or("the invocation id is not known")?;
    // What the process wrote a moment ago may still be on its way (systemd.md: 6 of 12 runs).
    if !journal::sync(SYNC.min(case.budget.left())) {
        not_seen.push("journald did not confirm that it wrote everything".to_owned());
    }
    let max = usize::try_from(case.config.capture_lines.value).unwrap_or(200);
    let limit = JOURNAL.min(case.budget.left());
    let reading = journal::of_invocation(case.root, invocation, max, limit)
        .map_err(|why| format!("the journal could not be read: {why}"))?;
    if reading.lines.is_empty() {
        not_seen.extend(reading.troubles);
        return Err(
            "the journal has no line of this run (journald stopped, or its rate limit reached)"
                .to_owned(),
        );
    }
    not_seen.extend(dropped(case, &reading));
    not_seen.extend(reading.troubles);
    if let Some(why) = reading.by_journalctl {
        not_seen.push(format!("the journal was read with journalctl, because {why}"));
    }
    if reading.volatile {
        not_seen.push("the journal is kept in memory only and is lost at the next boot".to_owned());
    }
    let unread = usize::try_from(reading.entries).unwrap_or(usize::MAX);
    let unread = unread.saturating_sub(reading.lines.len());
    let mut lines: Vec<LogLine> =
        reading.lines.into_iter().map(log_line).filter(|line| !is_ours(line)).collect();
    let mut room = ROOM;
    let fit = lines.iter().rev().take_while(|line| {
        room = room.saturating_sub(line.message.len());
        room > 0
    });
    let older = lines.len() - fit.count();
    lines.drain(..older);
    Ok((lines, unread.saturating_add(older)))
}

/// Our own lines are no evidence.
fn is_ours(line: &LogLine) -> bool {
    Path::new(CAPTURE).file_name().is_some_and(|name| name == line.identifier.as_str())
}

/// A line in the words of a record.
pub(super) fn log_line(line: journal::Line) -> LogLine {
    let journal::Line { time, identifier, mut message, .. } = line;
    let whole = message.len();
    if whole > LONGEST {
        let end = (0..=LONGEST).rev().find(|end| message.is_char_boundary(*end));
        message.truncate(end.unwrap_or(0));
    }
    let cut = whole - message.len();
    LogLine { time, identifier, message, cut }
}

pub(super) fn error_log(case: &Case) -> Fact<Vec<String>> {
    let Some(since) = case.truth.started else {
        return Fact::Unknown("when this run began is not known".to_owned());
    };
    let tail = case.root.read_tail(&case.config.log_file("error.log"), ERROR_LOG_TAIL);
    // gunicorn writes whole seconds.
    tail.map(|(bytes, _)| recent_lines(&String::from_utf8_lossy(&bytes), since - 1))
}

/// What pre-start found at this very start: what stopped it, and everything as text.
pub(super) fn pre_start(case: &Case) -> (Vec<(String, String)>, Vec<String>) {
    let path = Path::new(RUN_DIR).join("status.json");
    let bytes = case.root.read(&path, 1 << 20);
    let status: Option<serde_json::Value> =
        bytes.known().and_then(|b| serde_json::from_slice(b).ok());
    let Some(status) = status else { return Default::default() };
    let of_this_start = status.get("invocation_id").and_then(|i| i.as_str());
    if of_this_start.is_none() || of_this_start != case.truth.invocation.as_deref() {
        return Default::default();
    }
    let mut blocked = Vec::new();
    let mut all = Vec::new();
    for found in status.get("findings").and_then(|f| f.as_array()).into_iter().flatten() {
        let text = |name: &str| found.get(name).and_then(|t| t.as_str()).unwrap_or_default();
        if found.get("blocks").and_then(|b| b.as_bool()) == Some(true) {
            blocked.push((text("id").to_owned(), text("text").to_owned()));
        }
        all.push(format!("{} {}", text("id"), text("text")));
    }
    (blocked, all)
}

/// `MESSAGE_ID` of "Suppressed N messages from UNIT" (systemd's `SD_MESSAGE_JOURNAL_DROPPED`).
const DROPPED: &str = "MESSAGE_ID=a596d6fe7bfa4994828e72309e95d61e";
/// journald's own `RateLimitBurst=`; free disk space makes it larger, never smaller.
const BURST: u64 = 10_000;

/// What journald left out. It says so only with the first line that it takes again, and this run may
/// have none: as many lines as it takes, in the time in which it takes them, are reason enough to
/// doubt that they are all.
fn dropped(case: &Case, reading: &journal::Reading) -> Option<String> {
    let unit = &case.unit;
    let since = u64::try_from(case.truth.started?).ok()?.saturating_mul(1_000_000);
    if reading.by_journalctl.is_none() {
        let limit = DROPPED_TIME.min(case.budget.left());
        let said =
            journal::query_since(case.root, &[DROPPED], since, 500, limit).unwrap_or_default();
        let about = format!(" messages from {unit}");
        let told = said.lines.iter().rev().filter(|l| l.time >= since);
        let told = told.filter_map(|l| l.message.strip_suffix(&about));
        let mut counts = told.filter_map(|t| t.strip_prefix("Suppressed "));
        if let Some(count) = counts.find_map(|count| count.parse::<u64>().ok()) {
            return Some(format!("journald dropped {count} lines of this run (its rate limit)"));
        }
    }
    let burst = case.truth.burst.unwrap_or(BURST);
    let own: Vec<u64> =
        reading.lines.iter().filter(|l| l.identifier != "systemd").map(|l| l.time).collect();
    let span = own.last()?.saturating_sub(*own.first()?);
    let count = own.len() as u64;
    let many = reading.entries >= burst && count >= burst.min(reading.lines.len() as u64 / 2);
    // The default interval of both limits is 30 s.
    let fast = span <= 30_000_000 * count / burst.max(1);
    (many && fast).then(|| {
        format!(
            "what came after {} lines of this run may be missing: journald takes {burst} of a unit \
             in 30 s (LogRateLimitBurst=, or RateLimitBurst= of journald.conf)",
            reading.entries
        )
    })
}
