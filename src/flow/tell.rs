//! What a round is told as: text, JSON, page, metrics, a line for a monitoring plugin.

use std::io::Write;
use std::path::Path;

use super::round::{PROGRAM, Round};
use crate::checks::Word;
use crate::cli::diagnose::{Check, Color};
use crate::report::{self, Glance, Style};
use crate::sys::terminal::Terminal;
use crate::sys::{Root, apply, clock, process};

/// What `--html` and `--prometheus` ask for; false when a file could not be written.
pub(super) fn write_files(root: &Root, asked: &Check, round: &Round, err: &mut dyn Write) -> bool {
    let page = asked.html.as_ref().is_none_or(|file| write_page(root, file, round, err));
    let metrics = asked.prometheus.as_ref().is_none_or(|file| {
        let run = report::MetricsRun {
            service: &round.facts.config.service.value,
            ended: clock::now().secs,
            millis: round.millis,
            failures: super::failures::observe(root).known().map(|records| {
                let counted = records.iter().map(|r| (r.cause.finding.clone(), r.count));
                counted.collect()
            }),
        };
        write_file(file, &report::render_metrics(&round.diagnosis, &run), err)
    });
    page && metrics
}

fn write_file(file: &Path, text: &str, err: &mut dyn Write) -> bool {
    match apply::write_output(file, text.as_bytes()) {
        Ok(()) => true,
        Err(why) => {
            writeln!(err, "{PROGRAM}: \"{}\" was not written: {why}", file.display()).ok();
            false
        }
    }
}

/// The page is written beside and renamed, so that a web server never shows half of it.
fn write_page(root: &Root, file: &Path, round: &Round, err: &mut dyn Write) -> bool {
    let host = root.read(Path::new("/etc/hostname"), 256);
    let host = host.known().map(|b| String::from_utf8_lossy(b).trim().to_owned());
    let page = report::Page {
        service: &round.facts.config.service.value,
        host: host.as_deref().unwrap_or("this host"),
        time: &clock::local_text(round.started.secs),
        root: root.is_privileged(),
        events: &super::history::events(root, round),
    };
    write_file(file, &report::render_html(&round.diagnosis, &page), err)
}

/// The report on standard output, in the form that was asked for.
pub(super) fn show(
    root: &Root,
    asked: &Check,
    terminal: Terminal,
    round: &Round,
    out: &mut dyn Write,
) {
    if asked.quiet {
        return;
    }
    if asked.json {
        write!(out, "{}", json(root, round, None)).ok();
        return;
    }
    let text = report::render_text(&round.diagnosis, &glance(round), style(asked, terminal, root));
    write!(out, "{text}").ok();
}

/// The JSON document; with `time`, one that does not tell when it was made and how long it took.
pub(super) fn json(root: &Root, round: &Round, time: Option<i64>) -> String {
    let run = report::Run {
        started: time.unwrap_or(round.started.secs),
        milliseconds: time.map_or(round.millis, |_| 0),
        uid: process::uid(),
        root: root.path().display().to_string(),
    };
    let service = &round.facts.config.service.value;
    report::render_json(&round.diagnosis, service, &run, recent_failures(root))
}

/// The newest failure records, as they are stored; null when this user may not see them.
fn recent_failures(root: &Root) -> serde_json::Value {
    const NEWEST: usize = 20;
    let records = super::failures::observe(root);
    let newest = records.known().map(|r| r.iter().take(NEWEST).collect::<Vec<_>>());
    serde_json::to_value(newest).unwrap_or_default()
}

fn style(asked: &Check, terminal: Terminal, root: &Root) -> Style {
    let color = match asked.color {
        Color::Always => true,
        Color::Never => false,
        Color::Auto => terminal.color.unwrap_or(terminal.stdout),
    };
    let sudo = !root.is_privileged();
    Style { color, flat: asked.flat, verbose: asked.verbose, brief: asked.brief, sudo }
}

fn glance(round: &Round) -> Glance {
    let state = match round.facts.service.known() {
        Some(state) => {
            let since = state.active_since.map(|t| format!(" since {}", clock::local_text(t)));
            let restarts = match state.restarts {
                0 => "no restart since".to_owned(),
                1 => "1 restart since".to_owned(),
                n => format!("{n} restarts since"),
            };
            format!("{}{}, {restarts}", state.active, since.unwrap_or_default())
        }
        None => "not looked at".to_owned(),
    };
    let listeners = round.facts.listeners.known().map(Vec::as_slice).unwrap_or_default();
    let answers = listeners.iter().map(|l| match &l.answer {
        Ok(answer) => format!("{} says {} in {} ms", l.address, answer.status, answer.millis),
        Err(why) => format!("{}: {why}", l.address),
    });
    Glance {
        service: round.facts.config.service.value.clone(),
        state,
        answers: answers.collect(),
        millis: round.millis,
    }
}

/// One line as monitoring plugins print it: 0 OK, 1 WARNING, 2 CRITICAL, 3 UNKNOWN.
pub(super) fn plugin(round: &Round, out: &mut dyn Write) -> u8 {
    use crate::model::Severity::{Error, Warning};
    let d = &round.diagnosis;
    let (code, word) = match d.word {
        Word::Healthy => (0, "OK"),
        Word::Warnings => (1, "WARNING"),
        Word::Broken => (2, "CRITICAL"),
        Word::Incomplete => (3, "UNKNOWN"),
    };
    let text = match d.findings.first() {
        Some(p) => format!("{} {}", p.finding.kind.id, p.finding.kind.name),
        None => d.word.text().to_owned(),
    };
    writeln!(
        out,
        "MEATS {word} - {text} | errors={};;0;0 warnings={};0;;0 not_checked={};;;0 time={:.3}s;;;0",
        d.count(Error),
        d.count(Warning),
        d.not_checked_count(),
        round.millis as f64 / 1000.0
    )
    .ok();
    code
}
