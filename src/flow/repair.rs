//! What pre-start and `meats-diagnose --fix` both do: look at env file and trees, plan, apply.

use std::path::{Path, PathBuf};

use super::env_repair::{ENV_LIMIT, Referenced};
use super::host::{observe_ids, observe_tree};
use super::observe_service;
use crate::config::{Config, RUN_DIR, STATE_DIR};
use crate::model::{
    Action, Effect, Fact, FileKind, Finding, LEFTOVER, Names, Origin, Owner, Plan, Secret, Seen,
    Sourced, Stat, Subject, finding, message,
};
use crate::report;
use crate::sys::apply::{Applied, Outcome};
use crate::sys::ids::Accounts;
use crate::sys::journal::{self, Level};
use crate::sys::{Root, apply};
use crate::tree::{self, Entry, Ids};
use crate::unit::{AdminUnit, UnitFacts, UnitFile, plan_unit};

/// Everything seen and planned, before anything is changed.
#[derive(Debug)]
pub struct Assessment {
    pub config: Config,
    pub unit: UnitFacts,
    pub plan: Plan,
}

impl Assessment {
    /// What must stop a start.
    pub fn blocking(&self) -> Vec<&Finding> {
        self.plan.findings.iter().filter(|f| f.blocks_start).collect()
    }
}

/// Looks at the host and plans every repair that needs no question.
pub fn assess(root: &Root) -> Assessment {
    let (mut config, findings, unit) = observe_service(root);
    if matches!(unit.admin, AdminUnit::Present { .. }) {
        // Only the generated unit loads them.
        config.credentials.value.clear();
    }
    let text = unit.admin.in_force();
    let strange = is_strange(&config, &unit, text.as_ref());
    let mut plan = Plan { actions: state_directories(root), findings, ..Plan::default() };
    plan.actions.extend(super::credentials::directory(root, &config));
    plan.actions.extend(leftovers(root, &config));
    let referenced = unit_reads(root, &config, text.as_ref());
    match observe_ids(root, &config).filter(|_| !strange) {
        Some(ids) => {
            let mut access = env_access(root, &config, ids);
            let mut content = super::env_repair::plan(root, &config, &referenced);
            renew_env(root, &config, ids, &mut content);
            fold(&mut access, &mut content);
            plan.join(access);
            plan.join(content);
            plan.join(tree::plan_tree(&observe_tree(root, &config, ids, text.as_ref())));
        }
        None if strange => {}
        None => plan.findings.push(user_missing(&config, &unit)),
    }
    plan.findings.extend(text.iter().flat_map(|text| insisted(root, &config, text)));
    plan.findings.extend(program_missing(root, &config, text.as_ref()));
    plan.findings.extend(plan_unit(&config, &unit).1);
    Assessment { config, unit, plan }
}

/// A user whom only systemd knows owns nothing that could be judged: `DynamicUser=` without a user of
/// that name, a specifier, a unit that cannot be read.
fn is_strange(config: &Config, unit: &UnitFacts, text: Option<&UnitFile>) -> bool {
    let Some(text) = text else {
        return matches!(unit.admin, AdminUnit::Unreadable { .. });
    };
    let user = text.last("Service", "User").filter(|user| !user.is_empty());
    let dynamic = text.last("Service", "DynamicUser").unwrap_or_default().to_ascii_lowercase();
    let dynamic = ["yes", "y", "true", "t", "on", "1"].contains(&dynamic.as_str());
    dynamic && !(user.is_some() && unit.user_exists)
        || config.user.origin == Origin::Default && user.is_some_and(|user| user.contains('%'))
}

