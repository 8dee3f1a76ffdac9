//! Sources → one validated configuration.

use std::path::{Path, PathBuf};

use super::directive::{self, Directive};
use super::key::{self, KEYS, Key};
use super::source::{Parsed, Source, parse};
use crate::model::{Finding, Origin, Sourced, Subject, finding};

/// How far the generated unit is locked in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Profile {
    Off,
    Default,
    Strict,
}

/// One setting as it is in force, for `meats-diagnose config`.
#[derive(Clone, Debug)]
pub struct Entry {
    pub key: &'static Key,
    pub value: String,
    pub origin: Origin,
}

/// The settings of one service, validated.
#[derive(Clone, Debug)]
pub struct Config {
    pub service: Sourced<String>,
    pub description: Sourced<String>,
    pub user: Sourced<String>,
    pub group: Sourced<String>,
    /// A unit of the administrator's has no `Group=`: it is the user's own, whatever `group` says.
    pub own_group: bool,
    /// Neither a setting nor the administrator's unit says where it listens: gunicorn's settings
    /// file, the environment or a script may.
    pub address_guessed: bool,
    pub enabled: Sourced<bool>,
    pub credentials: Sourced<Vec<String>>,
    pub app_dir: Sourced<PathBuf>,
    pub working_directory: Sourced<PathBuf>,
    pub venv: Sourced<PathBuf>,
    pub requirements: Sourced<Vec<PathBuf>>,
    pub env_file: Sourced<PathBuf>,
    pub log_dir: Sourced<PathBuf>,
    pub log_files: Sourced<Vec<String>>,
    pub runtime_dir: Sourced<PathBuf>,
    pub writable: Sourced<Vec<PathBuf>>,
    pub application: Sourced<String>,
    pub settings_module: Sourced<String>,
    pub workers: Sourced<u32>,
    pub threads: Sourced<u32>,
    pub timeout: Sourced<u32>,
    pub graceful_timeout: Sourced<u32>,
    pub preload: Sourced<bool>,
    pub extra_args: Sourced<Vec<String>>,
    pub addresses: Sourced<Vec<String>>,
    pub activation: Sourced<bool>,
    pub restart_sec: Sourced<u32>,
    pub start_limit_interval_sec: Sourced<u32>,
    pub start_limit_burst: Sourced<u32>,
    pub success_exit_status: Sourced<Vec<u8>>,
    pub on_failure: Sourced<Vec<String>>,
    pub hardening: Sourced<Profile>,
    pub hardening_override: Sourced<Vec<Directive>>,
    pub repair_env: Sourced<bool>,
    pub double_equals: Sourced<String>,
    pub max_entries: Sourced<u32>,
    pub max_repairs: Sourced<u32>,
    pub max_seconds: Sourced<u32>,
    pub health_path: Sourced<String>,
    pub health_host: Sourced<String>,
    pub health_timeout_sec: Sourced<u32>,
    pub watchdog_interval_sec: Sourced<u32>,
    pub watchdog_failures: Sourced<u32>,
    pub capture_lines: Sourced<u32>,
    pub capture_records: Sourced<u32>,
    pub capture_log_size: Sourced<u32>,
    pub max_backups: Sourced<u32>,
    /// Every setting as text with its origin, in the order of the manual.
    pub entries: Vec<Entry>,
}

impl Config {
    /// Whether the application, its environment or the env file lies in a directory.
    pub(super) fn holds_code(&self, directory: &Path) -> bool {
        let code = [&self.app_dir, &self.working_directory, &self.venv, &self.env_file];
        code.into_iter().any(|path| path.starts_with(directory))
    }

    /// `NAME.service`.
    pub fn unit(&self) -> String {
        format!("{}.service", self.service.value)
    }

    /// The user that the package makes (sysusers.d).
    pub fn default_user() -> &'static str {
        key::USER.default
    }

    /// `NAME.socket`.
    pub fn socket_unit(&self) -> String {
        format!("{}.socket", self.service.value)
    }

    /// `NAME-watchdog`; an instance's name is part of it, not its instance.
    pub fn watchdog_unit(&self) -> String {
        format!("{}-watchdog", self.service.value.replace('@', "-"))
    }

    /// Where and as what a log file lives.
    pub fn log_file(&self, name: &str) -> PathBuf {
        self.log_dir.join(name)
    }
}

