//! What the generator emits for this host: files and links below its first directory.

use std::path::PathBuf;

use super::emitted::{Emitted, link};
use super::facts::{AdminUnit, Program, UnitFacts};
use super::listen::Listening;
use super::{DROP_IN, dropin, full, watchdog};
use crate::config::Config;
use crate::model::{Finding, Subject, finding};

/// Plans the units. Total: whatever the host looks like, something safe comes out.
pub fn plan_unit(config: &Config, facts: &UnitFacts) -> (Vec<Emitted>, Vec<Finding>) {
    let unit = config.unit();
    let mut findings = Vec::new();
    let mut emitted = match &facts.admin {
        AdminUnit::Masked { .. } => return (Vec::new(), findings),
        AdminUnit::Unreadable { path, why } => {
            let subject = Subject { unit: Some(unit), ..Subject::file(path) };
            let detail = format!("{why}; the unit is left as it is, without our helpers");
            findings.push(Finding::new(&finding::SVC_UNIT_UNREADABLE, subject, detail));
            return (Vec::new(), findings);
        }
        AdminUnit::Present { path, .. } => {
            let text = facts.admin.merged().unwrap_or_default();
            let path_of_ours = PathBuf::from(format!("{unit}.d")).join(DROP_IN);
            let text = dropin::drop_in(config, facts, &text, path);
            vec![Emitted::File { path: path_of_ours, text }]
        }
        AdminUnit::None => {
            findings.extend(rival(config, facts));
            full_set(config, facts)
        }
    };
    emitted.extend(watchdog::emitted(config));
    (emitted, findings)
}

/// Two units of one service would fight for its address.
fn rival(config: &Config, facts: &UnitFacts) -> Option<Finding> {
    let rivals = facts.rivals.join(", ");
    let detail = format!("{rivals} is enabled; {} is not started at boot beside it", config.unit());
    let subject = Subject::unit(config.unit());
    (!facts.rivals.is_empty()).then(|| Finding::new(&finding::SVC_RIVAL, subject, detail))
}

fn full_set(config: &Config, facts: &UnitFacts) -> Vec<Emitted> {
    let unit = config.unit();
    let listening = Listening::of(config, facts);
    let text = full::service(config, facts, &listening);
    let mut emitted = vec![Emitted::File { path: unit.clone().into(), text }];
    // Without gunicorn there is nothing to start: the unit waits quietly until it is there.
    let program = facts.program != Program::Missing;
    let start = config.enabled.value && program && facts.rivals.is_empty();
    if start {
        emitted.push(link("multi-user.target.wants", &unit));
    }
    if listening == Listening::Socket {
        let socket = config.socket_unit();
        emitted
            .push(Emitted::File { path: socket.clone().into(), text: full::socket(config, facts) });
        if start {
            emitted.push(link("sockets.target.wants", &socket));
        }
    }
    emitted
}
