//! The checks of the diagnosis.
//!
//! Invariant: pure. A check that could not look says so and never says fine; a check that does not
//! apply says that. Repair and diagnosis cannot disagree: drift is the list of actions that the
//! repair's own planners leave.

mod diagnosis;
mod disk;
mod drift;
mod env_file;
mod facts;
pub mod packages;
mod reach;
mod service;
mod settings;

pub use diagnosis::{Diagnosis, NotChecked, Placed, Word, diagnose};
pub use facts::{Answer, Facts, Listener, PackagesSeen, ServiceState};

use crate::model::{Finding, Kind};

/// What a check says.
#[derive(Debug)]
pub enum Verdict {
    /// It looked; empty means that all is well.
    Looked(Vec<Finding>),
    /// It could not look.
    NotChecked { reason: String, needs: String },
    /// There is nothing to look at here.
    NotApplicable,
}

/// One check: the kinds it can find, and how.
#[derive(Debug)]
pub struct Check {
    pub kinds: fn() -> Vec<&'static Kind>,
    pub run: fn(&Facts) -> Verdict,
}

/// Every check, in the order in which causes come before symptoms.
pub const CHECKS: &[&Check] = &[
    &settings::SETTINGS,
    &env_file::CONTENT,
    &drift::TREES,
    &packages::PACKAGES,
    &service::UNIT,
    &service::STATE,
    &reach::LISTEN,
    &reach::HEALTH,
    &disk::SPACE,
];
