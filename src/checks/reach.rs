//! Whether the service answers where it should.

use super::{Check, Facts, Listener, Verdict};
use crate::model::{Finding, Holder, Subject, finding};

/// Something accepts connections.
pub const LISTEN: Check = Check { kinds: || vec![&finding::NET_NO_LISTENER], run: listen };

/// The address is not somebody else's.
pub const TAKEN: Check = Check { kinds: || vec![&finding::NET_TAKEN], run: taken };

/// What systemd hands over is what the service is asked at.
pub const HANDED: Check = Check { kinds: || vec![&finding::NET_BIND_IGNORED], run: handed };

/// The health path says 200.
pub const HEALTH: Check = Check {
    kinds: || vec![&finding::NET_UNHEALTHY, &finding::NET_BAD_HOST, &finding::NET_REDIRECT],
    run: health,
};

fn each(facts: &Facts, judge: impl Fn(&Facts, &Listener) -> Option<Finding>) -> Verdict {
    Verdict::of(&facts.listeners, "the running host", |listeners| {
        listeners.iter().filter_map(|l| judge(facts, l)).collect()
    })
}

fn taken(facts: &Facts) -> Verdict {
    each(facts, |facts, listener| {
        let holder = listener.taken_by.as_ref()?;
        let detail = format!("{} is held by {holder}", listener.address);
        let found = Finding::new(&finding::NET_TAKEN, Subject::unit(facts.config.unit()), detail);
        let restart = ["systemctl", "restart", facts.config.service.value.as_str()];
        // What Docker holds is a container's, which only Docker can name.
        let unit = listener.taken_in.as_deref().filter(|u| !u.contains("docker"));
        Some(match (holder, unit) {
            (_, Some(unit)) => found.command(&["systemctl", "stop", unit]).command(&restart),
            (Holder::Process { pid, .. }, None) => {
                found.command(&["systemctl", "status", "--no-pager", &pid.to_string()])
            }
            (Holder::Unseen(_), None) => found.command(&["ss", "-ltnp"]),
        })
    })
}

fn handed(facts: &Facts) -> Verdict {
    each(facts, |facts, listener| {
        let state = facts.service.known().filter(|s| s.runs() && !listener.connects)?;
        let socket = state.triggered_by.split_whitespace().find(|u| u.ends_with(".socket"))?;
        let at = state.handed.as_ref()?;
        let detail = format!("{socket} hands over {at}, and {} is closed", listener.address);
        let found = Finding::new(&finding::NET_BIND_IGNORED, Subject::unit(socket), detail);
        let name = facts.config.service.value.as_str();
        Some(found.command(&["systemctl", "disable", "--now", socket]).command(&[
            "systemctl",
            "restart",
            name,
        ]))
    })
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
        if !listener.connects || listener.taken_by.is_some() {
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
        let unit = facts.config.unit();
        let found = Finding::new(kind, Subject::unit(&unit), detail);
        let runs = facts.service.known().is_some_and(|s| s.runs());
        Some(match &listener.answer {
            // A process that is alive and silent is helped by nothing else.
            Err(_) if runs => found.command(&["systemctl", "restart", &unit]),
            Ok(answer) if answer.status == 400 => {
                let found = found.command(&["meats-env", "set", "ALLOWED_HOSTS"]);
                found.command(&["systemctl", "restart", &unit])
            }
            _ => found.command(&["journalctl", "--no-pager", "--lines=40", "--unit", &unit]),
        })
    })
}
