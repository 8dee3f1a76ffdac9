//! Observes what the checks need: unit state, listeners, disks; by reading and asking only.

mod database;
mod env_files;
mod paths;
mod process;
mod stack;
mod web;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::repair::{self, Assessment};
use crate::capture::Record;
use crate::checks::{
    Answer, Database, Facts, IN_FORCE, InForce, Listener, PackagesSeen, Place, Process,
    ServiceState, Stack, Web, below_run, packages,
};
use crate::config::{Config, STATE_DIR};
use crate::deploy::{health_address, health_host};
use crate::model::{Action, Effect, Fact, Finding, Holder, Subject, finding, is_postgres_scheme};
use crate::python::Platform;
use crate::report;
use crate::sys::clock::Deadline;
use crate::sys::ids::Accounts;
use crate::sys::{Root, clock, http, mounts, parallel, process as processes, sockets, systemd};
use crate::unit::{AdminUnit, UnitFacts};

/// The host as this user sees it now.
pub fn observe(root: &Root, assessment: Assessment) -> Facts {
    let Assessment { config, unit, plan } = assessment;
    let accounts = Accounts::observe(root);
    let stack = stack::observe(root, &config);
    let addresses = match stack.known().filter(|stack| stack.serves()) {
        Some(stack) => vec![stack.address.clone()],
        // Spelled as those of nginx are: /var/run is a link.
        None => {
            let spelled = |address: String| match address.strip_prefix("unix:") {
                Some(path) => format!("unix:{}", below_run(path)),
                None => address,
            };
            super::environment::addresses(&config).into_iter().map(spelled).collect()
        }
    };
    let mut planned = plan.findings;
    planned.extend(drift(&plan.actions, &accounts));
    planned.extend(plan.mended);
    // Reading the environment takes as long as waiting for what runs.
    let (mut packages, mut running) = parallel::both(
        || packages_seen(root, &config, &accounts, false),
        || Running::observe(root, &config, &unit, &stack, &addresses),
    );
    let answers = |all: &Vec<Listener>| all.iter().all(|l| l.answer.is_ok());
    packages.context.serving = running.listeners.known().is_some_and(answers);
    if let Fact::Known(state) = &mut running.service {
        state.other_user = other_user(&accounts, &config, state);
    }
    let Running { service, host, failure, listeners, process, database, web } = running;
    let stray = env_files::stray(root, &config);
    Facts {
        other_files: env_files::observe(root, &config),
        settings_by_env: env_value(root, &config, "DJANGO_SETTINGS_MODULE").is_some(),
        stray_way: paths::way_to(root, &stray),
        stray,
        process,
        database,
        web,
        project: root.stat(&config.working_directory).map(|_| ()),
        walker: paths::walker(&config, &accounts),
        ways: paths::observe(root, &config),
        addresses,
        stack,
        packages,
        privileged: root.is_privileged(),
        trees_seen: trees_seen(root, &config),
        masked: matches!(unit.admin, AdminUnit::Masked { .. }),
        spaces: spaces(root, &config),
        planned,
        service,
        failure,
        listeners,
        host,
        config,
    }
}

/// What only a running host can tell; most of the time goes into waiting for its answers.
struct Running {
    service: Fact<ServiceState>,
    host: String,
    failure: Fact<Record>,
    listeners: Fact<Vec<Listener>>,
    process: Fact<Process>,
    database: Fact<Database>,
    web: Fact<Web>,
}

impl Running {
    fn observe(
        root: &Root,
        config: &Config,
        unit: &UnitFacts,
        stack: &Fact<Stack>,
        addresses: &[String],
    ) -> Self {
        let service = service_state(root, config);
        let host = host(root, config);
        let failure = failure(root, config, &service);
        let (listeners, (process, database, web)) = parallel::both(
            || match stack.known().filter(|stack| stack.serves() && root.is_system()) {
                Some(stack) => Fact::Known(vec![ask(config, stack.address.clone(), &host)]),
                None => listeners(root, config, unit, &service, &host),
            },
            || {
                let variables = super::environment::variables(root, config, &unit.systemd);
                let pid = service.known().map(|s| s.main_pid).filter(|pid| *pid > 0);
                (
                    process::observe(root, config, &service, &variables),
                    database::observe(root, config, pid, &variables),
                    web::observe(root, config, addresses, &variables),
                )
            },
        );
        Self { service, host, failure, listeners, process, database, web }
    }
}

