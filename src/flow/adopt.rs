//! `meats-diagnose unit --adopt` and `--undo`: the administrator's unit is moved aside, the generated
//! one does the same; and back. Both are plans, so both can be shown first.

use std::path::{Path, PathBuf};

use super::observe_service;
use super::units::real_names;
use crate::config::{self, Config, DROP_IN_DIR, STATE_DIR, Source};
use crate::model::{
    Action, Effect, Fact, FileKind, Origin, Owner, Plan, Secret, Seen, finding, hex,
};
use crate::sys::{Root, process};
use crate::unit::{ADMIN_DIRS, AdminUnit, Adoption, adopt, is_template};

/// The settings that adoption writes.
const CONF: &str = "50-adopted.conf";

/// What is to be done, and what a person must know before.
#[derive(Debug)]
pub struct Proposal {
    pub plan: Plan,
    pub notes: Vec<String>,
}

/// Plans the adoption.
///
/// # Errors
/// There is no unit that could be adopted, or it must not be touched; the text says why.
pub fn plan_adoption(root: &Root) -> Result<Proposal, String> {
    let (config, _, facts) = observe_service(root);
    let (path, drop_ins) = match &facts.admin {
        AdminUnit::Present { path, drop_ins, later, .. } => (path, drop_ins.iter().chain(later)),
        AdminUnit::None => return Err("there is no unit of the administrator's".to_owned()),
        AdminUnit::Masked { path } => {
            return Err(format!("the service is masked by \"{}\"", path.display()));
        }
        AdminUnit::Unreadable { path, why } => {
            return Err(format!("\"{}\" could not be read: {why}", path.display()));
        }
    };
    if !ADMIN_DIRS.iter().any(|dir| path.starts_with(dir)) {
        return Err(format!("\"{}\" belongs to a package or to this boot only", path.display()));
    }
    if is_template(path) {
        return Err(format!("\"{}\" is a template: other instances need it", path.display()));
    }
    if let Some(name) = real_names(root, path).first() {
        let why = format!("is another name of {name}, which would go on beside the generated unit");
        return Err(format!("\"{}\" {why}", path.display()));
    }
    let unit = facts.admin.merged().unwrap_or_default();
    let mut adoption = adopt(&unit, &config.log_dir, &config.runtime_dir);
    let conf = settings(&config, path, &mut adoption, is_enabled(root, &config));
    let mut notes: Vec<String> =
        adoption.left.iter().map(|line| format!("not carried over: {line}")).collect();
    notes.extend(drop_ins.map(|d| format!("stays in force: {}", d.path.display())));
    let mut plan = Plan::default();
    plan.actions.extend(directories(root));
    move_aside(root, &mut plan, path)?;
    push(&mut plan, write(&Path::new(DROP_IN_DIR).join(CONF), conf.into_bytes(), 0o644));
    push(&mut plan, Effect::Remove { path: path.clone() });
    reload(root, &mut plan);
    Ok(Proposal { plan, notes })
}

/// Plans the way back.
///
/// # Errors
/// Nothing was adopted, or a new unit stands in the old one's place.
pub fn plan_undo(root: &Root) -> Result<Proposal, String> {
    let record = match root.read(&record(), 4096) {
        Fact::Known(bytes) => String::from_utf8_lossy(&bytes).into_owned(),
        Fact::Absent => return Err("no unit was moved aside".to_owned()),
        Fact::Unknown(why) => return Err(format!("the record could not be read: {why}")),
    };
    let mut lines = record.lines();
    let (Some(path), Some(kept)) = (lines.next().map(PathBuf::from), lines.next()) else {
        return Err("the record of the adoption is damaged".to_owned());
    };
    if !root.stat(&path).is_absent() {
        return Err(format!("\"{}\" exists again", path.display()));
    }
    let mut plan = Plan::default();
    match kept.strip_prefix("link ") {
        Some(target) => push(&mut plan, Effect::Symlink { path, target: target.into() }),
        None => match root.read(Path::new(kept), 1 << 20) {
            Fact::Known(bytes) => push(&mut plan, write(&path, bytes, 0o644)),
            Fact::Absent => return Err(format!("\"{kept}\" is gone")),
            Fact::Unknown(why) => return Err(format!("\"{kept}\" could not be read: {why}")),
        },
    }
    push(&mut plan, Effect::Remove { path: Path::new(DROP_IN_DIR).join(CONF) });
    push(&mut plan, Effect::Remove { path: self::record() });
    reload(root, &mut plan);
    Ok(Proposal { plan, notes: Vec::new() })
}

/// All of it stands or falls together.
fn push(plan: &mut Plan, effect: Effect) {
    let why = &finding::SVC_ADOPTED;
    plan.actions.push(Action { why, origin: Origin::Option("--adopt"), group: 0, effect });
}

