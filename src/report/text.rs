//! The report of meats-diagnose as text: the verdict first, then the one thing to do next.

use std::fmt::Write;

use super::{escape, shell_words};
use crate::checks::{Diagnosis, Placed, Word};
use crate::model::escape_path;
use crate::model::{Finding, Repair, Severity};

/// How the text is shown.
#[derive(Clone, Copy, Debug)]
pub struct Style {
    pub color: bool,
    /// Print every finding on its own, without folding symptoms.
    pub flat: bool,
    /// List what passed.
    pub verbose: bool,
    /// Only verdict and next step.
    pub brief: bool,
    /// Put `sudo` before commands.
    pub sudo: bool,
}

/// What the healthy report says besides the verdict; already worded.
#[derive(Clone, Debug, Default)]
pub struct Glance {
    pub service: String,
    pub state: String,
    pub answers: Vec<String>,
    pub millis: u128,
}

const WIDTH: usize = 80;

/// The whole report.
pub fn render_text(diagnosis: &Diagnosis, glance: &Glance, style: Style) -> String {
    let mut out = String::new();
    let word = paint(diagnosis.word, style);
    let headline = headline(diagnosis);
    let dash = if headline.is_empty() { "" } else { " - " };
    writeln!(out, "{}: {word}{dash}{headline}", glance.service).ok();
    if let Some(command) = next_command(diagnosis, style) {
        let what = match diagnosis.word {
            Word::Incomplete => "Do this to check everything:",
            _ => "Do this first:",
        };
        writeln!(out, "\n{what}\n    {command}").ok();
    }
    if style.brief {
        return out;
    }
    out.push('\n');
    if diagnosis.findings.is_empty() {
        labelled(&mut out, "service", &glance.state);
        for answer in &glance.answers {
            labelled(&mut out, "answers", answer);
        }
        labelled(&mut out, "checked", &checked(diagnosis, glance));
    }
    findings(&mut out, diagnosis, style);
    not_checked(&mut out, diagnosis);
    if style.verbose {
        labelled(&mut out, "passed", &diagnosis.passed.join(" "));
        if !diagnosis.not_applicable.is_empty() {
            labelled(&mut out, "not applicable", &diagnosis.not_applicable.join(" "));
        }
    }
    if diagnosis.word != Word::Healthy || !diagnosis.findings.is_empty() {
        writeln!(out, "\n{}", closing(diagnosis)).ok();
    }
    out
}

fn checked(diagnosis: &Diagnosis, glance: &Glance) -> String {
    let all = diagnosis.passed.len() + diagnosis.not_checked_count();
    let apart = match diagnosis.not_applicable.len() {
        0 => String::new(),
        n => format!("; {n} do not apply here"),
    };
    format!("{all} checks in {} ms{apart}", glance.millis)
}

/// The verdict in words, without the service's name.
pub fn headline(diagnosis: &Diagnosis) -> String {
    match diagnosis.word {
        Word::Healthy => String::new(),
        Word::Broken => match diagnosis.causes().next() {
            Some(cause) => sentence(cause.finding.kind.summary),
            None => String::new(),
        },
        Word::Warnings => format!(
            "the service works; {} will hurt later",
            things(diagnosis.count(Severity::Warning))
        ),
        Word::Incomplete => {
            format!("no fault found, {} checks could not look", diagnosis.not_checked_count())
        }
    }
}

fn things(n: usize) -> String {
    if n == 1 { "1 thing".to_owned() } else { format!("{n} things") }
}

/// A summary as part of a line: no capital, no full stop.
fn sentence(summary: &str) -> String {
    let text = summary.trim_end_matches('.');
    let mut chars = text.chars();
    // The name of a key or program keeps its letters.
    if chars.clone().nth(1).is_none_or(char::is_uppercase) {
        return text.to_owned();
    }
    match chars.next() {
        Some(first) => first.to_lowercase().chain(chars).collect(),
        None => String::new(),
    }
}

/// The one command to run next, if there is one; more rights than root's there are none.
pub fn next_words(diagnosis: &Diagnosis, root: bool) -> Option<(String, Vec<String>)> {
    let worst = diagnosis.causes().next().or_else(|| {
        diagnosis.findings.iter().find(|p| p.finding.kind.severity == Severity::Warning)
    });
    if let Some(placed) = worst {
        let words = commands(&placed.finding).into_iter().next()?;
        return Some((placed.finding.kind.id.to_owned(), words));
    }
    let with_more_rights = || (String::new(), vec!["meats-diagnose".to_owned()]);
    (diagnosis.word == Word::Incomplete && !root).then(with_more_rights)
}

fn next_command(diagnosis: &Diagnosis, style: Style) -> Option<String> {
    let (_, words) = next_words(diagnosis, !style.sudo)?;
    Some(with_sudo(&words, style.sudo))
}

