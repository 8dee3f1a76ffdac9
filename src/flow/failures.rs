//! `meats-diagnose failures`: lists, shows and follows the records of failures.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, Write};
use std::path::Path;
use std::process::ExitCode;
use std::time::Duration;

use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp, ToSpan, civil};
use serde::Serialize;

use super::capture::{kept_records, read_record, volatile_records};
use crate::capture::{Record, render_again, render_block, render_detail, render_list};
use crate::cli::failures::Failures;
use crate::model::{Fact, escape};
use crate::sys::{Root, clock};

/// Most records that are read.
const MOST: usize = 100_000;
const POLL: Duration = Duration::from_millis(500);

/// The document of `--json`.
#[derive(Serialize)]
struct Document<'a> {
    schema: &'static str,
    records: &'a [Record],
    complete: bool,
}

const SCHEMA: &str = "projectmeats.failures/1.0";

/// Exit status: 0 done, 1 no such record, 2 wrong usage, 4 could not look.
pub fn main(asked: &Failures, out: &mut dyn Write, err: &mut dyn Write) -> ExitCode {
    let fail = |err: &mut dyn Write, why: &str, code: u8| {
        writeln!(err, "meats-diagnose failures: {why}").ok();
        ExitCode::from(code)
    };
    let path = asked.root.as_deref().unwrap_or(Path::new("/"));
    let root = match Root::open(path) {
        Ok(root) => root,
        Err(why) => return fail(err, &format!("\"{}\": {why}", path.display()), 2),
    };
    let zone = clock::zone(&root);
    let since =
        asked.since.as_deref().map(|text| parse_since(text, clock::timestamp(), &zone)).transpose();
    let since = match since {
        Ok(since) => since,
        Err(why) => return fail(err, &why, 2),
    };
    let records = match observe(&root) {
        Fact::Known(records) => records,
        Fact::Absent => Vec::new(),
        Fact::Unknown(why) => {
            let why = format!("the records could not be read: {why}; only root can read them");
            return fail(err, &why, 4);
        }
    };
    if asked.follow && asked.id.is_none() {
        return ended(follow(&root, &records, asked.json, &zone, out));
    }
    let all = records.len();
    let asked_for = |r: &Record| since.is_none_or(|since| r.last >= since);
    let records: Vec<Record> = records.into_iter().filter(asked_for).collect();
    let older = all - records.len();
    let written = match &asked.id {
        Some(id) => match find(&records, id) {
            Ok(record) => show(record, asked.json, &zone, out),
            Err(why) => return fail(err, &why, 1),
        },
        None => {
            let older = since.filter(|_| older > 0).map(|since| (older, since));
            list(&records, older, asked.json, &zone, out)
        }
    };
    ended(written)
}

/// A reader that has seen enough (head) is no failure.
fn ended(written: io::Result<()>) -> ExitCode {
    written.map_or_else(
        |e| {
            if e.kind() == io::ErrorKind::BrokenPipe {
                ExitCode::SUCCESS
            } else {
                ExitCode::from(4)
            }
        },
        |()| ExitCode::SUCCESS,
    )
}

/// Every readable record, the newest first; one that is damaged is left out.
pub fn observe(root: &Root) -> Fact<Vec<Record>> {
    let kept = kept_records();
    let listing = match root.list(&kept, MOST) {
        Fact::Known(_) => Fact::Known(()),
        Fact::Absent => Fact::Absent,
        Fact::Unknown(why) => return Fact::Unknown(why),
    };
    let mut records = Vec::new();
    for directory in [volatile_records(), kept] {
        let Fact::Known(names) = root.list(&directory, MOST) else { continue };
        let ids = names.names.iter().filter_map(|n| n.to_str()?.strip_suffix(".json"));
        records.extend(ids.filter_map(|id| read_record(root, &directory, id)));
    }
    if listing.is_absent() && records.is_empty() {
        return Fact::Absent;
    }
    // One that could not be updated where it is kept goes on in the other place.
    let mut seen = BTreeSet::new();
    records.retain(|r: &Record| seen.insert(r.id.clone()));
    records.sort_by(|a, b| (b.last, &b.id).cmp(&(a.last, &a.id)));
    Fact::Known(records)
}

/// `2h`, `3d`, `today`, `yesterday`, a date, or a date with time; local where no offset is given.
fn parse_since(text: &str, now: Timestamp, zone: &TimeZone) -> Result<Timestamp, String> {
    let text = text.trim().trim_start_matches('-');
    let days_back = [("today", 0), ("yesterday", 1)].into_iter().find(|(word, _)| *word == text);
    if let Some((_, days)) = days_back {
        let here = now.to_zoned_datetime(zone.clone());
        let midnight = here.start_of_day().and_then(|day| day.checked_sub(days.days()));
        return midnight.map(|day| day.timestamp()).map_err(|e| e.to_string());
    }
    let days = text.strip_suffix('d').and_then(|n| n.parse::<i64>().ok());
    let ago = match days {
        Some(days) => days.checked_mul(24).map(SignedDuration::from_hours),
        None => text.parse::<SignedDuration>().ok(),
    };
    if let Some(ago) = ago {
        return now.checked_sub(ago.abs()).map_err(|e| e.to_string());
    }
    let local = |at: civil::DateTime| zone.to_timestamp(at).ok();
    let date = || {
        text.parse::<civil::Date>().ok().and_then(|d| local(d.to_datetime(civil::Time::midnight())))
    };
    let time = || text.parse::<civil::DateTime>().ok().and_then(local);
    let exact = || text.parse::<Timestamp>().ok();
    exact().or_else(time).or_else(date).ok_or_else(|| {
        format!(
            "\"{}\" is no time; use 2h, 3d, yesterday, 2026-11-25 or \"2026-11-25 14:00\"",
            escape(text)
        )
    })
}

