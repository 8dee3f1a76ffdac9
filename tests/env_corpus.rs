//! The corpus of env files with what real programs make of them, measured (see its README).

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::disallowed_methods,
    reason = "a test program: it reads its corpus and stops at the first surprise"
)]

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use meats::env::readers::{Outcome, Reader, Value as Read, View, read_as};
use meats::env::{
    Context, LoadErrorKind, Rules, check, class_letter, judge, plan_repair, propose, read,
};
use serde_json::Value;

fn corpus() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/corpus/env")
}

struct Case {
    name: String,
    bytes: Vec<u8>,
    expected: Value,
}

fn cases() -> Vec<Case> {
    let text = std::fs::read(corpus().join("expected.json")).unwrap();
    let expected: Value = serde_json::from_slice(&text).unwrap();
    let files = expected["files"].as_object().unwrap();
    assert_eq!(files.len(), 199);
    files
        .iter()
        .map(|(name, expected)| Case {
            name: name.clone(),
            bytes: std::fs::read(corpus().join(name)).unwrap(),
            expected: expected.clone(),
        })
        .collect()
}

/// Runs `judge` on every case and reports all that differ at once.
fn all(judge: impl Fn(&Case) -> Result<(), String>) {
    let failed: Vec<String> = cases()
        .iter()
        .filter_map(|case| judge(case).err().map(|why| format!("{}: {why}", case.name)))
        .collect();
    assert!(failed.is_empty(), "{} files differ\n{}", failed.len(), failed.join("\n"));
}

fn same<T: PartialEq + std::fmt::Debug>(found: T, expected: T) -> Result<(), String> {
    if found == expected {
        Ok(())
    } else {
        Err(format!("\n  found    {found:?}\n  expected {expected:?}"))
    }
}

type Vars = BTreeMap<String, String>;

fn reading(bytes: &[u8], rules: Rules) -> Option<Vars> {
    let reading = read(bytes, rules);
    reading.loads.ok()?;
    let text = |v: &[u8]| String::from_utf8(v.to_vec()).unwrap();
    Some(reading.vars.iter().map(|v| (v.key.clone(), text(v.value.expose()))).collect())
}

fn vars(value: &Value) -> Option<Vars> {
    let map = value.as_object()?;
    Some(map.iter().map(|(k, v)| (k.clone(), v.as_str().unwrap().to_owned())).collect())
}

#[test]
fn systemd_reads() {
    all(|case| {
        let systemd = &case.expected["systemd"];
        let newer = case.expected.get("systemd_254").unwrap_or(systemd);
        same(reading(&case.bytes, Rules::Before254), vars(&systemd["env"]))?;
        same(reading(&case.bytes, Rules::Since254), vars(&newer["env"]))?;
        let error = read(&case.bytes, Rules::Before254).loads.err().map(|e| e.kind.errno());
        same(error, systemd["error"].as_str())
    });
}

#[test]
fn systemd_drops() {
    all(|case| {
        let reading = read(&case.bytes, Rules::Before254);
        let found: Vec<_> = reading
            .dropped
            .iter()
            .map(|d| (Some(d.line as u64), d.why.word().to_owned(), d.key.clone()))
            .collect();
        let dropped = case.expected["systemd"]["dropped"].as_array().cloned().unwrap_or_default();
        let expected: Vec<_> = dropped
            .iter()
            .map(|d| {
                let key = d.get("key").and_then(Value::as_str).map(str::to_owned);
                (d["line"].as_u64(), d["why"].as_str().unwrap().to_owned(), key)
            })
            .collect();
        same(found, expected)
    });
}

/// Lints of what values mean to the application; the corpus knows only the language.
const APPLICATION: std::ops::RangeInclusive<&str> = "ENV-054"..="ENV-063";

#[test]
fn check_finds() {
    all(|case| {
        let findings = check(&case.bytes, &Context::default());
        let mut found: Vec<_> = findings
            .iter()
            .filter(|f| {
                let clean = case.expected["defects"].as_array().unwrap().is_empty();
                clean || !APPLICATION.contains(&f.kind.id) && f.kind.name != "secret-key-missing"
            })
            .map(|f| {
                let key = f.subject.key.clone();
                let class = class_letter(f.repair).to_string();
                (f.subject.line.map(|l| l as u64), f.kind.name.to_owned(), class, key)
            })
            .collect();
        let mut expected: Vec<_> = case.expected["defects"]
            .as_array()
            .unwrap()
            .iter()
            .map(|d| {
                (
                    d["line"].as_u64(),
                    d["code"].as_str().unwrap().to_owned(),
                    d["class"].as_str().unwrap().to_owned(),
                    d["key"].as_str().map(str::to_owned),
                )
            })
            .collect();
        found.sort();
        expected.sort();
        same(found, expected)
    });
}

#[test]
fn fix_repairs_and_a_second_run_changes_nothing() {
    all(|case| {
        let repaired = plan_repair(&case.bytes, &Context::default());
        let after = repaired.bytes.as_ref().map(|b| b.expose().to_vec());
        if case.expected["after_fix"] == "unchanged" {
            return same(after, None);
        }
        let Some(after) = after else { return Err("nothing was repaired".to_owned()) };
        let expected = vars(&case.expected["after_fix"]["env"]);
        for rules in Rules::ALL {
            same(reading(&after, rules), expected.clone())?;
        }
        same(plan_repair(&after, &Context::default()).bytes, None)
    });
}

