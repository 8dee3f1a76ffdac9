//! What systemd hands to the service, and where the service is asked.

use std::collections::BTreeSet;
use std::path::PathBuf;

use super::env_repair::ENV_LIMIT;
use crate::config::Config;
use crate::deploy::{health_address, parse_environment_files};
use crate::env::{self, Rules};
use crate::model::{Fact, Secret};
use crate::sys::{Root, process, systemd};
use crate::unit::WALL;

/// Where the service is asked.
pub(super) fn addresses(config: &Config) -> Vec<String> {
    config.addresses.iter().map(|address| health_address(address)).collect()
}

/// The same as gunicorn spells it.
pub(super) fn gunicorn_addresses(config: &Config) -> Vec<String> {
    let spelled = |a: &String| if a.starts_with('/') { format!("unix:{a}") } else { a.clone() };
    config.addresses.iter().map(spelled).collect()
}

/// `ALLOWED_HOSTS` of the env files, cut at commas; None where it is not set or not known.
pub(super) fn allowed_hosts(variables: &Fact<Vec<(String, Secret)>>) -> Option<Vec<String>> {
    let (_, value) = variables.known()?.iter().find(|(key, _)| key == "ALLOWED_HOSTS")?;
    let text = String::from_utf8_lossy(value.expose()).into_owned();
    Some(text.split(',').map(|host| host.trim().to_owned()).collect())
}

/// What systemd would hand to the service, without the names that the unit takes away.
pub(super) fn variables(
    root: &Root,
    config: &Config,
    systemd: &Fact<u32>,
) -> Fact<Vec<(String, Secret)>> {
    let rules = match systemd {
        Fact::Known(version) if *version >= 254 => Rules::Since254,
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
        variables.extend(reading.vars.into_iter().map(|v| (v.key, v.value)));
    }
    // A later file wins (systemd.exec(5)).
    let mut seen = BTreeSet::new();
    variables.reverse();
    variables.retain(|(key, _)| seen.insert(key.clone()) && !WALL.contains(&key.as_str()));
    variables.reverse();
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