/// Resolves settings files, weakest first. Total: whatever is wrong is a finding.
pub fn resolve(sources: &[Source]) -> (Config, Vec<Finding>) {
    let mut findings = Vec::new();
    let parsed: Vec<Parsed> = sources.iter().map(|s| parse(s, &mut findings)).collect();
    unknown_keys(&parsed, &mut findings);
    let mut r = Resolver { parsed: &parsed, findings, entries: Vec::new() };
    let config = Config {
        service: r.take(&key::SERVICE, unit_name),
        description: r.take(&key::DESCRIPTION, one_line),
        user: r.take(&key::USER, account),
        group: r.take(&key::GROUP, account),
        own_group: false,
        address_guessed: false,
        enabled: r.take(&key::ENABLED, boolean),
        credentials: r.take(&key::CREDENTIALS, |text| words(&text.replace(',', " "), variable)),
        app_dir: r.take(&key::APP_DIR, absolute),
        working_directory: r.take(&key::WORKING_DIRECTORY, absolute),
        venv: r.take(&key::VENV, program_directory),
        requirements: r.take(&key::REQUIREMENTS, |text| words(text, absolute)),
        env_file: r.take(&key::ENV_FILE, absolute),
        log_dir: r.take(&key::LOG_DIR, own_directory),
        log_files: r.take(&key::LOG_FILES, |text| words(text, file_name)),
        runtime_dir: r.take(&key::RUNTIME_DIR, own_directory),
        writable: r.take(&key::WRITABLE, |text| words(text, own_directory)),
        application: r.take(&key::APPLICATION, application),
        settings_module: r.take(&key::SETTINGS_MODULE, |text| optional(text, module)),
        workers: r.take(&key::WORKERS, |text| number(text, 1, 1024)),
        threads: r.take(&key::THREADS, |text| number(text, 1, 1024)),
        timeout: r.take(&key::TIMEOUT, |text| number(text, 1, 86400)),
        graceful_timeout: r.take(&key::GRACEFUL_TIMEOUT, |text| number(text, 1, 3600)),
        preload: r.take(&key::PRELOAD, boolean),
        extra_args: r.take(&key::EXTRA_ARGS, |text| words(text, one_line)),
        addresses: r.take(&key::ADDRESSES, addresses),
        activation: r.take(&key::ACTIVATION, boolean),
        restart_sec: r.take(&key::RESTART_SEC, |text| number(text, 0, 3600)),
        start_limit_interval_sec: r
            .take(&key::START_LIMIT_INTERVAL_SEC, |text| number(text, 0, 86400)),
        start_limit_burst: r.take(&key::START_LIMIT_BURST, |text| number(text, 1, 1000)),
        success_exit_status: r
            .take(&key::SUCCESS_EXIT_STATUS, |text| words(text, |word| word.parse::<u8>().ok())),
        on_failure: r.take(&key::ON_FAILURE, |text| words(text, full_unit_name)),
        hardening: r.take(&key::HARDENING, profile),
        hardening_override: r.take(&key::HARDENING_OVERRIDE, directive::parse),
        repair_env: r.take(&key::REPAIR_ENV, boolean),
        double_equals: r.take(&key::DOUBLE_EQUALS, |text| {
            ["auto", "strip", "keep"].contains(&text).then(|| text.to_owned())
        }),
        max_entries: r.take(&key::MAX_ENTRIES, |text| number(text, 1, 10_000_000)),
        max_repairs: r.take(&key::MAX_REPAIRS, |text| number(text, 1, 100_000)),
        max_seconds: r.take(&key::MAX_SECONDS, |text| number(text, 1, 30)),
        health_path: r.take(&key::HEALTH_PATH, url_path),
        health_host: r.take(&key::HEALTH_HOST, |text| optional(text, host)),
        health_timeout_sec: r.take(&key::HEALTH_TIMEOUT_SEC, |text| number(text, 1, 300)),
        watchdog_interval_sec: r.take(&key::WATCHDOG_INTERVAL_SEC, |text| match text {
            "0" => Some(0),
            text => number(text, 10, 86400),
        }),
        watchdog_failures: r.take(&key::WATCHDOG_FAILURES, |text| number(text, 1, 100)),
        capture_lines: r.take(&key::CAPTURE_LINES, |text| number(text, 1, 10_000)),
        capture_records: r.take(&key::CAPTURE_RECORDS, |text| number(text, 1, 100_000)),
        capture_log_size: r.take(&key::CAPTURE_LOG_SIZE, |text| number(text, 65536, 1 << 30)),
        max_backups: r.take(&key::BACKUPS, |text| number(text, 2, 10_000)),
        entries: Vec::new(),
    };
    let Resolver { mut findings, mut entries, .. } = r;
    start_limit(&config, &mut findings);
    let config = logs_apart(config, &mut entries, &mut findings);
    (Config { entries, ..config }, findings)
}

