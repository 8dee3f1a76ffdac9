//! Every way in which a start or a run can end, produced for real, and the record of it compared.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use host::{Machine, field, package, recipe, service};
use serde_json::Value;

const CAPTURE: &str = "/usr/libexec/projectmeats-fixes/capture-failure";
const GUNICORN: &str = "/opt/projectmeats/venv/bin/gunicorn --workers 1";
const APP: &str = "projectmeats.wsgi:application";

/// A machine with the package, its own service stopped.
fn machine() -> Result<Machine> {
    let mut machine = Machine::of(&recipe::app())?;
    field::fresh_host(&machine.root())?;
    machine.boot()?;
    package::install(&machine)?;
    machine.ok("systemctl stop projectmeats.socket projectmeats.service")?;
    Ok(machine)
}

/// One way to fail.
struct Row {
    name: &'static str,
    /// Further lines of [Service], or a whole other section.
    lines: String,
    /// What makes it fail once it is started.
    trigger: &'static str,
    /// None: nothing is recorded.
    expected: Option<Expected>,
}

struct Expected {
    finding: &'static str,
    systemd: &'static str,
    status: Option<u64>,
    signal: Option<&'static str>,
    by: &'static str,
}

fn row(name: &'static str, lines: impl Into<String>, trigger: &'static str) -> Row {
    Row { name, lines: lines.into(), trigger, expected: None }
}

impl Row {
    fn gives(mut self, finding: &'static str, systemd: &'static str) -> Self {
        self.expected =
            Some(Expected { finding, systemd, status: None, signal: None, by: "stop-post" });
        self
    }

    fn status(mut self, status: u64) -> Self {
        self.expected.as_mut().expect("gives first").status = Some(status);
        self
    }

    fn signal(mut self, signal: &'static str) -> Self {
        self.expected.as_mut().expect("gives first").signal = Some(signal);
        self
    }

    fn by_on_failure(mut self) -> Self {
        self.expected.as_mut().expect("gives first").by = "on-failure";
        self
    }

    fn unit(&self) -> String {
        format!("row-{}.service", self.name)
    }

