//! How a run ends.

use std::process::ExitCode;

/// The program's name in messages.
pub(super) const PROGRAM: &str = "meats-deploy";

/// How a run ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum End {
    /// Done; for a deployment: live and healthy.
    Good,
    /// Not done, and what was live still is; for a check: it would not be done.
    Refused,
    /// Nothing healthy is live.
    Down,
    /// Nothing was begun.
    NotBegun,
}

impl From<End> for ExitCode {
    fn from(end: End) -> Self {
        Self::from(match end {
            End::Good => 0,
            End::Refused => 1,
            End::Down => 3,
            End::NotBegun => 4,
        })
    }
}
