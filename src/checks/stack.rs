//! The service in its Docker stack: seen from outside, by the note of a move and by asking.

use std::path::PathBuf;

use super::{Check, Facts, Listener, Verdict};
use crate::deploy::docker::Phase;
use crate::model::{Finding, Kind, Subject, finding};

/// It answers where it is published, and no move was left halfway.
pub const STACK: Check = Check {
    kinds: || vec![&finding::DOC_UNFINISHED, &finding::DOC_UNWELL, &finding::DOC_SERVES],
    run: |facts| {
        let first = facts.listeners.known().and_then(|all| all.first());
        let unwell = first.and_then(|listener| unwell(facts, listener));
        Verdict::of(&facts.stack, "root", |stack| judge(stack, unwell))
    },
};

/// The stack of a service that was moved into Docker, or began there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stack {
    /// How far its move came; None where the host has no application of its own.
    pub phase: Option<Phase>,
    /// The site of nginx that leads to it, where that is known.
    pub site: Option<PathBuf>,
    /// Where it is published.
    pub address: String,
}

impl Stack {
    /// It is what visitors shall reach; the host's own service is meant to rest.
    pub fn serves(&self) -> bool {
        self.phase != Some(Phase::Leaving)
    }
}

fn judge(stack: &Stack, unwell: Option<String>) -> Vec<Finding> {
    let moved = stack.phase.is_some();
    let add = |kind: &'static Kind, detail: String, commands: &[&[&str]]| {
        let subject = stack.site.as_ref().map(Subject::file).unwrap_or_default();
        commands.iter().fold(Finding::new(kind, subject, detail), |found, c| found.command(c))
    };
    let back: &[&str] = &["meats-deploy", "docker", "migrate", "--back"];
    let status: &[&str] = &["meats-deploy", "docker", "status"];
    let mut found = Vec::new();
    match stack.phase {
        Some(Phase::Leaving) => {
            let detail = "one into the stack; the host's own service is what counts".to_owned();
            found.push(add(&finding::DOC_UNFINISHED, detail, &[back]));
            return found;
        }
        Some(Phase::Returning) => {
            let detail = "one back to the host; the stack is what counts".to_owned();
            let there: &[&str] = &["meats-deploy", "docker", "migrate"];
            found.push(add(&finding::DOC_UNFINISHED, detail, &[there]));
        }
        Some(Phase::Away) | None => {}
    }
    found.push(match unwell {
        Some(detail) => {
            let again: &[&str] = match moved {
                true => &["meats-deploy", "docker", "up"],
                false => &["meats-deploy", "docker", "watch"],
            };
            add(&finding::DOC_UNWELL, detail, &[status, again])
        }
        None => {
            let address = &stack.address;
            let detail = match moved {
                true => format!("it was moved there; visitors reach it at {address}"),
                false => format!("at {address}; the host has no application of its own"),
            };
            let ways: &[&[&str]] = if moved { &[status, back] } else { &[status] };
            add(&finding::DOC_SERVES, detail, ways)
        }
    });
    found
}

/// What the stack says instead of being well.
fn unwell(facts: &Facts, listener: &Listener) -> Option<String> {
    let asked = format!(
        "{} of {} (Host: {})",
        facts.config.health_path.value, listener.address, facts.host
    );
    match &listener.answer {
        Ok(answer) if (200..300).contains(&answer.status) => None,
        Ok(answer) => Some(format!("{asked} says {}", answer.status)),
        Err(why) => Some(format!("{asked} gives no answer: {why}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_said_of_a_stack() {
        let wrong = || Some("it says 502".to_owned());
        let cases = [
            (Some(Phase::Away), None, &["DOC-017"][..], "meats-deploy docker status"),
            (None, None, &["DOC-017"], "meats-deploy docker status"),
            (Some(Phase::Away), wrong(), &["DOC-018"], "meats-deploy docker up"),
            (None, wrong(), &["DOC-018"], "meats-deploy docker watch"),
            (Some(Phase::Leaving), wrong(), &["DOC-019"], "meats-deploy docker migrate --back"),
            (Some(Phase::Returning), None, &["DOC-019", "DOC-017"], "meats-deploy docker migrate"),
        ];
        for (phase, unwell, ids, command) in cases {
            let site = phase.map(|_| PathBuf::from("/etc/nginx/sites-available/x"));
            let found = judge(&Stack { phase, site, address: "127.0.0.1:8080".to_owned() }, unwell);
            assert_eq!(found.iter().map(|f| f.kind.id).collect::<Vec<_>>(), ids, "{phase:?}");
            let commands = found.iter().flat_map(|f| &f.commands).map(|words| words.join(" "));
            assert!(commands.into_iter().any(|c| c == command), "{phase:?}: {command}");
        }
    }
}