struct Resolver<'a> {
    parsed: &'a [Parsed],
    findings: Vec<Finding>,
    entries: Vec<Entry>,
}

impl Resolver<'_> {
    /// The strongest value that `read` accepts; each refused one is a finding.
    fn take<T>(&mut self, key: &'static Key, read: impl Fn(&str) -> Option<T>) -> Sourced<T> {
        for file in self.parsed.iter().rev() {
            let Some((text, line)) = file.get(key.section, key.name) else { continue };
            let origin = Origin::File { path: file.path.clone(), line: *line };
            if let Some(value) = read(text) {
                self.entries.push(Entry { key, value: text.clone(), origin: origin.clone() });
                return Sourced { value, origin };
            }
            let subject = Subject::line(&file.path, *line).key(key.name);
            let detail = format!("{} must be {}; this value is ignored", key.name, key.expects);
            self.findings.push(Finding::new(&finding::CFG_BAD_VALUE, subject, detail));
        }
        self.entries.push(Entry { key, value: key.default.to_owned(), origin: Origin::Default });
        match read(key.default) {
            Some(value) => Sourced::default_value(value),
            None => unreachable!("the default of {} is tested below", key.name),
        }
    }
}

/// A start limit that the pauses can never reach would restart for ever (systemd.unit(5)).
fn start_limit(config: &Config, findings: &mut Vec<Finding>) {
    let needed = config.start_limit_burst.value.saturating_mul(config.restart_sec.value);
    let interval = &config.start_limit_interval_sec;
    let tuned = [
        (&interval.origin, &key::START_LIMIT_INTERVAL_SEC),
        (&config.restart_sec.origin, &key::RESTART_SEC),
        (&config.start_limit_burst.origin, &key::START_LIMIT_BURST),
    ];
    if interval.value > 0 && interval.value <= needed {
        let tuned = tuned.into_iter().find(|(origin, _)| **origin != Origin::Default);
        if let Some((Origin::File { path, line }, key)) = tuned {
            findings.push(Finding::new(
                &finding::CFG_BAD_VALUE,
                Subject::line(path, *line).key(key.name),
                format!(
                    "start_limit_interval_sec is never reached: {} starts take at least {needed} s",
                    config.start_limit_burst.value
                ),
            ));
        }
    }
}

/// What pre-start gives to the service user holds neither code nor the env file.
fn logs_apart(config: Config, entries: &mut [Entry], findings: &mut Vec<Finding>) -> Config {
    let Origin::File { path, line } = &config.log_dir.origin else { return config };
    let Some(default) = own_directory(key::LOG_DIR.default) else { return config };
    if !config.holds_code(&config.log_dir) {
        return config;
    }
    let detail = "log_dir holds the application, its environment or the env file, and the service \
                  user may write there; this value is ignored";
    let subject = Subject::line(path, *line).key(key::LOG_DIR.name);
    findings.push(Finding::new(&finding::CFG_BAD_VALUE, subject, detail));
    for entry in entries.iter_mut().filter(|entry| entry.key.name == key::LOG_DIR.name) {
        entry.value = key::LOG_DIR.default.to_owned();
        entry.origin = Origin::Default;
    }
    Config { log_dir: Sourced::default_value(default), ..config }
}

fn unknown_keys(parsed: &[Parsed], findings: &mut Vec<Finding>) {
    for file in parsed {
        let all = file.values.iter().flat_map(|(s, names)| names.iter().map(move |n| (s, n)));
        for (section, (name, (_, line))) in all {
            if KEYS.iter().any(|k| k.section == section && k.name == name) {
                continue;
            }
            let near = KEYS
                .iter()
                .map(|k| (distance(name, k.name) + usize::from(k.section != section), k))
                .min_by_key(|(d, _)| *d)
                .filter(|(d, _)| *d <= 3)
                .map(|(_, k)| format!("; did you mean {} in [{}]?", k.name, k.section));
            let detail = format!(
                "\"{}\" in [{}] means nothing and is ignored{}",
                name.escape_default(),
                section.escape_default(),
                near.unwrap_or_default()
            );
            let subject = Subject::line(&file.path, *line).key(name.escape_default().to_string());
            findings.push(Finding::new(&finding::CFG_UNKNOWN_KEY, subject, detail));
        }
    }
}

