//! The service user against root's helpers.
//!
//! Everything here runs inside a container of its own (`bout`, src/bin/bout.rs): the field is laid,
//! the service user strikes, a helper runs as root, and the whole root outside the service's own
//! trees is compared before and after. The same strikes are tried on a script that does what the
//! original did (naive.sh): a strike that it survives proves nothing and fails the suite.

/// The container.
pub mod arena;
/// The strikes, by kind.
pub mod attacks;
/// Failing system calls, kills, and several programs at once.
pub mod faults;
/// The field, and its restoration.
pub mod ground;
/// What a root looks like.
pub mod manifest;
/// Strikes that are swaps in a loop.
pub mod races;
/// One strike against one helper, judged.
pub mod round;

use serde::{Deserialize, Serialize};

/// What came of one strike against one helper; a line of JSON on bout's standard output.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Outcome {
    pub attack: String,
    pub helper: String,
    /// What changed outside, was told to the user, or ran as root; empty is as it must be.
    pub escapes: Vec<String>,
    /// None when it had to be ended.
    pub status: Option<i32>,
    pub seconds: f64,
    pub output: String,
    /// The attack itself could not be carried out.
    pub broken: Option<String>,
    /// With laying the field, striking and judging.
    pub whole: f64,
    /// Swaps of a race.
    pub swaps: u64,
    /// Runs of the helper.
    pub runs: u64,
    /// Largest resident size of the helper, in KiB.
    pub rss: i64,
}

/// What an attack is.
#[derive(Debug)]
pub struct Attack {
    pub name: &'static str,
    /// The naive script must fall for it (or hang).
    pub real: bool,
    /// The helper must let the service start.
    pub starts: bool,
    /// What the world looks like before, made by root.
    pub given: &'static str,
    /// What the service user does.
    pub strike: &'static str,
    /// Variables that the env file brings to the helper.
    pub environment: &'static [(&'static str, &'static str)],
    /// Run as root afterwards; what it prints is an escape.
    pub verify: &'static str,
}

impl Attack {
    /// An attack that the naive script falls for, on the field as it is laid.
    pub const fn new(name: &'static str, strike: &'static str) -> Self {
        let (given, verify) = ("", "");
        Self { name, real: true, starts: true, given, strike, environment: &[], verify }
    }

    /// The naive script survives it: only our own behaviour is judged.
    pub const fn survived(mut self) -> Self {
        self.real = false;
        self
    }

    /// The start must be stopped: systemd itself would choke on it.
    pub const fn stops(mut self) -> Self {
        self.starts = false;
        self
    }

    pub const fn given(mut self, script: &'static str) -> Self {
        self.given = script;
        self
    }

    pub const fn environment(mut self, pairs: &'static [(&'static str, &'static str)]) -> Self {
        self.environment = pairs;
        self
    }

    pub const fn verify(mut self, script: &'static str) -> Self {
        self.verify = script;
        self
    }
}
