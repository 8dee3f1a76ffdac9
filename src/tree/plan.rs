//! The plan for directories and log files.

use std::path::Path;

use super::facts::{Cut, Entry, TreeFacts, WantedDir, is_open_to};
use crate::model::{
    Action, Effect, Fact, FileKind, Finding, Origin, Owner, Plan, Seen, Stat, Subject, finding,
};

/// Modes of new objects; an existing one only gets what is missing (see [`wanted_mode`]).
const FILE_MODE: u32 = 0o664;

/// The group `adm`, whose members read logs (base-passwd).
const ADM: u32 = 4;

/// More refusals than this become one line.
const REFUSALS: usize = 20;

/// Plans owners, modes and missing objects.
pub fn plan_tree(facts: &TreeFacts) -> Plan {
    let mut plan = Plan::default();
    let mut left_out = 0;
    if stays(&mut plan, facts) || directory(&mut plan, &facts.log_dir, facts.ids.service) {
        for entry in &facts.log_files {
            if entry.stat.is_absent() {
                let effect = make_file(&entry.path, facts.ids.service);
                plan.push(&finding::LOG_MISSING, Origin::Default, effect);
            } else {
                log_entry(&mut plan, entry, facts, true);
            }
        }
        for entry in &facts.log_entries {
            log_entry(&mut plan, entry, facts, false);
            // A crowd of them costs no memory.
            left_out += plan.findings.len().saturating_sub(REFUSALS);
            plan.findings.truncate(REFUSALS);
        }
    }
    for wanted in &facts.directories {
        directory(&mut plan, wanted, facts.ids.service);
    }
    fold_refusals(&mut plan, &facts.log_dir.entry.path, left_out);
    if let Some(cut) = facts.cut {
        let text = match cut {
            Cut::Entries(n) => format!("only {n} entries were looked at (max_entries)"),
            Cut::Repairs(n) => format!("only {n} entries are repaired now (max_repairs)"),
            Cut::Seconds(n) => format!("the look at it was ended after {n} seconds (max_seconds)"),
        };
        let subject = Subject::file(&facts.log_dir.entry.path);
        plan.findings.push(Finding::new(&finding::LOG_LIMIT, subject, text));
    }
    plan
}

/// The log directory is left to whom it belongs: the service gets a way through, and where systemd
/// opens files in it, nobody else may put links there.
fn stays(plan: &mut Plan, facts: &TreeFacts) -> bool {
    let (wanted, service) = (&facts.log_dir.entry, facts.ids.service);
    let directory = |stat: &&Stat| stat.kind == FileKind::Directory && stat.uid != service.uid;
    let Some(stat) = wanted.stat.known().filter(directory) else { return false };
    if !facts.log_dir_shared && !facts.log_dir_opened_by_root {
        return false;
    }
    let mut mode = stat.mode;
    if !was_open(stat, service, 0o1) {
        // It may have been moved here to be opened: such a one is refused.
        if !facts.log_dir.guarded {
            return false;
        }
        mode |= if stat.gid == service.gid { 0o010 } else { 0o001 };
    }
    if facts.log_dir_opened_by_root {
        mode &= !0o002;
    }
    set_mode(plan, wanted, stat, mode);
    true
}

/// It may be the log of another service: it belongs to a system account (Debian Policy, 9.2.2), and
/// either its group is not the service's, or the service can write it by that group.
pub fn may_be_anothers(stat: &Stat, service: Owner) -> bool {
    let shared = stat.gid != service.gid || stat.mode & 0o060 == 0o060;
    (1..1000).contains(&stat.uid) && stat.uid != service.uid && shared
}

