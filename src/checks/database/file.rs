//! A database that is a file: SQLite.

use std::path::{Path, PathBuf};

use super::pages::Applied;
use super::{Verdict, missing_migrations};
use crate::checks::paths::{Step, open_command};
use crate::checks::{Acl, Facts, Walker};
use crate::model::{Fact, FileKind, Finding, Kind, Stat, Subject, finding};

/// The file of the database, which the service user may exchange at any time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DatabaseFile {
    pub path: PathBuf,
    /// The directories that lead there, links followed, and the file itself if it exists.
    pub way: Vec<Step>,
    /// The access control lists of those that have one.
    pub acls: Vec<(PathBuf, Acl)>,
    /// The directory of the file exists.
    pub directory: bool,
    /// Root alone decides which file it is.
    pub named_by_root: bool,
    /// The sandbox of the running service lets nobody write there.
    pub sealed: bool,
    /// Something is written that the file itself may not have yet.
    pub unsettled: bool,
    /// Applied migrations; None inside without the table of them.
    pub applied: Fact<Option<Applied>>,
    /// Migrations of the project's own applications.
    pub on_disk: Applied,
}

pub(super) fn judge(facts: &Facts, file: &DatabaseFile) -> Verdict {
    let service = &facts.config.service.value;
    if let Some(found) = missing(file, service).or_else(|| closed(facts, file)) {
        return Verdict::Looked(vec![found]);
    }
    let applied = match &file.applied {
        Fact::Known(applied) => applied.as_ref(),
        Fact::Absent => None,
        Fact::Unknown(reason) => return not_looked(file, reason),
    };
    match missing_migrations(&file.on_disk, applied) {
        // What is still in the journal may be just that.
        Some(_) if file.unsettled => not_looked(file, "it is being written"),
        Some(detail) => {
            let found = finding_of(&finding::DBS_MIGRATIONS, file, detail);
            Verdict::Looked(vec![found.command(&["meats-deploy", "apply"])])
        }
        None => Verdict::Looked(Vec::new()),
    }
}

fn not_looked(file: &DatabaseFile, reason: &str) -> Verdict {
    let reason = format!("{}: {reason}", file.path.display());
    let needs = "meats-deploy check, which asks as the application".to_owned();
    Verdict::Partly { found: Vec::new(), reason, needs }
}

fn finding_of(kind: &'static Kind, file: &DatabaseFile, detail: impl Into<String>) -> Finding {
    Finding::new(kind, Subject::file(&file.path), detail)
}

impl DatabaseFile {
    fn lets(&self, walker: &Walker, (path, stat): &Step, right: u32) -> bool {
        match self.acls.iter().find(|(listed, _)| listed == path) {
            Some((_, acl)) => acl.lets(walker, stat, right),
            None => walker.may(stat, right),
        }
    }
}

/// The file and the directories above it.
fn parts(file: &DatabaseFile) -> (Option<&Step>, &[Step]) {
    match file.way.split_last() {
        Some((last, above)) if last.1.kind != FileKind::Directory => (Some(last), above),
        _ => (None, &file.way),
    }
}

fn missing(file: &DatabaseFile, service: &str) -> Option<Finding> {
    let restart = ["systemctl", "restart", service];
    match (parts(file).0, file.directory) {
        (Some(_), _) => None,
        (None, true) => {
            let detail = "it does not exist; SQLite makes an empty one when it is asked";
            let found = finding_of(&finding::DBS_FILE_MISSING, file, detail);
            Some(found.command(&["meats-deploy", "apply"]))
        }
        // A path that leads nowhere is mostly a wrong one.
        (None, false) => {
            let detail = "not even its directory exists";
            let found = finding_of(&finding::DBS_FILE_MISSING, file, detail);
            Some(found.command(&["meats-env", "set", "DATABASE_URL"]).command(&restart))
        }
    }
}

