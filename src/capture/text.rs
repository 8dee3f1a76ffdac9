//! A record in the words of post_failure.log, which people `tail -f`. A line that begins with `==`
//! is complete in itself: `grep ^==` is a timeline.

use jiff::Timestamp;
use jiff::tz::TimeZone;

use super::record::{DiskRecord, LineRecord, Record};

const WIDTH: usize = 80;
const INDENT: usize = 10;
/// Last lines of the log that a block shows.
const LAST: usize = 6;

fn stamp(time: Timestamp, zone: &TimeZone) -> String {
    time.to_zoned_datetime(zone.clone()).strftime("%Y-%m-%dT%H:%M:%S%:z").to_string()
}

fn clock(time: Timestamp, zone: &TimeZone) -> String {
    time.to_zoned_datetime(zone.clone()).strftime("%H:%M:%S").to_string()
}

/// The block of a first failure.
pub fn render_block(record: &Record, zone: &TimeZone) -> String {
    let mut text = format!(
        "== {} {} FAILED {} {}{} ==\n",
        stamp(record.first, zone),
        record.service(),
        record.cause.finding,
        record.how(),
        record.result.start.map(|n| format!(" start {n}")).unwrap_or_default()
    );
    field(&mut text, "cause", &record.cause.sentence);
    for command in commands(record) {
        text.push_str(&format!("    {command}\n"));
    }
    field(&mut text, "result", &result(record));
    last(&mut text, record);
    field(&mut text, "host", &host(record));
    field(&mut text, "changed", &changed(record, zone));
    field(&mut text, "before", &before(record, zone));
    field(&mut text, "env", &env(record));
    field(&mut text, "not seen", &record.not_seen.join("; "));
    text.push_str(&format!("record    meats-diagnose failures {}\n", record.id));
    text
}

/// The list of records: when, what, how often, and how to see more.
pub fn render_list(records: &[Record], zone: &TimeZone) -> String {
    let mut text = match records.len() {
        0 => return "no failure is recorded\n".to_owned(),
        1 => "1 failure recorded\n".to_owned(),
        n => format!("{n} failures recorded, the newest first\n"),
    };
    for record in records {
        let times = match record.count {
            1 => String::new(),
            n => format!("  {n} times since {}", stamp(record.first, zone)),
        };
        text.push_str(&format!(
            "\n{}  {}  {}  {}{times}\n",
            stamp(record.last, zone),
            record.service(),
            record.cause.finding,
            record.how()
        ));
        folded(&mut text, "  ", "  ", &record.cause.sentence);
        text.push_str(&format!("    meats-diagnose failures {}\n", record.id));
    }
    text
}

/// One record in full.
pub fn render_detail(record: &Record, zone: &TimeZone) -> String {
    let mut text = render_block(record, zone);
    if record.count > 1 {
        let times = format!("{}, the last at {}", record.count, stamp(record.last, zone));
        field(&mut text, "times", &times);
    }
    for seen in &record.cause.evidence {
        field(&mut text, "evidence", &format!("{}: {}", seen.source, seen.text));
    }
    for line in &record.pre_start {
        field(&mut text, "pre-start", line);
    }
    section(&mut text, "What to do", record.cause.remedy.lines().map(str::to_owned));
    if let Some(traceback) = &record.traceback {
        section(&mut text, "Traceback", traceback.lines.iter().cloned());
    }
    let line = |l: &LineRecord| match l.time {
        Some(time) => format!("{} {}: {}", clock(time, zone), l.by, l.text),
        None => l.text.clone(),
    };
    section(&mut text, "Journal", record.journal.lines.iter().map(line));
    section(&mut text, "Error log", record.error_log.lines.iter().map(line));
    text
}

fn section(text: &mut String, title: &str, lines: impl Iterator<Item = String>) {
    let body: String = lines.map(|line| format!("  {line}\n")).collect();
    if !body.is_empty() {
        text.push_str(&format!("\n{title}\n{body}"));
    }
}

