//! Why the last run ended: what the capture of failures concludes, told as the cause.

use super::{Check, Facts, ServiceState, Verdict, in_force};
use crate::capture::Record;
use crate::model::{Finding, Kind, Subject, finding};

/// The end of the last run, when it was none that somebody asked for.
pub const LAST_RUN: Check = Check { kinds, run: last_run };

/// Every kind that only the end of a run tells.
fn kinds() -> Vec<&'static Kind> {
    let of_a_run = (super::process::PROCESS.kinds)();
    let told = |k: &&'static Kind| {
        (k.id.starts_with("APP-") || k.id.starts_with("CAP-")) && !of_a_run.contains(k)
    };
    finding::all().filter(told).collect()
}

fn last_run(facts: &Facts) -> Verdict {
    Verdict::of(&facts.failure, "root", |record| told(facts, record).into_iter().collect())
}

/// Causes that are a line of the unit: the generated one does without it.
const UNITS: &[&Kind] = &[
    &finding::CAP_WATCHDOG,
    &finding::CAP_PRE_START,
    &finding::CAP_CHDIR,
    &finding::CAP_NAMESPACE,
    &finding::CAP_OUTPUT,
    &finding::CAP_SETUP,
    &finding::CAP_RESOURCES,
    &finding::CAP_NOT_READY,
    &finding::CAP_RUNTIME_LIMIT,
    &finding::CAP_CONDITION,
    &finding::SVC_PROGRAM_MISSING,
    &finding::APP_BIND,
    &finding::APP_PID_FILE,
    &finding::APP_OPTION,
];

/// A cause that is not known says nothing that the state of the unit does not say, unless the program
/// had last words.
fn told(facts: &Facts, record: &Record) -> Option<Finding> {
    let kind = finding::by_word(&record.cause.finding)?;
    if !record.tells() {
        return None;
    }
    let unit = facts.config.unit();
    let subject = match record.traceback.as_ref().filter(|t| t.line > 0) {
        Some(frame) => Subject::line(&frame.file, usize::try_from(frame.line).unwrap_or(0)),
        None => Subject::unit(&unit),
    };
    let mut finding = Finding::new(kind, subject, record.cause.sentence.as_str());
    for seen in &record.cause.evidence {
        finding = finding.evidence(seen.source.as_str(), seen.text.as_str());
    }
    finding.commands.clone_from(&record.cause.commands);
    let named = record.cause.sentence.starts_with("the settings module ");
    if kind == &finding::APP_SETTINGS && named && facts.settings_by_env {
        finding = finding.command(&["meats-env", "unset", "DJANGO_SETTINGS_MODULE"]).command(&[
            "systemctl",
            "restart",
            &facts.config.service.value,
        ]);
    }
    if kind == &finding::APP_DATABASE_URL {
        finding.commands = vec![
            ["meats-env", "fix", "--interactive"].map(str::to_owned).to_vec(),
            ["systemctl", "restart", &facts.config.service.value].map(str::to_owned).to_vec(),
        ];
    }
    let unit_is_to_blame = UNITS.contains(&kind) && finding.commands.is_empty();
    let named = facts.config.unit();
    let movable = |state: &&ServiceState| in_force::is_movable(state, &named);
    let state = facts.service.known().filter(|_| unit_is_to_blame).filter(movable);
    if let Some(state) = state {
        finding.commands = in_force::rewrite(facts, state);
    }
    if finding.commands.is_empty() {
        let journal = ["journalctl", "--no-pager", "--lines=40", "--unit", unit.as_str()];
        finding = finding.command(&journal);
    }
    Some(finding)
}
