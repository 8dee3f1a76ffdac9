//! The unit as PID 1 has it in force: lines of the administrator's that will bite, or do.
//!
//! Rules of systemd.service(5), systemd.exec(5) and systemd.unit(5); whatever the generated unit says
//! passes all of them.

use std::collections::BTreeMap;
use std::path::Path;

use super::{Check, Facts, ServiceState, Verdict};
use crate::config::CAPTURE;
use crate::model::{Finding, Kind, Subject, finding};
use crate::unit::{ADMIN_DIRS, is_template};

/// Lines of the unit.
pub const LINES: Check = Check {
    kinds: || {
        vec![
            &finding::SVC_REFUSED,
            &finding::SVC_OTHER_USER,
            &finding::SVC_PATH,
            &finding::SVC_CRASH_STOPS,
            &finding::SVC_STOP_SHORT,
            &finding::SVC_STOP_POST,
        ]
    },
    run: |facts| {
        let needs = "a running systemd that this user may ask";
        match facts.masked {
            true => Verdict::NotApplicable,
            false => Verdict::of(&facts.service, needs, |state| judge(facts, state)),
        }
    },
};

/// Names of the properties that [`InForce::parse`] wants.
pub const PROPERTIES: &[&str] = &[
    "User",
    "Environment",
    "SuccessExitStatus",
    "Restart",
    "RestartUSec",
    "StartLimitIntervalUSec",
    "StartLimitBurst",
    "TimeoutStopUSec",
    "ExecStart",
    "ExecStopPostEx",
];

/// What the unit says, as `systemctl show` prints it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct InForce {
    /// Empty: root.
    pub user: String,
    /// PATH of `Environment=`.
    pub path: Option<String>,
    /// Exit statuses besides 0 that count as success.
    pub success: Vec<u8>,
    pub restart: String,
    /// Microseconds; None is for ever.
    pub restart_wait: Option<u64>,
    pub limit_interval: Option<u64>,
    pub limit_burst: u64,
    pub stop_limit: Option<u64>,
    /// Seconds that gunicorn gives its workers, as its command says; 30 without.
    pub graceful: u64,
    /// Commands after the stop that run as the service user and whose failure counts.
    pub after_stop: Vec<String>,
}

impl InForce {
    /// From the properties of [`PROPERTIES`]; several lines of one are separated by line ends.
    pub fn parse(map: &BTreeMap<String, String>) -> Self {
        let text = |name: &str| map.get(name).map(String::as_str).unwrap_or_default();
        let path = text("Environment").split_whitespace().find_map(|w| w.strip_prefix("PATH="));
        let success = text("SuccessExitStatus").split_whitespace();
        Self {
            user: text("User").to_owned(),
            path: path.map(str::to_owned),
            success: success.filter_map(|w| w.parse().ok()).filter(|n| *n != 0).collect(),
            restart: text("Restart").to_owned(),
            restart_wait: parse_span(text("RestartUSec")),
            limit_interval: parse_span(text("StartLimitIntervalUSec")),
            limit_burst: text("StartLimitBurst").parse().unwrap_or(0),
            stop_limit: parse_span(text("TimeoutStopUSec")),
            graceful: graceful(text("ExecStart")),
            after_stop: text("ExecStopPostEx").lines().filter_map(counted).collect(),
        }
    }

    /// So many starts are never made in the interval of the start limit: systemd never gives up.
    pub fn is_endless(&self) -> bool {
        let (Some(wait), Some(interval)) = (self.restart_wait, self.limit_interval) else {
            return false;
        };
        self.restart != "no" && interval <= wait.saturating_mul(self.limit_burst)
    }
}

/// `1min 30s` in microseconds; None for `infinity`.
fn parse_span(text: &str) -> Option<u64> {
    const UNITS: &[(&str, u64)] = &[
        ("us", 1),
        ("ms", 1_000),
        ("s", 1_000_000),
        ("min", 60_000_000),
        ("h", 3_600_000_000),
        ("d", 86_400_000_000),
        ("w", 604_800_000_000),
    ];
    let mut sum = 0u64;
    for word in text.split_whitespace() {
        let at = word.find(|c: char| c.is_ascii_alphabetic()).unwrap_or(word.len());
        let (number, unit) = word.split_at(at);
        let factor = UNITS.iter().find(|(name, _)| *name == unit).map_or(0, |(_, f)| *f);
        sum = sum.saturating_add(number.parse::<u64>().ok()?.saturating_mul(factor));
    }
    Some(sum)
}

fn graceful(exec_start: &str) -> u64 {
    let mut words = exec_start.split_whitespace();
    while let Some(word) = words.next() {
        let given = match word.strip_prefix("--graceful-timeout") {
            Some("") => words.next(),
            Some(rest) => rest.strip_prefix('='),
            None => None,
        };
        if let Some(seconds) = given.and_then(|v| v.parse().ok()) {
            return seconds;
        }
    }
    30
}

/// `{ path=/bin/sh ; argv[]=… ; flags= ; …}` without the flags that make it harmless.
fn counted(line: &str) -> Option<String> {
    let field = |name: &str| {
        let (_, rest) = line.split_once(name)?;
        Some(rest.split(" ;").next().unwrap_or(rest).trim())
    };
    let flags = field("flags=").unwrap_or_default();
    let harmless = flags.contains("ignore-failure") || flags.contains("privileged");
    let path = field("path=")?;
    (!harmless && path != CAPTURE).then(|| path.to_owned())
}

