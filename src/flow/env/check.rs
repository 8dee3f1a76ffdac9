//! `meats-env check`.

use std::io::Write;
use std::path::{Path, PathBuf};

use super::files::{Input, NO_ENV_FILE, Named, Session};
use super::{Done, REFUSED};
use crate::cli::env::{Check, Format};
use crate::env::mask::{MASK, MaskedLines, is_harmless};
use crate::env::{Defect, Rules, class_letter, judge, read};
use crate::flow::{observe_ids, repair};
use crate::model::{Fact, Finding, Plan, Repair, Subject, finding};
use crate::report::{self, Checked, Shown};

pub fn run(session: &Session, asked: &Check, color: bool, out: &mut dyn Write) -> Done {
    let checked: Vec<Checked> = match asked.files.is_empty() {
        true => vec![check_file(session, None, asked.complete)],
        false => session.expand(&asked.files).iter().map(|n| check(session, n, asked)).collect(),
    };
    let format = if asked.json { Format::Json } else { asked.format };
    match format {
        Format::Text => write!(out, "{}", report::render_lint_text(&checked, color)),
        Format::Short => write!(out, "{}", report::render_lint_short(&checked)),
        Format::Json => writeln!(out, "{}", report::render_lint_json(&checked)),
        Format::Github => write!(out, "{}", report::render_lint_github(&checked)),
        Format::Sarif => writeln!(out, "{:#}", report::render_lint_sarif(&checked)),
    }
    .ok();
    Ok(report::lint_exit_status(&checked))
}

fn check(session: &Session, named: &Named, asked: &Check) -> Checked {
    match named {
        Named::File(file) => check_file(session, Some(file), asked.complete),
        Named::Empty(directory) => Checked {
            name: directory.display().to_string(),
            note: Some(NO_ENV_FILE.to_owned()),
            ..Checked::default()
        },
        Named::Unseen(directory, why) => Checked {
            name: directory.display().to_string(),
            failure: Some(why.clone()),
            ..Checked::default()
        },
    }
}

fn check_file(session: &Session, file: Option<&Path>, complete: bool) -> Checked {
    let path = session.path(file);
    let is_default = session.is_service_file(Some(&path));
    // The start reads that one so, and would refuse what is refused here.
    let read = match is_default {
        true => session.read_strictly(file),
        false => session.read(file),
    };
    let input = match read {
        Ok(input) => input,
        Err(stop) => {
            // The report puts the name in front itself.
            let name = file.unwrap_or(&path).display().to_string();
            let why = stop.text.strip_prefix(&format!("{name}: ")).unwrap_or(&stop.text).to_owned();
            let checked = Checked { name, is_default, ..Checked::default() };
            if stop.code != REFUSED {
                return Checked { failure: Some(why), ..checked };
            }
            let found = Finding::new(&finding::ENV_NOT_REGULAR, Subject::file(&path), why);
            let class = class_letter(found.repair);
            let shown = Shown { class, finding: found, line: None, mark: (0, 0) };
            return Checked { path: Some(path), findings: vec![shown], ..checked };
        }
    };
    let context = session.context(&input, complete);
    let judgement = judge(&input.bytes, &context);
    let mut findings = show(&input.bytes, &judgement.defects);
    if session.is_service_file(input.path.as_deref()) {
        findings.extend(around(session, &input).into_iter().map(|finding| Shown {
            class: class_letter(finding.repair),
            finding,
            line: None,
            mark: (0, 0),
        }));
    }
    let (name, keys) = (input.name, judgement.keys);
    Checked { name, path: input.path, is_default, findings, keys, failure: None, note: None }
}

/// Puts the masked line under each defect; the mark follows the text that is shown.
pub(super) fn show(bytes: &[u8], defects: &[Defect]) -> Vec<Shown> {
    if defects.is_empty() {
        return Vec::new();
    }
    let lines = MaskedLines::new(bytes);
    defects
        .iter()
        .map(|defect| {
            let subject = &defect.finding.subject;
            let line = subject.line.and_then(|number| lines.line(number));
            let column = subject.column.unwrap_or(1) - 1;
            let mask = line.as_deref().and_then(|l| l.find(MASK));
            let mark = match mask {
                Some(at) if column >= at => (at, MASK.len()),
                _ => (column, defect.span.len()),
            };
            let class = class_letter(defect.finding.repair);
            let finding = defect.finding.clone().repaired_by(defect.repair());
            Shown { finding, line, mark, class }
        })
        .collect()
}

/// What is seen beside the text of the service's own file: owner and mode, second files.
fn around(session: &Session, input: &Input) -> Vec<Finding> {
    let mut found = Vec::new();
    let path = session.path(None);
    if let Some(ids) = observe_ids(&session.root, &session.config) {
        let plan: Plan = repair::env_access(&session.root, &session.config, ids);
        if !plan.is_idle() {
            let detail = "owner or mode lets others read or replace it";
            found.push(Finding::new(&finding::ENV_ACCESS, Subject::file(&path), detail));
        }
    }
    found.extend(second_files(session).into_iter().flat_map(|(other, bytes)| {
        differing_keys(&input.bytes, &bytes).into_iter().map(move |(key, line)| {
            let detail = format!("{key} has another value here than in the service's env file");
            let subject = Subject::line(&other, line).key(key);
            Finding::new(&finding::SECOND_FILE, subject, detail).repaired_by(Repair::ByHand)
        })
    }));
    found
}

/// Files beside manage.py that python-decouple, django-environ or an old unit may read.
fn second_files(session: &Session) -> Vec<(PathBuf, Vec<u8>)> {
    const LIMIT: u64 = 1 << 20;
    let config = &session.config;
    let places = [&config.app_dir.value, &config.working_directory.value];
    let mut found: Vec<(PathBuf, Vec<u8>)> = Vec::new();
    for place in places {
        for name in [".env", ".env.production"] {
            let path = place.join(name);
            if found.iter().all(|(known, _)| *known != path) {
                if let Fact::Known(bytes) = session.root.read(&path, LIMIT) {
                    found.push((path, bytes));
                }
            }
        }
    }
    found
}

fn differing_keys(ours: &[u8], other: &[u8]) -> Vec<(String, usize)> {
    let ours = read(ours, Rules::Since254);
    let other = read(other, Rules::Since254);
    let differs = |key: &str, value| ours.get(key).is_some_and(|var| var.value != value);
    other
        .vars
        .into_iter()
        .filter(|var| differs(&var.key, var.value.clone()) && is_harmless(var.key.as_bytes()))
        .map(|var| (var.key, var.line))
        .collect()
}
