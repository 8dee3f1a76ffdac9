//! The plan for directories and log files.

use super::facts::{Entry, TreeFacts, WantedDir};
use crate::model::{
    Effect, Fact, FileKind, Finding, Origin, Owner, Plan, Seen, Stat, Subject, finding,
};

/// Modes of new objects; an existing one only gets what is missing (see [`wanted_mode`]).
const FILE_MODE: u32 = 0o664;

/// Plans owners, modes and missing objects.
pub fn plan_tree(facts: &TreeFacts) -> Plan {
    let mut plan = Plan::default();
    let usable = directory(&mut plan, &facts.log_dir, facts.ids.service);
    if usable {
        for entry in &facts.log_entries {
            let needed = facts.log_files.contains(&entry.path);
            log_entry(&mut plan, entry, needed, facts.ids.service);
        }
        missing_files(&mut plan, facts);
    }
    for wanted in &facts.directories {
        directory(&mut plan, wanted, facts.ids.service);
    }
    if facts.truncated {
        plan.findings.push(Finding::new(
            &finding::LOG_LIMIT,
            Subject::file(&facts.log_dir.entry.path),
            format!("only {} of its entries were looked at", facts.log_entries.len()),
        ));
    }
    plan
}

/// True when the directory is there, or will be after the plan.
fn directory(plan: &mut Plan, wanted: &WantedDir, owner: Owner) -> bool {
    let path = &wanted.entry.path;
    match &wanted.entry.stat {
        Fact::Known(stat) if stat.kind == FileKind::Directory => {
            access(plan, &wanted.entry, stat, owner, 0o700);
            true
        }
        Fact::Known(stat) => {
            refuse(plan, &wanted.entry, format!("it is a {}, not a directory", stat.kind.word()));
            false
        }
        Fact::Absent if wanted.optional && !wanted.missing_parents.is_empty() => false,
        Fact::Absent => {
            let root = Owner { uid: 0, gid: 0 };
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

fn log_entry(plan: &mut Plan, entry: &Entry, needed: bool, owner: Owner) {
    match &entry.stat {
        Fact::Known(stat) => match stat.kind {
            FileKind::Regular if stat.links > 1 => {
                refuse(plan, entry, format!("it has {} names (hard links)", stat.links));
            }
            FileKind::Regular => access(plan, entry, stat, owner, 0o600),
            // Directories of the application's own: their owner is its affair.
            FileKind::Directory if !needed => {}
            kind => refuse(plan, entry, format!("it is a {}", kind.word())),
        },
        Fact::Absent => {}
        Fact::Unknown(why) => refuse(plan, entry, why.clone()),
    }
}

/// Owner and mode of an existing object. The owner needs `needed`; an object that changes hands
/// gets the same for its group (775 and 664), one that is in the right hands keeps what the
/// administrator chose for the group.
fn access(plan: &mut Plan, entry: &Entry, stat: &Stat, owner: Owner, mut needed: u32) {
    let seen = Seen::from(stat);
    let from = Owner { uid: stat.uid, gid: stat.gid };
    if from != owner {
        needed |= needed >> 3;
        let effect = Effect::SetOwner { path: entry.path.clone(), owner, from, seen };
        plan.push(&finding::LOG_OWNER, Origin::Default, effect);
    }
    let mode = wanted_mode(stat.mode, needed);
    if mode != stat.mode {
        let effect = Effect::SetMode { path: entry.path.clone(), mode, from: stat.mode, seen };
        plan.push(&finding::LOG_MODE, Origin::Default, effect);
    }
}

/// Adds what is needed; takes set-id bits and "writable by all" away; what
/// others may read stays the administrator's choice.
fn wanted_mode(mode: u32, needed: u32) -> u32 {
    let set_id = if needed & 0o100 == 0 { 0o6000 } else { 0o4000 };
    (mode | needed) & !0o002 & !set_id
}

fn missing_files(plan: &mut Plan, facts: &TreeFacts) {
    for path in &facts.log_files {
        if facts.log_entries.iter().any(|e| &e.path == path) {
            continue;
        }
        let effect =
            Effect::MakeFile { path: path.clone(), owner: facts.ids.service, mode: FILE_MODE };
        plan.push(&finding::LOG_MISSING, Origin::Default, effect);
    }
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

    fn facts(log_dir: Fact<Stat>, entries: Vec<Entry>) -> TreeFacts {
        TreeFacts {
            ids: Ids { service: SERVICE, env_gid: 998 },
            log_dir: WantedDir {
                entry: entry("/l", log_dir),
                missing_parents: vec![],
                mode: 0o775,
                optional: false,
            },
            log_entries: entries,
            truncated: false,
            log_files: vec!["/l/error.log".into()],
            directories: vec![],
        }
    }

    fn told(plan: &Plan) -> Vec<String> {
        let actions = plan.actions.iter().map(|a| match &a.effect {
            Effect::SetOwner { path, .. } => format!("own {}", path.display()),
            Effect::SetMode { path, mode, .. } => format!("mode {} {mode:o}", path.display()),
            Effect::MakeFile { path, .. } => format!("file {}", path.display()),
            Effect::MakeDir { path, mode, .. } => format!("dir {} {mode:o}", path.display()),
            other => format!("{other:?}"),
        });
        let findings = plan.findings.iter().map(|f| format!("{} {}", f.kind.id, f.detail));
        actions.chain(findings).collect()
    }

    fn check(log_dir: Fact<Stat>, file: Fact<Stat>, expected: &[&str]) {
        let entries = if file.is_absent() { vec![] } else { vec![entry("/l/error.log", file)] };
        assert_eq!(told(&plan_tree(&facts(log_dir, entries))), expected);
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
}