/// One line when the same cause comes again.
pub fn render_again(record: &Record, zone: &TimeZone) -> String {
    format!(
        "== {} {} FAILED {} again: {} times ==\n",
        stamp(record.last, zone),
        record.service(),
        record.cause.finding,
        record.count
    )
}

/// One line when systemd does not try again.
pub fn render_gave_up(record: &Record, now: Timestamp, zone: &TimeZone) -> String {
    format!(
        "== {} {} GIVEN UP by systemd after {} failures ({}); next: systemctl reset-failed ==\n",
        stamp(now, zone),
        record.service(),
        record.count,
        record.cause.finding
    )
}

/// One line when the service runs again.
pub fn render_running(record: &Record, since: Timestamp, zone: &TimeZone) -> String {
    let seconds = since.as_second().saturating_sub(record.first.as_second()).max(0);
    let failures = if record.count == 1 { "failure" } else { "failures" };
    format!(
        "== {} {} RUNNING after {} {failures}, {seconds} s ==\n",
        stamp(since, zone),
        record.service(),
        record.count
    )
}

/// True when a counting line is due: at 2, 10, 100, 1000 …
pub fn is_milestone(count: u64) -> bool {
    count == 2 || (count >= 10 && 10u64.checked_pow(count.ilog10()) == Some(count))
}

/// The commands to paste; there is always one.
fn commands(record: &Record) -> Vec<String> {
    let mut lines: Vec<String> =
        record.cause.commands.iter().map(|words| format!("sudo {}", words.join(" "))).collect();
    if lines.is_empty() {
        lines.push(format!("meats-diagnose explain {}", record.cause.finding));
    }
    lines
}

fn result(record: &Record) -> String {
    let r = &record.result;
    let hidden = r.exit_status.filter(|_| r.hidden_by_systemd);
    let mut parts = vec![format!(
        "systemd: {}{}",
        r.systemd.as_deref().unwrap_or("unknown"),
        hidden.map(|s| format!(" (SuccessExitStatus= has {s})")).unwrap_or_default()
    )];
    parts.extend(r.ran.map(|s| format!("ran {s:.1} s")));
    parts.extend(r.gunicorn.as_ref().map(|v| format!("gunicorn {v}")));
    parts.extend(r.core_dumped.then(|| "core dumped".to_owned()));
    parts.join("; ")
}

fn last(text: &mut String, record: &Record) {
    if let Some(t) = &record.traceback {
        let function =
            if t.function.is_empty() { String::new() } else { format!(" in {}", t.function) };
        let message = if t.message.is_empty() { String::new() } else { format!(": {}", t.message) };
        let line = format!("{}:{}{function}: {}{message}", t.file, t.line, t.exception);
        field(text, "last", &line);
        return;
    }
    let journal = &record.journal;
    let from = if journal.lines.is_empty() { &record.error_log } else { journal };
    let shown = from.lines.len().saturating_sub(LAST);
    for (i, line) in from.lines.iter().skip(shown).enumerate() {
        field(text, if i == 0 { "last" } else { "" }, &format!("{}: {}", line.by, line.text));
    }
    let mut more = Vec::new();
    if shown > 0 {
        more.push(format!("+{shown} lines in the record"));
    }
    if from.left_out > 0 {
        more.push(format!("+{} older ones only in the journal", from.left_out));
    }
    if !more.is_empty() {
        field(text, "", &format!("[{}]", more.join(", ")));
    }
    if let Some(note) = &journal.note {
        field(text, "journal", note);
    }
}