fn with_sudo(words: &[String], sudo: bool) -> String {
    let command = shell_words(words);
    if sudo { format!("sudo {command}") } else { command }
}

/// Commands of a finding; what repairs itself is left to `--fix`.
pub fn commands(finding: &Finding) -> Vec<Vec<String>> {
    if finding.repair == Repair::Automatic {
        return vec![vec!["meats-diagnose".to_owned(), "--fix".to_owned()]];
    }
    finding.commands.clone()
}

fn findings(out: &mut String, diagnosis: &Diagnosis, style: Style) {
    let shown = |p: &&Placed| style.flat || p.explained_by.is_none();
    let mut explained: Vec<&str> = Vec::new();
    for placed in diagnosis.findings.iter().filter(shown) {
        finding_block(out, &placed.finding, style);
        let id = placed.finding.kind.id;
        let symptoms: Vec<&Placed> = diagnosis.symptoms_of(id).collect();
        if !style.flat && !symptoms.is_empty() && !explained.contains(&id) {
            explained.push(id);
            let count = symptoms.len();
            writeln!(out, "\n  explains {count} symptom{}:", if count == 1 { "" } else { "s" })
                .ok();
            for symptom in symptoms {
                let f = &symptom.finding;
                let text = format!(
                    "{}  {} {}: {}",
                    f.kind.severity.word(),
                    f.kind.id,
                    f.kind.name,
                    escape(&f.detail)
                );
                fold(out, &text, 2, 9);
            }
        }
        out.push('\n');
    }
}

fn finding_block(out: &mut String, finding: &Finding, style: Style) {
    let kind = finding.kind;
    let head =
        format!("{}  {} {}: {}", kind.severity.word(), kind.id, kind.name, escape(&finding.detail));
    fold(out, &head, 0, 7);
    if let Some(path) = &finding.subject.path {
        let line = finding.subject.line.map(|l| format!(":{l}")).unwrap_or_default();
        labelled(out, "where", &format!("{}{line}", escape_path(path).trim_matches('"')));
    }
    for evidence in finding.evidence.iter().take(3) {
        labelled(out, "evidence", &format!("{}: {}", evidence.source, escape(&evidence.text)));
    }
    if finding.evidence.len() > 3 {
        labelled(out, "", &format!("and {} more, see --json", finding.evidence.len() - 3));
    }
    labelled(out, "why", &sentence(kind.why));
    for command in commands(finding) {
        writeln!(out, "    {}", with_sudo(&command, style.sudo)).ok();
    }
    labelled(out, "more", &format!("meats-diagnose explain {}", kind.id));
}

fn not_checked(out: &mut String, diagnosis: &Diagnosis) {
    if diagnosis.not_checked.is_empty() {
        return;
    }
    writeln!(out, "not checked  what is missing").ok();
    for missing in &diagnosis.not_checked {
        let text = format!(
            "{} {}  {} ({})",
            missing.ids.len(),
            missing.ids.first().copied().unwrap_or_default(),
            missing.needs,
            escape(&missing.reason)
        );
        fold(out, &text, 2, 13);
    }
}

/// The last line: verdict, counts, exit status.
pub fn closing(diagnosis: &Diagnosis) -> String {
    format!(
        "{}: {} errors, {} warnings; {} passed, {} not checked. exit {}",
        diagnosis.word.text(),
        diagnosis.count(Severity::Error),
        diagnosis.count(Severity::Warning),
        diagnosis.passed.len(),
        diagnosis.not_checked_count(),
        diagnosis.word.exit_status()
    )
}

fn labelled(out: &mut String, label: &str, text: &str) {
    fold(out, &format!("{label:<9} {text}"), 2, 12);
}

/// Folds at blanks; a word that is too long stays whole.
fn fold(out: &mut String, text: &str, first: usize, rest: usize) {
    let mut line = " ".repeat(first);
    let mut empty = true;
    // Runs of blanks in the first line are layout (labels): they are kept.
    for word in text.split(' ') {
        let wide = line.chars().count() + 1 + word.chars().count() > WIDTH;
        if !empty && wide && !word.is_empty() {
            out.push_str(line.trim_end());
            out.push('\n');
            line = " ".repeat(rest);
            empty = true;
        }
        if !empty {
            line.push(' ');
        }
        line.push_str(word);
        empty = false;
    }
    out.push_str(line.trim_end());
    out.push('\n');
}

fn paint(word: Word, style: Style) -> String {
    let code = match word {
        Word::Healthy => "32",
        Word::Warnings | Word::Incomplete => "33",
        Word::Broken => "31",
    };
    if style.color {
        format!("\x1b[1;{code}m{}\x1b[0m", word.text())
    } else {
        word.text().to_owned()
    }
}
