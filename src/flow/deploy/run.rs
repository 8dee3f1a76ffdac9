//! Carries out steps: one match over [`Work`].

use std::path::Path;
use std::time::Duration;

use super::log::Log;
use super::mask::Mask;
use super::observe;
use crate::config::Config;
use crate::deploy::docker::{ContainerState, parse_container_state};
use crate::deploy::{
    Command, DatabaseUrl, INSPECT, Inspection, RunAs, Surroundings, Work, check_inspection, few,
    health_address, health_host, is_idle, last_lines, note_of, parse_inspection,
};
use crate::model::{Finding, Origin, Owner, Plan, Secret, Severity, finding};
use crate::report::one_line;
use crate::sys::apply::{Outcome, apply};
use crate::sys::clock::{Deadline, pause};
use crate::sys::exec::{self, Output, Request};
use crate::sys::{Root, http, systemd};

/// Lines of a failed child that are shown with its step.
const SHOWN: usize = 12;
const INSPECT_SECONDS: u64 = 120;
const DUMP_SECONDS: u64 = 3600;

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
    pub(super) mask: &'a Mask,
    pub(super) log: &'a Log,
    /// `ALLOWED_HOSTS`, from the env file until the application has said its own.
    pub(super) allowed_hosts: Vec<String>,
    /// The settings module that the application chose.
    pub(super) settings_module: Option<String>,
    /// How many migrations the last inspection found pending.
    pub(super) pending: usize,
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
    fn looked(note: String) -> Self {
        Self { note: Some(note), changed: false }
    }
}

type Done = Result<Part, Failure>;

