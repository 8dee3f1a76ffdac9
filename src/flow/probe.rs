//! `meats-diagnose probe`: one look at the addresses of the service, for units and scripts.
//!
//! With `--strike` it is the watchdog: it counts looks without a good answer and restarts the
//! service when there were too many in a row.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::environment::addresses;
use super::look;
use super::observe_settings;
use crate::cli::diagnose::Probe;
use crate::config::{Config, RUN_DIR};
use crate::model::{Effect, Fact, Origin, Owner, Plan, Secret, finding, message};
use crate::sys::journal::{self, Level};
use crate::sys::{Root, apply, clock, http};

const PROGRAM: &str = "meats-watchdog";
/// Between two looks while waiting.
const PAUSE: Duration = Duration::from_millis(100);

/// Exit status: 0 when every address answers, else 3 (1 could pass for success under
/// SuccessExitStatus=0 1).
pub fn main(root: &Root, asked: &Probe, out: &mut dyn Write) -> u8 {
    let (config, _) = observe_settings(root);
    let targets = addresses(&config);
    if asked.strike {
        // Silence at an address that nobody named says nothing.
        let named: &[String] = if config.address_guessed { &[] } else { &targets };
        return strike(root, &config, named, out);
    }
    let deadline = clock::Deadline::after(Duration::from_secs(asked.wait));
    loop {
        let silent = targets.iter().find_map(|target| {
            let limit = Duration::from_secs(u64::from(config.health_timeout_sec.value));
            let answer = if asked.connect {
                let connects = http::connects(target, limit);
                if connects { Ok(()) } else { Err("no connection".to_owned()) }
            } else {
                ask(root, &config, target, 399)
            };
            answer.err().map(|why| format!("{target}: {why}"))
        });
        match silent {
            None => return 0,
            Some(why) if deadline.passed() => {
                writeln!(out, "{why}").ok();
                return 3;
            }
            Some(_) => clock::pause(PAUSE),
        }
    }
}

/// A good answer is one of HTTP with a status up to `most`.
fn ask(root: &Root, config: &Config, target: &str, most: u16) -> Result<(), String> {
    let limit = Duration::from_secs(u64::from(config.health_timeout_sec.value));
    let answer = http::get(target, &config.health_path, &look::host(root, config), limit)?;
    if answer.status <= most { Ok(()) } else { Err(format!("status {}", answer.status)) }
}

/// A process that answers at all is alive: 4xx is a matter of settings, which a restart would not
/// mend; 5xx and silence count.
fn strike(root: &Root, config: &Config, targets: &[String], out: &mut dyn Write) -> u8 {
    let runs = look::service_state(root, config).known().is_some_and(|state| state.runs());
    let bad = targets.iter().find_map(|t| ask(root, config, t, 499).err().map(|why| (t, why)));
    let Some((target, why)) = bad.filter(|_| runs) else {
        forget(root);
        return 0;
    };
    let most = config.watchdog_failures.value;
    let count = counted(root).saturating_add(1);
    let unit = config.unit();
    let restart = count >= most;
    let what = if restart { format!("; restarting {unit}") } else { String::new() };
    let text = format!("{target}: {why} ({count} of {most}){what}");
    writeln!(out, "{text}").ok();
    journal::send(Level::Warning, PROGRAM, message::FOUND, &text, &[]);
    let mut plan = Plan::default();
    if restart {
        forget(root);
        let argv = ["/usr/bin/systemctl", "--no-block", "try-restart", "--", &unit];
        let argv = argv.map(str::to_owned).to_vec();
        let effect = Effect::Run { argv, seconds: 10 };
        plan.push(&finding::NET_UNHEALTHY, Origin::Fact("watchdog"), effect);
    } else {
        let content = Secret::new(count.to_string());
        let owner = Owner::ROOT;
        let effect = Effect::Write { path: counter(), content, owner, mode: 0o644 };
        plan.push(&finding::NET_UNHEALTHY, Origin::Fact("watchdog"), effect);
    }
    let applied = apply::apply(root, &plan);
    let failed = applied.iter().any(|a| a.outcome != apply::Outcome::Done);
    if failed { 3 } else { 0 }
}

fn counter() -> PathBuf {
    Path::new(RUN_DIR).join("watchdog")
}

fn counted(root: &Root) -> u32 {
    match root.read(&counter(), 16) {
        Fact::Known(bytes) => String::from_utf8_lossy(&bytes).trim().parse().unwrap_or(0),
        Fact::Absent | Fact::Unknown(_) => 0,
    }
}

fn forget(root: &Root) {
    if root.stat(&counter()).is_absent() {
        return;
    }
    let mut plan = Plan::default();
    let effect = Effect::Remove { path: counter() };
    plan.push(&finding::NET_UNHEALTHY, Origin::Fact("watchdog"), effect);
    apply::apply(root, &plan);
}
