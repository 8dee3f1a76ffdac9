//! A unit that fails in one way, and the record of it.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use host::{Machine, field, package, recipe, service};
use serde_json::Value;

pub const CAPTURE: &str = "/usr/libexec/projectmeats-fixes/capture-failure";
pub const GUNICORN: &str = "/opt/projectmeats/venv/bin/gunicorn --workers 1";
pub const APP: &str = "projectmeats.wsgi:application";

/// A machine with the package, its own service stopped.
pub fn machine() -> Result<Machine> {
    let mut machine = Machine::of(&recipe::app())?;
    field::fresh_host(&machine.root())?;
    machine.boot()?;
    package::install(&machine)?;
    machine.ok("systemctl stop projectmeats.socket projectmeats.service")?;
    Ok(machine)
}

/// One way to fail.
pub struct Row {
    pub name: &'static str,
    /// Further lines of [Service], or a whole other section.
    pub lines: String,
    /// What makes it fail once it is started.
    pub trigger: &'static str,
    /// None: nothing is recorded.
    pub expected: Option<Expected>,
}

pub struct Expected {
    pub finding: &'static str,
    pub systemd: &'static str,
    /// Any of these; empty: whatever.
    pub statuses: &'static [u64],
    pub signal: Option<&'static str>,
    pub by: &'static str,
}

pub fn row(name: &'static str, lines: impl Into<String>, trigger: &'static str) -> Row {
    Row { name, lines: lines.into(), trigger, expected: None }
}

impl Row {
    pub fn gives(mut self, finding: &'static str, systemd: &'static str) -> Self {
        self.expected =
            Some(Expected { finding, systemd, statuses: &[], signal: None, by: "stop-post" });
        self
    }

    pub fn statuses(mut self, statuses: &'static [u64]) -> Self {
        self.expected.as_mut().expect("gives first").statuses = statuses;
        self
    }

    pub fn signal(mut self, signal: &'static str) -> Self {
        self.expected.as_mut().expect("gives first").signal = Some(signal);
        self
    }

    pub fn by_on_failure(mut self) -> Self {
        self.expected.as_mut().expect("gives first").by = "on-failure";
        self
    }

    pub fn unit(&self) -> String {
        format!("row-{}.service", self.name)
    }

    pub fn text(&self) -> String {
        format!(
            "[Unit]\nOnFailure=projectmeats-capture@%n.service\n[Service]\n\
             User=projectmeats\nGroup=www-data\nWorkingDirectory=/opt/projectmeats/backend\n\
             EnvironmentFile=-/etc/projectmeats/projectmeats.env\n\
             Environment=DJANGO_SETTINGS_MODULE=projectmeats.settings\n\
             ExecStart={GUNICORN} --bind 127.0.0.1:8111 --preload {APP}\n\
             ExecStopPost=-+{CAPTURE}\n{}\n",
            self.lines
        )
    }
}

pub fn instead(command: &str) -> String {
    format!("ExecStart=\nExecStart={command}\n")
}

/// Records of a unit, oldest first.
pub fn records(machine: &Machine, unit: &str) -> Result<Vec<Value>> {
    let all = service::failures(machine)?;
    Ok(all.into_iter().filter(|r| r["unit"] == unit).collect())
}

pub fn run_row(machine: &Machine, row: &Row) -> Result<()> {
    let unit = row.unit();
    machine.run(&format!("systemctl start {unit}"))?;
    if !row.trigger.is_empty() {
        machine.run(&row.trigger.replace("UNIT", &unit))?;
    }
    let over = format!(
        "case $(systemctl show -P ActiveState {unit}) in inactive|failed) ;; *) false;; esac && \
         ! systemctl is-active --quiet projectmeats-capture@{unit}.service"
    );
    machine.wait_for(&over, Duration::from_secs(20))?;
    let Some(expected) = &row.expected else {
        let found = records(machine, &unit)?;
        ensure!(found.is_empty(), "a record of {}", found[0]["cause"]);
        return Ok(());
    };
    let recorded = format!("grep -l '\"unit\": \"{unit}\"' {}/*.json", service::FAILURES);
    machine.wait_for(&recorded, Duration::from_secs(10))?;
    let found = records(machine, &unit)?;
    ensure!(found.len() == 1, "{} records", found.len());
    let record = found.first().context("no record")?;
    compare(record, expected).with_context(|| format!("{record:#}"))
}

pub fn compare(record: &Value, expected: &Expected) -> Result<()> {
    let result = &record["result"];
    let equal = |what: &str, got: &Value, wanted: Value| {
        ensure!(*got == wanted, "{what} is {got}, not {wanted}");
        Ok(())
    };
    equal("finding", &record["cause"]["finding"], expected.finding.into())?;
    if expected.systemd != "ANY" {
        equal("systemd", &result["systemd"], expected.systemd.into())?;
    }
    let status = &result["exit_status"];
    let fits = expected.statuses.iter().any(|s| *status == *s);
    ensure!(fits || expected.statuses.is_empty(), "exit_status is {status}");
    if expected.signal.is_some() {
        equal("signal", &result["signal"], expected.signal.into())?;
    }
    equal("captured_by", &record["captured_by"], expected.by.into())?;
    equal("count", &record["count"], 1.into())?;
    equal("complete", &record["complete"], true.into())?;
    let invocation = record["invocation"].as_str().unwrap_or_default();
    ensure!(invocation.len() == 32, "invocation {invocation}");
    let lines = record["journal"]["lines"].as_array().map_or(0, Vec::len);
    ensure!(lines > 0, "no line of the journal");
    service::check_no_secret("the record", &record.to_string())
}