/// Edit distance, bounded by the lengths of setting names.
fn distance(a: &str, b: &str) -> usize {
    if a.len() > 40 {
        return usize::MAX / 2;
    }
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.chars().enumerate() {
        let mut diagonal = i;
        let mut left = i + 1;
        for (cell, y) in row.iter_mut().skip(1).zip(&b) {
            let best = (diagonal + usize::from(x != *y)).min(*cell + 1).min(left + 1);
            diagonal = std::mem::replace(cell, best);
            left = best;
        }
        if let Some(first) = row.first_mut() {
            *first = i + 1;
        }
    }
    row.last().copied().unwrap_or(usize::MAX / 2)
}

fn boolean(text: &str) -> Option<bool> {
    // systemd.syntax(7), "boolean".
    match text.to_ascii_lowercase().as_str() {
        "1" | "yes" | "y" | "true" | "t" | "on" => Some(true),
        "0" | "no" | "n" | "false" | "f" | "off" => Some(false),
        _ => None,
    }
}

fn number(text: &str, min: u32, max: u32) -> Option<u32> {
    text.parse().ok().filter(|n| (min..=max).contains(n))
}

fn words<T>(text: &str, read: impl Fn(&str) -> Option<T>) -> Option<Vec<T>> {
    text.split_ascii_whitespace().map(read).collect()
}

fn optional(text: &str, read: impl Fn(&str) -> Option<String>) -> Option<String> {
    if text.is_empty() { Some(String::new()) } else { read(text) }
}

fn one_line(text: &str) -> Option<String> {
    // A backslash at the end of a line of a unit would join the next one to it.
    let ok = !text.is_empty() && !text.chars().any(char::is_control) && !text.ends_with('\\');
    ok.then(|| text.to_owned())
}

/// Characters of a unit name (systemd.unit(5)) without the ones of an escaped path; an instance has
/// one `@` with something on both sides.
fn unit_name(text: &str) -> Option<String> {
    let fine = |b: u8| b.is_ascii_alphanumeric() || b":-_.@".contains(&b);
    let ok = !text.is_empty() && text.len() <= 200 && text.bytes().all(fine);
    let parts: Vec<&str> = text.split('@').collect();
    let instance = parts.len() <= 2 && parts.iter().all(|p| !p.is_empty());
    (ok && instance && !text.starts_with('.') && !text.ends_with(".service"))
        .then(|| text.to_owned())
}

/// A name that an env file can give to a variable.
fn variable(text: &str) -> Option<String> {
    let fine = |b: u8| b.is_ascii_alphanumeric() || b == b'_';
    let ok = !text.is_empty() && text.len() <= 200 && text.bytes().all(fine);
    (ok && !text.starts_with(|c: char| c.is_ascii_digit())).then(|| text.to_owned())
}

fn full_unit_name(text: &str) -> Option<String> {
    let fine = |b: u8| b.is_ascii_alphanumeric() || b":-_.\\@%".contains(&b);
    (text.contains('.') && text.len() <= 255 && text.bytes().all(fine)).then(|| text.to_owned())
}

/// Names as useradd(8) and systemd accept them, or a number.
pub(super) fn account(text: &str) -> Option<String> {
    let fine = |b: u8| b.is_ascii_alphanumeric() || b"_-.".contains(&b);
    let ok = !text.is_empty() && text.len() <= 31 && text.bytes().all(fine);
    (ok && !text.starts_with(['-', '.'])).then(|| text.to_owned())
}

/// An absolute path without `..` and without control characters.
pub(super) fn absolute(text: &str) -> Option<PathBuf> {
    let mut path = String::with_capacity(text.len());
    // Without doubled or trailing slashes.
    for part in text.split('/').filter(|part| !matches!(*part, "" | ".")) {
        path.push('/');
        path.push_str(part);
    }
    let fine = text.starts_with('/') && text.split('/').all(|part| part != "..");
    let ok = fine && one_line(text).is_some() && text.len() <= 1024;
    ok.then(|| PathBuf::from(if path.is_empty() { "/" } else { &path }))
}

/// systemd refuses a whole unit whose program has a quote, a backslash or (262) a character of
/// glob(7) in its path.
fn program_directory(text: &str) -> Option<PathBuf> {
    absolute(text).filter(|_| !text.contains(['"', '\'', '\\', '*', '?', '[']))
}

