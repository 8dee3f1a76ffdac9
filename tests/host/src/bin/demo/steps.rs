//! The seven steps. Each shows real output and holds the machine to it.

use std::collections::BTreeSet;
use std::path::Path;
use std::time::Instant;

use anyhow::{Context, Result, bail, ensure};
use host::service::{self, BACKUPS, FAILURE_LOG, HEALTH, RECOVERY, UNIT};
use host::{Machine, field, package, recipe, run};

use crate::account::Account;
use crate::{keep, masked};

/// Where the package lies unpacked before it is installed.
const LOOK: &str = "/root/look";

/// Runs them in order; on an error the machine's transcript is printed, or a shell is given.
pub fn all(account: &Account) -> Result<()> {
    build(account)?;
    let mut machine = make(account)?;
    match road(account, &mut machine) {
        Ok(()) => machine.finish(),
        Err(error) => {
            keep(&machine, &format!("failed: {error:#}"))?;
            Err(error)
        }
    }
}

fn road(account: &Account, machine: &mut Machine) -> Result<()> {
    let before = broken(account, machine)?;
    let paths = service::paths(machine)?;
    install(account, machine)?;
    failures(account, machine)?;
    diagnose_and_reboot(account, machine, before)?;
    keep(machine, "the service is healthy, the package installed")?;
    remove(account, machine, &paths)
}

fn build(account: &Account) -> Result<()> {
    account.step(1, "the package is built");
    let file = package::file()?;
    let fields = ["Package", "Version", "Architecture", "Depends", "Installed-Size"];
    let file_name = file.to_str().context("the path is not UTF-8")?;
    let args: Vec<_> = ["-f", file_name].into_iter().chain(fields).collect();
    account.say(&format!("{}", file.file_name().unwrap_or_default().to_string_lossy()));
    account.show(&run::tool("dpkg-deb", &args, host::machine::COMMAND)?);
    Ok(())
}

fn make(account: &Account) -> Result<Machine> {
    account.step(2, "a Debian 12 root with Django, gunicorn and the state that the field shows");
    let recipe = recipe::app();
    for layer in recipe.layers() {
        let how = if layer.is_cached()? { "from the cache" } else { "is being made" };
        account.say(&format!("layer {:10} {how}", layer.name()));
        layer.root()?;
    }
    let machine = Machine::of(&recipe)?;
    field::break_host(&machine.root())?;
    account.say("logs of www-data, SECRET_KEY==…, nothing quoted, a unit that repairs without +");
    Ok(machine)
}

/// Boots and shows that the service fails; what the diagnosis says before.
fn broken(account: &Account, machine: &mut Machine) -> Result<i32> {
    account.step(3, "it boots, and the service cannot start");
    machine.boot()?;
    let state = machine.run(&format!("systemctl is-active {UNIT}"))?;
    ensure!(state.code != 0, "the broken service is {}", state.stdout.trim());
    let answer = machine.run(&format!("curl -sS --max-time 5 {HEALTH}"))?;
    ensure!(answer.code == 7, "something answers at {HEALTH}: {answer}");
    let state = state.stdout.trim();
    account.say(&format!("{UNIT}: {state} ({})", service::property(machine, "SubState")?));
    account.show(&answer.stderr);
    account.say(&format!("journalctl --unit {UNIT}"));
    account.show(&service::journal(machine, &format!("-b -o short -u {UNIT} -n 8"))?);
    account.show(&machine.ok(&format!("ls -ld {0} {0}/*", field::LOGS))?);
    package::upload(machine)?;
    machine.ok(&format!("dpkg-deb -x {} {LOOK}", package::INSIDE))?;
    let before = machine.run(&format!("{LOOK}/usr/bin/meats-diagnose"))?;
    account.say(&format!("meats-diagnose from the unpacked package: exit {}", before.code));
    account.show(&before.text());
    service::check_no_secret("meats-diagnose before", &before.text())?;
    ensure!(before.code == 3, "a broken host, but meats-diagnose exits with {}", before.code);
    Ok(before.code)
}

fn install(account: &Account, machine: &Machine) -> Result<()> {
    account.step(4, "apt install ./projectmeats-fixes.deb heals it");
    let text = field::env_text();
    let apt = package::install(machine)?;
    let begin = Instant::now();
    let answer = service::await_health(machine)?;
    account.say(&format!("apt-get install: {:.1} s; its words:", apt.elapsed.as_secs_f32()));
    account.show(&words_of_ours(&apt.text()));
    let waited = begin.elapsed().as_secs_f32();
    account.say(&format!("curl -i {HEALTH} ({waited:.1} s later)"));
    account.show(&head_and_body(&answer));
    ensure!(service::property(machine, "ActiveState")? == "active", "{UNIT} is not active");
    account.say("what was repaired, as the journal has it");
    let journal = service::journal(machine, "-b -o cat -t pre-start")?;
    account.show(&journal);
    ensure!(journal.contains("repaired"), "the journal has no repair of pre-start");
    let now = machine.fetch(field::ENV_FILE)?;
    account.say(&format!("{} (values left out)", field::ENV_FILE));
    account.show(&masked::diff(&text, &now));
    account.say("the backup of it");
    account.show(&machine.ok(&format!("ls -l {BACKUPS}"))?);
    let same = machine.ok(&format!("cat {BACKUPS}/*"))?;
    ensure!(same.contains(&text), "no backup has the env file's old bytes");
    account.show(&machine.ok(&format!("ls -ld {0} {0}/*", field::LOGS))?);
    service::check_environment(machine)?;
    account.say("gunicorn has every value that the file held, and the key without the second =");
    service::check_no_secret("apt", &apt.text())?;
    service::check_no_secret("the journal", &service::journal(machine, "-b")?)
}