/// Nothing has to be done or said about an object of the log directory.
pub fn is_settled(stat: &Stat, service: Owner) -> bool {
    match stat.kind {
        FileKind::Regular => {
            let owner = Owner { uid: stat.uid, gid: stat.gid };
            let right = owner == kept_group(stat, service);
            stat.links == 1 && right && wanted_mode(stat.mode, FILE_NEEDS) == stat.mode
        }
        // Directories are the application's own affair, and the service opens no other kind that is not
        // named in the settings: whatever it is, it needs no repair.
        _ => true,
    }
}

fn fold_refusals(plan: &mut Plan, directory: &Path, left_out: usize) {
    let count = plan.findings.len() + left_out;
    if count > REFUSALS {
        plan.findings.truncate(REFUSALS);
        let text = format!("{} more objects are not what they should be", count - REFUSALS);
        plan.findings.push(Finding::new(&finding::LOG_REFUSED, Subject::file(directory), text));
    }
}

/// True when the directory is there, or will be after the plan.
fn directory(plan: &mut Plan, wanted: &WantedDir, owner: Owner) -> bool {
    let path = &wanted.entry.path;
    match &wanted.entry.stat {
        Fact::Known(stat) if stat.kind == FileKind::Directory => {
            let given = wanted.guarded || was_open(stat, owner, 0o5);
            if given {
                // The web server may read uploads by the group that the application gave them.
                let keep = wanted.optional && stat.uid == owner.uid;
                let owner = if keep { Owner { gid: stat.gid, ..owner } } else { owner };
                access(plan, &wanted.entry, stat, owner, 0o700);
            } else {
                refuse(plan, &wanted.entry, NOT_GIVEN.to_owned());
            }
            given
        }
        Fact::Known(stat) => {
            refuse(plan, &wanted.entry, format!("it is a {}, not a directory", stat.kind.word()));
            false
        }
        Fact::Absent if wanted.optional && !wanted.missing_parents.is_empty() => false,
        Fact::Absent => {
            let root = Owner::ROOT;
            for parent in &wanted.missing_parents {
                let effect = Effect::MakeDir { path: parent.clone(), owner: root, mode: 0o755 };
                plan.push(&finding::LOG_MISSING, Origin::Default, effect);
            }
            let effect = Effect::MakeDir { path: path.clone(), owner, mode: wanted.mode };
            plan.push(&finding::LOG_MISSING, Origin::Default, effect);
            true
        }
        Fact::Unknown(why) => {
            refuse(plan, &wanted.entry, why.clone());
            false
        }
    }
}

/// What the service needs on a file.
const FILE_NEEDS: u32 = 0o600;

/// Why something in the user's reach is not given to the user.
const NOT_GIVEN: &str = "it belongs to somebody else and the service could not read it, so it may \
    have been moved here to be given away";

fn log_entry(plan: &mut Plan, entry: &Entry, facts: &TreeFacts, named: bool) {
    let service = facts.ids.service;
    match &entry.stat {
        Fact::Known(stat) => match stat.kind {
            FileKind::Regular if stat.links > 1 => {
                refuse(plan, entry, format!("it has {} names (hard links)", stat.links));
            }
            FileKind::Regular
                if facts.links_guarded && was_open(stat, service, 0o4)
                    || stat.uid == service.uid =>
            {
                access(plan, entry, stat, service, FILE_NEEDS)
            }
            FileKind::Regular if named => renew(plan, entry, stat, service),
            // The service opens none but the named ones: what else lies here is no fault.
            _ if !named => {}
            kind => refuse(plan, entry, format!("it is a {}", kind.word())),
        },
        Fact::Absent => {}
        Fact::Unknown(why) => refuse(plan, entry, why.clone()),
    }
}

/// Giving away what somebody could read before tells nothing new; who can rename things into this
/// directory could replace it, too.
fn was_open(stat: &Stat, service: Owner, bits: u32) -> bool {
    is_open_to(stat, service.uid, &[service.gid], bits)
}

