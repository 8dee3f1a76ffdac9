//! How a run of the service ended, as systemd tells it.
//!
//! The variables of an `ExecStopPost=` command can be forged by the env file (systemd.exec(5): the
//! file overrides what systemd sets), so only known words are accepted, and on a failure PID 1's
//! properties win.

use serde::{Deserialize, Serialize};

/// `$SERVICE_RESULT`, `Result=`: the closed list of systemd.exec(5), "Environment Variables Set on
/// the Service Manager", and `start-limit-hit`, `resources` of the D-Bus property.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ServiceResult {
    Success,
    Protocol,
    Timeout,
    ExitCode,
    Signal,
    CoreDump,
    Watchdog,
    ExecCondition,
    OomKill,
    StartLimitHit,
    Resources,
}

impl ServiceResult {
    const WORDS: &[(&str, Self)] = &[
        ("success", Self::Success),
        ("protocol", Self::Protocol),
        ("timeout", Self::Timeout),
        ("exit-code", Self::ExitCode),
        ("signal", Self::Signal),
        ("core-dump", Self::CoreDump),
        ("watchdog", Self::Watchdog),
        ("exec-condition", Self::ExecCondition),
        ("oom-kill", Self::OomKill),
        ("start-limit-hit", Self::StartLimitHit),
        ("resources", Self::Resources),
    ];

    /// The known words only.
    pub fn parse(word: &str) -> Option<Self> {
        Self::WORDS.iter().find(|(w, _)| *w == word).map(|(_, r)| *r)
    }

    /// systemd's word.
    pub fn word(self) -> &'static str {
        Self::WORDS.iter().find(|(_, r)| *r == self).map_or("unknown", |(w, _)| w)
    }
}

/// How the main process ended (`$EXIT_CODE`, `$EXIT_STATUS`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    /// By itself, with this status.
    Exited(u8),
    /// By a signal; the number.
    Killed(u8),
    /// By a signal that dumps core.
    Dumped(u8),
}

/// Names without SIG, as systemd prints them (signal(7), x86 and arm).
const SIGNALS: &[(u8, &str)] = &[
    (1, "HUP"),
    (2, "INT"),
    (3, "QUIT"),
    (4, "ILL"),
    (5, "TRAP"),
    (6, "ABRT"),
    (7, "BUS"),
    (8, "FPE"),
    (9, "KILL"),
    (10, "USR1"),
    (11, "SEGV"),
    (12, "USR2"),
    (13, "PIPE"),
    (14, "ALRM"),
    (15, "TERM"),
    (24, "XCPU"),
    (25, "XFSZ"),
    (31, "SYS"),
];

/// `KILL` for 9; the number for what has no name here.
pub fn signal_name(number: u8) -> String {
    let known = SIGNALS.iter().find(|(n, _)| *n == number);
    known.map_or_else(|| number.to_string(), |(_, name)| (*name).to_owned())
}

impl Exit {
    /// From systemd's variables; anything unknown is None.
    pub fn parse(code: &str, status: &str) -> Option<Self> {
        let signal = || {
            let named = SIGNALS.iter().find(|(_, name)| *name == status).map(|(n, _)| *n);
            named.or_else(|| status.parse().ok())
        };
        match code {
            "exited" => status.parse().ok().map(Self::Exited),
            "killed" => signal().map(Self::Killed),
            "dumped" => signal().map(Self::Dumped),
            _ => None,
        }
    }

    /// From the properties `ExecMainCode` (CLD_* of waitid(2)) and `ExecMainStatus`.
    pub fn from_properties(code: &str, status: &str) -> Option<Self> {
        let status = status.parse().ok()?;
        match code {
            "1" => Some(Self::Exited(status)),
            "2" => Some(Self::Killed(status)),
            "3" => Some(Self::Dumped(status)),
            _ => None,
        }
    }

    /// "exit 1", "signal KILL", "signal SEGV (core dumped)".
    pub fn words(self) -> String {
        match self {
            Self::Exited(status) => format!("exit {status}"),
            Self::Killed(signal) => format!("signal {}", signal_name(signal)),
            Self::Dumped(signal) => format!("signal {} (core dumped)", signal_name(signal)),
        }
    }