/// A directory that may be given to the service user: never one of the system's own.
pub fn own_directory(text: &str) -> Option<PathBuf> {
    const SYSTEM: &[&str] = &[
        "/bin",
        "/boot",
        "/dev",
        "/etc",
        "/lib",
        "/lib64",
        "/proc",
        "/root",
        "/run/projectmeats-fixes",
        "/run/systemd",
        "/sbin",
        "/sys",
        "/usr",
        "/var/lib/dpkg",
        "/var/lib/projectmeats-fixes",
        "/var/lib/systemd",
        "/var/log/journal",
        "/var/spool/cron",
    ];
    const SHARED: &[&str] = &[
        "/run/dbus",
        "/run/lock",
        "/run/user",
        "/var/backups",
        "/var/cache",
        "/var/lib",
        "/var/lock",
        "/var/log",
        "/var/log/apache2",
        "/var/log/nginx",
        "/var/log/postgresql",
        "/var/log/supervisor",
        "/var/mail",
        "/var/run",
        "/var/spool",
        "/var/tmp",
    ];
    let path = absolute(text)?;
    // An absolute path without doubled slashes: parts begin where a slash is.
    let bytes = path.as_os_str().as_encoded_bytes();
    let deep = bytes.iter().filter(|b| **b == b'/').count() >= 2;
    let below = |s: &&str| {
        bytes.strip_prefix(s.as_bytes()).is_some_and(|rest| matches!(rest, [] | [b'/', ..]))
    };
    let system = SYSTEM.iter().any(below);
    let shared = SHARED.iter().any(|s| bytes == s.as_bytes());
    (deep && !system && !shared).then_some(path)
}

fn file_name(text: &str) -> Option<String> {
    let ok = !text.contains('/') && !text.starts_with('.') && text.len() <= 200;
    (ok && !text.chars().any(char::is_control)).then(|| text.to_owned())
}

fn module(text: &str) -> Option<String> {
    let part = |p: &str| {
        !p.is_empty()
            && !p.starts_with(|c: char| c.is_ascii_digit())
            && p.chars().all(|c| c.is_alphanumeric() || c == '_')
    };
    text.split('.').all(part).then(|| text.to_owned())
}

fn application(text: &str) -> Option<String> {
    let (path, object) = text.split_once(':').unwrap_or((text, "application"));
    let plain = |c: char| c.is_alphanumeric() || "_.()='\",".contains(c);
    (module(path).is_some() && !object.is_empty() && object.chars().all(plain))
        .then(|| text.to_owned())
}

pub(super) fn addresses(text: &str) -> Option<Vec<String>> {
    let one = |word: &str| {
        let tcp = word.parse::<std::net::SocketAddr>().is_ok_and(|a| a.port() != 0);
        (tcp || absolute(word).is_some_and(|p| p.components().count() >= 2))
            .then(|| word.to_owned())
    };
    words(text, one).filter(|list| !list.is_empty())
}

fn profile(text: &str) -> Option<Profile> {
    match text {
        "off" => Some(Profile::Off),
        "default" => Some(Profile::Default),
        "strict" => Some(Profile::Strict),
        _ => None,
    }
}

fn url_path(text: &str) -> Option<String> {
    let fine = |b: u8| b.is_ascii_graphic();
    (text.starts_with('/') && text.bytes().all(fine)).then(|| text.to_owned())
}

