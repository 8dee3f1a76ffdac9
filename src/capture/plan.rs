//! A failure → what is written: a new record or one more in the count, lines for people, room
//! made for the new.

use std::path::{Path, PathBuf};

use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use super::record::Record;
use super::text;
use crate::model::{Effect, Kind, Origin, Owner, Plan, Secret, finding};

/// Failures of one cause without a longer break are one loop.
const BREAK: SignedDuration = SignedDuration::from_mins(10);
/// Once an hour a loop is mentioned, whatever its count.
const MENTION: SignedDuration = SignedDuration::from_hours(1);
/// Invocations that are remembered as captured.
const REMEMBERED: usize = 32;
/// Oldest record that is kept.
const MAX_AGE: SignedDuration = SignedDuration::from_hours(24 * 90);
/// Most bytes of all records together.
const MAX_BYTES: u64 = 32 << 20;

/// What is remembered between two failures, in `/run`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct State {
    /// Captured invocations, newest last.
    pub invocations: Vec<String>,
    /// The record of the loop that goes on, if one does.
    pub record: Option<String>,
    /// When post_failure.log was last written.
    pub mentioned: Option<Timestamp>,
    /// systemd gave up, and that was said.
    pub gave_up: bool,
    /// It ran again, and that was said; a later failure of the loop that is told takes it back.
    pub recovered: bool,
}

impl State {
    /// True when this failure is already in a record.
    pub fn has(&self, invocation: &str) -> bool {
        self.invocations.iter().any(|i| i == invocation)
    }
}

/// A record file as it lies there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stored {
    pub path: PathBuf,
    pub bytes: u64,
    pub modified: i64,
}

/// Where things go and how much of them.
#[derive(Clone, Debug)]
pub struct Places {
    /// Directory of the records.
    pub records: PathBuf,
    pub state: PathBuf,
    /// post_failure.log; its owner and mode when it has to be made.
    pub log: PathBuf,
    pub log_owner: Owner,
    pub log_cap: u64,
    pub max_records: usize,
    pub zone: TimeZone,
}

const LOG_MODE: u32 = 0o664;

/// The plan, and the record as it will be (for the journal entry and the hooks).
#[derive(Clone, Debug)]
pub struct Planned {
    pub plan: Plan,
    pub record: Record,
    /// True when people hear of it: at the first, 2nd, 10th, 100th failure …
    pub notable: bool,
}

/// Plans what to write for `record`. `going_on` is the record of the loop that was going on, as
/// it was read back.
pub fn plan_failure(
    record: Record,
    state: &State,
    going_on: Option<Record>,
    stored: &[Stored],
    places: &Places,
) -> Planned {
    let now = record.first;
    let counted = going_on.filter(|old| old.same_cause(&record) && in_loop(old, now));
    let (record, lines) = match counted {
        Some(mut old) => {
            old.again(now, record.invocation);
            let hour = state.mentioned.is_none_or(|t| now.duration_since(t).abs() >= MENTION);
            let due = text::is_milestone(old.count) || hour;
            let lines = due.then(|| text::render_again(&old, &places.zone));
            (old, lines)
        }
        None => {
            let block = text::render_block(&record, &places.zone);
            (record, Some(block))
        }
    };
    let notable = lines.is_some();
    let kind = finding::by_word(&record.cause.finding).unwrap_or(&finding::CAP_UNKNOWN);
    let mut plan = Plan::default();
    write_record(&mut plan, kind, &record, places);
    append(&mut plan, kind, lines, places);
    let mut state = state.clone();
    state.gave_up = false;
    state.recovered &= !notable;
    state.record = Some(record.id.clone());
    state.mentioned = if notable { Some(now) } else { state.mentioned };
    state.invocations.extend(record.last_invocation.clone());
    remember(&mut plan, kind, state, places);
    prune(&mut plan, kind, &record, stored, places);
    Planned { plan, record, notable }
}