/// A log file that is not given away: it keeps its owner under another name, and a new one is made.
fn renew(plan: &mut Plan, entry: &Entry, stat: &Stat, service: Owner) {
    let mut to = entry.path.file_name().unwrap_or_default().to_owned();
    to.push(format!(".{}", stat.ino));
    let path = entry.path.clone();
    let aside = Effect::MoveAside { path, to, seen: Seen::from(stat) };
    let group = plan.actions.iter().map(|a| a.group + 1).max().unwrap_or(0);
    for effect in [aside, make_file(&entry.path, service)] {
        let (why, origin) = (&finding::LOG_OWNER, Origin::Default);
        plan.actions.push(Action { why, origin, group, effect });
    }
}

fn make_file(path: &Path, owner: Owner) -> Effect {
    Effect::MakeFile { path: path.to_owned(), owner, mode: FILE_MODE }
}

/// Owner and mode of an existing object. The owner needs `needed`; an object that changes hands
/// gets the same for its group (775 and 664), one that is in the right hands keeps what the
/// administrator chose for the group.
fn access(plan: &mut Plan, entry: &Entry, stat: &Stat, owner: Owner, mut needed: u32) {
    let seen = Seen::from(stat);
    let owner = kept_group(stat, owner);
    let from = Owner { uid: stat.uid, gid: stat.gid };
    if from != owner {
        needed |= needed >> 3;
        let effect = Effect::SetOwner { path: entry.path.clone(), owner, from, seen };
        plan.push(&finding::LOG_OWNER, Origin::Default, effect);
    }
    set_mode(plan, entry, stat, wanted_mode(stat.mode, needed));
}

fn set_mode(plan: &mut Plan, entry: &Entry, stat: &Stat, mode: u32) {
    if mode != stat.mode {
        let (path, seen) = (entry.path.clone(), Seen::from(stat));
        let effect = Effect::SetMode { path, mode, from: stat.mode, seen };
        plan.push(&finding::LOG_MODE, Origin::Default, effect);
    }
}

/// What is the service user's may be for Debian's readers of logs.
fn kept_group(stat: &Stat, owner: Owner) -> Owner {
    let readers = stat.uid == owner.uid && stat.gid == ADM;
    if readers { Owner { gid: ADM, ..owner } } else { owner }
}

/// Adds what is needed; takes set-id bits and "writable by all" away; what
/// others may read stays the administrator's choice.
fn wanted_mode(mode: u32, needed: u32) -> u32 {
    let set_id = if needed & 0o100 == 0 { 0o6000 } else { 0o4000 };
    (mode | needed) & !0o002 & !set_id
}