fn host(text: &str) -> Option<String> {
    let fine = |b: u8| b.is_ascii_alphanumeric() || b".-:[]_".contains(&b);
    text.bytes().all(fine).then(|| text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Fact;

    fn source(path: &str, text: &str) -> Source {
        Source { path: path.into(), bytes: Fact::Known(text.as_bytes().to_vec()) }
    }

    fn ids(findings: &[Finding]) -> Vec<(&str, Option<usize>)> {
        findings.iter().map(|f| (f.kind.id, f.subject.line)).collect()
    }

    #[test]
    fn every_default_is_allowed_and_listed_once() {
        let (config, findings) = resolve(&[]);
        assert!(findings.is_empty());
        assert_eq!(config.entries.len(), KEYS.len());
        assert!(config.entries.iter().all(|e| e.origin == Origin::Default));
        assert_eq!(config.unit(), "projectmeats.service");
    }

    #[test]
    fn numbers_are_taken_within_the_limits_that_the_table_says() {
        let mut compared = 0;
        for key in KEYS {
            let Some((low, high)) = key.expects.split_once(" to ") else { continue };
            let low = low.rsplit(' ').next().and_then(|word| word.parse::<u64>().ok());
            let (Some(low), Ok(high)) = (low, high.parse::<u64>()) else { continue };
            let taken = |value: u64| {
                let text = format!("[{}]\n{} = {value}\n", key.section, key.name);
                let (_, findings) = resolve(&[source("/f", &text)]);
                !findings.iter().any(|f| f.detail.contains("this value is ignored"))
            };
            assert!(taken(low) && taken(high), "{}.{}", key.section, key.name);
            let below = low.checked_sub(1).is_some_and(taken);
            assert!(!below && !taken(high + 1), "{}.{}", key.section, key.name);
            compared += 1;
        }
        assert!(compared >= 17, "{compared}");
    }

    #[test]
    fn later_files_win_and_say_where() {
        let (config, findings) = resolve(&[
            source("/a.conf", "# note\n[gunicorn]\nworkers = 5\nthreads=1\n"),
            source("/b.conf", "[gunicorn]\n\n; x\nworkers = 7\n"),
        ]);
        assert!(findings.is_empty(), "{findings:?}");
        assert_eq!(config.workers.value, 7);
        assert_eq!(config.workers.origin, Origin::File { path: "/b.conf".into(), line: 4 });
        assert_eq!(config.threads.value, 1);
    }

    #[test]
    fn what_is_wrong_is_a_finding_and_the_weaker_value_holds() {
        let cases: &[(&str, &str, usize)] = &[
            ("[gunicorn]\nworkers = many\n", "CFG-003", 2),
            ("[gunicorn]\nworkers = 0\n", "CFG-003", 2),
            ("[gunicorn]\nworker = 3\n", "CFG-002", 2),
            ("[paths]\nlog_dir = /etc\n", "CFG-003", 2),
            ("[paths]\nlog_dir = /etc/cron.d\n", "CFG-003", 2),
            ("[paths]\nlog_dir = /var/log/\n", "CFG-003", 2),
            ("[paths]\nlog_dir = /var/log/../../etc/x\n", "CFG-003", 2),
            ("[paths]\nlog_dir = relative\n", "CFG-003", 2),
            ("[paths]\nvenv = /srv/o'neil\n", "CFG-003", 2),
            ("[paths]\nvenv = /srv/venv*\n", "CFG-003", 2),
            ("[paths]\nworking_directory = /srv/a\\\n", "CFG-003", 2),
            ("[service]\nuser = -x\n", "CFG-003", 2),
            ("[listen]\naddresses = localhost:8000\n", "CFG-003", 2),
            ("[service]\nname = a@\n", "CFG-003", 2),
            ("[service]\nname = a@b@c\n", "CFG-003", 2),
            ("[service]\ncredentials = SECRET-KEY\n", "CFG-003", 2),
            ("[watchdog]\ninterval_sec = 9\n", "CFG-003", 2),
            ("[hardening]\noverride = ExecStart=/bin/sh\n", "CFG-003", 2),
            ("[hardening]\noverride = PrivateTmp=disconnected\n", "CFG-003", 2),
            ("[restart]\nstart_limit_interval_sec = 10\n", "CFG-003", 2),
        ];
        for (text, id, line) in cases {
            let (config, findings) = resolve(&[source("/f", text)]);
            assert_eq!(ids(&findings), [(*id, Some(*line))], "{text}");
            assert_eq!(config.workers.value, 3);
        }
    }

    #[test]
    fn broken_files_are_left_out_whole() {
        for bytes in [&b"[gunicorn\nworkers = 9\n"[..], b"\xff\xfe[gunicorn]\nworkers=9\n"] {
            let broken = Source { path: "/f".into(), bytes: Fact::Known(bytes.to_vec()) };
            let (config, findings) = resolve(&[broken]);
            assert_eq!(findings.first().map(|f| f.kind.id), Some("CFG-001"));
            assert_eq!(config.workers.value, 3);
        }
    }

    #[test]
    fn values_may_hold_comment_signs_and_colons() {
        let (config, _) =
            resolve(&[source("/f", "[gunicorn]\nextra_args = --env A=b#c;d --x y:z\n")]);
        assert_eq!(config.extra_args.value, ["--env", "A=b#c;d", "--x", "y:z"]);
    }

    #[test]
    fn a_near_name_is_offered() {
        let (_, findings) = resolve(&[source("/f", "[gunicorn]\nworkrs = 3\n")]);
        assert!(findings.iter().any(|f| f.detail.contains("did you mean workers")));
    }
}