fn judge(facts: &Facts, state: &ServiceState) -> Vec<Finding> {
    let unit = facts.config.unit();
    if state.load == "bad-setting" || state.load == "error" {
        let detail = format!("systemd says {}: it cannot start the unit again", state.load);
        let found = Finding::new(&finding::SVC_REFUSED, Subject::unit(&unit), detail);
        return vec![found.command(&["systemd-analyze", "verify", &unit])];
    }
    let mut found = Vec::new();
    let mut add = |kind: &'static Kind, detail: String| {
        let mut finding = Finding::new(kind, Subject::unit(&unit), detail);
        finding.commands = rewrite(facts, state);
        found.push(finding);
    };
    let Some(said) = state.in_force.as_ref().filter(|_| state.load == "loaded") else {
        return found;
    };
    if state.other_user {
        let runs_as = if said.user.is_empty() { "root" } else { said.user.as_str() };
        let detail = format!("it runs as {runs_as}; the settings say {}", facts.config.user.value);
        add(&finding::SVC_OTHER_USER, detail);
    }
    let system = |path: &String| {
        path.split(':').any(|dir| matches!(dir.trim_end_matches('/'), "/usr/bin" | "/bin"))
    };
    if let Some(path) = said.path.as_ref().filter(|p| !system(p)) {
        add(&finding::SVC_PATH, format!("Environment= sets PATH to {path}"));
    }
    let status = said.success.first();
    if let (Some(status), "on-failure" | "on-abnormal" | "on-abort") =
        (status, said.restart.as_str())
    {
        let detail = format!(
            "SuccessExitStatus= has {status}, and with Restart={} such an end is not mended",
            said.restart
        );
        add(&finding::SVC_CRASH_STOPS, detail);
    }
    let graceful = said.graceful;
    if said.stop_limit.is_some_and(|micros| micros > 0 && micros <= graceful * 1_000_000) {
        let seconds = said.stop_limit.unwrap_or(0) / 1_000_000;
        let detail = format!(
            "systemd kills after {seconds} s what gunicorn gives {graceful} s to end its requests"
        );
        add(&finding::SVC_STOP_SHORT, detail);
    }
    if let Some(program) = said.after_stop.first() {
        let detail = format!("ExecStopPost= runs {program} as the service user, without a dash");
        add(&finding::SVC_STOP_POST, detail);
    }
    found
}

/// What makes an end of a bad line: a unit of the administrator's can be replaced by the generated
/// one, which keeps its settings; a drop-in is the administrator's to change.
pub(super) fn rewrite(facts: &Facts, state: &ServiceState) -> Vec<Vec<String>> {
    let words = |list: &[&str]| list.iter().map(|w| (*w).to_owned()).collect::<Vec<_>>();
    let (unit, name) = (facts.config.unit(), facts.config.service.value.as_str());
    match is_movable(state, &unit) {
        true => vec![
            words(&["meats-diagnose", "unit", "--adopt"]),
            words(&["systemctl", "restart", name]),
        ],
        false => vec![words(&["systemctl", "--no-pager", "cat", &unit])],
    }
}

/// `meats-diagnose unit --adopt` takes it, and nothing of the administrator's stays in force.
pub(super) fn is_movable(state: &ServiceState, unit: &str) -> bool {
    let his = |file: &Path| ADMIN_DIRS.iter().any(|dir| file.starts_with(dir));
    let mut drop_ins = state.drop_ins.split_whitespace().map(Path::new);
    // Of an alias it would take the name alone.
    let named = state.fragment.file_name().is_some_and(|name| name == unit);
    his(&state.fragment) && named && !is_template(&state.fragment) && !drop_ins.any(his)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_of_time() {
        let cases = [
            ("5s", Some(5_000_000)),
            ("1min 30s", Some(90_000_000)),
            ("infinity", None),
            ("0", Some(0)),
            ("2h 1ms", Some(7_200_001_000)),
        ];
        for (text, expected) in cases {
            assert_eq!(parse_span(text), expected, "{text}");
        }
    }

    #[test]
    fn what_show_prints() {
        let map = |pairs: &[(&str, &str)]| {
            pairs.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect()
        };
        let said = InForce::parse(&map(&[
            ("User", "projectmeats"),
            ("Environment", "A=1 PATH=/opt/x/bin B=2"),
            ("SuccessExitStatus", "0 1 2 SIGTERM"),
            ("RestartUSec", "10s"),
            ("Restart", "always"),
            ("StartLimitIntervalUSec", "10s"),
            ("StartLimitBurst", "5"),
            ("TimeoutStopUSec", "5s"),
            ("ExecStart", "{ path=/g ; argv[]=/g --graceful-timeout 20 x:y ; ignore_errors=no }"),
            (
                "ExecStopPostEx",
                "{ path=/bin/sh ; argv[]=/bin/sh -c x ; flags= ; start_time=[n/a] }\n\
                 { path=/bin/a ; argv[]=/bin/a ; flags=ignore-failure privileged ; pid=0 }",
            ),
        ]));
        assert_eq!(said.path.as_deref(), Some("/opt/x/bin"));
        assert_eq!(said.success, [1, 2]);
        assert_eq!(said.graceful, 20);
        assert_eq!(said.after_stop, ["/bin/sh"]);
        assert!(said.is_endless());
        let within = map(&[("RestartUSec", "5s"), ("StartLimitIntervalUSec", "2min")]);
        assert!(!InForce { limit_burst: 6, ..InForce::parse(&within) }.is_endless());
    }
}
