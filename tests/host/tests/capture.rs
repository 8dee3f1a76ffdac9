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

/// The service of the package itself: killed, it comes back; with a broken application it is
/// recorded once and counted, and the story ends when it runs again.
#[test]
fn the_service_comes_back_and_the_log_tells_it() -> Result<()> {
    let machine = machine()?;
    let unit = service::UNIT;
    machine.ok(&format!("systemctl start {unit}"))?;
    service::await_health(&machine)?;
    machine.ok(&format!("systemctl kill -s KILL {unit}"))?;
    machine.wait_for(&format!("ls {}/*.json", service::FAILURES), Duration::from_secs(10))?;
    service::await_health(&machine)?;
    let found = records(&machine, unit)?;
    ensure!(found.len() == 1 && found[0]["cause"]["finding"] == "CAP-002", "{found:#?}");

    let wsgi = "/opt/projectmeats/backend/projectmeats/wsgi.py";
    machine.ok(&format!("echo 'import nowhere' >>{wsgi}; systemctl restart {unit} || true"))?;
    let counted = format!("grep -q '\"count\": [2-9]' {}/*.json", service::FAILURES);
    machine.wait_for(&counted, Duration::from_secs(40))?;
    machine.ok(&format!("sed -i '/nowhere/d' {wsgi}; systemctl restart {unit}"))?;
    service::await_health(&machine)?;
    let found = records(&machine, unit)?;
    let last = found.last().context("no record")?;
    ensure!(last["cause"]["finding"] == "APP-001", "{last:#}");
    ensure!(last["traceback"]["file"].as_str().is_some_and(|f| f.ends_with("wsgi.py")), "{last:#}");
    let log = machine.fetch(service::FAILURE_LOG)?;
    machine.note(&log);
    for words in
        ["FAILED CAP-002 signal KILL", "FAILED APP-001 exit 1", "FAILED APP-001 again: 2 times"]
    {
        ensure!(log.contains(words), "{log}");
    }
    let owner = machine.ok(&format!("stat -c %U:%G:%a {}", service::FAILURE_LOG))?;
    ensure!(owner == "projectmeats:www-data:664\n", "{owner}");
    let journal = service::journal(&machine, "-x -t capture-failure")?;
    ensure!(journal.contains("A failure of projectmeats.service was recorded"), "{journal}");
    for (what, text) in
        [("the journal", journal), ("the log", log), ("the records", format!("{found:?}"))]
    {
        service::check_no_secret(what, &text)?;
    }
    machine.finish()
}

/// A unit with this main command, which fails in a loop.
fn looping(command: &str) -> String {
    let name = row("loop", instead(command), "").text();
    name.replace("[Unit]", "[Unit]\nStartLimitIntervalSec=0") + "Restart=always\nRestartSec=0\n"
}

#[test]
fn of_fifty_fast_crashes_none_is_lost() -> Result<()> {
    let machine = machine()?;
    let crash = "#!/bin/sh\nn=$(($(cat /tmp/n) + 1)); [ $n -gt 50 ] && exec sleep 1000\n\
        echo $n >/tmp/n; echo \"Traceback (most recent call last):\n  File \\\"/opt/x.py\\\", line $n, in f\"\n\
        echo \"KeyError: 'the last line $n'\"; exit 1\n";
    machine.put("/opt/crash", crash.as_bytes(), 0o755)?;
    machine.ok("echo 0 >/tmp/n; chmod 666 /tmp/n")?;
    machine.put("/etc/systemd/system/row-loop.service", looping("/opt/crash").as_bytes(), 0o644)?;
    machine.ok("systemctl daemon-reload; systemctl start row-loop")?;
    machine.wait_for("[ $(cat /tmp/n) = 50 ] && pgrep -x sleep", Duration::from_secs(60))?;
    let found = records(&machine, "row-loop.service")?;
    let counts: u64 = found.iter().filter_map(|r| r["count"].as_u64()).sum();
    ensure!((found.len(), counts) == (50, 50), "{} records, {counts} failures", found.len());
    for n in 1..=50 {
        let last = format!("KeyError: 'the last line {n}'");
        let has = |r: &Value| {
            let lines = r["journal"]["lines"].as_array().cloned().unwrap_or_default();
            lines.iter().any(|l| l["text"] == last)
        };
        ensure!(found.iter().any(has), "the last line of crash {n} is in no record");
    }
    machine.finish()
}

#[test]
fn the_start_limit_is_told_once() -> Result<()> {
    let machine = machine()?;
    let text = row("limit", instead("/bin/sh -c 'exit 9'"), "").text();
    let text = text.replace("[Unit]", "[Unit]\nStartLimitIntervalSec=60\nStartLimitBurst=3");
    let text = text + "Restart=always\nRestartSec=0\n";
    machine.put("/etc/systemd/system/row-limit.service", text.as_bytes(), 0o644)?;
    machine.run("systemctl daemon-reload; systemctl start row-limit")?;
    machine
        .wait_for(&format!("grep 'GIVEN UP' {}", service::FAILURE_LOG), Duration::from_secs(20))?;
    let found = records(&machine, "row-limit.service")?;
    ensure!(found.len() == 1 && found[0]["count"] == 3, "{found:#?}");
    machine.finish()
}

