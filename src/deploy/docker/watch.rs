//! What is to be done about containers that are ill: the engine restarts what ended, never what is
//! merely unhealthy (moby issue 28400).

use super::up::ContainerState;

/// One container of the stack.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Seen {
    pub id: String,
    /// `db`, `app`, `web`.
    pub service: String,
    pub state: ContainerState,
    /// Seconds since it started last; None when it never did.
    pub up: Option<i64>,
}

/// What helps.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Help {
    Restart,
    /// It ended and the engine does not bring it back: somebody killed it by the engine.
    Start,
}

impl Help {
    /// The engine's own word for it.
    pub fn verb(self) -> &'static str {
        match self {
            Self::Restart => "restart",
            Self::Start => "start",
        }
    }
}

/// What each leans on comes first.
const ORDER: &[&str] = &["db", "app", "web"];

/// The services that get help. One whose base is ill gets none: it would only be ill again. One that
/// started less than `patience` seconds ago gets none, so that there is no loop of restarts.
pub fn plan_watch(seen: &[Seen], patience: u64) -> Vec<(Seen, Help)> {
    let patience = i64::try_from(patience).unwrap_or(i64::MAX);
    let mut plan = Vec::new();
    for service in ORDER {
        let mut well = true;
        for container in seen.iter().filter(|c| c.service == *service) {
            let rested = container.up.is_none_or(|up| up >= patience);
            let help = match container.state {
                ContainerState::Healthy => continue,
                ContainerState::Unhealthy if rested => Some(Help::Restart),
                ContainerState::Ended => Some(Help::Start),
                ContainerState::Unhealthy | ContainerState::Starting => None,
            };
            well = false;
            plan.extend(help.map(|help| (container.clone(), help)));
        }
        if !well {
            break;
        }
    }
    plan
}

/// Reads a line of `docker inspect` in the form of [`FORMAT`]; `now` in seconds since 1970.
pub fn parse_seen(line: &str, now: i64) -> Option<Seen> {
    let mut fields = line.trim().split('|');
    let (id, service) = (fields.next()?, fields.next()?);
    let (status, health, started) = (fields.next()?, fields.next()?, fields.next()?);
    let state = match (status, health) {
        ("running", "healthy") => ContainerState::Healthy,
        ("running", "unhealthy") => ContainerState::Unhealthy,
        ("exited" | "dead", _) => ContainerState::Ended,
        _ => ContainerState::Starting,
    };
    let started: Option<jiff::Timestamp> = started.parse().ok();
    let up = started.map(|at| at.as_second()).filter(|at| *at > 0).map(|at| now - at);
    Some(Seen { id: id.to_owned(), service: service.to_owned(), state, up })
}

/// What [`parse_seen`] reads.
pub const FORMAT: &str = "{{.Id}}|{{index .Config.Labels \"com.docker.compose.service\"}}|{{.State.Status}}|{{with .State.Health}}{{.Status}}{{end}}|{{.State.StartedAt}}";

#[cfg(test)]
mod tests {
    use super::*;

    fn seen(service: &str, state: ContainerState, up: i64) -> Seen {
        Seen { id: "x".into(), service: service.into(), state, up: Some(up) }
    }

    #[test]
    fn the_base_first_and_never_twice_in_a_row() {
        use ContainerState::*;
        type Case =
            (&'static [(&'static str, ContainerState, i64)], &'static [(&'static str, Help)]);
        let cases: &[Case] = &[
            (&[("db", Healthy, 9), ("app", Healthy, 9), ("web", Healthy, 9)], &[]),
            (
                &[("db", Healthy, 999), ("app", Unhealthy, 999), ("web", Unhealthy, 999)],
                &[("app", Help::Restart)],
            ),
            (&[("db", Healthy, 999), ("app", Unhealthy, 20)], &[]),
            (&[("db", Unhealthy, 999), ("app", Unhealthy, 999)], &[("db", Help::Restart)]),
            (&[("db", Ended, 1), ("app", Unhealthy, 999)], &[("db", Help::Start)]),
            (&[("db", Starting, 1), ("app", Unhealthy, 999)], &[]),
            (&[("app", Healthy, 5), ("web", Ended, 5)], &[("web", Help::Start)]),
        ];
        for (given, expected) in cases {
            let given: Vec<Seen> =
                given.iter().map(|(s, state, up)| seen(s, *state, *up)).collect();
            let plan = plan_watch(&given, 300);
            let plan: Vec<_> = plan.iter().map(|(s, help)| (s.service.as_str(), *help)).collect();
            assert_eq!(plan, *expected, "{given:?}");
        }
    }

    #[test]
    fn what_the_engine_says() {
        let line = "ab12|app|running|unhealthy|2026-11-25T10:00:00.123456789Z\n";
        let found = parse_seen(line, 1_795_600_860).expect("a container");
        assert_eq!((found.service.as_str(), found.state), ("app", ContainerState::Unhealthy));
        assert_eq!(found.up, Some(60));
        let never = parse_seen("ab12|db|created||0001-01-01T00:00:00Z", 5).expect("a container");
        assert_eq!((never.state, never.up), (ContainerState::Starting, None));
        assert_eq!(parse_seen("nonsense", 5), None);
    }
}
