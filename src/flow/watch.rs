//! `meats-diagnose --watch`: looks again and again, and tells what appeared and what is gone.

use std::collections::BTreeMap;
use std::io::Write;
use std::time::Duration;

use super::round::{Round, round};
use super::tell::{show, write_files};
use crate::cli::diagnose::Check;
use crate::report;
use crate::sys::terminal::Terminal;
use crate::sys::{Root, clock};

/// Ends with the reader, or when nothing can be written any more; the exit status is the last
/// verdict's.
pub(super) fn watch(
    root: &Root,
    asked: &Check,
    terminal: Terminal,
    first: Round,
    seconds: u64,
    (out, err): (&mut dyn Write, &mut dyn Write),
) -> u8 {
    if !write_files(root, asked, &first, err) {
        return 2;
    }
    let mut last = first;
    let begun = match asked.json {
        true => line(out, "snapshot", &last, &lines(&last)),
        false => {
            show(root, asked, terminal, &last, out);
            out.flush().is_ok()
        }
    };
    let mut goes_on = begun;
    while goes_on {
        clock::pause(Duration::from_secs(seconds));
        let now = round(root, asked);
        goes_on = write_files(root, asked, &now, err) && tell(asked, &last, &now, out);
        last = now;
    }
    last.diagnosis.word.exit_status()
}

/// What is found, one line each.
fn lines(round: &Round) -> BTreeMap<String, &'static str> {
    let found = round.diagnosis.findings.iter();
    found.map(|p| (report::one_line(&p.finding), p.finding.kind.id)).collect()
}

/// True as long as somebody reads.
fn tell(asked: &Check, last: &Round, now: &Round, out: &mut dyn Write) -> bool {
    let (before, after) = (lines(last), lines(now));
    let only = |a: &BTreeMap<String, &'static str>, b: &BTreeMap<String, &'static str>| {
        let missing = a.iter().filter(|(text, _)| !b.contains_key(*text));
        missing.map(|(text, id)| (text.clone(), *id)).collect::<BTreeMap<_, _>>()
    };
    let (appeared, gone) = (only(&after, &before), only(&before, &after));
    if asked.json {
        let told = appeared.is_empty() || line(out, "appeared", now, &appeared);
        return told && (gone.is_empty() || line(out, "gone", now, &gone));
    }
    let time = clock::local_text(clock::now().secs);
    let mut told = true;
    for text in appeared.keys() {
        told &= writeln!(out, "{time}  new   {text}").is_ok();
    }
    for text in gone.keys() {
        told &= writeln!(out, "{time}  gone  {text}").is_ok();
    }
    if last.diagnosis.word != now.diagnosis.word {
        told &= writeln!(out, "{time}  {}", report::closing(&now.diagnosis)).is_ok();
    }
    told && out.flush().is_ok()
}

/// One object a line (`projectmeats.watch/1.0`).
fn line(
    out: &mut dyn Write,
    kind: &str,
    round: &Round,
    found: &BTreeMap<String, &'static str>,
) -> bool {
    let findings: Vec<_> =
        found.iter().map(|(text, id)| serde_json::json!({ "id": id, "text": text })).collect();
    let object = serde_json::json!({
        "schema": "projectmeats.watch/1.0",
        "type": kind,
        "time": clock::now().secs,
        "verdict": round.diagnosis.word.text(),
        "findings": findings,
    });
    writeln!(out, "{object}").is_ok() && out.flush().is_ok()
}
