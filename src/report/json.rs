//! The report of meats-diagnose as one JSON document: schema `projectmeats.diagnose/1.0`.
//! Fields are only added; enums may grow. The last key is `complete`.

use serde::Serialize;

use super::text::{commands, next_words};
use crate::checks::{Diagnosis, Placed};
use crate::model::{Repair, Severity};

/// What the document says about the run.
#[derive(Clone, Debug, Serialize)]
pub struct Run {
    /// Seconds since the epoch.
    pub started: i64,
    pub milliseconds: u128,
    pub uid: u32,
    pub root: String,
}

#[derive(Serialize)]
struct Document<'a> {
    schema: &'static str,
    tool: Tool,
    service: &'a str,
    run: &'a Run,
    verdict: &'static str,
    exit_status: u8,
    next: Option<Next>,
    counts: Counts,
    findings: Vec<Item<'a>>,
    not_checked: Vec<Missing<'a>>,
    not_applicable: &'a [&'static str],
    passed: &'a [&'static str],
    failures: serde_json::Value,
    complete: bool,
}

#[derive(Serialize)]
struct Tool {
    name: &'static str,
    version: &'static str,
}

#[derive(Serialize)]
struct Next {
    finding: String,
    commands: Vec<Vec<String>>,
}

#[derive(Serialize)]
struct Counts {
    error: usize,
    warning: usize,
    note: usize,
    passed: usize,
    not_applicable: usize,
    not_checked: usize,
}

#[derive(Serialize)]
struct Item<'a> {
    id: &'static str,
    name: &'static str,
    severity: &'static str,
    role: &'static str,
    summary: &'a str,
    subject: ItemSubject,
    evidence: Vec<ItemEvidence<'a>>,
    explains: Vec<&'static str>,
    explained_by: Option<&'static str>,
    blocks_start: bool,
    repair: ItemRepair,
}

#[derive(Serialize)]
struct ItemSubject {
    path: Option<String>,
    line: Option<usize>,
    column: Option<usize>,
    unit: Option<String>,
    key: Option<String>,
}

#[derive(Serialize)]
struct ItemEvidence<'a> {
    source: &'a str,
    text: &'a str,
}

#[derive(Serialize)]
struct ItemRepair {
    class: &'static str,
    commands: Vec<Vec<String>>,
    needs_root: bool,
}

#[derive(Serialize)]
struct Missing<'a> {
    id: &'static str,
    reason: &'a str,
    needs: &'a str,
}

/// The document, pretty-printed, with a final newline.
pub fn render_json(
    diagnosis: &Diagnosis,
    service: &str,
    run: &Run,
    failures: serde_json::Value,
) -> String {
    let next = next_words(diagnosis, run.uid == 0)
        .map(|(finding, words)| Next { finding, commands: vec![words] });
    let not_checked = diagnosis
        .not_checked
        .iter()
        .flat_map(|n| n.ids.iter().map(|id| Missing { id, reason: &n.reason, needs: &n.needs }));
    let document = Document {
        schema: "projectmeats.diagnose/1.0",
        tool: Tool { name: "meats-diagnose", version: env!("CARGO_PKG_VERSION") },
        service,
        run,
        verdict: diagnosis.word.text(),
        exit_status: diagnosis.word.exit_status(),
        next,
        counts: Counts {
            error: diagnosis.count(Severity::Error),
            warning: diagnosis.count(Severity::Warning),
            note: diagnosis.count(Severity::Note),
            passed: diagnosis.passed.len(),
            not_applicable: diagnosis.not_applicable.len(),
            not_checked: diagnosis.not_checked_count(),
        },
        findings: diagnosis.findings.iter().map(|p| item(p, diagnosis)).collect(),
        not_checked: not_checked.collect(),
        not_applicable: &diagnosis.not_applicable,
        passed: &diagnosis.passed,
        failures,
        complete: true,
    };
    serde_json::to_string_pretty(&document).map(|t| t + "\n").unwrap_or_default()
}

fn item<'a>(placed: &'a Placed, diagnosis: &Diagnosis) -> Item<'a> {
    let finding = &placed.finding;
    let kind = finding.kind;
    let explains: Vec<&'static str> =
        diagnosis.symptoms_of(kind.id).map(|p| p.finding.kind.id).collect();
    let subject = &finding.subject;
    Item {
        id: kind.id,
        name: kind.name,
        severity: kind.severity.word(),
        role: placed.role(),
        summary: &finding.detail,
        subject: ItemSubject {
            path: subject.path.as_ref().map(|p| p.to_string_lossy().into_owned()),
            line: subject.line,
            column: subject.column,
            unit: subject.unit.clone(),
            key: subject.key.clone(),
        },
        evidence: finding
            .evidence
            .iter()
            .map(|e| ItemEvidence { source: &e.source, text: &e.text })
            .collect(),
        explains,
        explained_by: placed.explained_by,
        blocks_start: finding.blocks_start,
        repair: ItemRepair {
            class: finding.repair.word(),
            commands: commands(finding),
            needs_root: matches!(finding.repair, Repair::Automatic | Repair::Asks),
        },
    }
}
