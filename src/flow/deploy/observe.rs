//! Looks at the host for a deployment.

use std::path::{Path, PathBuf};
use std::time::Duration;

use super::mask::Mask;
use crate::checks::packages::{self, PackageFacts};
use crate::config::Config;
use crate::deploy::{DeployFacts, Verdict, health_host, judge_answer};
use crate::flow::environment::{addresses, allowed_hosts, variables};
use crate::flow::repair::{self, Assessment};
use crate::flow::{look, observe_ids};
use crate::model::{FileKind, Finding, Secret, Stat};
use crate::sys::ids::Accounts;
use crate::sys::{Root, http, process};

/// Debian's client program; a link to its wrapper for all versions.
pub(super) const PG_DUMP: &str = "/usr/bin/pg_dump";

/// The host as a deployment sees it.
pub(super) struct Sight {
    pub(super) config: Config,
    /// What pre-start would say and not repair; what stops a start stops a deployment.
    pub(super) assessed: Vec<Finding>,
    /// What is wrong with the environment that the settings name.
    pub(super) packages: Vec<Finding>,
    pub(super) facts: DeployFacts,
    pub(super) mask: Mask,
    /// What the containers of the stack get; empty where none are started.
    pub(super) stack: Vec<(String, Secret)>,
}

/// One look.
pub(super) fn observe(root: &Root) -> Sight {
    let Assessment { config, unit, plan } = repair::assess(root);
    let assessed = plan.findings;
    let variables = variables(root, &config, &unit.systemd);
    let mask = Mask::new(variables.known().map_or(&[], Vec::as_slice));
    let allowed = allowed_hosts(&variables).unwrap_or_default();
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
        uv: uv(root),
        systemd: process::systemd_runs(root),
        live,
        variables,
    };
    Sight { config, assessed, packages, facts, mask, stack: Vec::new() }
}

/// Only one that root put there: it installs the packages of every release.
fn uv(root: &Root) -> Option<PathBuf> {
    let mut places = ["/usr/bin/uv", "/usr/local/bin/uv"].into_iter().map(PathBuf::from);
    places.find(|path| {
        let parent = path.parent().is_some_and(|dir| root.changeable_by(dir).is_none());
        let stat = root.stat(path);
        let roots = |stat: &Stat| stat.kind == FileKind::Regular && stat.is_roots_alone();
        parent && stat.known().is_some_and(roots)
    })
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
