//! Everything that must not be printed: the values that the service got, and those of the lines
//! that systemd dropped.

use std::path::{Path, PathBuf};

use super::case::Case;
use crate::capture::{CapturedBy, EnvRecord, Redactor, raw_assignments};
use crate::config::Config;
use crate::env::{self, Rules};
use crate::flow::observe_settings;
use crate::model::{Fact, Secret};
use crate::sys::{Root, process};
use crate::unit::AdminUnit;

/// More is no env file: execve(2) takes no string of more than 128 KiB.
const ENV_LIMIT: u64 = 512 << 10;

/// What the env files hold.
pub(super) struct Environment {
    pub(super) secrets: Vec<(String, Secret)>,
    pub(super) state: EnvRecord,
    /// Files that are too large to be learned from.
    pub(super) too_large: Vec<PathBuf>,
}

/// True when an env file names a variable by which systemd tells how the service ended: the file
/// wins over systemd (systemd.exec(5)), so PID 1 has to be asked.
pub(super) fn may_forge(root: &Root) -> bool {
    const TOLD: [&[u8]; 3] = [b"SERVICE_RESULT", b"EXIT_CODE", b"EXIT_STATUS"];
    let (config, _) = observe_settings(root);
    let names = |file: &[u8]| TOLD.iter().any(|name| file.windows(name.len()).any(|w| w == *name));
    let mut files = vec![config.env_file.value.clone()];
    files.extend(usual_files(&config));
    files.iter().any(|path| match root.read(path, ENV_LIMIT) {
        Fact::Known(file) => names(&file),
        Fact::Absent => false,
        Fact::Unknown(_) => true,
    })
}

/// Further files that hosts have, and that their units read.
fn usual_files(config: &Config) -> [PathBuf; 3] {
    let app = &config.app_dir;
    [app.join(".env.production"), config.working_directory.join(".env"), app.join(".env")]
}

/// Reads the configured env file and those that the unit names.
pub(super) fn observe(case: &Case) -> Environment {
    let main = &case.config.env_file.value;
    let mut secrets = Vec::new();
    let mut too_large = Vec::new();
    let state = match read(case.root, main, &mut too_large) {
        Fact::Known(found) => {
            secrets = found;
            EnvRecord { state: "read".to_owned(), keys: distinct(&secrets) }
        }
        Fact::Absent => EnvRecord { state: "missing".to_owned(), keys: 0 },
        Fact::Unknown(why) => EnvRecord { state: why, keys: 0 },
    };
    secrets.extend(read_all(case.root, further(case, main), &mut too_large));
    if let Some(own) = &case.truth.environment {
        secrets.extend(of_unit(&String::from_utf8_lossy(own.expose())));
    }
    // What systemd made of them, and what no file has.
    if case.by == CapturedBy::StopPost {
        secrets.extend(case.handed.environment.iter().map(|(key, value)| {
            (key.to_string_lossy().into_owned(), Secret::new(value.as_encoded_bytes()))
        }));
    }
    Environment { secrets, state, too_large }
}

fn further<'a>(case: &'a Case, main: &'a Path) -> impl Iterator<Item = PathBuf> + 'a {
    let usual = usual_files(case.config);
    case.truth.env_files.iter().cloned().chain(usual).filter(move |p| p != main)
}

type Assignments = Vec<(String, Secret)>;

fn read(root: &Root, path: &Path, too_large: &mut Vec<PathBuf>) -> Fact<Assignments> {
    match root.read_tail(path, ENV_LIMIT) {
        Fact::Known((_, stat)) if stat.size > ENV_LIMIT => {
            too_large.push(path.to_owned());
            Fact::Unknown(format!("it has more than {ENV_LIMIT} bytes"))
        }
        other => other.map(|(bytes, _)| assignments(&bytes)),
    }
}

