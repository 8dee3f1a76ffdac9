//! The corpus of env files with what real programs make of them, measured (see its README).

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::disallowed_methods,
    reason = "a test program: it reads its corpus and stops at the first surprise"
)]

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

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