/// What the env file says about the end of the service is not believed.
#[test]
fn a_forged_environment_hides_nothing() -> Result<()> {
    let machine = machine()?;
    let forged = "SERVICE_RESULT=success\nEXIT_CODE=exited\nEXIT_STATUS=0\n\
        INVOCATION_ID=0123456789abcdef0123456789abcdef\n";
    machine.ok(&format!("printf '{}' >>{}", forged.replace('\n', "\\n"), field::ENV_FILE))?;
    let text =
        row("forged", format!("SuccessExitStatus=0 1\n{}", instead("/bin/sh -c 'exit 1'")), "");
    machine.put("/etc/systemd/system/row-forged.service", text.text().as_bytes(), 0o644)?;
    machine.ok("systemctl daemon-reload; systemctl start row-forged")?;
    let recorded = format!("grep -l row-forged {}/*.json", service::FAILURES);
    machine.wait_for(&recorded, Duration::from_secs(10))?;
    let found = records(&machine, "row-forged.service")?;
    ensure!(found.len() == 1 && found[0]["result"]["exit_status"] == 1, "{found:#?}");
    ensure!(found[0]["invocation"] != "0123456789abcdef0123456789abcdef", "{found:#?}");
    machine.finish()
}

/// A host in trouble still gets its record: no journald, no room, no writing to /var.
#[test]
fn a_host_in_trouble_gets_its_record() -> Result<()> {
    let machine = machine()?;
    let volatile = "/run/projectmeats-fixes/failures";
    let crash = |name: &'static str, place: &str| -> Result<Value> {
        let text = row(name, instead("/bin/sh -c 'exit 5'"), "");
        let unit = text.unit();
        machine.put(&format!("/etc/systemd/system/{unit}"), text.text().as_bytes(), 0o644)?;
        machine.ok(&format!("systemctl daemon-reload; systemctl start {unit}"))?;
        let path =
            machine.wait_for(&format!("grep -l {unit} {place}/*.json"), Duration::from_secs(10))?;
        Ok(serde_json::from_str(&machine.fetch(path.trim())?)?)
    };
    let state = "/var/lib/projectmeats-fixes";
    machine.ok(&format!(
        "mount -t tmpfs -o size=64k,mode=700 none {state}; \
        mkdir -m 700 {state}/failures; head -c 1M /dev/zero >{state}/full || true"
    ))?;
    ensure!(crash("full", volatile)?["count"] == 1);
    machine.ok(&format!("mount -o remount,ro {state}"))?;
    ensure!(crash("readonly", volatile)?["count"] == 1);
    machine.ok(&format!("umount {state}"))?;
    machine.ok("systemctl stop systemd-journald.socket systemd-journald-dev-log.socket \
        systemd-journald-audit.socket systemd-journald.service")?;
    let record = crash("nojournal", service::FAILURES)?;
    machine.ok("systemctl start systemd-journald.service")?;
    let said = record["journal"]["note"].is_string()
        || !record["not_seen"].as_array().is_none_or(Vec::is_empty);
    ensure!(said, "{record:#}");
    machine.finish()
}

/// Programs of the administrator's: as the service user, with the record, and no others.
#[test]
fn hooks_hear_of_a_failure() -> Result<()> {
    let machine = machine()?;
    let dir = "/etc/projectmeats/on-failure.d";
    let hook = "#!/bin/sh\nid -un >/tmp/hook.user; cat >/tmp/hook.json; env >/tmp/hook.env\n";
    machine.put(&format!("{dir}/10-keep"), hook.as_bytes(), 0o755)?;
    machine.put(&format!("{dir}/20-slow"), b"#!/bin/sh\nexec sleep 1000\n", 0o755)?;
    machine.put(&format!("{dir}/30-loose"), b"#!/bin/sh\ntouch /tmp/loose\n", 0o777)?;
    let text = row("hooked", instead("/bin/sh -c 'exit 5'"), "");
    machine.put("/etc/systemd/system/row-hooked.service", text.text().as_bytes(), 0o644)?;
    machine.ok("systemctl daemon-reload; systemctl start row-hooked")?;
    machine.wait_for("[ -s /tmp/hook.env ]", Duration::from_secs(20))?;
    let json: Value = serde_json::from_str(&machine.fetch("/tmp/hook.json")?)?;
    ensure!(json["unit"] == "row-hooked.service" && json["complete"] == true, "{json:#}");
    ensure!(machine.fetch("/tmp/hook.user")? == "projectmeats\n");
    service::check_no_secret("the hook's environment", &machine.fetch("/tmp/hook.env")?)?;
    machine.ok("! test -e /tmp/loose")?;
    machine.finish()
}