/// A clock that jumped back does not end a loop.
fn in_loop(old: &Record, now: Timestamp) -> bool {
    now.duration_since(old.last) <= BREAK
}

/// systemd gives up after a failure that is already recorded: one line, once.
pub fn plan_gave_up(record: &Record, state: &State, now: Timestamp, places: &Places) -> Plan {
    let mut plan = Plan::default();
    if !state.gave_up {
        let kind = &finding::CAP_START_LIMIT;
        let line = text::render_gave_up(record, now, &places.zone);
        append(&mut plan, kind, Some(line), places);
        let state = State { gave_up: true, mentioned: Some(now), ..state.clone() };
        remember(&mut plan, kind, state, places);
    }
    plan
}

/// The service runs again since `since`: the line that closes the story, once for each failure
/// that was told.
pub fn plan_running(record: &Record, state: &State, since: Timestamp, places: &Places) -> Plan {
    let mut plan = Plan::default();
    if !state.recovered {
        let kind = finding::by_word(&record.cause.finding).unwrap_or(&finding::CAP_UNKNOWN);
        append(&mut plan, kind, Some(text::render_running(record, since, &places.zone)), places);
        let state = State { recovered: true, gave_up: false, ..state.clone() };
        remember(&mut plan, kind, state, places);
    }
    plan
}

/// The record alone, for a place that is not the usual one.
pub fn plan_record(record: &Record, stored: &[Stored], places: &Places) -> Plan {
    let mut plan = Plan::default();
    let kind = finding::by_word(&record.cause.finding).unwrap_or(&finding::CAP_UNKNOWN);
    write_record(&mut plan, kind, record, places);
    prune(&mut plan, kind, record, stored, places);
    plan
}

/// The file of a record.
pub fn record_path(directory: &Path, id: &str) -> PathBuf {
    directory.join(format!("{id}.json"))
}

fn write_record(plan: &mut Plan, kind: &'static Kind, record: &Record, places: &Places) {
    let mut json = serde_json::to_vec_pretty(record).unwrap_or_default();
    json.push(b'\n');
    let path = record_path(&places.records, &record.id);
    let content = Secret::new(json);
    plan.push(
        kind,
        Origin::Default,
        Effect::Write { path, content, owner: Owner::ROOT, mode: 0o600 },
    );
}

fn append(plan: &mut Plan, kind: &'static Kind, lines: Option<String>, places: &Places) {
    let Some(lines) = lines else { return };
    let effect = Effect::Append {
        path: places.log.clone(),
        content: Secret::new(lines),
        owner: places.log_owner,
        mode: LOG_MODE,
        cap: places.log_cap,
    };
    plan.push(kind, Origin::Default, effect);
}

fn remember(plan: &mut Plan, kind: &'static Kind, mut state: State, places: &Places) {
    let surplus = state.invocations.len().saturating_sub(REMEMBERED);
    state.invocations.drain(..surplus);
    let content = Secret::new(serde_json::to_vec(&state).unwrap_or_default());
    let path = places.state.clone();
    plan.push(
        kind,
        Origin::Default,
        Effect::Write { path, content, owner: Owner::ROOT, mode: 0o600 },
    );
}

/// Too many, too old, too large: the oldest go, never the one that is written now.
fn prune(plan: &mut Plan, kind: &'static Kind, now: &Record, stored: &[Stored], places: &Places) {
    let current = record_path(&places.records, &now.id);
    let mut others: Vec<&Stored> = stored.iter().filter(|s| s.path != current).collect();
    others.sort_by(|a, b| (b.modified, &b.path).cmp(&(a.modified, &a.path)));
    let oldest = now.last.as_second().saturating_sub(MAX_AGE.as_secs());
    let mut bytes = 0;
    for (i, record) in others.iter().enumerate() {
        bytes += record.bytes;
        if i + 1 >= places.max_records || record.modified < oldest || bytes > MAX_BYTES {
            let path = record.path.clone();
            plan.push(kind, Origin::Default, Effect::Remove { path });
        }
    }
}

#[cfg(test)]
mod tests;
