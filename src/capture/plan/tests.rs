//! Counting, caps and clocks; no file is touched.

use super::*;
use crate::capture::classify;
use crate::capture::{
    CapturedBy, Circumstances, EnvRecord, Facts, Host, Outcome, Redactor, ServiceNames,
};
use crate::model::Fact;

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_second(1_800_000_000 + seconds).expect("a time")
}

fn record(seconds: i64, status: &str) -> Record {
    let facts = Facts {
        unit: "meats.service".into(),
        outcome: Outcome::parse(Some("exit-code"), Some("exited"), Some(status)).expect("known"),
        ran: None,
        journal: Fact::Absent,
        older: 0,
        error_log: Fact::Absent,
        blocked: Vec::new(),
        paths: Vec::new(),
        host: Host {
            disks: Vec::new(),
            memory: Fact::Absent,
            listeners: Vec::new(),
            database: Fact::Absent,
            changed: Vec::new(),
            deployed: None,
            good_start: None,
        },
        names: ServiceNames::default(),
    };
    let about = Circumstances {
        now: at(seconds),
        invocation: Some(format!("{:032x}", seconds.unsigned_abs())),
        start: None,
        gunicorn: None,
        env: EnvRecord::default(),
        pre_start: Vec::new(),
        not_seen: Vec::new(),
        captured_by: CapturedBy::StopPost,
    };
    Record::new(&facts, &classify(&facts), about, &Redactor::default())
}

fn places() -> Places {
    Places {
        records: "/r".into(),
        state: "/s".into(),
        log: "/l".into(),
        log_owner: Owner::ROOT,
        log_cap: 1 << 20,
        max_records: 3,
        zone: TimeZone::UTC,
    }
}

/// The counts of records after failures at these times with these statuses.
fn counts(failures: &[(i64, &str)]) -> Vec<u64> {
    let mut state = State::default();
    let mut records: Vec<Record> = Vec::new();
    for (seconds, status) in failures {
        let going_on = records.iter().find(|r| Some(&r.id) == state.record.as_ref()).cloned();
        let planned = plan_failure(record(*seconds, status), &state, going_on, &[], &places());
        records.retain(|r| r.id != planned.record.id);
        state.record = Some(planned.record.id.clone());
        records.push(planned.record);
    }
    records.iter().map(|r| r.count).collect()
}

#[test]
fn what_is_counted_together() {
    type Failures<'a> = &'a [(i64, &'a str)];
    let cases: &[(Failures, &[u64])] = &[
        (&[(0, "5"), (5, "5"), (10, "5")], &[3]),
        (&[(0, "5"), (5, "6"), (10, "5")], &[1, 1, 1]),
        (&[(0, "5"), (599, "5"), (1_198, "5")], &[3]),
        (&[(0, "5"), (601, "5")], &[1, 1]),
        // The clock jumps back by a day.
        (&[(0, "5"), (-86_400, "5"), (-86_395, "5")], &[3]),
    ];
    for (failures, expected) in cases {
        assert_eq!(counts(failures), *expected, "{failures:?}");
    }
}

fn stored(name: &str, bytes: u64, age_days: i64) -> Stored {
    let modified = at(0).as_second() - age_days * 86_400;
    Stored { path: Path::new("/r").join(name), bytes, modified }
}

#[test]
fn room_is_made_by_number_age_and_size() {
    let removed = |stored: &[Stored]| {
        let planned = plan_failure(record(0, "5"), &State::default(), None, stored, &places());
        let of = |action: &crate::model::Action| match &action.effect {
            Effect::Remove { path } => Some(path.display().to_string()),
            _ => None,
        };
        planned.plan.actions.iter().filter_map(of).collect::<Vec<_>>()
    };
    assert_eq!(removed(&[stored("a", 1, 1), stored("b", 1, 2)]), Vec::<String>::new());
    assert_eq!(removed(&[stored("a", 1, 1), stored("b", 1, 2), stored("c", 1, 3)]), ["/r/c"]);
    assert_eq!(removed(&[stored("a", 1, 91)]), ["/r/a"]);
    assert_eq!(removed(&[stored("a", MAX_BYTES, 1), stored("b", 1, 2)]), ["/r/b"]);
}

#[test]
fn invocations_are_remembered_but_not_for_ever() {
    let mut state = State::default();
    for n in 0..100 {
        let planned = plan_failure(record(n, "5"), &state, None, &[], &places());
        let written = planned.plan.actions.iter().find_map(|a| match &a.effect {
            Effect::Write { path, content, .. } if path == Path::new("/s") => Some(content.clone()),
            _ => None,
        });
        state = serde_json::from_slice(written.expect("a state").expose()).expect("JSON");
    }
    assert_eq!(state.invocations.len(), REMEMBERED);
    assert!(state.has(&format!("{:032x}", 99)) && !state.has(&format!("{:032x}", 1)));
}