fn read_all(
    root: &Root,
    paths: impl Iterator<Item = PathBuf>,
    too_large: &mut Vec<PathBuf>,
) -> Assignments {
    let known = |path: PathBuf| read(root, &path, too_large).known().cloned();
    paths.filter_map(known).flatten().collect()
}

/// As systemd reads the file, and as it is written: what systemd drops, it prints.
fn assignments(file: &[u8]) -> Vec<(String, Secret)> {
    let read = Rules::ALL.into_iter().flat_map(|rules| env::read(file, rules).vars);
    read.map(|a| (a.key, a.value)).chain(raw_assignments(file)).collect()
}

fn distinct(assignments: &[(String, Secret)]) -> usize {
    let named = assignments.iter().map(|(k, _)| k.as_str()).filter(|k| !k.is_empty());
    let mut keys: Vec<&str> = named.collect();
    keys.sort_unstable();
    keys.dedup();
    keys.len()
}

/// Assignments of `Environment=`, however they are quoted.
fn of_unit(line: &str) -> Vec<(String, Secret)> {
    let mut found = assignments(line.replace(['"', '\''], "\n").as_bytes());
    found.extend(assignments(line.replace(char::is_whitespace, "\n").as_bytes()));
    found
}

/// The redactor for texts about the host as it is: env files, the unit's own assignments, and what
/// the running processes have.
///
/// # Errors
/// There is more than can be masked.
pub(in crate::flow) fn redactor_of_host(
    root: &Root,
    config: &Config,
    admin: &AdminUnit,
) -> Result<Redactor, String> {
    let text = admin.merged().unwrap_or_default();
    let named = text.list("Service", "EnvironmentFile");
    let named = named.iter().map(|f| PathBuf::from(f.trim_start_matches('-')));
    let main = std::iter::once(config.env_file.value.clone());
    let files = main.chain(usual_files(config)).chain(named);
    let mut too_large = Vec::new();
    let mut secrets = read_all(root, files, &mut too_large);
    if let Some(path) = too_large.first() {
        return Err(format!("\"{}\" {TOO_LARGE}", path.display()));
    }
    for line in text.list("Service", "Environment") {
        secrets.extend(of_unit(line));
    }
    for pid in crate::flow::units::processes(root, config) {
        let entries = process::environment(root, pid);
        let entries = entries.known().map(Vec::as_slice).unwrap_or_default();
        secrets.extend(entries.iter().flat_map(|entry| assignments(entry)));
    }
    let redactor = redactor_for(config, &secrets, None);
    if redactor.is_blind() { Err(TOO_MUCH.to_owned()) } else { Ok(redactor) }
}

/// What stands in the settings, and in every path and address, is no secret; nor is the unit's name.
fn redactor_for(config: &Config, secrets: &[(String, Secret)], unit: Option<&str>) -> Redactor {
    let mut public: Vec<&str> = config.entries.iter().map(|e| e.value.as_str()).collect();
    public.extend(["/site-packages/", "postgresql", "127.0.0.1", "localhost"]);
    public.extend(unit);
    Redactor::new(secrets.iter().map(|(k, v)| (k.as_str(), v)), &public)
}

const TOO_LARGE: &str = "is too large for an env file, so its values cannot be masked";
const TOO_MUCH: &str = "the env files have too many values, so they cannot be masked";

/// The redactor for this case; says why nothing is shown, where that is so.
pub(super) fn redactor(
    case: &Case,
    environment: &Environment,
    not_seen: &mut Vec<String>,
) -> Redactor {
    let too_large = environment.too_large.iter();
    let files = too_large.map(|path| format!("\"{}\" {TOO_LARGE}", path.display()));
    let mut redactor = redactor_for(case.config, &environment.secrets, Some(&case.unit));
    let many = redactor.is_blind().then(|| TOO_MUCH.to_owned());
    let why: Vec<String> = files.chain(many).collect();
    if !why.is_empty() {
        redactor.blind();
        not_seen.extend(why.iter().map(|why| format!("{why}: what was said is left out")));
    }
    redactor
}
