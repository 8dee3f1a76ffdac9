//! Looks at the host for a deployment.

use std::path::{Path, PathBuf};
use std::time::Duration;

use super::mask::Mask;
use crate::checks::packages::{self, PackageFacts};
use crate::config::Config;
use crate::deploy::{
    DeployFacts, Verdict, health_address, health_host, judge_answer, parse_environment_files,
};
use crate::env::{self, Rules};
use crate::flow::repair::{self, Assessment};
use crate::flow::{look, observe_ids, observe_unit};
use crate::model::{Fact, Finding, Secret};
use crate::sys::ids::Accounts;
use crate::sys::{Root, http, process, systemd};
use crate::unit::WALL;

/// Debian's client program; a link to its wrapper for all versions.
pub(super) const PG_DUMP: &str = "/usr/bin/pg_dump";
const ENV_LIMIT: u64 = 64 << 20;

/// The host as a deployment sees it.
pub(super) struct Sight {
    pub(super) config: Config,
    /// What pre-start would say and not repair; what stops a start stops a deployment.
    pub(super) assessed: Vec<Finding>,
    /// What is wrong with the environment that the settings name.
    pub(super) packages: Vec<Finding>,
    pub(super) facts: DeployFacts,
    pub(super) mask: Mask,
}

/// One look.
pub(super) fn observe(root: &Root) -> Sight {
    let Assessment { config, plan, .. } = repair::assess(root);
    let assessed = plan.findings;
    let variables = variables(root, &config);
    let mask = Mask::new(variables.known().map_or(&[], Vec::as_slice));
    let allowed = allowed_hosts(&variables);
    let host = health_host(&config.health_host, &allowed);
    let live = ask_all(&addresses(&config), &config, &host);
    let packages = packages(root, &config, live.is_ok());
    let kind = |path: PathBuf| root.stat(&path).map(|stat| stat.kind);
    let facts = DeployFacts {
        service: observe_ids(root, &config).map(|ids| ids.service),
        manage_py: kind(config.working_directory.join("manage.py")),
        gunicorn: kind(config.venv.join("bin/gunicorn")),
        python: kind(config.venv.join("bin/python")),
        free: root.space(&config.app_dir).map(|space| space.free_bytes),
        pg_dump: root.stat(Path::new(PG_DUMP)).known().is_some(),
        systemd: process::systemd_runs(root),
        live,
        variables,
    };
    Sight { config, assessed, packages, facts, mask }
}

/// The environment and the distributions that the requirements ask for, as meats-diagnose judges
/// them.
fn packages(root: &Root, config: &Config, serving: bool) -> Vec<Finding> {
    let seen = look::packages_seen(root, config, &Accounts::observe(root), serving);
    packages::check(PackageFacts {
        environment: &seen.environment,
        requirements: &seen.requirements,
        context: &seen.context,
    })
}

/// Where the service is asked.
pub(super) fn addresses(config: &Config) -> Vec<String> {
    config.addresses.iter().map(|address| health_address(address)).collect()
}

/// `ALLOWED_HOSTS` of the env file, cut at commas.
pub(super) fn allowed_hosts(variables: &Fact<Vec<(String, Secret)>>) -> Vec<String> {
    let value = variables.known().and_then(|v| v.iter().find(|(k, _)| k == "ALLOWED_HOSTS"));
    let text = value.map(|(_, v)| String::from_utf8_lossy(v.expose()).into_owned());
    text.unwrap_or_default().split(',').map(|host| host.trim().to_owned()).collect()
}

/// Asks every address once.
///
/// # Errors
/// Which one is not healthy, and why.
pub(super) fn ask_all(addresses: &[String], config: &Config, host: &str) -> Result<(), String> {
    let limit = Duration::from_secs(u64::from(config.health_timeout_sec.value));
    addresses.iter().try_for_each(|address| ask(address, &config.health_path, host, limit))
}

/// Asks one address once.
///
/// # Errors
/// What came instead of health.
pub(super) fn ask(address: &str, path: &str, host: &str, limit: Duration) -> Result<(), String> {
    let asked = format!("GET {path} (Host: {host}) at {address}");
    let answer = http::get(address, path, host, limit).map_err(|why| format!("{asked}: {why}"))?;
    match judge_answer(answer.status, &answer.body, answer.location.as_deref(), host) {
        Verdict::Healthy => Ok(()),
        Verdict::Sick(why) => Err(format!("{asked} {why}")),
    }
}

/// What systemd would hand to the service, without the names that the unit takes away.
fn variables(root: &Root, config: &Config) -> Fact<Vec<(String, Secret)>> {
    let rules = match observe_unit(root, config).systemd {
        Fact::Known(version) if version >= 254 => Rules::Since254,
        _ => Rules::Before254,
    };
    let mut variables: Vec<(String, Secret)> = Vec::new();
    for path in env_files(root, config) {
        let bytes = match root.read(&path, ENV_LIMIT) {
            Fact::Known(bytes) => bytes,
            Fact::Absent if path == config.env_file.value => return Fact::Absent,
            Fact::Absent => continue,
            Fact::Unknown(why) => return Fact::Unknown(format!("\"{}\": {why}", path.display())),
        };
        let reading = env::read(&bytes, rules);
        if let Err(why) = reading.loads {
            return Fact::Unknown(format!("\"{}\": {why}", path.display()));
        }
        for variable in reading.vars {
            // A later file wins (systemd.exec(5)).
            variables.retain(|(key, _)| *key != variable.key);
            variables.push((variable.key, variable.value));
        }
    }
    variables.retain(|(key, _)| !WALL.contains(&key.as_str()));
    Fact::Known(variables)
}

/// The env files of the unit as systemd knows it; without systemd or unit, the set one.
fn env_files(root: &Root, config: &Config) -> Vec<PathBuf> {
    let shown = process::systemd_runs(root)
        .then(|| systemd::properties(&config.unit(), &["EnvironmentFiles"]).ok())
        .flatten()
        .and_then(|mut p| p.remove("EnvironmentFiles"))
        .map(|text| parse_environment_files(&text))
        .unwrap_or_default();
    if shown.iter().any(|path| path == &config.env_file.value) {
        shown
    } else {
        let own = std::iter::once(config.env_file.value.clone());
        own.chain(shown).collect()
    }
}