impl Worker<'_> {
    /// The work of one step, in order; the notes of its parts.
    pub(super) fn step(&mut self, work: &[Work]) -> Done {
        let mut notes = Vec::new();
        let mut changed = false;
        for part in work {
            let part = self.perform(part)?;
            notes.extend(part.note);
            changed |= part.changed;
        }
        Ok(Part { note: (!notes.is_empty()).then(|| notes.join(", ")), changed })
    }

    fn perform(&mut self, work: &Work) -> Done {
        match work {
            Work::Judge(findings) => self.judge(findings),
            Work::Effect(effect) => {
                let mut plan = Plan::default();
                plan.push(&finding::DEP_CHILD, Origin::Default, effect.clone());
                let failed = apply(self.root, &plan).into_iter().find_map(|a| match a.outcome {
                    Outcome::Failed(why) => {
                        Some(format!("\"{}\": {why}", a.action.effect.path().display()))
                    }
                    Outcome::Done | Outcome::Skipped => None,
                });
                let done = Part { note: None, changed: true };
                failed.map_or(Ok(done), |why| Err(why.into()))
            }
            Work::Command(command) => self.command(command),
            Work::Inspect { python, directory, application } => {
                self.inspect(python, directory, application)
            }
            Work::Dump { to } => self.dump(to),
            Work::Trial { gunicorn, directory, application, seconds } => {
                self.trial(gunicorn, directory, application, *seconds)
            }
            Work::Containers { compose, project, services, seconds } => {
                self.containers(compose, project, services, *seconds)
            }
            Work::Published { compose, path, seconds } => self.published(compose, path, *seconds),
            Work::Health { addresses, path, seconds } => self.health(addresses, path, *seconds),
        }
    }

    fn judge(&mut self, findings: &[Finding]) -> Done {
        let (errors, warnings): (Vec<&Finding>, Vec<&Finding>) =
            findings.iter().partition(|f| f.kind.severity == Severity::Error);
        self.warnings.extend(warnings.into_iter().cloned());
        let Some((first, others)) = errors.split_first() else { return Ok(Part::default()) };
        let mut lines: Vec<String> = others.iter().map(|f| one_line(f)).collect();
        for error in &errors {
            let remedy = error.kind.remedy.lines().map(|line| format!("{}: {line}", error.kind.id));
            lines.extend(remedy);
        }
        Err(Failure { why: one_line(first), lines })
    }

    fn command(&mut self, command: &Command) -> Done {
        let request = self.request(command)?;
        let output = exec::run(&request)?;
        let stdout = self.record(&command.argv.join(" "), &output);
        if !output.success() {
            return Err(self.failure(&output));
        }
        let changed = !is_idle(command.reads, &stdout);
        Ok(Part { note: note_of(command.reads, &stdout), changed })
    }

    fn request(&self, command: &Command) -> Result<Request, Failure> {
        let request = Request::new(&command.argv)
            .directory(&command.directory)
            .deadline(Duration::from_secs(command.seconds));
        let request = match command.run_as {
            RunAs::Root => request,
            RunAs::Service => request.owner(self.service_owner()?),
        };
        Ok(match command.surroundings {
            Surroundings::Closed => request,
            Surroundings::Service => self.surround(request),
            Surroundings::Stack => self.hand_over(request),
        })
    }

    fn service_owner(&self) -> Result<Owner, Failure> {
        self.service
            .ok_or_else(|| "the user or the group of the service does not exist".to_owned().into())
    }

    /// The environment that systemd gives the service; what the application chose as its settings
    /// holds for `manage.py`, too, whatever default that has.
    fn surround(&self, mut request: Request) -> Request {
        let venv = self.config.venv.join("bin");
        request = request.env("PATH", format!("{}:{}", venv.display(), exec::PATH));
        request = request.env("USER", self.config.user.value.clone());
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
    fn hand_over(&self, mut request: Request) -> Request {
        request = request.env("HOME", "/root");
        for (name, value) in &self.variables {
            request = request.env(name, String::from_utf8_lossy(value.expose()).into_owned());
        }
        request
    }

    /// Writes what a child said into the log; its standard output, masked.
    fn record(&self, title: &str, output: &Output) -> String {
        let stdout = self.mask.text(&output.stdout);
        let stderr = self.mask.text(&output.stderr);
        self.log.add(self.root, title, &format!("{stdout}{stderr}{}", output.how()));
        stdout
    }

    fn failure(&self, output: &Output) -> Failure {
        let text = self.mask.text(&output.stderr);
        let text = if text.trim().is_empty() { self.mask.text(&output.stdout) } else { text };
        Failure {
            why: format!("{}: {}", output.program, output.how()),
            lines: last_lines(&text, SHOWN).into_iter().map(str::to_owned).collect(),
        }
    }

    fn inspect(&mut self, python: &Path, directory: &Path, application: &str) -> Done {
        let python = python.display().to_string();
        let argv = [python.as_str(), "-", Inspection::MARKER, application];
        let request = Request::new(&argv)
            .directory(directory)
            .stdin(INSPECT)
            .owner(self.service_owner()?)
            .deadline(Duration::from_secs(INSPECT_SECONDS));
        let output = exec::run(&self.surround(request))?;
        let stdout = self.record(&format!("inspect {application}"), &output);
        let Some(inspection) = parse_inspection(&stdout) else {
            return Err(self.failure(&output));
        };
        self.judge(&check_inspection(&inspection))?;
        if !inspection.settings_module.is_empty() {
            self.settings_module = Some(inspection.settings_module.clone());
        }
        self.allowed_hosts = inspection.allowed_hosts;
        self.pending = inspection.pending.len();
        let migrations = match inspection.pending.as_slice() {
            [] => "no migration pending".to_owned(),
            list => format!("{} migrations pending: {}", list.len(), few(list)),
        };
        Ok(Part::looked(format!("{}, {migrations}", inspection.settings_module)))
    }

    /// pg_dump is the system's, so root runs it; the password goes by its environment.
    fn dump(&mut self, to: &Path) -> Done {
        if self.pending == 0 {
            return Ok(Part::looked("not needed".to_owned()));
        }
        let url = self.variables.iter().find(|(key, _)| key == "DATABASE_URL");
        let url = url.and_then(|(_, value)| std::str::from_utf8(value.expose()).ok());
        let url = url.and_then(|text| DatabaseUrl::parse(text).ok());
        let url = url.ok_or_else(|| "DATABASE_URL cannot be read".to_owned())?;
        let mut argv = vec![observe::PG_DUMP.to_owned(), "--format=custom".to_owned()];
        argv.extend(["--no-password".to_owned(), format!("--file={}", to.display())]);
        for (option, value) in [("host", &url.host), ("username", &url.user), ("dbname", &url.name)]
        {
            argv.extend((!value.is_empty()).then(|| format!("--{option}={value}")));
        }
        argv.extend(url.port.map(|port| format!("--port={port}")));
        let password = String::from_utf8_lossy(url.password.expose()).into_owned();
        let request = Request::new(&argv)
            .env("PGPASSWORD", password)
            .deadline(Duration::from_secs(DUMP_SECONDS));
        let output = exec::run(&request)?;
        self.record(&argv.join(" "), &output);
        if !output.success() {
            return Err(self.failure(&output));
        }
        Ok(Part { note: Some(to.display().to_string()), changed: true })
    }

    fn host(&self) -> String {
        health_host(&self.config.health_host, &self.allowed_hosts)
    }

    fn trial(
        &mut self,
        gunicorn: &Path,
        directory: &Path,
        application: &str,
        seconds: u64,
    ) -> Done {
        let address = format!("127.0.0.1:{}", http::spare_port()?);
        let program = gunicorn.display().to_string();
        // Ended with us, whatever ends us.
        let guard = ["/usr/bin/setpriv", "--pdeathsig", "TERM", "--"];
        let own = [program.as_str(), "--bind", &address, "--workers", "1", application];
        let argv = [&guard[..], &own[..]].concat();
        let request = Request::new(&argv).directory(directory).owner(self.service_owner()?);
        let mut child = exec::start(&self.surround(request))?;
        let (host, path) = (self.host(), self.config.health_path.value.clone());
        let asked = self.poll(seconds, || {
            if child.has_ended() {
                return Err(Ask::Over);
            }
            observe::ask(&address, &path, &host, Duration::from_secs(5)).map_err(Ask::Again)
        });
        let output = child.stop(Duration::from_secs(10))?;
        self.record(&format!("trial start of {application}"), &output);
        match asked {
            Ok(()) => Ok(Part::default()),
            Err(Ask::Over) => Err(self.failure(&output)),
            Err(Ask::Again(why)) => Err(Failure { why, ..self.failure(&output) }),
        }
    }

    fn health(&mut self, addresses: &[String], path: &str, seconds: u64) -> Done {
        let host = self.host();
        let limit = Duration::from_secs(u64::from(self.config.health_timeout_sec.value));
        let asked = self.poll(seconds, || {
            let each = |address: &String| observe::ask(address, path, &host, limit);
            addresses.iter().try_for_each(each).map_err(Ask::Again)
        });
        match asked {
            Ok(()) => Ok(Part::looked(format!("200 from {}", addresses.join(" and ")))),
            Err(Ask::Over) => Err("the service ended".to_owned().into()),
            Err(Ask::Again(why)) => Err(Failure { why, lines: self.unit_state() }),
        }
    }

    fn containers(
        &mut self,
        compose: &[String],
        project: &str,
        services: &[String],
        seconds: u64,
    ) -> Done {
        for service in services {
            let asked = self.poll(seconds, || match container_state(project, service) {
                Ok(Some(ContainerState::Healthy)) => Ok(()),
                Ok(state) => {
                    Err(Ask::Again(format!("the container of {service} is {}", word(state))))
                }
                Err(why) => Err(Ask::Again(why)),
            });
            if let Err(Ask::Again(why)) = asked {
                let mut argv = compose.to_vec();
                argv.extend(["logs", "--tail=20", service].map(str::to_owned));
                let output = exec::run(&self.hand_over(Request::new(&argv)))?;
                self.record(&argv.join(" "), &output);
                let text = self.mask.text(&output.stdout);
                let lines = last_lines(&text, SHOWN).into_iter().map(str::to_owned).collect();
                return Err(Failure { why, lines });
            }
        }
        Ok(Part::looked(format!("{} healthy", services.join(", "))))
    }

    fn published(&mut self, compose: &[String], path: &str, seconds: u64) -> Done {
        let mut argv = compose.to_vec();
        argv.extend(["port", "web", "8080"].map(str::to_owned));
        let output = exec::run(&self.hand_over(Request::new(&argv)))?;
        let text = self.record(&argv.join(" "), &output);
        let address = health_address(text.trim());
        self.health(&[address], path, seconds)
    }

    /// Asks until it is well, is over, or the time is up.
    fn poll(&self, seconds: u64, mut ask: impl FnMut() -> Result<(), Ask>) -> Result<(), Ask> {
        let deadline = Deadline::after(Duration::from_secs(seconds));
        loop {
            match ask() {
                Err(Ask::Again(_)) if !deadline.passed() => pause(Duration::from_millis(200)),
                end => return end,
            }
        }
    }

    /// What systemd says of the unit, for a failed health check.
    fn unit_state(&self) -> Vec<String> {
        let names = ["ActiveState", "SubState", "Result", "ExecMainStatus", "NRestarts"];
        let Ok(state) = systemd::properties(&self.config.unit(), &names) else { return Vec::new() };
        state.iter().map(|(name, value)| format!("{name}={value}")).collect()
    }
}