fn refuse(plan: &mut Plan, entry: &Entry, why: String) {
    plan.findings.push(Finding::new(&finding::LOG_REFUSED, Subject::file(&entry.path), why));
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Timestamp;
    use crate::tree::Ids;

    const SERVICE: Owner = Owner { uid: 998, gid: 33 };

    fn stat(kind: FileKind, uid: u32, gid: u32, mode: u32, links: u64) -> Stat {
        let time = Timestamp::default();
        Stat { kind, uid, gid, mode, links, size: 0, dev: 1, ino: 2, ctime: time, mtime: time }
    }

    fn entry(path: &str, stat: Fact<Stat>) -> Entry {
        Entry { path: path.into(), stat }
    }

    fn facts(log_dir: Fact<Stat>, file: Fact<Stat>, others: Vec<Entry>) -> TreeFacts {
        TreeFacts {
            ids: Ids { service: SERVICE, env_gid: 998 },
            log_dir: WantedDir {
                entry: entry("/l", log_dir),
                missing_parents: vec![],
                mode: 0o775,
                guarded: true,
                optional: false,
            },
            log_dir_shared: false,
            log_dir_opened_by_root: false,
            log_files: vec![entry("/l/error.log", file)],
            log_entries: others,
            cut: None,
            links_guarded: true,
            directories: vec![],
        }
    }

    fn told(plan: &Plan) -> Vec<String> {
        let actions = plan.actions.iter().map(|a| match &a.effect {
            Effect::SetOwner { path, .. } => format!("own {}", path.display()),
            Effect::SetMode { path, mode, .. } => format!("mode {} {mode:o}", path.display()),
            Effect::MakeFile { path, .. } => format!("file {}", path.display()),
            Effect::MakeDir { path, mode, .. } => format!("dir {} {mode:o}", path.display()),
            Effect::MoveAside { path, to, .. } => format!("aside {} {to:?}", path.display()),
            other => format!("{other:?}"),
        });
        let findings = plan.findings.iter().map(|f| format!("{} {}", f.kind.id, f.detail));
        actions.chain(findings).collect()
    }

    fn check(log_dir: Fact<Stat>, file: Fact<Stat>, expected: &[&str]) {
        assert_eq!(told(&plan_tree(&facts(log_dir, file, vec![]))), expected);
    }

    #[test]
    fn a_directory_of_the_application_keeps_its_group() {
        let upload = |uid, gid, mode| {
            let log_dir = Fact::Known(stat(FileKind::Directory, 998, 33, 0o775, 2));
            let mut facts = facts(log_dir, Fact::Absent, vec![]);
            // Only the directory is of interest here.
            facts.log_files.clear();
            facts.directories.push(WantedDir {
                entry: entry("/a", Fact::Known(stat(FileKind::Directory, uid, gid, mode, 2))),
                optional: true,
                ..facts.log_dir.clone()
            });
            told(&plan_tree(&facts))
        };
        assert_eq!(upload(998, 4, 0o750), Vec::<String>::new());
        assert_eq!(upload(0, 4, 0o755), ["own /a", "mode /a 775"]);
    }

    #[test]
    fn plans() {
        let dir = |uid, gid, mode| Fact::Known(stat(FileKind::Directory, uid, gid, mode, 2));
        let file = |uid, gid, mode| Fact::Known(stat(FileKind::Regular, uid, gid, mode, 1));
        // Healthy, also where the administrator is stricter with others.
        check(dir(998, 33, 0o775), file(998, 33, 0o664), &[]);
        check(dir(998, 33, 0o750), file(998, 33, 0o640), &[]);
        check(dir(998, 33, 0o2775), file(998, 33, 0o600), &[]);
        // The field's state.
        check(
            dir(33, 33, 0o755),
            file(33, 33, 0o644),
            &["own /l", "mode /l 775", "own /l/error.log", "mode /l/error.log 664"],
        );
        check(dir(998, 33, 0o2775), file(998, 33, 0o6666), &["mode /l/error.log 664"]);
        check(dir(998, 33, 0o777), file(998, 33, 0o440), &["mode /l 775", "mode /l/error.log 640"]);
        check(
            dir(998, 33, 0o775),
            file(0, 0, 0o600),
            &["aside /l/error.log \"error.log.2\"", "file /l/error.log"],
        );
        check(
            dir(998, 33, 0o775),
            file(0, 0, 0o644),
            &["own /l/error.log", "mode /l/error.log 664"],
        );
        check(
            dir(998, 33, 0o775),
            file(0, 33, 0o640),
            &["own /l/error.log", "mode /l/error.log 660"],
        );
        check(Fact::Absent, Fact::Absent, &["dir /l 775", "file /l/error.log"]);
        check(dir(998, 33, 0o775), dir(0, 0, 0o755), &["LOG-004 it is a directory"]);
        let link = Fact::Known(stat(FileKind::Symlink, 998, 33, 0o777, 1));
        check(link.clone(), Fact::Absent, &["LOG-004 it is a symbolic link, not a directory"]);
        check(dir(998, 33, 0o775), link, &["LOG-004 it is a symbolic link"]);
        let hard = Fact::Known(stat(FileKind::Regular, 0, 0, 0o600, 2));
        check(dir(998, 33, 0o775), hard, &["LOG-004 it has 2 names (hard links)"]);
    }
    #[test]
    fn what_is_of_others_stays_so() {
        let dir = Fact::Known(stat(FileKind::Directory, 0, 0, 0o755, 2));
        let log = |uid, gid, mode| Fact::Known(stat(FileKind::Regular, uid, gid, mode, 1));
        check(dir.clone(), log(998, 4, 0o640), &["own /l", "mode /l 775"]);
        let mut facts = facts(dir, log(0, 0, 0o644), vec![]);
        facts.log_dir_shared = true;
        let log = ["own /l/error.log", "mode /l/error.log 664"];
        assert_eq!(told(&plan_tree(&facts)), log);
        let mut first = |uid, mode, opened: bool| {
            facts.log_dir.entry.stat = Fact::Known(stat(FileKind::Directory, uid, 0, mode, 2));
            (facts.log_dir_shared, facts.log_dir_opened_by_root) = (!opened, opened);
            told(&plan_tree(&facts)).swap_remove(0)
        };
        assert_eq!(first(998, 0o555, false), "own /l");
        assert_eq!(first(0, 0o750, false), "mode /l 751");
        assert_eq!(first(0, 0o777, true), "mode /l 775");
        assert_eq!(first(0, 0o777, false), log[0]);
        facts.log_dir.guarded = false;
        facts.log_dir.entry.stat = Fact::Known(stat(FileKind::Directory, 997, 997, 0o700, 2));
        assert_eq!(told(&plan_tree(&facts)), [format!("LOG-004 {NOT_GIVEN}")]);
        let others =
            |uid, gid, mode| may_be_anothers(&stat(FileKind::Regular, uid, gid, mode, 1), SERVICE);
        assert!(others(997, 997, 0o644) && others(997, 33, 0o664));
        assert!(!others(997, 33, 0o644) && !others(1000, 1000, 0o644) && !others(0, 0, 0o644));
    }

    #[test]
    fn what_the_service_could_not_read_is_not_given_to_it() {
        let dir = Fact::Known(stat(FileKind::Directory, 998, 33, 0o775, 2));
        let log = Fact::Known(stat(FileKind::Regular, 998, 33, 0o664, 1));
        let other = |mode| entry("/l/x", Fact::Known(stat(FileKind::Regular, 0, 0, mode, 1)));
        let mut facts = facts(dir, log, vec![other(0o600)]);
        assert!(told(&plan_tree(&facts)).is_empty());
        facts.log_entries = vec![other(0o644)];
        assert_eq!(told(&plan_tree(&facts)), ["own /l/x", "mode /l/x 664"]);
        // Without the kernel's guard, a file that stands alone here may have had a name elsewhere.
        facts.links_guarded = false;
        assert!(told(&plan_tree(&facts)).is_empty());
        facts.log_entries.clear();
        facts.log_dir.guarded = false;
        facts.log_dir.entry.stat = Fact::Known(stat(FileKind::Directory, 0, 0, 0o700, 2));
        assert_eq!(told(&plan_tree(&facts)), [format!("LOG-004 {NOT_GIVEN}")]);
    }

    #[test]
    fn many_refusals_and_limits_are_one_line_each() {
        let dir = Fact::Known(stat(FileKind::Directory, 998, 33, 0o775, 2));
        let log = Fact::Known(stat(FileKind::Regular, 998, 33, 0o664, 1));
        let link = || entry("/l/x", Fact::Known(stat(FileKind::Regular, 998, 33, 0o664, 2)));
        let mut facts = facts(dir, log, (0..100).map(|_| link()).collect());
        facts.cut = Some(Cut::Entries(100));
        let told = told(&plan_tree(&facts));
        assert_eq!(told.len(), REFUSALS + 2);
        assert_eq!(told[REFUSALS], "LOG-004 80 more objects are not what they should be");
        assert_eq!(told[REFUSALS + 1], "LOG-005 only 100 entries were looked at (max_entries)");
    }
}
