//! Whether the service answers where it should.

use super::{Check, Facts, Listener, Verdict};
use crate::model::{Fact, Finding, Subject, finding};

/// Something accepts connections.
pub const LISTEN: Check = Check { kinds: || vec![&finding::NET_NO_LISTENER], run: listen };

/// The health path says 200.
pub const HEALTH: Check = Check {
    kinds: || vec![&finding::NET_UNHEALTHY, &finding::NET_BAD_HOST, &finding::NET_REDIRECT],
    run: health,
};

fn each(facts: &Facts, judge: impl Fn(&Facts, &Listener) -> Option<Finding>) -> Verdict {
    match &facts.listeners {
        Fact::Known(listeners) => {
            Verdict::Looked(listeners.iter().filter_map(|l| judge(facts, l)).collect())
        }
        Fact::Absent => Verdict::NotApplicable,
        Fact::Unknown(reason) => {
            Verdict::NotChecked { reason: reason.clone(), needs: "the running host".to_owned() }
        }
    }
}

fn listen(facts: &Facts) -> Verdict {
    each(facts, |facts, listener| {
        if listener.connects {
            return None;
        }
        let why = listener.answer.as_ref().err().cloned().unwrap_or_default();
        let name = facts.config.service.value.as_str();
        let detail = format!("nothing answers at {}: {why}", listener.address);
        let subject = Subject::unit(facts.config.unit());
        Some(Finding::new(&finding::NET_NO_LISTENER, subject, detail).command(&[
            "systemctl",
            "restart",
            name,
        ]))
    })
}

fn health(facts: &Facts) -> Verdict {
    each(facts, |facts, listener| {
        if !listener.connects {
            return None;
        }
        let path = &facts.config.health_path.value;
        let asked = format!("{} of {} (Host: {})", path, listener.address, facts.host);
        let (kind, detail) = match &listener.answer {
            Ok(answer) if (200..300).contains(&answer.status) => return None,
            Ok(answer) if answer.status == 400 => {
                (&finding::NET_BAD_HOST, format!("{asked} says 400; is the host in ALLOWED_HOSTS?"))
            }
            Ok(answer) if (300..400).contains(&answer.status) => (
                &finding::NET_REDIRECT,
                format!(
                    "{asked} says {} and points to {}",
                    answer.status,
                    answer.location.as_deref().unwrap_or("nowhere")
                ),
            ),
            Ok(answer) => (&finding::NET_UNHEALTHY, format!("{asked} says {}", answer.status)),
            Err(why) => (&finding::NET_UNHEALTHY, format!("{asked} gives no answer: {why}")),
        };
        Some(Finding::new(kind, Subject::unit(facts.config.unit()), detail))
    })
}
