//! A host whose service is in Docker, seen by the doctor. What answers in the place of the containers
//! is a small server here; docker_engine.rs has the real ones.

use anyhow::{Result, ensure};
use host::{Machine, field, package, recipe};
use serde_json::Value;

/// Ids of the findings, and the exit status.
fn seen(machine: &Machine, who: &str) -> Result<(Vec<String>, i32)> {
    let said = machine.run(&format!("{who}meats-diagnose --json"))?;
    let report: Value = serde_json::from_str(&said.stdout)?;
    let found = report.get("findings").and_then(Value::as_array).cloned().unwrap_or_default();
    let ids = found.iter().filter_map(|f| f.get("id")?.as_str().map(str::to_owned));
    Ok((ids.collect(), said.code))
}

#[test]
fn a_host_that_began_in_docker_is_judged_by_its_stack() -> Result<()> {
    let mut machine = Machine::of(&recipe::base())?;
    machine.boot()?;
    package::install(&machine)?;
    let url = "DATABASE_URL=postgres://meats:kUz4vR8sQw2n@127.0.0.1/meats\n";
    machine.put(field::ENV_FILE, (field::fresh_env_text() + url).as_bytes(), 0o640)?;
    machine.ok(
        "chgrp www-data /etc/projectmeats/projectmeats.env; meats-diagnose --fix --yes || true",
    )?;
    machine.ok("meats-deploy docker init")?;
    let (ids, code) = seen(&machine, "")?;
    ensure!(ids == ["DOC-018"] && code == 3, "without a stack: {ids:?}, exit {code}");
    machine.ok("mkdir -p /srv/www/health; echo healthy >/srv/www/health/index.html
         systemd-run -q --unit=stack python3 -m http.server 8080 --bind 127.0.0.1 -d /srv/www")?;
    machine.wait_for("curl -sS -f http://127.0.0.1:8080/health/", host::machine::COMMAND)?;
    let (ids, code) = seen(&machine, "")?;
    let text = machine.run("meats-diagnose")?;
    ensure!(ids == ["DOC-017"] && code == 0, "with a stack: {ids:?}, exit {code}: {text}");
    ensure!(text.stdout.starts_with("projectmeats: healthy\n"), "{text}");
    ensure!(text.stdout.contains("\n    meats-deploy docker status\n"), "{text}");
    let (ids, code) = seen(&machine, "runuser -u nobody -- ")?;
    ensure!(ids == ["DOC-017"] && code == 4, "as nobody: {ids:?}, exit {code}");
    machine.finish()
}