fn host(record: &Record) -> String {
    let host = &record.host;
    let disk = |d: &DiskRecord| {
        let inodes = d.inodes_used_percent >= 95;
        let full =
            if inodes { format!(" (inodes {} %)", d.inodes_used_percent) } else { String::new() };
        format!("{} {} %{full}", d.path, d.used_percent)
    };
    let mut parts = Vec::new();
    if !host.disks.is_empty() {
        parts.push(format!("disk {}", host.disks.iter().map(disk).collect::<Vec<_>>().join(", ")));
    }
    parts.extend(host.memory_available.map(|b| format!("memory free {}", size(b))));
    parts.extend(host.listeners.iter().map(|l| match &l.holder {
        Some(holder) => format!("{} held by {holder}", l.address),
        None => format!("{} free", l.address),
    }));
    parts.extend(host.database.as_ref().map(|d| {
        format!(
            "database {} {}",
            d.address,
            if d.reachable { "reachable" } else { "NOT reachable" }
        )
    }));
    parts.join("; ")
}

fn size(bytes: u64) -> String {
    let mib = bytes >> 20;
    if mib >= 1024 {
        format!("{}.{} GB", mib / 1024, mib % 1024 * 10 / 1024)
    } else {
        format!("{mib} MB")
    }
}

fn before(record: &Record, zone: &TimeZone) -> String {
    let host = &record.host;
    let good = host.last_good_start.map(|t| format!("last good start {}", stamp(t, zone)));
    let deployed = host.last_deployment.as_ref();
    let deployed = deployed.map(|d| format!("deployed {} {}", d.what, stamp(d.time, zone)));
    good.into_iter().chain(deployed).collect::<Vec<_>>().join("; ")
}

fn changed(record: &Record, zone: &TimeZone) -> String {
    let day = |t: Timestamp| t.to_zoned_datetime(zone.clone()).date();
    let one = |c: &super::record::ChangeRecord| {
        let time = if day(c.time) == day(record.first) {
            clock(c.time, zone)
        } else {
            stamp(c.time, zone)
        };
        format!("{} {time}", c.what)
    };
    record.host.changed.iter().map(one).collect::<Vec<_>>().join("; ")
}

fn env(record: &Record) -> String {
    match record.env.state.as_str() {
        "read" => format!("{} keys (meats-env check)", record.env.keys),
        "" => String::new(),
        other => other.to_owned(),
    }
}

/// A labelled field, folded at blanks; an empty one is left out.
fn field(text: &mut String, label: &str, value: &str) {
    if value.is_empty() {
        return;
    }
    folded(text, &format!("{label:<INDENT$}"), &" ".repeat(INDENT), value);
}

/// Words after `first`, folded; the lines after the first begin with `next`.
fn folded(text: &mut String, first: &str, next: &str, value: &str) {
    let mut line = first.to_owned();
    let mut used = line.chars().count();
    let mut empty = true;
    for word in value.split(' ') {
        let length = word.chars().count();
        if !empty && used + 1 + length > WIDTH {
            text.push_str(line.trim_end());
            text.push('\n');
            line = next.to_owned();
            used = next.len();
        } else if !empty {
            line.push(' ');
            used += 1;
        }
        line.push_str(word);
        used += length;
        empty = false;
    }
    text.push_str(line.trim_end());
    text.push('\n');
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn milestones() {
        let due: Vec<u64> = (1..=2000).filter(|n| is_milestone(*n)).collect();
        assert_eq!(due, [2, 10, 100, 1000]);
        assert!(!is_milestone(0) && !is_milestone(u64::MAX));
    }

    #[test]
    fn fields_fold_and_never_lose_a_word() {
        let words = vec!["word"; 40].join(" ");
        let mut text = String::new();
        field(&mut text, "cause", &words);
        assert!(text.lines().all(|l| l.len() <= WIDTH));
        assert!(text.lines().skip(1).all(|l| l.starts_with("          word")));
        assert_eq!(text.split_whitespace().filter(|w| *w == "word").count(), 40);
    }

    #[test]
    fn sizes() {
        assert_eq!((size(3 << 20).as_str(), size(1300 << 20).as_str()), ("3 MB", "1.2 GB"));
    }
}
