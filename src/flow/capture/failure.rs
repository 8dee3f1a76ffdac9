//! One failure: looked at, written down, told.

use std::path::Path;

use super::case::{Case, PROGRAM};
use super::store::{make_directory, read_record_anywhere, stored, volatile_records};
use super::{hooks, observe};
use crate::capture::{Places, Record, State, Stored, plan_failure, plan_gave_up, plan_record};
use crate::config::RUN_DIR;
use crate::model::{finding, message};
use crate::sys::apply::{Applied, Outcome as Effected, apply};
use crate::sys::journal::{self, Level};
use crate::sys::{Root, clock, landlock};

pub(super) fn capture(case: &Case, state: &State, places: Places) {
    let root = case.root;
    let going_on = state.record.as_deref().and_then(|id| read_record_anywhere(root, id));
    let kept = stored(root, &places.records);
    if already(case, state, &kept) {
        if let (true, Some(record)) = (case.truth.gave_up, &going_on) {
            gave_up(case, record, state, &places);
        }
        return;
    }
    let record = observe::record(case);
    confine(root, &places);
    let planned = plan_failure(record, state, going_on, &kept, &places);
    if failed(&apply(root, &planned.plan)) {
        // A full or read-only /var: the record goes where there is memory.
        let volatile = Places { records: volatile_records(), ..places };
        make_directory(root, &volatile.records, 0o700);
        let there = stored(root, &volatile.records);
        apply(root, &plan_record(&planned.record, &there, &volatile));
    }
    tell(case, &planned.record, planned.notable);
    if planned.notable {
        hooks::start(root, &planned.record.id);
    }
}

/// All has been looked at: from here on only records, state and log can be written, and what a
/// child is given for no input.
fn confine(root: &Root, places: &Places) {
    let log = places.log.parent().unwrap_or(Path::new("/"));
    let places = [&places.records, Path::new(RUN_DIR), log, Path::new("/dev/null")];
    let real = |p: &Path| root.path().join(p.strip_prefix("/").unwrap_or(p));
    landlock::confine(&places.map(real));
}

/// True when this very failure is in a record: `OnFailure=` comes after `ExecStopPost=`.
fn already(case: &Case, state: &State, stored: &[Stored]) -> bool {
    let Some(invocation) = &case.truth.invocation else { return false };
    // The state may be lost (a killed capture, a full /run): the name of the record tells too.
    let suffix = format!("-{}.json", invocation.get(..8).unwrap_or(invocation));
    let named = |s: &Stored| s.path.as_os_str().as_encoded_bytes().ends_with(suffix.as_bytes());
    state.has(invocation) || stored.iter().any(named)
}

fn gave_up(case: &Case, record: &Record, state: &State, places: &Places) {
    let plan = plan_gave_up(record, state, clock::timestamp(), places);
    if !plan.is_idle() && case.root.is_system() {
        let text = format!(
            "{}: systemd gave up after {} failures ({}); it is not started again by itself",
            case.unit, record.count, record.cause.finding
        );
        let fields = [("MEATS_FINDING", finding::CAP_START_LIMIT.id)];
        journal::send(Level::Error, PROGRAM, message::FAILURE, &text, &fields);
    }
    apply(case.root, &plan);
}

/// The journal entry: cause, what to do, where the rest is.
fn tell(case: &Case, record: &Record, notable: bool) {
    if !case.root.is_system() || !notable {
        return;
    }
    let again = if record.count > 1 { format!(", {} times", record.count) } else { String::new() };
    let text = format!(
        "{} failed ({}{again}): {} [{}]; the whole record: meats-diagnose failures {}",
        record.service(),
        record.how(),
        record.cause.sentence,
        record.cause.finding,
        record.id
    );
    let count = record.count.to_string();
    let fields = [
        ("MEATS_UNIT", record.unit.as_str()),
        ("MEATS_FINDING", &record.cause.finding),
        ("MEATS_CAUSE", &record.cause.sentence),
        ("MEATS_RECORD", &record.id),
        ("MEATS_COUNT", &count),
    ];
    journal::send(Level::Error, PROGRAM, message::FAILURE, &text, &fields);
}

fn failed(applied: &[Applied]) -> bool {
    applied.first().is_some_and(|a| matches!(a.outcome, Effected::Failed(_)))
}
