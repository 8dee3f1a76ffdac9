//! The checks of the diagnosis.
//!
//! Invariant: pure. A check that could not look says so and never says fine; a check that does not
//! apply says that. Repair and diagnosis cannot disagree: drift is the list of actions that the
//! repair's own planners leave.

mod acl;
mod database;
mod diagnosis;
mod disk;
mod drift;
mod env_file;
mod facts;
mod failure;
mod in_force;
pub mod packages;
mod paths;
mod process;
mod reach;
mod service;
mod settings;
mod stack;
mod web;

pub use acl::Acl;
pub use database::{Applied, Database, DatabaseFile, DatabaseServer, Reached, parse_applied};
pub use diagnosis::{Diagnosis, NotChecked, Placed, Word, diagnose};
pub use facts::{Answer, Facts, Listener, PackagesSeen, Place, ServiceState};
pub use in_force::{InForce, PROPERTIES as IN_FORCE};
pub use paths::{Step, Walker};
pub use process::Process;
pub use stack::Stack;
pub use web::{INCLUDED, Served, Server, Web, below_run, parse_end, parse_nginx};

use crate::model::{Fact, Finding, Kind};

/// What a check says.
#[derive(Debug)]
pub enum Verdict {
    /// It looked; empty means that all is well.
    Looked(Vec<Finding>),
    /// It found something, but could not look everywhere.
    Partly { found: Vec<Finding>, reason: String, needs: String },
    /// It could not look.
    NotChecked { reason: String, needs: String },
    /// There is nothing to look at here.
    NotApplicable,
}

impl Verdict {
    /// The verdict on a fact: judged where it is known, nothing to look at where it is absent.
    pub(crate) fn of<T>(
        fact: &Fact<T>,
        needs: &str,
        judge: impl FnOnce(&T) -> Vec<Finding>,
    ) -> Self {
        Self::by(fact, needs, |value| Self::Looked(judge(value)))
    }

    /// As [`Self::of`], where a known fact may still not tell everything.
    pub(crate) fn by<T>(fact: &Fact<T>, needs: &str, judge: impl FnOnce(&T) -> Self) -> Self {
        match fact {
            Fact::Known(value) => judge(value),
            Fact::Absent => Self::NotApplicable,
            Fact::Unknown(reason) => {
                Self::NotChecked { reason: reason.clone(), needs: needs.to_owned() }
            }
        }
    }
}

/// The first of a list, and how many more there are: `a and 2 more`.
fn first_and_more(list: &[String]) -> Option<String> {
    let first = list.first()?;
    Some(match list.len() - 1 {
        0 => first.clone(),
        more => format!("{first} and {more} more"),
    })
}

/// One check: the kinds it can find, and how.
#[derive(Debug)]
pub struct Check {
    pub kinds: fn() -> Vec<&'static Kind>,
    pub run: fn(&Facts) -> Verdict,
}

/// What a check is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum About {
    /// The host's own unit, process and application; nothing to look at where a stack serves instead.
    Own,
    /// The service, wherever it runs.
    Any,
}
use About::{Any, Own};

/// Every check, in the order in which causes come before symptoms.
pub const CHECKS: &[(About, &Check)] = &[
    (Any, &settings::SETTINGS),
    (Any, &env_file::CONTENT),
    (Own, &env_file::STRAY),
    (Any, &drift::TREES),
    (Own, &paths::PROJECT),
    (Own, &packages::PACKAGES),
    (Own, &database::DATABASE),
    (Own, &reach::TAKEN),
    (Own, &service::UNIT),
    (Own, &in_force::LINES),
    (Own, &paths::WAYS),
    (Own, &failure::LAST_RUN),
    (Any, &stack::STACK),
    (Own, &service::STATE),
    (Own, &reach::HANDED),
    (Own, &reach::LISTEN),
    (Own, &reach::HEALTH),
    (Own, &process::PROCESS),
    (Any, &web::WEB),
    (Any, &disk::SPACE),
];