/// Our own directories; tmpfiles.d makes them too, but not in a chroot without /proc. Only root may
/// change them: the lock and the backups are in there.
fn state_directories(root: &Root) -> Vec<Action> {
    let state = Path::new(STATE_DIR);
    // What is above them is missing in the tree of an image at most.
    let wanted: [(usize, PathBuf, u32); 7] = [
        (0, "/run".into(), 0o755),
        (0, RUN_DIR.into(), 0o755),
        (1, "/var".into(), 0o755),
        (1, "/var/lib".into(), 0o755),
        (1, state.to_owned(), 0o700),
        (1, state.join("backups"), 0o700),
        (1, state.join("failures"), 0o700),
    ];
    let mut actions = Vec::new();
    for (group, path, mode) in wanted {
        let owner = Owner::ROOT;
        let action = |why, effect| Action { why, origin: Origin::Default, group, effect };
        let own = path.starts_with(RUN_DIR) || path.starts_with(state);
        match root.stat(&path) {
            Fact::Absent => {
                let effect = Effect::MakeDir { path, owner, mode };
                actions.push(action(&finding::LOG_MISSING, effect));
            }
            Fact::Known(stat) if own && stat.kind == FileKind::Directory => {
                let seen = Seen::from(&stat);
                if stat.uid != 0 {
                    let from = Owner { uid: stat.uid, gid: stat.gid };
                    let effect = Effect::SetOwner { path: path.clone(), owner, from, seen };
                    actions.push(action(&finding::LOG_OWNER, effect));
                }
                if stat.mode & !mode != 0 {
                    let (mode, from) = (stat.mode & mode, stat.mode);
                    let effect = Effect::SetMode { path, mode, from, seen };
                    actions.push(action(&finding::LOG_MODE, effect));
                }
            }
            Fact::Known(_) | Fact::Unknown(_) => {}
        }
    }
    actions
}

/// Files that an interrupted run has left beside those that it was writing.
fn leftovers(root: &Root, config: &Config) -> Vec<Action> {
    let backups = Path::new(STATE_DIR).join("backups");
    let env = config.env_file.parent().unwrap_or(Path::new("/"));
    let mut actions = Vec::new();
    for (directory, file) in [(backups.as_path(), None), (env, config.env_file.file_name())] {
        let Fact::Known(listing) = root.list(directory, LISTED) else { continue };
        for name in listing.names {
            let bytes = name.as_encoded_bytes();
            let Some(whole) = bytes.strip_suffix(LEFTOVER.as_bytes()) else { continue };
            let ours = file.is_none_or(|f| whole.strip_prefix(b".") == Some(f.as_encoded_bytes()));
            if ours {
                let (why, origin) = (&finding::LOG_LEFTOVER, Origin::Default);
                let effect = Effect::Remove { path: directory.join(name) };
                actions.push(Action { why, origin, group: 0, effect });
            }
        }
    }
    actions
}

/// Most names of a directory among which leftovers are looked for.
const LISTED: usize = 20_000;

/// An env file that others could write may still be open for writing somewhere, and no change of
/// owner or mode ends that: it becomes a new file, with the same content where no repair gives
/// another.
fn renew_env(root: &Root, config: &Config, ids: Ids, plan: &mut Plan) {
    let path = &config.env_file.value;
    let exposed = |s: &&Stat| s.kind == FileKind::Regular && !s.is_roots_alone();
    let stat = root.stat(path);
    let planned = plan
        .actions
        .iter()
        .any(|a| matches!(&a.effect, Effect::Replace { path: p, .. } if p == path));
    if planned || stat.known().filter(exposed).is_none() {
        return;
    }
    let Fact::Known((bytes, stat)) = root.read_with_stat(path, ENV_LIMIT) else { return };
    let given = tree::is_readable(&stat, ids) || is_guarded(root, config);
    let effect = Effect::Replace {
        path: path.clone(),
        content: Secret::new(bytes),
        seen: Seen::from(&stat),
        owner: given.then_some(Owner { uid: 0, gid: ids.env_gid }),
        mode: None,
    };
    plan.push(&finding::ENV_ACCESS, Origin::Default, effect);
}

/// What is wrong with owner and mode of the env file and its directory.
pub fn env_access(root: &Root, config: &Config, ids: Ids) -> Plan {
    let entry = |path: &Path| Entry { path: path.to_owned(), stat: root.stat(path) };
    let directory = config.env_file.parent().unwrap_or(Path::new("/"));
    let file = entry(&config.env_file);
    let guarded = file.stat.known().is_none_or(|stat| stat.uid == 0) || is_guarded(root, config);
    tree::plan_env_access(&entry(directory), &file, guarded, ids)
}

/// Root alone decides what lies at the place of the env file.
fn is_guarded(root: &Root, config: &Config) -> bool {
    config.env_file.parent().is_some_and(|directory| root.is_roots_alone(directory))
}