/// By id, by the only one that begins so, or the newest.
fn find<'a>(records: &'a [Record], id: &str) -> Result<&'a Record, String> {
    if id == "last" {
        return records.first().ok_or_else(|| "there is no record".to_owned());
    }
    let mut hits = records.iter().filter(|r| r.id.starts_with(id));
    match (hits.next(), hits.next()) {
        (Some(record), None) => Ok(record),
        (Some(first), Some(second)) => {
            let ids = [first, second].into_iter().chain(hits).map(|r| r.id.as_str());
            let ids: Vec<&str> = ids.take(5).collect();
            Err(format!("several records begin with \"{}\": {}", escape(id), ids.join(", ")))
        }
        (None, _) => Err(format!(
            "there is no record \"{}\"; list them with: meats-diagnose failures",
            escape(id)
        )),
    }
}

fn show(record: &Record, json: bool, zone: &TimeZone, out: &mut dyn Write) -> io::Result<()> {
    if json {
        return writeln!(out, "{}", serde_json::to_string_pretty(record)?);
    }
    write!(out, "{}", render_detail(record, zone))
}

/// `older` are those that were left out, and since when they are.
fn list(
    records: &[Record],
    older: Option<(usize, Timestamp)>,
    json: bool,
    zone: &TimeZone,
    out: &mut dyn Write,
) -> io::Result<()> {
    if json {
        let document = Document { schema: SCHEMA, records, complete: true };
        return writeln!(out, "{}", serde_json::to_string_pretty(&document)?);
    }
    write!(out, "{}", render_list(records, zone))?;
    if let Some((count, since)) = older {
        let since = since.to_zoned_datetime(zone.clone()).strftime("%Y-%m-%d %H:%M:%S").to_string();
        writeln!(out, "since {since}; {count} before that: meats-diagnose failures")?;
    }
    Ok(())
}

/// Prints what comes new, and each time a count grows; ends with the reader.
fn follow(
    root: &Root,
    known: &[Record],
    json: bool,
    zone: &TimeZone,
    out: &mut dyn Write,
) -> io::Result<()> {
    let mut counts: BTreeMap<String, u64> = known.iter().map(|r| (r.id.clone(), r.count)).collect();
    loop {
        clock::pause(POLL);
        let Fact::Known(mut records) = observe(root) else { continue };
        records.reverse();
        for record in records {
            let before = counts.insert(record.id.clone(), record.count);
            if before == Some(record.count) {
                continue;
            }
            if json {
                writeln!(out, "{}", serde_json::to_string(&record)?)?;
            } else if before.is_none() {
                write!(out, "{}", render_block(&record, zone))?;
            } else {
                write!(out, "{}", render_again(&record, zone))?;
            }
            out.flush()?;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_left_out_is_said() {
        let since: Timestamp = "2026-11-25T12:00:00Z".parse().expect("a time");
        let mut out = Vec::new();
        list(&[], Some((2, since)), false, &TimeZone::UTC, &mut out).expect("written");
        let expected = "no failure is recorded\n\
            since 2026-11-25 12:00:00; 2 before that: meats-diagnose failures\n";
        assert_eq!(String::from_utf8_lossy(&out), expected);
    }

    #[test]
    fn times() {
        let now: Timestamp = "2026-11-25T12:00:00Z".parse().expect("a time");
        let zone = TimeZone::fixed(jiff::tz::offset(1));
        let cases = [
            ("2h", Some("2026-11-25T10:00:00Z")),
            ("-90min", Some("2026-11-25T10:30:00Z")),
            ("3d", Some("2026-11-22T12:00:00Z")),
            ("2026-11-25", Some("2026-11-24T23:00:00Z")),
            ("today", Some("2026-11-24T23:00:00Z")),
            ("yesterday", Some("2026-11-23T23:00:00Z")),
            ("2026-11-25 14:00", Some("2026-11-25T13:00:00Z")),
            ("2026-11-25T14:00:00Z", Some("2026-11-25T14:00:00Z")),
            ("yesterday-ish", None),
            ("", None),
        ];
        for (text, expected) in cases {
            let got = parse_since(text, now, &zone).ok().map(|t| t.to_string());
            assert_eq!(got.as_deref(), expected, "{text}");
        }
    }
}
