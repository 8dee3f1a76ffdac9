//! Env files besides the one of the service: scripts left them, and somebody may read them.

use std::path::PathBuf;

use crate::checks::Step;
use crate::config::Config;
use crate::env::{self, Rules};
use crate::flow::env_repair::ENV_LIMIT;
use crate::model::Fact;
use crate::sys::Root;

/// The places that set-up scripts wrote to. Keys in both files with different values.
pub(super) fn observe(root: &Root, config: &Config) -> Vec<(PathBuf, Vec<String>)> {
    let app = &config.app_dir;
    let places =
        [app.join(".env.production"), config.working_directory.join(".env"), app.join(".env")];
    let Fact::Known(own) = root.read(&config.env_file, ENV_LIMIT) else { return Vec::new() };
    let own = env::read(&own, Rules::Since254);
    let differing = |path: &PathBuf| {
        let bytes = root.read(path, ENV_LIMIT);
        let other = env::read(bytes.known()?, Rules::Since254);
        let differs = |key: &&str| {
            let value = |reading: &env::Reading| reading.get(key).map(|v| v.value.clone());
            let (mine, theirs) = (value(&own), value(&other));
            mine.zip(theirs).is_some_and(|(a, b)| a.expose() != b.expose())
        };
        let mut keys: Vec<&str> = other.vars.iter().map(|v| v.key.as_str()).collect();
        keys.sort_unstable();
        keys.dedup();
        Some(keys.into_iter().filter(differs).map(str::to_owned).collect::<Vec<_>>())
    };
    let mut found = Vec::new();
    for path in places.into_iter().filter(|p| *p != config.env_file.value) {
        let keys = differing(&path).unwrap_or_default();
        if !keys.is_empty() && !found.iter().any(|(p, _)| *p == path) {
            found.push((path, keys));
        }
    }
    found
}

/// The first `settings.ini` or `.env` from the settings package up to below `/`: python-decouple
/// opens that one, whatever the environment holds.
pub(super) fn stray(root: &Root, config: &Config) -> Fact<Step> {
    let module = match config.settings_module.as_str() {
        "" => config.application.split('.').next().unwrap_or_default(),
        module => module,
    };
    let mut inner = config.working_directory.value.clone();
    let packages = module.split('.');
    inner.extend(packages);
    let above = inner.ancestors().filter(|dir| dir.parent().is_some());
    let mut files = above.flat_map(|dir| [dir.join("settings.ini"), dir.join(".env")]);
    let met = files.find_map(|path| match root.stat(&path) {
        Fact::Absent => None,
        Fact::Known(stat) => Some(Fact::Known((path, stat))),
        // What could not be seen may be the one: those above it prove nothing.
        Fact::Unknown(why) => Some(Fact::Unknown(format!("{}: {why}", path.display()))),
    });
    met.unwrap_or(Fact::Absent)
}
