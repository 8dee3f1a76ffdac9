//! Carries out steps: one match over [`Work`].

use std::path::Path;
use std::time::Duration;

use super::guard::perform_one;
use super::observe;
use super::worker::{Ask, Done, Failure, Part, Worker};
use crate::deploy::{
    Command, INSPECT, Inspection, RunAs, Surroundings, Work, cause_of, check_inspection, few,
    is_idle, note_of, parse_inspection,
};
use crate::model::{Finding, Severity};
use crate::report::one_line;
use crate::sys::exec::{self, Request};
use crate::sys::{http, systemd};

const INSPECT_SECONDS: u64 = 120;

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
                perform_one(self.root, effect.clone())?;
                Ok(Part { note: None, changed: true })
            }
            Work::Command(command) => self.command(command),
            Work::Unpack(unpack) => self.unpack(unpack),
            Work::Inspect { python, directory, application } => {
                self.inspect(python, directory, application)
            }
            Work::Attempt { what, work } => Ok(self.step(work).unwrap_or_else(|failure| Part {
                note: Some(format!("{what}: {}", failure.why)),
                changed: true,
            })),
            Work::Dump { to } => self.dump(to),
            Work::Trial { gunicorn, directory, application, seconds } => {
                self.trial(gunicorn, directory, application, *seconds)
            }
            Work::Containers { compose, project, services, seconds } => {
                self.containers(compose, project, services, *seconds)
            }
            Work::Exchange { compose, project, service, seconds } => {
                self.exchange(compose, project, service, *seconds)
            }
            Work::Published { compose, path, seconds } => self.published(compose, path, *seconds),
            Work::Copy(copy) => self.copy(copy),
            Work::Rollout { project, image, once, lasting, seconds } => {
                self.rollout(project, image, once, lasting, *seconds)
            }
            Work::Hold { port } => self.hold(*port),
            Work::Lead { to } => self.lead(to),
            Work::ReloadWeb { seconds } => self.reload_web(*seconds),
            Work::EnvFile { hosts, database } => self.env_file(hosts, database),
            Work::Role(database) => self.role(database),
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
            let mut failure = self.failure(&output);
            let said = self.mask.text(&output.stderr);
            if let Some(cause) = cause_of(&said) {
                failure.why = format!("{}: {cause}", failure.why);
            }
            return Err(failure);
        }
        let changed = !is_idle(command.reads, &stdout);
        // uv says it on the other stream.
        let note = note_of(command.reads, &format!("{stdout}{}", self.mask.text(&output.stderr)));
        Ok(Part { note, changed })
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

    fn inspect(&mut self, python: &Path, directory: &Path, application: &str) -> Done {
        // Another release may have chosen another one.
        self.settings_module = None;
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

    pub(super) fn health(&mut self, addresses: &[String], path: &str, seconds: u64) -> Done {
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

    /// What systemd says of the unit, for a failed health check.
    fn unit_state(&self) -> Vec<String> {
        let names = ["ActiveState", "SubState", "Result", "ExecMainStatus", "NRestarts"];
        let Ok(state) = systemd::properties(&self.config.unit(), &names) else { return Vec::new() };
        state.iter().map(|(name, value)| format!("{name}={value}")).collect()
    }
}
