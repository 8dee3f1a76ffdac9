//! What happened to the service, from the records: for the timeline of the page.

use super::round::Round;
use super::{failures, undo};
use crate::report::{Event, EventKind};
use crate::sys::{Root, clock};

/// Most events that are drawn; the newest count.
const MOST: usize = 500;

/// Starts, failures and repairs in the order of time. What this user may not read is left out, as
/// it is for the rest of the report.
pub(super) fn events(root: &Root, round: &Round) -> Vec<Event> {
    let mut events = Vec::new();
    let mut add = |kind, secs, note: String| {
        events.push(Event { kind, secs, time: clock::local_text(secs), note });
    };
    if let Some(since) = round.facts.service.known().and_then(|state| state.active_since) {
        add(EventKind::Start, since, "the start that is in force".to_owned());
    }
    for record in failures::observe(root).known().map(Vec::as_slice).unwrap_or_default() {
        let cause = format!("{} {}", record.cause.finding, record.cause.name);
        add(EventKind::Failure, record.first.as_second(), cause.clone());
        if record.count > 1 {
            let again = format!("{cause}, {} times since the first", record.count);
            add(EventKind::Failure, record.last.as_second(), again);
        }
    }
    for record in undo::observe(root).known().map(Vec::as_slice).unwrap_or_default() {
        let mut ids: Vec<&str> = record.steps.iter().map(|s| s.finding.as_str()).collect();
        ids.sort_unstable();
        ids.dedup();
        let what = format!("repair {}: {}", record.number, ids.join(" "));
        add(EventKind::Repair, record.time, what);
        if let Some(time) = record.undone {
            add(EventKind::Repair, time, format!("repair {} taken back", record.number));
        }
    }
    events.sort_by_key(|event| event.secs);
    let surplus = events.len().saturating_sub(MOST);
    events.drain(..surplus);
    events
}