#[test]
fn untouched_lines_stay() {
    all(|case| {
        let judgement = judge(&case.bytes, &Context::default());
        let Some(after) = judgement.repaired else { return Ok(()) };
        let touched: Vec<usize> =
            judgement.applied.iter().filter_map(|d| d.finding.subject.line).collect();
        let crlf = judgement.applied.iter().any(|d| d.finding.kind.name == "crlf");
        if crlf || touched.is_empty() {
            return Ok(());
        }
        for (number, line) in case.bytes.split(|b| *b == b'\n').enumerate() {
            let kept = after.expose().split(|b| *b == b'\n').any(|new| new == line);
            if !touched.contains(&(number + 1)) && !kept {
                return Err(format!("line {} was changed", number + 1));
            }
        }
        Ok(())
    });
}

#[test]
fn proposals_say_what_was_meant() {
    all(|case| {
        let Some(wanted) = case.expected.get("proposal").and_then(vars) else { return Ok(()) };
        let mut bytes = case.bytes.clone();
        // A person agrees to one proposal after the other.
        for _ in 0..8 {
            let judged = judge(&bytes, &Context::default());
            let next = judged
                .defects
                .iter()
                .filter(|d| !d.proposal.is_empty())
                .find_map(|d| propose(&bytes, d))
                .or(judged.repaired.clone());
            match next {
                Some(after) => bytes = after.into_exposed(),
                None => break,
            }
        }
        let found = reading(&bytes, Rules::Since254).unwrap_or_default();
        for (key, value) in wanted {
            same(found.get(&key), Some(&value))?;
        }
        Ok(())
    });
}

#[test]
fn no_finding_shows_a_value() {
    all(|case| {
        let reading = read(&case.bytes, Rules::Since254);
        let texts: Vec<String> = check(&case.bytes, &Context::default())
            .iter()
            .map(|f| format!("{} {:?} {:?}", f.detail, f.commands, f.evidence))
            .collect();
        for var in reading.vars.iter().filter(|v| v.value.expose().len() >= 6) {
            let value = String::from_utf8_lossy(var.value.expose()).into_owned();
            if texts.iter().any(|text| text.contains(&value)) {
                return Err(format!("the value of {} is shown", var.key));
            }
        }
        Ok(())
    });
}

#[test]
fn refusals_name_the_errno() {
    assert_eq!(read(b"A=1\0", Rules::Since254).loads.unwrap_err().kind, LoadErrorKind::Nul);
}

/// A view in the form of expected.json.
fn rendered(view: &View) -> Value {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let vars: serde_json::Map<String, Value> = view
        .vars
        .iter()
        .map(|var| {
            let value = match &var.value {
                Read::Text(value) => Value::from(text(value.expose())),
                Read::None => Value::Null,
                Read::Fails => Value::from("(fails)"),
            };
            (text(&var.key), value)
        })
        .collect();
    Value::from(vars)
}

/// `{"error": …}` for one key is a key that fails; base64 is text that is not UTF-8.
fn simplified(expected: &Value) -> Value {
    let Some(map) = expected.as_object() else { return expected.clone() };
    let simple = |value: &Value| match value {
        Value::Object(o) if o.contains_key("error") => Value::from("(fails)"),
        Value::Object(o) if o.contains_key("base64") => {
            let bytes = base64(o["base64"].as_str().unwrap());
            Value::from(String::from_utf8_lossy(&bytes).into_owned())
        }
        other => other.clone(),
    };
    Value::from_iter(map.iter().map(|(k, v)| (k.clone(), simple(v))))
}

fn base64(text: &str) -> Vec<u8> {
    const LETTERS: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut bits = 0_u32;
    let mut out = Vec::new();
    for (i, letter) in text.bytes().filter(|b| *b != b'=').enumerate() {
        bits = bits << 6 | LETTERS.iter().position(|l| *l == letter).unwrap() as u32;
        if i % 4 != 0 {
            out.push((bits >> (6 - i % 4 * 2)) as u8);
        }
    }
    out
}

#[test]
fn other_programs_read() {
    for (reader, name) in [
        (Reader::Dotenv, "dotenv"),
        (Reader::Environ, "environ"),
        (Reader::Decouple, "decouple"),
        (Reader::Compose, "compose2"),
        (Reader::Docker, "docker"),
    ] {
        all(|case| {
            let expected = &case.expected["readers"][name];
            let view = read_as(&case.bytes, reader);
            if expected["error"] == true {
                return same(matches!(view.outcome, Outcome::Error { .. }), true)
                    .map_err(|e| format!("{name} must fail: {e}"));
            }
            same(view.outcome, Outcome::Whole).map_err(|e| format!("{name}: {e}"))?;
            same(rendered(&view), simplified(expected)).map_err(|e| format!("{name}: {e}"))
        });
    }
}

#[test]
fn shells_read() {
    let mut whole = 0;
    for case in cases() {
        let view = read_as(&case.bytes, Reader::Sh);
        for shell in ["bash", "dash"] {
            let mut expected = &case.expected["readers"][shell];
            if case.name == "192-loader-key.env" {
                // It was the loader that complained when the shell ran a program.
                expected = &expected["env"];
            }
            match view.outcome {
                Outcome::Whole => {
                    assert_eq!(rendered(&view), simplified(expected), "{} {shell}", case.name);
                }
                Outcome::Error { .. } => {
                    assert_eq!(expected["error"], true, "{} {shell}", case.name);
                }
                Outcome::Depends { .. } => {}
            }
        }
        whole += usize::from(view.outcome == Outcome::Whole);
    }
    assert!(whole > 100, "only {whole} files are modelled");
}
