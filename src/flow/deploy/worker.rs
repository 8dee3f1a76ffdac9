//! Who carries out steps: what work needs, and how children are started, read and waited for.

use std::time::Duration;

use super::log::Log;
use super::mask::Mask;
use super::room::Room;
use crate::config::Config;
use crate::deploy::{health_host, last_lines};
use crate::model::{Finding, Owner, Secret};
use crate::sys::Root;
use crate::sys::clock::{Deadline, pause};
use crate::sys::exec::{self, Output, Request};
use crate::sys::ids::Accounts;

/// Lines of a failed child that are shown with its step.
pub(super) const SHOWN: usize = 12;

/// Why a step failed.
#[derive(Debug)]
pub(super) struct Failure {
    pub(super) why: String,
    /// The last lines of the child, masked.
    pub(super) lines: Vec<String>,
}

impl From<String> for Failure {
    fn from(why: String) -> Self {
        Self { why, lines: Vec::new() }
    }
}

/// Everything that work needs; it learns from inspections.
pub(super) struct Worker<'a> {
    pub(super) root: &'a Root,
    pub(super) config: &'a Config,
    pub(super) service: Option<Owner>,
    pub(super) variables: Vec<(String, Secret)>,
    /// What the containers of the stack get.
    pub(super) stack: Vec<(String, Secret)>,
    pub(super) mask: Mask,
    pub(super) log: &'a Log,
    /// `ALLOWED_HOSTS`, from the env file until the application has said its own.
    pub(super) allowed_hosts: Vec<String>,
    /// The settings module that the application chose.
    pub(super) settings_module: Option<String>,
    /// How many migrations the last inspection found pending.
    pub(super) pending: usize,
    /// Where requests wait during a move.
    pub(super) room: Room,
    /// Warnings on the way, for the end of the account.
    pub(super) warnings: Vec<Finding>,
}

/// What became of a part of a step, or of the whole.
#[derive(Debug, Default)]
pub(super) struct Part {
    pub(super) note: Option<String>,
    /// Something on the host is not as before.
    pub(super) changed: bool,
}

impl Part {
    pub(super) fn looked(note: String) -> Self {
        Self { note: Some(note), changed: false }
    }
}

pub(super) type Done = Result<Part, Failure>;

impl Worker<'_> {
    pub(super) fn service_owner(&self) -> Result<Owner, Failure> {
        self.service
            .ok_or_else(|| "the user or the group of the service does not exist".to_owned().into())
    }

    /// The environment and the groups that systemd gives the service; what the application chose as
    /// its settings holds for `manage.py`, too, whatever default that has.
    pub(super) fn surround(&self, mut request: Request) -> Request {
        let venv = self.config.venv.join("bin");
        request = request.env("PATH", format!("{}:{}", venv.display(), exec::PATH));
        request = request.env("USER", self.config.user.value.clone());
        request = request.groups(Accounts::observe(self.root).supplementary(&self.config.user));
        if !self.config.settings_module.is_empty() {
            request =
                request.env("DJANGO_SETTINGS_MODULE", self.config.settings_module.value.clone());
        }
        for (name, value) in &self.variables {
            // systemd accepts only UTF-8, so this is exact.
            let value = String::from_utf8_lossy(value.expose()).into_owned();
            request = request.env(name, value);
        }
        match &self.settings_module {
            Some(module) => request.env("DJANGO_SETTINGS_MODULE", module.clone()),
            None => request,
        }
    }

    /// The variables of the stack, for compose; nothing else but what a client of docker needs.
    pub(super) fn hand_over(&self, mut request: Request) -> Request {
        request = request.env("HOME", "/root");
        for (name, value) in &self.stack {
            request = request.env(name, String::from_utf8_lossy(value.expose()).into_owned());
        }
        request
    }

    /// Writes what a child said into the log; its standard output, masked.
    pub(super) fn record(&self, title: &str, output: &Output) -> String {
        let stdout = self.mask.text(&output.stdout);
        let stderr = self.mask.text(&output.stderr);
        self.log.add(self.root, title, &format!("{stdout}{stderr}{}", output.how()));
        stdout
    }

    pub(super) fn failure(&self, output: &Output) -> Failure {
        let silent = self.mask.text(&output.stderr).trim().is_empty();
        let said = if silent { &output.stdout } else { &output.stderr };
        let why = format!("{}: {}", output.program, output.how());
        Failure { why, lines: self.shown(said) }
    }

    /// The last lines of what was said, masked.
    pub(super) fn shown(&self, said: &[u8]) -> Vec<String> {
        let text = self.mask.text(said);
        last_lines(&text, SHOWN).into_iter().map(str::to_owned).collect()
    }

    pub(super) fn host(&self) -> String {
        health_host(&self.config.health_host, &self.allowed_hosts)
    }

    /// Asks until it is well, is over, or the time is up.
    pub(super) fn poll(
        &self,
        seconds: u64,
        mut ask: impl FnMut() -> Result<(), Ask>,
    ) -> Result<(), Ask> {
        let deadline = Deadline::after(Duration::from_secs(seconds));
        loop {
            match ask() {
                Err(Ask::Again(_)) if !deadline.passed() => pause(Duration::from_millis(200)),
                end => return end,
            }
        }
    }
}

/// What one try at an address says.
pub(super) enum Ask {
    Again(String),
    /// There is no sense in asking again.
    Over,
}

impl Ask {
    /// What it says.
    pub(super) fn why(self) -> String {
        match self {
            Self::Again(why) => why,
            Self::Over => "it ended".to_owned(),
        }
    }
}