fn write(path: &Path, content: Vec<u8>, mode: u32) -> Effect {
    Effect::Write { path: path.to_owned(), content: Secret::new(content), owner: Owner::ROOT, mode }
}

fn units_dir() -> PathBuf {
    Path::new(STATE_DIR).join("units")
}

/// Two lines: where the unit was, and the backup or "link TARGET".
fn record() -> PathBuf {
    units_dir().join("adopted")
}

fn directories(root: &Root) -> Vec<Action> {
    let mut plan = Plan::default();
    let wanted = [
        (PathBuf::from(STATE_DIR), 0o700),
        (units_dir(), 0o700),
        (PathBuf::from(DROP_IN_DIR), 0o755),
    ];
    for (path, mode) in wanted {
        if root.stat(&path).is_absent() {
            push(&mut plan, Effect::MakeDir { path, owner: Owner::ROOT, mode });
        }
    }
    plan.actions
}

/// The backup: the link itself, or the file under a name that its content gives it.
fn move_aside(root: &Root, plan: &mut Plan, path: &Path) -> Result<(), String> {
    let failed = |why: String| format!("\"{}\": {why}", path.display());
    let kept = match root.stat(path) {
        Fact::Known(stat) if stat.kind == FileKind::Symlink => match root.link_target(path) {
            Fact::Known(target) => format!("link {}", target.display()),
            Fact::Absent => return Err(failed("it has just vanished".to_owned())),
            Fact::Unknown(why) => return Err(failed(why)),
        },
        _ => match root.read_with_stat(path, 1 << 20) {
            Fact::Known((bytes, stat)) => {
                let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
                let to = units_dir().join(format!("{name}.{}", digest(&bytes)));
                let seen = Seen::from(&stat);
                push(plan, Effect::Backup { path: path.to_owned(), to: to.clone(), seen });
                to.display().to_string()
            }
            Fact::Absent => return Err(failed("it has just vanished".to_owned())),
            Fact::Unknown(why) => return Err(failed(why)),
        },
    };
    let text = format!("{}\n{kept}\n", path.display());
    push(plan, write(&record(), text.into_bytes(), 0o600));
    Ok(())
}

fn digest(bytes: &[u8]) -> String {
    use sha2::{Digest, Sha256};
    let mut digits = hex(Sha256::digest(bytes));
    digits.truncate(12);
    digits
}

fn reload(root: &Root, plan: &mut Plan) {
    if process::systemd_runs(root) {
        let argv = ["/usr/bin/systemctl", "daemon-reload"].map(str::to_owned).to_vec();
        push(plan, Effect::Run { argv, seconds: 60 });
    }
}

/// Whether the administrator's unit is started at boot.
fn is_enabled(root: &Root, config: &Config) -> bool {
    ["multi-user.target.wants", "graphical.target.wants", "default.target.wants"].iter().any(|w| {
        let link = Path::new("/etc/systemd/system").join(w).join(config.unit());
        root.kind(&link, false).known().is_some()
    })
}

/// The settings file: what differs from what is in force without it, and is allowed.
fn settings(config: &Config, unit: &Path, adoption: &mut Adoption, enabled: bool) -> String {
    if !enabled {
        let (section, name, value) = ("service", "enabled", "no".to_owned());
        adoption.settings.push(crate::unit::Setting { section, name, value });
    }
    // What is only in force because his unit says so goes with his unit.
    let his = |e: &config::Entry| matches!(&e.origin, Origin::File { path, .. } if path == unit);
    let in_force = |s: &crate::unit::Setting| {
        let same = |e: &&config::Entry| e.key.section == s.section && e.key.name == s.name;
        let entry = config.entries.iter().find(same);
        entry.is_some_and(|e| !his(e) && e.value == s.value || his(e) && e.key.default == s.value)
    };
    adoption.settings.retain(|s| !in_force(s));
    let mut refused = Vec::new();
    adoption.settings.retain(|s| {
        let text = format!("[{}]\n{} = {}\n", s.section, s.name, s.value);
        let bytes = Fact::Known(text.into_bytes());
        let path = PathBuf::from(CONF);
        let fine = config::resolve(&[Source { path, bytes }]).1.is_empty();
        if !fine {
            refused.push(format!("{} = {} (not allowed in fixes.conf)", s.name, s.value));
        }
        fine
    });
    adoption.left.extend(refused);
    let mut text = format!(
        "# The settings of {} as it was before \"meats-diagnose unit --adopt\";\n\
         # \"meats-diagnose unit --undo\" takes this file away again.\n",
        config.unit()
    );
    let mut sections: Vec<&str> = Vec::new();
    for setting in &adoption.settings {
        if !sections.contains(&setting.section) {
            sections.push(setting.section);
        }
    }
    for section in sections {
        text.push_str(&format!("\n[{section}]\n"));
        for s in adoption.settings.iter().filter(|s| s.section == section) {
            text.push_str(&format!("{} = {}\n", s.name, s.value));
        }
    }
    text
}