/// Actions that are left, one finding a kind, the objects as evidence. What only makes our own
/// state directories is no drift.
fn drift(actions: &[Action], accounts: &Accounts) -> Vec<Finding> {
    let mut found: Vec<Finding> = Vec::new();
    for action in actions {
        let path = action.effect.path();
        let own = repair::is_own_state(&action.effect);
        // What a replacement mends in the text is told finding by finding, but not who may read and
        // write the file; its backups are no drift.
        let why = match &action.effect {
            Effect::Backup { .. } | Effect::Remove { .. } => continue,
            Effect::Replace { owner: None, mode: None, .. } => continue,
            Effect::Replace { .. } => &finding::ENV_ACCESS,
            _ => action.why,
        };
        if own {
            continue;
        }
        let text = report::describe_action(&action.effect, accounts);
        match found.iter_mut().find(|f| f.kind.id == why.id) {
            Some(finding) => {
                finding.evidence.push(crate::model::Evidence { source: "plan".to_owned(), text });
            }
            None => {
                let finding = Finding::new(why, Subject::file(&path), text.clone());
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
    match root.read(&config.env_file, super::env_repair::ENV_LIMIT) {
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
    "ConditionTimestampMonotonic",
    "ConditionResult",
    "AssertResult",
    "ExecMainStartTimestampMonotonic",
    "TriggeredBy",
];

pub(super) fn service_state(root: &Root, config: &Config) -> Fact<ServiceState> {
    if !root.is_system() {
        return Fact::Unknown("a tree of files does not run".to_owned());
    }
    if !processes::systemd_runs(root) {
        return Fact::Unknown("systemd is not running here".to_owned());
    }
    let wanted = [PROPERTIES, IN_FORCE].concat();
    match systemd::properties(&config.unit(), &wanted) {
        Err(why) => Fact::Unknown(why),
        Ok(map) => {
            let text = |name: &str| map.get(name).cloned().unwrap_or_default();
            let number = |name: &str| text(name).parse().unwrap_or(0);
            let moment = |name: &str| {
                let micros = text(name).parse().ok().filter(|micros| *micros > 0);
                micros.map(clock::from_monotonic)
            };
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
                handed: handed(&text("TriggeredBy")),
                triggered_by: text("TriggeredBy"),
                unit_file_state: text("UnitFileState"),
                unmet: unmet(&config.unit(), &map),
                need_daemon_reload: text("NeedDaemonReload") == "yes",
                active_since: moment("ActiveEnterTimestampMonotonic"),
                main_started: moment("ExecMainStartTimestampMonotonic"),
                in_force: Some(InForce::parse(&map)),
                other_user: false,
            })
        }
    }
}

/// The conditions for which systemd skipped the last start, one behind the other. Before the first
/// start none was looked at.
fn unmet(unit: &str, shown: &BTreeMap<String, String>) -> Option<String> {
    let is = |name: &str, value: &str| shown.get(name).is_some_and(|text| text == value);
    if is("ActiveState", "inactive") && is("Result", "exec-condition") {
        return Some("ExecCondition=".to_owned());
    }
    let looked = !is("ConditionTimestampMonotonic", "0") && is("ActiveState", "inactive");
    if !looked || !(is("ConditionResult", "no") || is("AssertResult", "no")) {
        return None;
    }
    let lines = systemd::properties(unit, &["Conditions", "Asserts"]).unwrap_or_default();
    let lines = lines.values().flat_map(|text| text.lines());
    Some(lines.collect::<Vec<_>>().join(", "))
}

/// The unit names its user by name or number; without one it is root. A unit that is not loaded says
/// nothing, and a user that does not exist is another finding.
fn other_user(accounts: &Accounts, config: &Config, state: &ServiceState) -> bool {
    let Some(said) = state.in_force.as_ref().filter(|_| state.load == "loaded") else {
        return false;
    };
    let number = |name: &str| match (name, name.parse()) {
        ("", _) => Some(0),
        (_, Ok(uid)) => Some(uid),
        _ => accounts.find_user(name).map(|user| user.uid),
    };
    let wanted = number(&config.user);
    wanted.is_some() && number(&said.user) != wanted
}

/// What the first running socket unit listens at: `/run/x.sock (Stream)` without the kind.
fn handed(triggered_by: &str) -> Option<String> {
    let sockets = triggered_by.split_whitespace().filter(|u| u.ends_with(".socket"));
    sockets.into_iter().find_map(|unit| {
        let shown = systemd::properties(unit, &["ActiveState", "Listen"]).ok()?;
        let active = shown.get("ActiveState").is_some_and(|s| s == "active" || s == "running");
        let listen = shown.get("Listen").filter(|_| active)?;
        Some(listen.split(" (").next().unwrap_or(listen).to_owned())
    })
}

/// Why the last run ended: from the journal while it has that run, else the newest record.
fn failure(root: &Root, config: &Config, service: &Fact<ServiceState>) -> Fact<Record> {
    let Some(state) = service.known().filter(|s| s.died()) else { return Fact::Absent };
    let names = super::units::names(root, &config.unit());
    let unit = names.first().cloned().unwrap_or_default();
    // In the middle of another start the journal of the last run is not PID 1's to name.
    let between = state.active != "activating" || state.sub == "auto-restart";
    let seen = between.then(|| super::capture::look(root, config, &unit)).flatten();
    if let Some(record) = seen.filter(Record::tells) {
        return Fact::Known(record);
    }
    // An older story is no cause of this one: the record must be of the last run, or, while another
    // start is under way, of the one before.
    let wait = state.in_force.as_ref().and_then(|said| said.restart_wait).unwrap_or(0) / 1_000_000;
    let slack = if between { 2 } else { 15 + i64::try_from(wait).unwrap_or(0) };
    let fresh = |r: &Record| state.main_started.is_none_or(|t| r.last.as_second() + slack >= t);
    match super::failures::observe(root) {
        Fact::Known(records) => records
            .into_iter()
            .find(|r| names.contains(&r.unit) && r.tells() && fresh(r))
            .map_or(Fact::Absent, Fact::Known),
        Fact::Absent => Fact::Absent,
        Fact::Unknown(why) => Fact::Unknown(format!("records of failures: {why}")),
    }
}

fn listeners(
    root: &Root,
    config: &Config,
    unit: &UnitFacts,
    service: &Fact<ServiceState>,
    host: &str,
) -> Fact<Vec<Listener>> {
    if !root.is_system() {
        return Fact::Unknown("a tree of files does not run".to_owned());
    }
    // Asking a stopped socket-activated service would start it.
    let stopped = service
        .known()
        .is_some_and(|s| !s.runs() && s.active != "activating" && s.active != "failed")
        && config.activation.value
        && matches!(unit.admin, AdminUnit::None);
    // Systemd may hold the address of a service that died; asking there would start it again.
    let died = service.known().is_some_and(ServiceState::died);
    let look = |address: String| {
        let target = health_address(&address);
        let (taken_by, taken_in) = taken_by(root, config, &target).unzip();
        let taken_in: Option<String> = taken_in.flatten();
        if (died || stopped) && taken_by.is_none() {
            let answer = Err("the service does not run".to_owned());
            return Listener { address, answer, taken_by, taken_in, connects: false };
        }
        Listener { taken_by, taken_in, ..ask(config, address, host) }
    };
    let listeners: Vec<Listener> =
        super::environment::gunicorn_addresses(config).into_iter().map(look).collect();
    let taken = listeners.iter().any(|l| l.taken_by.is_some());
    let runs = service.known().is_some_and(ServiceState::runs);
    if config.address_guessed
        && runs
        && listeners.iter().all(|l| !l.connects || l.taken_by.is_some())
    {
        let why = "the unit does not say where it listens: name it in addresses of fixes.conf";
        return Fact::Unknown(why.to_owned());
    }
    if stopped && !taken { Fact::Absent } else { Fact::Known(listeners) }
}

/// Asks an address for the health path.
fn ask(config: &Config, address: String, host: &str) -> Listener {
    let target = health_address(&address);
    let limit = Duration::from_secs(u64::from(config.health_timeout_sec.value));
    let answer = http::get(&target, &config.health_path, host, limit);
    let connects = answer.is_ok() || http::connects(&target, Duration::from_secs(1));
    let answer = answer.map(|a| Answer {
        status: a.status,
        millis: a.took.as_millis(),
        location: a.location.map(|l| report::escape(&l)),
    });
    Listener { address, answer, taken_by: None, taken_in: None, connects }
}

/// Who has the address, if it is neither systemd nor a process of the service.
fn taken_by(root: &Root, config: &Config, address: &str) -> Option<(Holder, Option<String>)> {
    let deadline = Deadline::after(Duration::from_secs(1));
    let holder = sockets::holder(root, address, &deadline).known()?.clone();
    let Holder::Process { pid, .. } = holder else { return None };
    let group = root.read(Path::new(&format!("/proc/{pid}/cgroup")), 64 << 10);
    let group = String::from_utf8_lossy(group.known()?).into_owned();
    let names = super::units::names(root, &config.unit());
    let own = group.split(['/', '\n']).any(|part| names.iter().any(|name| part == name));
    (!own && pid != 1).then(|| (holder, service_of(&group)))
}

/// The unit in `0::/system.slice/x.service`; deeper ones may be made by users.
fn service_of(cgroup: &str) -> Option<String> {
    let below = cgroup.lines().find_map(|l| l.split_once("::")).map(|(_, path)| path)?;
    let unit = below.strip_prefix("/system.slice/")?.split('/').next()?;
    unit.ends_with(".service").then(|| unit.to_owned())
}

/// The `Host:` to ask with; [`health_host`] has the rule.
pub(super) fn host(root: &Root, config: &Config) -> String {
    let listed = env_value(root, config, "ALLOWED_HOSTS").unwrap_or_default();
    let names: Vec<String> = listed.split(',').map(|name| name.trim().to_owned()).collect();
    health_host(&config.health_host, &names)
}

/// A value of the env file as systemd reads it; only for decisions, never for a message.
fn env_value(root: &Root, config: &Config, key: &str) -> Option<String> {
    let bytes = root.read(&config.env_file, super::env_repair::ENV_LIMIT);
    let reading = crate::env::read(bytes.known()?, crate::env::Rules::Since254);
    let value = reading.get(key)?.value.expose().to_vec();
    String::from_utf8(value).ok()
}

fn spaces(root: &Root, config: &Config) -> Vec<Place> {
    let env_dir = config.env_file.parent().unwrap_or(Path::new("/")).to_owned();
    let mounts = mount_points(root);
    let place = |path: PathBuf, needed: bool| {
        let space = root.space(&path);
        let holds = |mount: &&PathBuf| path.starts_with(mount);
        let mount = mounts.iter().filter(holds).max_by_key(|m| m.components().count()).cloned();
        Place { path, space, mount, needed }
    };
    let mut places = vec![place(config.log_dir.value.clone(), true)];
    places.extend(config.writable.iter().cloned().map(|path| place(path, true)));
    let others = [env_dir, config.working_directory.value.clone(), STATE_DIR.into()];
    places.extend(others.map(|path| place(path, false)));
    places
}

/// All but those whose names are written with escapes.
fn mount_points(root: &Root) -> Vec<PathBuf> {
    let table = root.read(Path::new(mounts::TABLE), 1 << 20);
    let text = table.known().map(|b| String::from_utf8_lossy(b).into_owned()).unwrap_or_default();
    let points = mounts::parse(&text).map(|mount| mount.point.to_owned());
    points.filter(|point| !point.to_string_lossy().contains('\\')).collect()
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
    let roots = |path: &PathBuf| root.is_roots_alone(path);
    let guarded = roots(&config.venv.value) && files.iter().all(roots);
    let uname = processes::uname();
    PackagesSeen {
        environment: super::venv::observe(root, &config.venv, &launcher, false),
        requirements: super::venv::observe_requirements(root, &files),
        context: packages::Context {
            user: config.user.value.clone(),
            runs_as: paths::walker(config, accounts).map(|walker| walker.owner),
            guarded,
            requirement_files: files,
            serving,
            postgres: env_value(root, config, "DATABASE_URL").is_some_and(|url| {
                url.split_once("://").is_some_and(|(s, _)| is_postgres_scheme(s))
            }),
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
    let (config, _, unit) = super::observe_service(root);
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