    /// The signals that systemd takes for a clean end (systemd.service(5), SuccessExitStatus=).
    fn clean_signal(self) -> bool {
        matches!(self, Self::Killed(1 | 2 | 13 | 15))
    }
}

/// One end of the service.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Outcome {
    /// None when systemd's word is not known.
    pub result: Option<ServiceResult>,
    /// None when there was no main process, or nothing is known of it.
    pub exit: Option<Exit>,
}

impl Outcome {
    /// From the variables of an `ExecStopPost=` command or of an `OnFailure=` unit; None when one
    /// of them says what systemd never says.
    pub fn parse(result: Option<&str>, code: Option<&str>, status: Option<&str>) -> Option<Self> {
        let exit = match (code, status) {
            (None, None) => None,
            _ => Some(Exit::parse(code.unwrap_or_default(), status.unwrap_or_default())?),
        };
        Some(Self { result: Some(ServiceResult::parse(result?)?), exit })
    }

    /// A stop that nobody needs to hear of. `success` with an exit status other than 0 is a
    /// failure that `SuccessExitStatus=` hides.
    pub fn is_clean(&self) -> bool {
        match (self.result, self.exit) {
            (Some(ServiceResult::ExecCondition), _) => true,
            (Some(ServiceResult::Success), None | Some(Exit::Exited(0))) => true,
            (Some(ServiceResult::Success), Some(exit)) => exit.clean_signal(),
            _ => false,
        }
    }

    /// "exit 1", or systemd's word where no process ended.
    pub fn words(&self) -> String {
        match (self.exit, self.result) {
            (Some(exit), _) => exit.words(),
            (None, Some(result)) => result.word().to_owned(),
            (None, None) => "unknown".to_owned(),
        }
    }
}

/// True for what an invocation id is: 32 hex digits.
pub fn is_invocation(text: &str) -> bool {
    text.len() == 32 && text.bytes().all(|b| b.is_ascii_hexdigit())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clean_or_not() {
        type Case = (&'static str, Option<(&'static str, &'static str)>, Option<bool>);
        let cases: &[Case] = &[
            ("success", Some(("exited", "0")), Some(true)),
            ("success", None, Some(true)),
            ("success", Some(("exited", "1")), Some(false)),
            ("success", Some(("killed", "TERM")), Some(true)),
            ("success", Some(("killed", "HUP")), Some(true)),
            ("success", Some(("killed", "KILL")), Some(false)),
            ("exec-condition", None, Some(true)),
            ("exit-code", Some(("exited", "143")), Some(false)),
            ("exit-code", None, Some(false)),
            ("protocol", Some(("exited", "0")), Some(false)),
            ("timeout", Some(("killed", "TERM")), Some(false)),
            ("oom-kill", Some(("killed", "KILL")), Some(false)),
            ("hacked", Some(("exited", "0")), None),
            ("success", Some(("exited", "0x0")), None),
            ("success", Some(("", "0")), None),
            ("", None, None),
        ];
        for (result, exit, clean) in cases {
            let outcome = Outcome::parse(Some(result), exit.map(|e| e.0), exit.map(|e| e.1));
            assert_eq!(outcome.map(|o| o.is_clean()), *clean, "{result} {exit:?}");
        }
        assert_eq!(Outcome::parse(None, None, None), None);
    }

    #[test]
    fn exits() {
        let cases = [
            ("exited", "203", Some(Exit::Exited(203))),
            ("exited", "256", None),
            ("killed", "KILL", Some(Exit::Killed(9))),
            ("killed", "64", Some(Exit::Killed(64))),
            ("dumped", "SEGV", Some(Exit::Dumped(11))),
            ("evil\n", "0", None),
        ];
        for (code, status, expected) in cases {
            assert_eq!(Exit::parse(code, status), expected, "{code} {status}");
        }
        assert_eq!(Exit::from_properties("2", "9"), Some(Exit::Killed(9)));
        assert_eq!(Exit::from_properties("0", "0"), None);
        assert_eq!(Exit::Dumped(6).words(), "signal ABRT (core dumped)");
    }

    #[test]
    fn invocations() {
        assert!(is_invocation("0123456789abcdef0123456789abcdef"));
        assert!(!is_invocation("") && !is_invocation("0123456789abcdef0123456789abcdeg"));
    }
}
