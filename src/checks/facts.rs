//! What the checks are told.

use std::path::PathBuf;

use super::{Database, InForce, Process, Stack, Step, Walker, Web, packages};
use crate::capture::Record;
use crate::config::Config;
use crate::model::{Fact, Finding, Holder, Space};
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
    /// Units that start it, separated by blanks.
    pub triggered_by: String,
    /// What a running socket unit of those listens at.
    pub handed: Option<String>,
    pub unit_file_state: String,
    pub need_daemon_reload: bool,
    /// The last start was skipped for these lines of the unit, or for some that are not known.
    pub unmet: Option<String>,
    /// When the main process was started, in seconds since the epoch.
    pub main_started: Option<i64>,
    /// Seconds since the epoch; None if never active.
    pub active_since: Option<i64>,
    /// What the unit says, where systemd was asked for it.
    pub in_force: Option<InForce>,
    /// The unit's user is another than that of the settings.
    pub other_user: bool,
}

impl ServiceState {
    /// Running, or busy being started or stopped without a failure behind it.
    pub fn runs(&self) -> bool {
        self.active == "active" || self.active == "reloading"
    }

    /// The last run ended, and not because somebody asked for it; another start may be on its way.
    pub fn died(&self) -> bool {
        match (self.active.as_str(), self.sub.as_str()) {
            ("failed", _) | (_, "auto-restart") => true,
            ("activating", _) => self.restarts > 0,
            // A clean stop may end in one of the signals that systemd takes for success
            // (systemd.service(5), SuccessExitStatus=); 2 is CLD_KILLED.
            ("inactive", _) => {
                let asked =
                    self.exec_main_code == 2 && [1, 2, 13, 15].contains(&self.exec_main_status);
                self.exec_main_status != 0 && !asked
            }
            _ => false,
        }
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
    /// The process that has it, where that is none of the service's.
    pub taken_by: Option<Holder>,
    /// The unit of that process, where it is a service of the system.
    pub taken_in: Option<String>,
    /// A connection was made.
    pub connects: bool,
}

/// A place where the service or its helpers write.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    pub path: PathBuf,
    pub space: Fact<Space>,
    /// Where its file system is mounted, as far as that is known.
    pub mount: Option<PathBuf>,
    /// The service cannot do without it.
    pub needed: bool,
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
    /// Why the last run ended, if it died.
    pub failure: Fact<Record>,
    /// The Docker stack; absent where there is none, or only beside the host's own service.
    pub stack: Fact<Stack>,
    /// Where visitors end: the service's addresses, or that of the stack which serves.
    pub listeners: Fact<Vec<Listener>>,
    /// The host name that was asked for.
    pub host: String,
    /// The same addresses as nginx would name them.
    pub addresses: Vec<String>,
    /// Env files besides the service's own: keys that they set to another value.
    pub other_files: Vec<(PathBuf, Vec<String>)>,
    /// The env file sets DJANGO_SETTINGS_MODULE.
    pub settings_by_env: bool,
    /// The file that python-decouple finds above the settings, if there is one.
    pub stray: Fact<Step>,
    /// The directories above it.
    pub stray_way: Vec<Step>,
    pub process: Fact<Process>,
    pub database: Fact<Database>,
    pub web: Fact<Web>,
    /// The working directory.
    pub project: Fact<()>,
    /// Who runs the service; None without the user.
    pub walker: Option<Walker>,
    /// Directories above what the service needs.
    pub ways: Vec<Vec<Step>>,
    pub packages: PackagesSeen,
    pub spaces: Vec<Place>,
}

impl Facts {
    /// The service runs in containers, and the host's own rests by intent.
    pub fn in_stack(&self) -> bool {
        self.stack.known().is_some_and(Stack::serves)
    }
}