fn failures(account: &Account, machine: &Machine) -> Result<()> {
    account.step(5, "gunicorn is killed, then started against an app that cannot be imported");
    let pid = service::main_pid(machine)?;
    recorded(account, machine, &format!("kill -KILL {pid}"), "KILL")?;
    service::await_health(machine)?;
    ensure!(service::main_pid(machine)? != pid, "still the killed process {pid}");
    account.say("it answers 200 again");
    let app = "/opt/projectmeats/backend/projectmeats/wsgi.py";
    machine.ok(&format!("mv {app} {app}.good && echo 'import nowhere_to_be_found' >{app}"))?;
    let start = format!("systemctl restart {UNIT} || true");
    recorded(account, machine, &start, "nowhere_to_be_found")?;
    machine.ok(&format!("mv {app}.good {app}"))?;
    service::await_health(machine)?;
    account.say("with the app put back it answers 200 again, without anybody's help");
    account.say("meats-diagnose failures");
    account.show(&machine.ok("meats-diagnose failures")?);
    Ok(())
}

/// Does what makes the service fail and shows the record of it, which must hold `words`.
fn recorded(account: &Account, machine: &Machine, script: &str, words: &str) -> Result<()> {
    let known = service::failures(machine)?.len();
    machine.ok(script)?;
    let begin = Instant::now();
    let record = loop {
        let records = service::failures(machine)?;
        let new = records.into_iter().skip(known).find(|r| r.to_string().contains(words));
        if let Some(record) = new {
            break record;
        }
        if begin.elapsed() > RECOVERY {
            bail!("no new record with {words} after: {script}");
        }
        std::thread::sleep(std::time::Duration::from_millis(100));
    };
    account.say(&format!("{script}: recorded after {:.1} s", begin.elapsed().as_secs_f32()));
    let text = machine.fetch(FAILURE_LOG)?;
    account.show(text.rfind("== 20").map_or(&text, |begin| &text[begin..]));
    ensure!(text.contains(words), "{FAILURE_LOG} does not tell of {words}");
    service::check_no_secret("the record", &format!("{record}{text}"))
}

fn diagnose_and_reboot(account: &Account, machine: &mut Machine, before: i32) -> Result<()> {
    account.step(6, "meats-diagnose is content, and a reboot changes nothing");
    let after = machine.run("meats-diagnose")?;
    account.say(&format!("meats-diagnose: exit {before} before, exit {} now", after.code));
    account.show(&after.text());
    service::check_no_secret("meats-diagnose", &after.text())?;
    // the failures of step 5 are news worth a warning, but nothing is broken
    ensure!(matches!(after.code, 0 | 1), "meats-diagnose exits with {}", after.code);
    machine.reboot()?;
    let answer = service::await_health(machine)?;
    account.say("after the reboot");
    account.show(&head_and_body(&answer));
    account.say("what the generator emitted");
    let emitted = "tail -n +1 /run/systemd/generator/projectmeats.service.d/*.conf";
    account.show(&machine.ok(emitted)?);
    Ok(())
}

fn remove(account: &Account, machine: &Machine, before: &BTreeSet<String>) -> Result<()> {
    account.step(7, "the package goes, the service stays");
    let (pid, unit) = (service::main_pid(machine)?, machine.fetch(field::UNIT)?);
    let removed = package::remove(machine)?;
    account.show(&words_of_ours(&removed.text()));
    service::await_health(machine)?;
    let purged = package::purge(machine)?;
    account.show(&words_of_ours(&purged.text()));
    service::await_health(machine)?;
    ensure!(service::main_pid(machine)? == pid, "the service was restarted by the removal");
    ensure!(machine.fetch(field::UNIT)? == unit, "the administrator's unit was changed");
    account.say(&format!("gunicorn has run on all the time, as process {pid}"));
    let after = service::paths(machine)?;
    let left: Vec<_> = after.difference(before).map(String::as_str).collect();
    let gone: Vec<_> = before.difference(&after).map(String::as_str).collect();
    account.say("what stays: logs of the service, earlier env files; all else of ours is gone");
    account.show(&left.join("\n"));
    ensure!(gone.is_empty(), "the purge took what was not ours: {}", gone.join(", "));
    let ours = left.iter().find(|path| !is_the_service_s(path));
    ensure!(ours.is_none(), "the purge has left {ours:?}");
    Ok(())
}

/// What a purge leaves: the service's own logs, and the only copies of earlier env files.
fn is_the_service_s(path: &str) -> bool {
    path.starts_with(field::LOGS)
        || path.starts_with(BACKUPS)
        || Path::new(BACKUPS).starts_with(path)
}

/// apt says much before dpkg's turn comes; what follows is about our package.
fn words_of_ours(text: &str) -> String {
    let begins = |line: &str| line.contains("projectmeats-fixes (");
    let lines = text.lines().skip_while(|line| !begins(line));
    lines.filter(|line| !line.starts_with("debconf: delaying")).collect::<Vec<_>>().join("\n")
}

/// Status line and body of an HTTP answer.
fn head_and_body(answer: &str) -> String {
    let status = answer.lines().next().unwrap_or_default();
    let body = answer.split_once("\n\n").map(|(_, body)| body).unwrap_or_default();
    format!("{status}\n{body}")
}