/// A file that is replaced gets its owner and mode with the replacement: a change before it would
/// look like somebody else's, and one after it would be about another file. What was meant for another
/// file than the one that was read is left to fail.
fn fold(access: &mut Plan, content: &mut Plan) {
    let Some(action) =
        content.actions.iter_mut().find(|a| matches!(a.effect, Effect::Replace { .. }))
    else {
        return;
    };
    let Effect::Replace { path, owner, mode, seen, .. } = &mut action.effect else { return };
    access.actions.retain(|a| match &a.effect {
        Effect::SetOwner { path: p, owner: wanted, seen: s, .. } if p == path && s == seen => {
            *owner = Some(*wanted);
            false
        }
        Effect::SetMode { path: p, mode: wanted, seen: s, .. } if p == path && s == seen => {
            *mode = Some(*wanted);
            false
        }
        _ => true,
    });
}

/// Owner and mode of the env file and its directory alone, as a start repairs them.
pub fn plan_access(root: &Root, config: &Config, ids: Ids) -> Plan {
    let mut access = env_access(root, config, ids);
    let mut content = Plan::default();
    renew_env(root, config, ids, &mut content);
    fold(&mut access, &mut content);
    access.join(content);
    access
}

fn unit_reads(root: &Root, config: &Config, text: Option<&UnitFile>) -> Referenced {
    let Some(text) = text else {
        return Referenced { ours: true, others: false, served: false };
    };
    let ours = config.env_file.to_string_lossy();
    let files = text.list("Service", "EnvironmentFile");
    let path = |f: &&&str| f.trim_start_matches('-') == ours;
    let named = files.iter().filter(path).count();
    let sets = |word: &str| word.contains("SECRET_KEY=") || word.contains("ALLOWED_HOSTS=");
    let own = text.list("Service", "Environment").into_iter().any(sets);
    // A file that systemd can do without, or reads by a link, starts the service as it ever did.
    let adopted = matches!(config.env_file.origin, Origin::File { line: 0, .. });
    let insisted = files.iter().any(|f| **f == *ours);
    let served = match root.kind(&config.env_file, true) {
        // One that is made at the start, or beside one that the application reads by itself: else
        // it would start with no keys and an empty database.
        Fact::Absent => {
            let made = config.env_file.starts_with("/run");
            let own = [&config.working_directory.value, &config.app_dir.value];
            let own =
                own.iter().any(|place| root.kind(&place.join(".env"), true).known().is_some());
            adopted && !insisted && (made || own)
        }
        Fact::Known(kind) => kind == FileKind::Regular,
        Fact::Unknown(_) => true,
    };
    Referenced { ours: named > 0, others: files.len() > named || own, served }
}

/// Further env files that the unit names without a dash, and that are not there: our drop-in has a
/// dash for them, so that pre-start runs, and systemd would have stopped the start.
fn insisted(root: &Root, config: &Config, text: &UnitFile) -> Vec<Finding> {
    let files = text.list("Service", "EnvironmentFile").into_iter().map(Path::new);
    let plain = |f: &&Path| f.is_absolute() && !f.to_string_lossy().contains(['%', '*', '?', '[']);
    let others = files.filter(plain).filter(|f| *f != config.env_file.value);
    let gone = others.filter(|f| root.kind(f, true).is_absent());
    let why = "there is no such file, and the unit names it without a dash";
    gone.map(|f| Finding::new(&finding::ENV_MISSING, Subject::file(f), why).blocking()).collect()
}

fn user_missing(config: &Config, unit: &UnitFacts) -> Finding {
    let (user, group) = (config.user.value.as_str(), config.group.value.as_str());
    let (detail, make): (String, Vec<&str>) = match unit.user_exists {
        // Its group and the membership in www-data come with it.
        false if user == Config::default_user() => {
            (missing("user", &config.user), vec!["systemd-sysusers", "projectmeats-fixes.conf"])
        }
        false => (missing("user", &config.user), vec!["useradd", "--system", "--user-group", user]),
        true => (missing("group", &config.group), vec!["groupadd", "--system", group]),
    };
    let found = Finding::new(&finding::SVC_USER_MISSING, Subject::unit(config.unit()), detail);
    let found = found.command(&make);
    // Where pre-start runs for a unit that names its user, systemd has found that user, in LDAP for
    // example.
    if matches!(unit.admin, AdminUnit::Present { .. }) { found } else { found.blocking() }
}

fn missing(what: &str, name: &Sourced<String>) -> String {
    let place = match &name.origin {
        Origin::File { path, line: 0 } => format!("{} or a drop-in of it", path.display()),
        origin => origin.to_string(),
    };
    format!("{what} \"{}\" does not exist (set by {place})", name.value)
}

