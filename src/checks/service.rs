//! The unit: whether systemd has it, runs it, and with which of our parts.

use super::{Check, Facts, InForce, ServiceState, Verdict, in_force, settings};
use crate::model::{Finding, Subject, finding};

/// The unit and what it needs, from the files.
pub const UNIT: Check = Check {
    kinds: || {
        vec![
            &finding::SVC_UNIT_UNREADABLE,
            &finding::SVC_USER_MISSING,
            &finding::SVC_PROGRAM_MISSING,
            &finding::SVC_RIVAL,
        ]
    },
    run: |facts| Verdict::Looked(settings::planned(facts, &(UNIT.kinds)())),
};

/// The unit's state, from PID 1.
pub const STATE: Check = Check {
    kinds: || {
        vec![
            &finding::SVC_FAILED,
            &finding::SVC_RESTART_LOOP,
            &finding::SVC_MASKED,
            &finding::SVC_NOT_LOADED,
            &finding::SVC_CONDITION,
            &finding::SVC_STOPPED,
            &finding::SVC_RELOAD_DUE,
        ]
    },
    run: state,
};

fn state(facts: &Facts) -> Verdict {
    let unit = facts.config.unit();
    if facts.masked {
        let detail = "it is masked; systemd does not start it";
        let name = facts.config.service.value.as_str();
        let finding = Finding::new(&finding::SVC_MASKED, Subject::unit(unit), detail)
            .command(&["systemctl", "unmask", name])
            .command(&["systemctl", "start", name]);
        return Verdict::Looked(vec![finding]);
    }
    let needs = "a running systemd that this user may ask";
    Verdict::of(&facts.service, needs, |state| judge(facts, state))
}

fn judge(facts: &Facts, state: &ServiceState) -> Vec<Finding> {
    let unit = facts.config.unit();
    let name = facts.config.service.value.as_str();
    let mut found = Vec::new();
    let mut add = |kind, detail: String, commands: &[&[&str]]| {
        let mut finding = Finding::new(kind, Subject::unit(&unit), detail);
        for command in commands {
            finding = finding.command(command);
        }
        found.push(finding);
    };
    let start: &[&str] = &["systemctl", "start", name];
    let failures: &[&str] = &["meats-diagnose", "failures"];
    match (state.load.as_str(), state.active.as_str(), state.sub.as_str()) {
        ("not-found", _, _) => {
            let detail = "systemd does not know the unit; the generator has not run yet".to_owned();
            add(&finding::SVC_NOT_LOADED, detail, &[&["systemctl", "daemon-reload"]]);
        }
        // Its lines are another check's; nothing can be started before they are right.
        ("bad-setting" | "error", "failed" | "inactive", _) => {}
        (_, "failed", _) => {
            let detail = format!("failed: result {}, {}", state.result, ended(state));
            add(&finding::SVC_FAILED, detail, &[failures]);
        }
        (_, "activating", _) if state.died() => {
            let mut detail =
                format!("starts so far: {}; the last one: {}", state.restarts + 1, ended(state));
            let endless = state.in_force.as_ref().is_some_and(InForce::is_endless);
            match endless && in_force::is_movable(state, &facts.config.unit()) {
                true => {
                    detail.push_str("; the unit's start limit is out of reach, so it never fails");
                    let adopt: &[&str] = &["meats-diagnose", "unit", "--adopt"];
                    let restart: &[&str] = &["systemctl", "restart", name];
                    add(&finding::SVC_RESTART_LOOP, detail, &[failures, adopt, restart]);
                }
                false => add(&finding::SVC_RESTART_LOOP, detail, &[failures]),
            }
        }
        (_, "inactive", _) if state.died() => {
            let detail = format!(
                "it is stopped, and systemd calls that {}, but its last run ended with {}",
                state.result,
                ended(state)
            );
            add(&finding::SVC_FAILED, detail, &[failures]);
        }
        (_, "inactive", _) if state.unmet.is_some() => {
            let lines = state.unmet.as_deref().filter(|lines| !lines.is_empty());
            let lines = lines.unwrap_or("a Condition or Assert of the unit");
            let detail = format!("systemd skipped the last start: {lines} is not met");
            add(&finding::SVC_CONDITION, detail, &[&["systemctl", "--no-pager", "status", name]]);
        }
        (_, "inactive", _) => {
            let detail = "it is not running; nobody asked it to, or somebody stopped it".to_owned();
            add(&finding::SVC_STOPPED, detail, &[start]);
        }
        _ => {}
    }
    if state.need_daemon_reload {
        let detail = "unit files changed since systemd read them".to_owned();
        add(&finding::SVC_RELOAD_DUE, detail, &[&["systemctl", "daemon-reload"]]);
    }
    found
}

/// How the main process ended, in the words of systemd and of gunicorn.
pub fn ended(state: &ServiceState) -> String {
    // si_code of sigaction(2): 1 exited, 2 killed, 3 dumped core.
    match (state.exec_main_code, state.exec_main_status) {
        (1, status) => format!("exit status {status}"),
        (2 | 3, signal) => format!("signal {signal}"),
        _ => "no main process".to_owned(),
    }
}
