//! The record against its committed schema, and the text against what people read.

use std::path::PathBuf;

use serde_json::Value;

use super::*;
use crate::capture::{Host, Listener, LogLine, ServiceNames, classify, render_block};
use crate::model::Secret;

fn seen() -> Facts {
    let line = |identifier: &str, message: &str| LogLine {
        time: 1_795_442_536_000_000,
        identifier: identifier.into(),
        message: message.into(),
        cut: 0,
    };
    let journal = vec![
        line("gunicorn", "Traceback (most recent call last):"),
        line("gunicorn", "  File \"/opt/meats/backend/meats/wsgi.py\", line 12, in <module>"),
        line("gunicorn", "KeyError: 'hunter2hunter2'"),
        line("systemd", "meats.service: Main process exited, code=exited, status=1/FAILURE"),
    ];
    let space = Space {
        read_only: false,
        free_bytes: 25,
        total_bytes: 100,
        free_inodes: 9,
        total_inodes: 10,
    };
    Facts {
        unit: "meats.service".into(),
        outcome: Outcome::parse(Some("success"), Some("exited"), Some("1")).expect("known"),
        ran: Some(Duration::from_millis(400)),
        journal: Fact::Known(journal),
        older: 0,
        error_log: Fact::Known(vec!["[2026-11-23 14:02:16 +0000] [5] [INFO] x".into()]),
        blocked: Vec::new(),
        paths: Vec::new(),
        host: Host {
            disks: vec![(PathBuf::from("/"), Fact::Known(space))],
            memory: Fact::Known(1_300 << 20),
            listeners: vec![Listener { address: "127.0.0.1:8000".into(), holder: Fact::Absent }],
            database: Fact::Known(("127.0.0.1:5432".into(), false)),
            changed: vec![("/etc/meats.env".into(), 1_795_442_500)],
            deployed: Some(("20261122T090000Z".into(), 1_795_338_000)),
            good_start: Some(1_795_338_100),
        },
        names: ServiceNames {
            app_dir: "/opt/meats".into(),
            venv: "/opt/meats/venv".into(),
            ..ServiceNames::default()
        },
    }
}

/// A failure in which every field of a record has a value.
fn full() -> Record {
    let about = Circumstances {
        now: "2026-11-23T14:02:16.5Z".parse().expect("a time"),
        invocation: Some("7f3a1b2c".repeat(4)),
        start: Some(2),
        gunicorn: Some("20.1".into()),
        env: EnvRecord { state: "read".into(), keys: 31 },
        pre_start: vec!["ENV-001 x".into()],
        not_seen: vec!["journald did not answer".into()],
        captured_by: CapturedBy::StopPost,
    };
    let secret = Secret::new("hunter2hunter2");
    let redactor = Redactor::new([("SECRET_KEY", &secret)], &[]);
    let facts = seen();
    Record::new(&facts, &classify(&facts), about, &redactor)
}

#[path = "../../../tests/support/schema.rs"]
mod schema;
use schema::validate;

#[test]
fn a_record_is_what_its_schema_says() {
    let schema = include_str!("../../../man/failure-record.schema.json");
    let schema: Value = serde_json::from_str(schema).expect("JSON");
    assert_eq!(schema["title"], SCHEMA);
    let mut record = serde_json::to_value(full()).expect("JSON");
    validate(&schema, &schema, &record, "record");
    for field in ["traceback", "invocation", "last_invocation"] {
        record[field] = Value::Null;
    }
    record["journal"] = serde_json::to_value(note("why")).expect("JSON");
    validate(&schema, &schema, &record, "record");
    let text = serde_json::to_string(&full()).expect("JSON");
    assert!(text.ends_with("\"complete\":true}"), "the last key tells that the rest is there");
}

#[test]
fn what_was_written_is_read_back() {
    let json = serde_json::to_vec_pretty(&full()).expect("JSON");
    assert_eq!(serde_json::from_slice::<Record>(&json).expect("a record"), full());
}

#[test]
fn the_block_that_people_read() {
    let zone = jiff::tz::TimeZone::fixed(jiff::tz::offset(1));
    let expected = "\
== 2026-11-23T15:02:16+01:00 meats FAILED APP-015 exit 1 start 2 ==
cause     the application ended with KeyError in
          /opt/meats/backend/meats/wsgi.py:12
    meats-diagnose explain APP-015
result    systemd: success (SuccessExitStatus= has 1); ran 0.4 s; gunicorn 20.1
last      /opt/meats/backend/meats/wsgi.py:12 in <module>: KeyError:
          '[SECRET_KEY]'
host      disk / 75 %; memory free 1.2 GB; 127.0.0.1:8000 free; database
          127.0.0.1:5432 NOT reachable
changed   /etc/meats.env 15:01:40
before    last good start 2026-11-22T10:01:40+01:00; deployed 20261122T090000Z
          2026-11-22T10:00:00+01:00
env       31 keys (meats-env check)
not seen  journald did not answer
record    meats-diagnose failures 20261123-140216-7f3a1b2c
";
    assert_eq!(render_block(&full(), &zone), expected);
}

#[test]
fn what_is_left_out_is_counted() {
    let line =
        |message: String, cut| LogLine { time: 1, identifier: "gunicorn".into(), message, cut };
    let lines = vec![line("é".repeat(LINE_BYTES), 70), line("short".into(), 3)];
    let facts = Facts { journal: Fact::Known(lines), older: 40, ..seen() };
    let log = journal(&facts, &Redactor::default());
    let texts: Vec<&str> = log.lines.iter().map(|l| l.text.as_str()).collect();
    let long = format!("{}[+{} bytes]", "é".repeat(LINE_BYTES / 2), LINE_BYTES + 70);
    assert_eq!(texts, [long.as_str(), "short[+3 bytes]"]);
    assert_eq!(log.left_out, 40);
    let many = vec![line("x".repeat(LINE_BYTES), 0); LOG_BYTES / LINE_BYTES + 2];
    let facts = Facts { journal: Fact::Known(many), older: 40, ..seen() };
    assert_eq!(journal(&facts, &Redactor::default()).left_out, 42);
}
