//! Observes what the checks need: unit state, listeners, disks; by reading and asking only.

use std::path::{Path, PathBuf};
use std::time::Duration;

use super::observe_settings;
use super::repair::{self, Assessment};
use crate::checks::{Answer, Facts, Listener, PackagesSeen, ServiceState, packages};
use crate::config::{Config, STATE_DIR};
use crate::model::{Action, Effect, Fact, Finding, Owner, Subject};
use crate::python::Platform;
use crate::report;
use crate::sys::ids::Accounts;
use crate::sys::{Root, clock, http, process, systemd};
use crate::unit::{AdminUnit, UnitFacts};

/// The host as this user sees it now.
pub fn observe(root: &Root, assessment: Assessment) -> Facts {
    let Assessment { config, unit, plan } = assessment;
    let accounts = Accounts::observe(root);
    let mut planned = plan.findings;
    planned.extend(drift(&plan.actions, &accounts));
    planned.extend(plan.mended);
    let service = service_state(root, &config);
    let host = host(root, &config);
    let listeners = listeners(root, &config, &unit, &service, &host);
    let answers = |all: &Vec<Listener>| all.iter().all(|l| l.answer.is_ok());
    let serving = listeners.known().is_some_and(answers);
    let packages = packages_seen(root, &config, &accounts, serving);
    Facts {
        packages,
        privileged: root.is_privileged(),
        trees_seen: trees_seen(root, &config),
        masked: matches!(unit.admin, AdminUnit::Masked { .. }),
        spaces: spaces(root, &config),
        planned,
        service,
        listeners,
        host,
        config,
    }
}

/// Actions that are left, one finding a kind, the objects as evidence. What only makes our own
/// state directories is no drift.
fn drift(actions: &[Action], accounts: &Accounts) -> Vec<Finding> {
    let mut found: Vec<Finding> = Vec::new();
    for action in actions {
        let path = action.effect.path();
        let own = repair::is_own_state(&action.effect);
        // What a replacement mends is told finding by finding; its backups are no drift.
        let told = matches!(
            action.effect,
            Effect::Backup { .. } | Effect::Replace { .. } | Effect::Remove { .. }
        );
        if own || told {
            continue;
        }
        let text = report::describe_action(&action.effect, accounts);
        match found.iter_mut().find(|f| f.kind.id == action.why.id) {
            Some(finding) => {
                finding.evidence.push(crate::model::Evidence { source: "plan".to_owned(), text });
            }
            None => {
                let finding = Finding::new(action.why, Subject::file(&path), text.clone());
                found.push(finding.evidence("plan", text));
            }
        }
    }
    found
}

/// Whether this user could see the trees that were planned for.
fn trees_seen(root: &Root, config: &Config) -> Fact<()> {
    let env_dir = config.env_file.parent().unwrap_or(Path::new("/"));
    for dir in [env_dir, &config.log_dir.value] {
        if let Fact::Unknown(why) = root.list(dir, 1) {
            return Fact::Unknown(format!("{}: {why}", dir.display()));
        }
    }
    match root.read(&config.env_file, super::repair::ENV_LIMIT) {
        Fact::Unknown(why) if !root.is_privileged() => {
            Fact::Unknown(format!("{}: {why}", config.env_file.display()))
        }
        _ => Fact::Known(()),
    }
}

const PROPERTIES: &[&str] = &[
    "LoadState",
    "ActiveState",
    "SubState",
    "Result",
    "ExecMainStatus",
    "ExecMainCode",
    "NRestarts",
    "MainPID",
    "FragmentPath",
    "DropInPaths",
    "UnitFileState",
    "NeedDaemonReload",
    "ActiveEnterTimestampMonotonic",
    "TriggeredBy",
];

pub(super) fn service_state(root: &Root, config: &Config) -> Fact<ServiceState> {
    if !root.is_system() {
        return Fact::Absent;
    }
    if !process::systemd_runs(root) {
        return Fact::Unknown("systemd is not running here".to_owned());
    }
    match systemd::properties(&config.unit(), PROPERTIES) {
        Err(why) => Fact::Unknown(why),
        Ok(map) => {
            let text = |name: &str| map.get(name).cloned().unwrap_or_default();
            let number = |name: &str| text(name).parse().unwrap_or(0);
            let micros: u64 = text("ActiveEnterTimestampMonotonic").parse().unwrap_or(0);
            Fact::Known(ServiceState {
                load: text("LoadState"),
                active: text("ActiveState"),
                sub: text("SubState"),
                result: text("Result"),
                exec_main_status: number("ExecMainStatus"),
                exec_main_code: number("ExecMainCode"),
                restarts: text("NRestarts").parse().unwrap_or(0),
                main_pid: text("MainPID").parse().unwrap_or(0),
                fragment: PathBuf::from(text("FragmentPath")),
                drop_ins: text("DropInPaths"),
                unit_file_state: text("UnitFileState"),
                need_daemon_reload: text("NeedDaemonReload") == "yes",
                active_since: (micros > 0).then(|| clock::from_monotonic(micros)),
            })
        }
    }
}

/// The addresses where the service should answer, as gunicorn spells them.
pub(super) fn addresses(config: &Config) -> Vec<String> {
    let spelled = |a: &String| if a.starts_with('/') { format!("unix:{a}") } else { a.clone() };
    config.addresses.iter().map(spelled).collect()
}

/// An address to connect to: a wildcard is reached by loopback, a bare name of localhost is 127.0.0.1.
pub(super) fn reachable(address: &str) -> String {
    let address = address.strip_prefix("tcp://").unwrap_or(address);
    for (from, to) in [
        ("0.0.0.0:", "127.0.0.1:"),
        ("[::]:", "[::1]:"),
        ("localhost:", "127.0.0.1:"),
        (":", "127.0.0.1:"),
    ] {
        if let Some(port) = address.strip_prefix(from) {
            return format!("{to}{port}");
        }
    }
    address.to_owned()
}