/// What the engine says of the newest container of a service; asked by label, since names differ
/// between versions of compose.
pub(super) fn container_state(
    project: &str,
    service: &str,
) -> Result<Option<ContainerState>, String> {
    let project = format!("label=com.docker.compose.project={project}");
    let service = format!("label=com.docker.compose.service={service}");
    let one_off = "label=com.docker.compose.oneoff=False";
    let argv = [
        "/usr/bin/docker",
        "ps",
        "--all",
        "--filter",
        &project,
        "--filter",
        &service,
        "--filter",
        one_off,
        "--format",
        "{{.Status}}",
    ];
    let request = Request::new(&argv).env("HOME", "/root").deadline(Duration::from_secs(20));
    let output = exec::run(&request)?;
    if output.success() {
        Ok(parse_container_state(&String::from_utf8_lossy(&output.stdout)))
    } else {
        Err(output.describe())
    }
}

/// A state in a word.
pub(super) fn word(state: Option<ContainerState>) -> &'static str {
    match state {
        None => "not there",
        Some(ContainerState::Healthy) => "healthy",
        Some(ContainerState::Starting) => "starting",
        Some(ContainerState::Unhealthy) => "unhealthy",
        Some(ContainerState::Ended) => "not running",
    }
}

/// What one try at an address says.
enum Ask {
    Again(String),
    /// There is no sense in asking again.
    Over,
}