/// What keeps the service user from it: a directory above, the file, or the directory, in which SQLite
/// makes a journal for every change.
fn closed(facts: &Facts, file: &DatabaseFile) -> Option<Finding> {
    let walker = facts.walker.as_ref()?;
    let user = facts.config.user.value.as_str();
    let (Some(own), above) = parts(file) else { return None };
    let add = |detail: String| finding_of(&finding::DBS_FILE_CLOSED, file, detail);
    let shut = above.iter().find(|step| !file.lets(walker, step, 1));
    if let Some(step) = shut {
        let detail = format!("{user} may not pass {} (mode {:04o})", step.0.display(), step.1.mode);
        let mut found = add(detail);
        let right = format!("{}+x", walker.letter(&step.1));
        if file.named_by_root && file.way.iter().any(|(p, _)| *p == file.path) {
            found.commands.push(open_command(facts, above, step, &right));
        } else {
            found = found.command(&["meats-deploy", "check"]);
        }
        return Some(found);
    }
    let directory = above.last()?;
    let file_shut = !(file.lets(walker, own, 2) && file.lets(walker, own, 4));
    let directory_shut = !file.lets(walker, directory, 2);
    let mode = |what: &str, stat: &Stat| format!("{user} may not {what} (mode {:04o})", stat.mode);
    let detail = match (file_shut, directory_shut) {
        (false, false) if file.sealed => return Some(sealed(facts, file)),
        (false, false) => return None,
        (true, false) => mode("read and write it", &own.1),
        (false, true) => mode("make the journal in its directory", &directory.1),
        (true, true) => mode("write it, nor the journal in its directory", &own.1),
    };
    let mut found = add(detail);
    // A name that the service user may have chosen stands in no command.
    if file.named_by_root && own.0 == file.path {
        found.commands = opened(facts, file, file_shut, directory_shut);
    }
    Some(match found.commands.is_empty() {
        true => found.command(&["meats-deploy", "check"]),
        false => found.command(&["systemctl", "restart", &facts.config.service.value]),
    })
}

fn text(path: &Path) -> String {
    path.to_string_lossy().into_owned()
}

fn sealed(facts: &Facts, file: &DatabaseFile) -> Finding {
    let detail = "the sandbox of the unit (ProtectSystem=) lets nobody write there";
    finding_of(&finding::DBS_FILE_CLOSED, file, detail)
        .command(&["systemctl", "show", "--property=ReadWritePaths", &facts.config.unit()])
        .command(&["meats-diagnose", "config", "--get", "paths.writable"])
}

/// Commands that give it to the service user. Below a directory that somebody else can write root
/// changes nothing: there the user itself puts a copy in its place, as far as it may read.
fn opened(
    facts: &Facts,
    file: &DatabaseFile,
    file_shut: bool,
    directory_shut: bool,
) -> Vec<Vec<String>> {
    let (Some(own), above) = parts(file) else { return Vec::new() };
    let (Some(walker), Some(directory)) = (&facts.walker, above.last()) else { return Vec::new() };
    let user = facts.config.user.value.as_str();
    let guarded = above.iter().all(|(_, stat)| stat.is_roots_alone());
    let command = |words: &[&str]| words.iter().map(|w| (*w).to_owned()).collect::<Vec<_>>();
    let (path, place) = (text(&own.0), text(&directory.0));
    let mut commands = Vec::new();
    if guarded {
        // The file first: behind a directory of the user's it may be another one.
        if file_shut {
            commands.push(command(&["chown", user, &path]));
            commands.push(command(&["chmod", "u+rw", &path]));
        }
        if directory_shut {
            commands.push(command(&["chown", user, &place]));
        }
    } else if file_shut && !directory_shut && file.lets(walker, own, 4) {
        let new = format!("{path}.new");
        commands.push(command(&["runuser", "-u", user, "--", "cp", &path, &new]));
        commands.push(command(&["runuser", "-u", user, "--", "mv", "-f", &new, &path]));
    } else if own.1.uid == walker.owner.uid && file_shut && !directory_shut {
        commands.push(command(&["runuser", "-u", user, "--", "chmod", "u+rw", &path]));
    } else if directory.1.uid == walker.owner.uid && directory_shut && !file_shut {
        commands.push(command(&["runuser", "-u", user, "--", "chmod", "u+w", &place]));
    }
    commands
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Timestamp;

    fn step(path: &str, kind: FileKind) -> Step {
        let (ctime, mtime) = (Timestamp::default(), Timestamp::default());
        let (uid, gid, mode, links, size, dev, ino) = (0, 0, 0o755, 1, 0, 0, 0);
        let stat = Stat { kind, uid, gid, mode, links, size, dev, ino, ctime, mtime };
        (PathBuf::from(path), stat)
    }

    #[test]
    fn what_to_do_where_there_is_no_file() {
        let (top, file) =
            (step("/srv", FileKind::Directory), step("/srv/db.sqlite3", FileKind::Regular));
        let cases = [
            (vec![top.clone(), file], true, None),
            (vec![top.clone()], true, Some("meats-deploy apply")),
            (vec![top], false, Some("meats-env set DATABASE_URL")),
            (vec![], false, Some("meats-env set DATABASE_URL")),
        ];
        for (way, directory, command) in cases {
            let file = DatabaseFile {
                path: PathBuf::from("/srv/db.sqlite3"),
                way,
                acls: Vec::new(),
                directory,
                named_by_root: true,
                sealed: false,
                unsettled: false,
                applied: Fact::Absent,
                on_disk: Applied::new(),
            };
            let found = missing(&file, "meats");
            let first = found.and_then(|f| f.commands.into_iter().next()).map(|c| c.join(" "));
            assert_eq!(first.as_deref(), command, "{file:?}");
        }
    }
}
