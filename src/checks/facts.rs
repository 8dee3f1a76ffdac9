//! What the checks are told.

use std::path::PathBuf;

use super::packages;
use crate::config::Config;
use crate::model::{Fact, Finding, Space};
use crate::python::{Environment, RequirementSet};

/// The properties of the unit that PID 1 has in force (`systemctl show`).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ServiceState {
    pub load: String,
    pub active: String,
    pub sub: String,
    pub result: String,
    pub exec_main_status: i32,
    pub exec_main_code: i32,
    pub restarts: u32,
    pub main_pid: u32,
    pub fragment: PathBuf,
    pub drop_ins: String,
    pub unit_file_state: String,
    pub need_daemon_reload: bool,
    /// Seconds since the epoch; None if never active.
    pub active_since: Option<i64>,
}

impl ServiceState {
    /// Running, or busy being started or stopped without a failure behind it.
    pub fn runs(&self) -> bool {
        self.active == "active" || self.active == "reloading"
    }
}

/// An HTTP answer, as far as checks and report need it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    pub status: u16,
    pub millis: u128,
    pub location: Option<String>,
}

/// An address where the service should answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listener {
    /// `127.0.0.1:8000` or `unix:/run/x.sock`.
    pub address: String,
    /// The answer to the health path, or what happened instead.
    pub answer: Result<Answer, String>,
    /// A connection was made.
    pub connects: bool,
}

/// The virtual environment and what should be in it.
#[derive(Debug)]
pub struct PackagesSeen {
    pub environment: Environment,
    pub requirements: RequirementSet,
    pub context: packages::Context,
}

/// The host as seen by this user at this moment.
#[derive(Debug)]
pub struct Facts {
    pub config: Config,
    pub privileged: bool,
    /// Findings of the settings and of the planners; actions that are left, by kind.
    pub planned: Vec<Finding>,
    /// A start was planned for although the user may not see the trees.
    pub trees_seen: Fact<()>,
    pub service: Fact<ServiceState>,
    /// The administrator masked the unit.
    pub masked: bool,
    pub listeners: Fact<Vec<Listener>>,
    /// The host name that was asked for.
    pub host: String,
    pub packages: PackagesSeen,
    pub spaces: Vec<(PathBuf, Fact<Space>)>,
}