/// The program that the unit starts, if it is plainly not there.
fn program_missing(root: &Root, config: &Config, text: Option<&UnitFile>) -> Option<Finding> {
    // With one of these the service sees other files than we do.
    const OWN_VIEW: &[&str] = &[
        "BindPaths",
        "BindReadOnlyPaths",
        "ExtensionDirectories",
        "ExtensionImages",
        "MountImages",
        "RootDirectory",
        "RootImage",
    ];
    let program = match text {
        Some(text) => {
            if OWN_VIEW.iter().any(|key| !text.list("Service", key).is_empty()) {
                return None;
            }
            let line = text.list("Service", "ExecStart").first().copied()?;
            let word =
                line.split_whitespace().next()?.trim_start_matches(['@', '-', ':', '+', '!']);
            // Quotes, specifiers and variables are systemd's to resolve.
            let plain = word.starts_with('/') && !word.contains(['%', '$', '"', '\'', '\\']);
            plain.then(|| PathBuf::from(word))?
        }
        None => config.venv.join("bin/gunicorn"),
    };
    if !root.stat(&program).is_absent() {
        return None;
    }
    let nearest = program.ancestors().skip(1).find(|p| !root.stat(p).is_absent());
    let nearest = nearest.unwrap_or(Path::new("/"));
    let detail = format!(
        "it does not exist (what exists of it: {}); the service has nothing to start",
        report::escape_path(nearest)
    );
    Some(Finding::new(&finding::SVC_PROGRAM_MISSING, Subject::file(program), detail).blocking())
}

/// Applies the plan and tells the journal what was done and what was not.
pub fn perform(root: &Root, program: &str, plan: &Plan) -> Vec<Applied> {
    let applied = apply::apply(root, plan);
    if root.is_system() && !applied.is_empty() {
        let accounts = Accounts::observe(root);
        tell(program, plan, &applied, &accounts);
    }
    applied
}

/// More actions of one kind than this become one line.
const LINES: usize = 20;

fn tell(program: &str, plan: &Plan, applied: &[Applied], names: &dyn Names) {
    let done = done(applied);
    for (number, a) in done.clone().enumerate() {
        if number == LINES {
            let text = format!("repaired: and {} more", done.count() - LINES);
            journal::send(Level::Notice, program, message::REPAIRED, &text, &[]);
            break;
        }
        let text = format!(
            "repaired: {} ({} {})",
            report::describe_action(&a.action.effect, names),
            a.action.why.id,
            a.action.why.name
        );
        let fields = [("MEATS_FINDING", a.action.why.id)];
        journal::send(Level::Notice, program, message::REPAIRED, &text, &fields);
        if matches!(a.action.effect, Effect::Replace { .. }) {
            for mended in plan.mended.iter().take(LINES) {
                let text = format!("mended: {}", report::one_line(mended));
                let fields = [("MEATS_FINDING", mended.kind.id)];
                journal::send(Level::Notice, program, message::REPAIRED, &text, &fields);
            }
        }
    }
    for finding in failures(applied, names) {
        journal::send(Level::Error, program, message::FOUND, &report::one_line(&finding), &[]);
    }
}

/// What was done to the service's files; our own state is not worth a word.
pub fn done(applied: &[Applied]) -> impl Iterator<Item = &Applied> + Clone {
    applied.iter().filter(|a| a.outcome == Outcome::Done && !is_own_state(&a.action.effect))
}

/// True for what concerns the package's own directories alone.
pub fn is_own_state(effect: &Effect) -> bool {
    let path = effect.path();
    matches!(effect, Effect::MakeDir { .. } | Effect::Write { .. })
        && (path.starts_with(STATE_DIR) || path.starts_with(RUN_DIR))
}

/// Actions that failed, as findings.
pub fn failures(applied: &[Applied], names: &dyn Names) -> Vec<Finding> {
    applied
        .iter()
        .filter_map(|a| {
            let Outcome::Failed(why) = &a.outcome else { return None };
            let path = a.action.effect.path();
            let action = report::describe_action(&a.action.effect, names);
            // The path stands before every finding already.
            let place = format!("{}: ", report::escape_path(&path));
            let action = action.strip_prefix(&place).unwrap_or(&action);
            let kind = a.action.why;
            let detail = format!("{action}: {why} ({} {})", kind.id, kind.name);
            let subject = Subject::file(path);
            Some(Finding::new(&finding::LOG_UNFIXED, subject, detail))
        })
        .collect()
}