fn listeners(
    root: &Root,
    config: &Config,
    unit: &UnitFacts,
    service: &Fact<ServiceState>,
    host: &str,
) -> Fact<Vec<Listener>> {
    if !root.is_system() {
        return Fact::Absent;
    }
    // Asking a stopped socket-activated service would start it.
    if service
        .known()
        .is_some_and(|s| !s.runs() && s.active != "activating" && s.active != "failed")
        && config.activation.value
        && matches!(unit.admin, AdminUnit::None)
    {
        return Fact::Absent;
    }
    let limit = Duration::from_secs(u64::from(config.health_timeout_sec.value));
    let ask = |address: String| {
        let target = reachable(&address);
        let answer = http::get(&target, &config.health_path, host, limit);
        let connects = answer.is_ok() || http::connects(&target, Duration::from_secs(1));
        let answer = answer.map(|a| Answer {
            status: a.status,
            millis: a.took.as_millis(),
            location: a.location.map(|l| report::escape(&l)),
        });
        Listener { address, answer, connects }
    };
    Fact::Known(addresses(config).into_iter().map(ask).collect())
}

/// The `Host:` to ask with: the setting, else a name that the application accepts: localhost if it
/// is listed, else the first plain name of ALLOWED_HOSTS.
pub(super) fn host(root: &Root, config: &Config) -> String {
    if !config.health_host.is_empty() {
        return config.health_host.value.clone();
    }
    let listed = env_value(root, config, "ALLOWED_HOSTS").unwrap_or_default();
    let names: Vec<&str> = listed.split(',').map(str::trim).collect();
    let plain = |n: &&&str| {
        !n.is_empty() && n.bytes().all(|b| b.is_ascii_alphanumeric() || b"-.:[]".contains(&b))
    };
    if names.iter().any(|n| *n == "localhost" || *n == "*") {
        return "localhost".to_owned();
    }
    let first = names.iter().find(plain).map(|n| n.trim_start_matches('.').to_owned());
    first.unwrap_or_else(|| "localhost".to_owned())
}

/// A value of the env file as systemd reads it; only for decisions, never for a message.
fn env_value(root: &Root, config: &Config, key: &str) -> Option<String> {
    let bytes = root.read(&config.env_file, super::repair::ENV_LIMIT);
    let reading = crate::env::read(bytes.known()?, crate::env::Rules::Since254);
    let value = reading.get(key)?.value.expose().to_vec();
    String::from_utf8(value).ok()
}

fn spaces(root: &Root, config: &Config) -> Vec<(PathBuf, Fact<crate::model::Space>)> {
    let env_dir = config.env_file.parent().unwrap_or(Path::new("/")).to_owned();
    [
        config.log_dir.value.clone(),
        env_dir,
        config.working_directory.value.clone(),
        STATE_DIR.into(),
    ]
    .into_iter()
    .map(|path| {
        let space = root.space(&path);
        (path, space)
    })
    .collect()
}

pub(super) fn packages_seen(
    root: &Root,
    config: &Config,
    accounts: &Accounts,
    serving: bool,
) -> PackagesSeen {
    let launcher = config.venv.join("bin/gunicorn");
    let files: Vec<PathBuf> =
        config.requirements.iter().filter(|p| !root.stat(p).is_absent()).cloned().collect();
    let uname = process::uname();
    let user = accounts.find_user(&config.user);
    PackagesSeen {
        environment: super::venv::observe(root, &config.venv, &launcher, false),
        requirements: super::venv::observe_requirements(root, &files),
        context: packages::Context {
            user: config.user.value.clone(),
            runs_as: user.map(|u| Owner {
                uid: u.uid,
                gid: accounts.find_gid(&config.group).unwrap_or(u.gid),
            }),
            requirement_files: files,
            serving,
            postgres: env_value(root, config, "DATABASE_URL")
                .is_some_and(|url| url.starts_with("postgres")),
            libpq: libpq(root),
            zoneinfo: root.stat(Path::new("/usr/share/zoneinfo")).map(|_| ()),
            platform: Platform { machine: uname.0, release: uname.1, version: uname.2 },
        },
    }
}

/// The system's PostgreSQL client library, in the directories of Debian's architectures.
fn libpq(root: &Root) -> Fact<()> {
    const DIRS: &[&str] = &["/usr/lib/x86_64-linux-gnu", "/usr/lib/aarch64-linux-gnu", "/usr/lib"];
    let seen = DIRS.iter().map(|d| root.stat(&Path::new(d).join("libpq.so.5")));
    seen.map(|s| s.map(|_| ())).find(|s| !s.is_absent()).unwrap_or(Fact::Absent)
}

/// After a restart: until the service answers or is seen to have failed, at most 20 s.
pub fn wait_for_service(root: &Root) {
    if !root.is_system() {
        return;
    }
    let (config, _) = observe_settings(root);
    let unit = super::observe_unit(root, &config);
    let deadline = clock::Deadline::after(Duration::from_secs(20));
    while !deadline.passed() {
        let state = service_state(root, &config);
        let Some(known) = state.known() else { return };
        let host = host(root, &config);
        let answers = match listeners(root, &config, &unit, &state, &host) {
            Fact::Known(all) => all.iter().all(|l| l.answer.is_ok()),
            Fact::Absent | Fact::Unknown(_) => true,
        };
        if known.active == "failed" || known.active == "inactive" || known.runs() && answers {
            return;
        }
        clock::pause(Duration::from_millis(200));
    }
}
