//! Every way in which a start or a run can end, produced for real, and the record of it compared.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use host::{field, service};

use crate::row::{APP, GUNICORN, Row, instead, machine, records, row, run_row};

/// What systemd-oomd does: it says so on the control group, and kills. (A kernel's own kill needs the
/// memory controller, which a container has only where the host has no v1 hierarchy.)
const OOM: &str = "group=/sys/fs/cgroup$(systemctl show -P ControlGroup UNIT); \
    python3 -c 'import os, sys; os.setxattr(sys.argv[1], \"user.oomd_ooms\", b\"1\"); \
        os.setxattr(sys.argv[1], \"user.oomd_kill\", b\"1\")' $group; \
    kill -KILL $(cat $group/cgroup.procs)";

/// Somebody without rights says in systemd's name that memory ran out.
const FORGED: &str = "id=$(systemctl show -P InvocationID UNIT); \
    printf '%s\\n' 'MESSAGE=UNIT: A process of this unit has been killed by the OOM killer.' \
        SYSLOG_IDENTIFIER=systemd INVOCATION_ID=$id | runuser -u nobody -- logger --journald; \
    journalctl --sync; systemctl kill -s KILL UNIT";

fn rows() -> Vec<Row> {
    let notify = |lines: String| format!("Type=notify\nNotifyAccess=all\n{lines}");
    let gunicorn = |rest: &str| instead(&format!("{GUNICORN} --bind 127.0.0.1:8111 {rest}"));
    let shell = |script: &str| instead(&format!("/bin/sh -c '{script}'"));
    let kill = |signal| match signal {
        "KILL" => "systemctl kill -s KILL UNIT",
        "ABRT" => "systemctl kill -s ABRT --kill-who=main UNIT",
        _ => "systemctl kill -s SEGV --kill-who=main UNIT",
    };
    vec![
        row("log", format!("SuccessExitStatus=0 1\n{}", gunicorn(&format!("--error-logfile /var/log/projectmeats/locked.log {APP}"))), "")
            .gives("LOG-001", "success").statuses(&[1]),
        row("import", gunicorn("--preload nowhere.wsgi:application"), "").gives("APP-001", "exit-code").statuses(&[1]),
        row("boot", gunicorn("nowhere.wsgi:application"), "").gives("APP-001", "exit-code").statuses(&[3, 1]),
        row("object", gunicorn("projectmeats.wsgi:nothing"), "").gives("APP-003", "exit-code").statuses(&[4, 1]),
        row("option", gunicorn(&format!("--no-such-option {APP}")), "").gives("APP-018", "exit-code").statuses(&[2]),
        row("port", instead(&format!("{GUNICORN} --bind 127.0.0.1:8112 --error-logfile /var/log/projectmeats/error.log {APP}")), "")
            .gives("APP-007", "exit-code").statuses(&[1]),
        row("kill", notify(String::new()), kill("KILL")).gives("CAP-002", "signal").signal("KILL"),
        row("segv", notify(String::new()), kill("SEGV")).gives("CAP-003", "ANY").signal("SEGV"),
        row("abort", notify(String::new()), kill("ABRT")).gives("CAP-003", "ANY").signal("ABRT"),
        row("memory", notify(String::new()), OOM).gives("APP-012", "oom-kill").signal("KILL"),
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
        row("pre-missing", "ExecStartPre=/nowhere", "").gives("SVC-006", "exit-code"),
        row("protocol", notify(shell("exit 0")), "").gives("CAP-015", "protocol").statuses(&[0]),
        row("unknown", shell("exit 5"), "").gives("CAP-001", "exit-code").statuses(&[5]),
        row("words", shell("echo config missing: S3_BUCKET >&2; exit 1"), "").gives("CAP-001", "exit-code").statuses(&[1]),
        row("runtime-error", gunicorn("--preload --pythonpath /srv/ends raising:app"), "").gives("APP-015", "exit-code").statuses(&[1]),
        row("missing-key", gunicorn("--preload --pythonpath /srv/ends lacking:app"), "").gives("APP-014", "exit-code").statuses(&[1]),
        row("forged", notify(String::new()), FORGED).gives("CAP-002", "signal").signal("KILL"),
        row("exec-missing", instead("/opt/nowhere/gunicorn"), "").gives("SVC-006", "exit-code").statuses(&[203]),
        row("exec-interpreter", instead("/opt/projectmeats/moved"), "").gives("CAP-008", "exit-code").statuses(&[203]),
        row("exec-mode", instead("/etc/passwd"), "").gives("CAP-008", "exit-code").statuses(&[203]),
        row("user", "User=nobody-here", "").gives("SVC-005", "exit-code").statuses(&[217]).by_on_failure(),
        row("group", "Group=nobody-here", "").gives("SVC-005", "exit-code").statuses(&[216]).by_on_failure(),
        row("namespace", "ReadWritePaths=/nowhere", "").gives("CAP-010", "exit-code").statuses(&[226]).by_on_failure(),
        row("directory", "WorkingDirectory=/nowhere", "").gives("CAP-009", "exit-code").statuses(&[200]).by_on_failure(),
        row("output", "StandardOutput=append:/nowhere/x", "").gives("CAP-011", "exit-code").statuses(&[209]).by_on_failure(),
        row("env-file", "EnvironmentFile=/nowhere", "").gives("CAP-013", "resources").by_on_failure(),
        row("condition", "[Unit]\nConditionPathExists=/nowhere", ""),
        row("assert", "[Unit]\nAssertPathExists=/nowhere", ""),
        row("exec-condition-fails", "ExecCondition=/bin/sh -c 'exit 255'", "").gives("CAP-017", "exit-code"),
        row("exec-condition", "ExecCondition=/bin/sh -c 'exit 1'", ""),
        row("clean", shell("exit 0"), ""),
    ]
}

#[test]
fn every_end_has_its_record() -> Result<()> {
    let machine = machine()?;
    machine.ok(
        "install -m 600 /dev/null /var/log/projectmeats/locked.log; \
         install -d /srv/ends; echo 'import os; os.environ[\"STRIPE_KEY\"]' >/srv/ends/lacking.py; \
         printf 'try:\\n    {}[1]\\nexcept KeyError as e:\\n    raise RuntimeError(1) from e\\n' \
             >/srv/ends/raising.py; \
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