    fn text(&self) -> String {
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

fn instead(command: &str) -> String {
    format!("ExecStart=\nExecStart={command}\n")
}

/// Records of a unit, oldest first.
fn records(machine: &Machine, unit: &str) -> Result<Vec<Value>> {
    let all = service::failures(machine)?;
    Ok(all.into_iter().filter(|r| r["unit"] == unit).collect())
}

fn rows() -> Vec<Row> {
    let notify = |lines: String| format!("Type=notify\nNotifyAccess=all\n{lines}");
    let gunicorn = |rest: &str| instead(&format!("{GUNICORN} --bind 127.0.0.1:8111 {rest}"));
    let shell = |script: &str| instead(&format!("/bin/sh -c '{script}'"));
    let kill = |signal| match signal {
        "KILL" => "systemctl kill -s KILL UNIT",
        _ => "systemctl kill -s SEGV --kill-who=main UNIT",
    };
    vec![
        row("log", format!("SuccessExitStatus=0 1\n{}", gunicorn(&format!("--error-logfile /var/log/projectmeats/locked.log {APP}"))), "")
            .gives("LOG-001", "success").status(1),
        row("import", gunicorn("--preload nowhere.wsgi:application"), "").gives("APP-001", "exit-code").status(1),
        row("boot", gunicorn("nowhere.wsgi:application"), "").gives("APP-001", "exit-code"),
        row("object", gunicorn("projectmeats.wsgi:nothing"), "").gives("APP-003", "exit-code"),
        row("option", gunicorn(&format!("--no-such-option {APP}")), "").gives("APP-018", "exit-code").status(2),
        row("port", instead(&format!("{GUNICORN} --bind 127.0.0.1:8112 --error-logfile /var/log/projectmeats/error.log {APP}")), "")
            .gives("APP-007", "exit-code").status(1),
        row("kill", notify(String::new()), kill("KILL")).gives("CAP-002", "signal").signal("KILL"),
        row("segv", notify(String::new()), kill("SEGV")).gives("CAP-003", "ANY").signal("SEGV"),
        row("stop", notify(String::new()), "systemctl stop UNIT"),
        row("term", notify(String::new()), "systemctl kill -s TERM --kill-who=main UNIT"),
        row("restart", notify(String::new()), "systemctl restart UNIT; systemctl stop UNIT"),
        row("start-timeout", notify(format!("TimeoutStartSec=1\n{}", instead("/bin/sleep 60"))), "")
            .gives("CAP-004", "timeout").signal("TERM"),
        row("stop-timeout", format!("TimeoutStopSec=1\n{}", shell("trap : TERM; while :; do sleep 1; done")), "sleep 0.5; systemctl stop UNIT")
            .gives("CAP-005", "timeout").signal("KILL"),
        row("watchdog", notify("WatchdogSec=2".into()), "sleep 3").gives("CAP-006", "watchdog").signal("ABRT"),
        row("runtime", notify("RuntimeMaxSec=1".into()), "sleep 2").gives("CAP-016", "timeout"),
        row("pre", "ExecStartPre=/bin/sh -c 'echo no database here; exit 7'", "").gives("CAP-007", "exit-code"),
        row("pre-signal", "ExecStartPre=/bin/sh -c 'kill -9 $$$$'", "").gives("CAP-007", "signal"),
        row("pre-timeout", "TimeoutStartSec=1\nExecStartPre=/bin/sleep 60", "").gives("CAP-007", "timeout"),
        row("pre-missing", "ExecStartPre=/nowhere", "").gives("CAP-007", "exit-code"),
        row("protocol", notify(shell("exit 0")), "").gives("CAP-015", "protocol").status(0),
        row("unknown", shell("exit 5"), "").gives("CAP-001", "exit-code").status(5),
        row("exec-missing", instead("/opt/nowhere/gunicorn"), "").gives("SVC-006", "exit-code").status(203),
        row("exec-interpreter", instead("/opt/projectmeats/moved"), "").gives("CAP-008", "exit-code").status(203),
        row("exec-mode", instead("/etc/passwd"), "").gives("CAP-008", "exit-code").status(203),
        row("user", "User=nobody-here", "").gives("SVC-005", "exit-code").status(217).by_on_failure(),
        row("group", "Group=nobody-here", "").gives("SVC-005", "exit-code").status(216).by_on_failure(),
        row("namespace", "ReadWritePaths=/nowhere", "").gives("CAP-010", "exit-code").status(226).by_on_failure(),
        row("directory", "WorkingDirectory=/nowhere", "").gives("CAP-009", "exit-code").status(200).by_on_failure(),
        row("output", "StandardOutput=append:/nowhere/x", "").gives("CAP-011", "exit-code").status(209).by_on_failure(),
        row("env-file", "EnvironmentFile=/nowhere", "").gives("CAP-013", "resources").by_on_failure(),
        row("condition", "[Unit]\nConditionPathExists=/nowhere", ""),
        row("exec-condition", "ExecCondition=/bin/sh -c 'exit 1'", ""),
        row("clean", shell("exit 0"), ""),
    ]
}

#[test]
fn every_end_has_its_record() -> Result<()> {
    let machine = machine()?;
    machine.ok(
        "install -m 600 /dev/null /var/log/projectmeats/locked.log; \
         printf '#!/nowhere/python3\\n' >/opt/projectmeats/moved; chmod 755 /opt/projectmeats/moved; \
         systemd-run --quiet --unit=busy /opt/projectmeats/venv/bin/python3 -m http.server --bind 127.0.0.1 8112",
    )?;
    let rows = rows();
    for row in &rows {
        machine.put(
            &format!("/etc/systemd/system/{}", row.unit()),
            row.text().as_bytes(),
            0o644,
        )?;
    }
    machine.ok("systemctl daemon-reload")?;
    let mut wrong = Vec::new();
    for row in &rows {
        if let Err(why) = run_row(&machine, row) {
            wrong.push(format!("{}: {why:#}", row.name));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    let log = machine.fetch(service::FAILURE_LOG)?;
    service::check_no_secret("post_failure.log", &log)?;
    machine.finish()
}

fn run_row(machine: &Machine, row: &Row) -> Result<()> {
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

fn compare(record: &Value, expected: &Expected) -> Result<()> {
    let result = &record["result"];
    let equal = |what: &str, got: &Value, wanted: Value| {
        ensure!(*got == wanted, "{what} is {got}, not {wanted}");
        Ok(())
    };
    equal("finding", &record["cause"]["finding"], expected.finding.into())?;
    if expected.systemd != "ANY" {
        equal("systemd", &result["systemd"], expected.systemd.into())?;
    }
    if expected.status.is_some() {
        equal("exit_status", &result["exit_status"], expected.status.into())?;
    }
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
