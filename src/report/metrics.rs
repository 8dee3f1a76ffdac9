//! The diagnosis in the text format of Prometheus, for the textfile collector of node_exporter.
//!
//! No line has a time (the collector would skip the whole file), the only open label set are ids,
//! and nothing says "healthy" when not everything could be looked at.

use std::collections::BTreeMap;
use std::fmt::{Display, Write};

use crate::checks::{Diagnosis, Word};

/// What the metrics say besides the diagnosis.
#[derive(Clone, Debug)]
pub struct MetricsRun<'a> {
    pub service: &'a str,
    /// Seconds since the epoch.
    pub ended: i64,
    pub millis: u128,
    /// Finding id and count of each failure record; None when they could not be read.
    pub failures: Option<Vec<(String, u64)>>,
}

/// The file, with a final newline.
pub fn render_metrics(diagnosis: &Diagnosis, run: &MetricsRun<'_>) -> String {
    let mut out = Metrics { text: String::new(), service: label(run.service) };
    if diagnosis.word != Word::Incomplete {
        out.family("healthy", "gauge", "1 if nothing is broken, 0 if something is.");
        out.sample("healthy", &[], u8::from(diagnosis.word != Word::Broken));
    }
    out.family("checks", "gauge", "Checks of the last run by result.");
    let found = diagnosis.findings.iter().map(|p| p.finding.kind.id);
    let found: BTreeMap<&str, ()> = found.map(|id| (id, ())).collect();
    for (result, count) in [
        ("found", found.len()),
        ("not_applicable", diagnosis.not_applicable.len()),
        ("not_checked", diagnosis.not_checked_count()),
        ("passed", diagnosis.passed.len()),
    ] {
        out.sample("checks", &[("result", result)], count);
    }
    findings(&mut out, diagnosis);
    if let Some(failures) = &run.failures {
        let mut counts: BTreeMap<&str, u64> = BTreeMap::new();
        for (id, count) in failures {
            *counts.entry(id).or_default() += count;
        }
        out.family("recorded_failures", "gauge", "Failures of the service in the kept records.");
        for (id, count) in counts {
            out.sample("recorded_failures", &[("id", id)], count);
        }
    }
    out.family("duration_seconds", "gauge", "How long the last run took.");
    out.sample("duration_seconds", &[], run.millis as f64 / 1000.0);
    out.family("last_run_timestamp_seconds", "gauge", "When the last run ended.");
    out.sample("last_run_timestamp_seconds", &[], run.ended);
    out.text
}

fn findings(out: &mut Metrics, diagnosis: &Diagnosis) {
    out.family("findings", "gauge", "Active findings by id, severity and role.");
    let mut counts: BTreeMap<(&str, &str, &str), usize> = BTreeMap::new();
    for placed in &diagnosis.findings {
        let kind = placed.finding.kind;
        *counts.entry((kind.id, kind.severity.word(), placed.role())).or_default() += 1;
    }
    for ((id, severity, role), count) in counts {
        out.sample("findings", &[("id", id), ("severity", severity), ("role", role)], count);
    }
}

struct Metrics {
    text: String,
    service: String,
}

impl Metrics {
    fn family(&mut self, name: &str, kind: &str, help: &str) {
        writeln!(self.text, "# HELP meats_diagnose_{name} {help}").ok();
        writeln!(self.text, "# TYPE meats_diagnose_{name} {kind}").ok();
    }

    fn sample(&mut self, name: &str, labels: &[(&str, &str)], value: impl Display) {
        write!(self.text, "meats_diagnose_{name}{{service=\"{}\"", self.service).ok();
        for (key, text) in labels {
            write!(self.text, ",{key}=\"{}\"", label(text)).ok();
        }
        writeln!(self.text, "}} {value}").ok();
    }
}

/// A label's value: quotes, backslashes and ends of lines escaped.
fn label(text: &str) -> String {
    text.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
}
