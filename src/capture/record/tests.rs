//! The record against its committed schema, and the text against what people read.

use std::path::PathBuf;

use serde_json::Value;

use super::*;
use crate::capture::{Host, Listener, LogLine, ServiceNames, classify, render_block};
use crate::model::Secret;

/// A failure in which every field of a record has a value.
fn full() -> Record {
    let line = |identifier: &str, message: &str| LogLine {
        time: 1_795_442_536_000_000,
        identifier: identifier.into(),
        message: message.into(),
    };
    let journal = vec![
        line("gunicorn", "Traceback (most recent call last):"),
        line("gunicorn", "  File \"/opt/meats/backend/meats/wsgi.py\", line 12, in <module>"),
        line("gunicorn", "KeyError: 'hunter2hunter2'"),
        line("systemd", "meats.service: Main process exited, code=exited, status=1/FAILURE"),
    ];
    let space = Space { free_bytes: 25, total_bytes: 100, free_inodes: 9, total_inodes: 10 };
    let facts = Facts {
        unit: "meats.service".into(),
        outcome: Outcome::parse(Some("success"), Some("exited"), Some("1")).expect("known"),
        ran: Some(Duration::from_millis(400)),
        journal: Fact::Known(journal),
        error_log: Fact::Known(vec!["[2026-11-23 14:02:16 +0000] [5] [INFO] x".into()]),
        blocked: Vec::new(),
        paths: Vec::new(),
        host: Host {
            disks: vec![(PathBuf::from("/"), Fact::Known(space))],
            memory: Fact::Known(1_300 << 20),
            listeners: vec![Listener { address: "127.0.0.1:8000".into(), holder: Fact::Absent }],
            database: Fact::Known(("127.0.0.1:5432".into(), false)),
            changed: vec![("/etc/meats.env".into(), 1_795_442_500)],
        },
        names: ServiceNames {
            app_dir: "/opt/meats".into(),
            venv: "/opt/meats/venv".into(),
            ..ServiceNames::default()
        },
    };
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
    Record::new(&facts, &classify(&facts), about, &redactor)
}

/// The part of JSON Schema that ours uses; and nothing may be in a record that the schema lacks.
fn validate(schema: &Value, root: &Value, value: &Value, at: &str) {
    if let Some(name) = schema["$ref"].as_str() {
        let target = root.pointer(name.trim_start_matches('#')).expect("a definition");
        return validate(target, root, value, at);
    }
    let kinds: Vec<&str> = match &schema["type"] {
        Value::String(kind) => vec![kind],
        Value::Array(kinds) => kinds.iter().filter_map(Value::as_str).collect(),
        _ => Vec::new(),
    };
    let kind = match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(n) if n.is_f64() => "number",
        Value::Number(_) => "integer",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    };
    assert!(kinds.is_empty() || kinds.contains(&kind), "{at} is a {kind}, not {kinds:?}");
    if let Some(allowed) = schema["enum"].as_array() {
        assert!(allowed.contains(value), "{at}: {value}");
    }
    for (i, item) in value.as_array().into_iter().flatten().enumerate() {
        validate(&schema["items"], root, item, &format!("{at}[{i}]"));
    }
    if let Some(object) = value.as_object() {
        let names: Vec<&str> = object.keys().map(String::as_str).collect();
        let mut required: Vec<&str> =
            schema["required"].as_array().expect(at).iter().filter_map(Value::as_str).collect();
        required.sort_unstable();
        assert_eq!(names, required, "{at}");
        for (name, value) in object {
            let at = format!("{at}.{name}");
            validate(schema["properties"].get(name).expect(&at), root, value, &at);
        }
    }
}

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
env       31 keys (meats-env check)
not seen  journald did not answer
record    meats-diagnose failures 20261123-140216-7f3a1b2c
";
    assert_eq!(render_block(&full(), &zone), expected);
}
