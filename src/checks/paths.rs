//! Whether the service user can get to what it needs: each directory above must let it pass.

use super::{Check, Facts, Verdict};
use crate::model::{Fact, FileKind, Finding, Owner, Stat, Subject, finding};

/// Directories that refuse the service user.
pub const WAYS: Check = Check { kinds: || vec![&finding::SVC_PATH_CLOSED], run: ways };

/// The directory that the service works in.
pub const PROJECT: Check = Check { kinds: || vec![&finding::DEP_NO_PROJECT], run: project };

fn project(facts: &Facts) -> Verdict {
    let path = &facts.config.working_directory.value;
    match &facts.project {
        Fact::Known(()) => Verdict::Looked(Vec::new()),
        Fact::Absent => {
            let detail = format!(
                "there is no such directory (set by {})",
                facts.config.working_directory.origin
            );
            let found = Finding::new(&finding::DEP_NO_PROJECT, Subject::file(path), detail);
            Verdict::Looked(vec![found.command(&["meats-diagnose", "config"])])
        }
        Fact::Unknown(reason) => {
            Verdict::NotChecked { reason: reason.clone(), needs: "root".to_owned() }
        }
    }
}

/// A directory on the way to something that the service needs.
pub type Step = (std::path::PathBuf, Stat);

/// Who goes there: user and group of the unit, and the user's other groups.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Walker {
    pub owner: Owner,
    pub groups: Vec<u32>,
}

impl Walker {
    /// The letter of chmod(1) for the class of this user.
    pub fn letter(&self, stat: &Stat) -> char {
        class(stat, self).0
    }

    /// The mode lets this user: 1 to pass a directory, 2 to write (and to connect to a socket), 4 to
    /// read.
    pub fn may(&self, stat: &Stat, right: u32) -> bool {
        let class = class(stat, self).1;
        self.owner.uid == 0 || stat.mode & (class * right) != 0 || stat.kind == FileKind::Symlink
    }
}

/// Directories of the system, whose modes are not this service's business.
const SYSTEM: &[&str] = &["/", "/etc", "/home", "/opt", "/srv", "/usr", "/var", "/var/log", "/run"];

fn ways(facts: &Facts) -> Verdict {
    // Modes are not all: with an access control list a closed directory may be open. A service that
    // runs has passed.
    let runs = facts.service.known().is_some_and(|s| s.runs());
    let Some(walker) = facts.walker.as_ref().filter(|_| !runs) else {
        return Verdict::NotApplicable;
    };
    let told = |way: &Vec<Step>| closed(way, walker).map(|step| told(facts, way, step, walker));
    Verdict::Looked(facts.ways.iter().find_map(told).into_iter().collect())
}

/// The first directory of a way that does not let the walker pass.
fn closed<'a>(way: &'a [Step], walker: &Walker) -> Option<&'a Step> {
    let refuses = |(_, stat): &&Step| stat.kind == FileKind::Directory && !walker.may(stat, 1);
    way.iter().find(refuses)
}

/// The class of mode bits that decides (path_resolution(7)): its letter and its search bit.
fn class(stat: &Stat, walker: &Walker) -> (char, u32) {
    if walker.owner.uid == stat.uid {
        ('u', 0o100)
    } else if walker.owner.gid == stat.gid || walker.groups.contains(&stat.gid) {
        ('g', 0o010)
    } else {
        ('o', 0o001)
    }
}

fn told(facts: &Facts, way: &[Step], step: &Step, walker: &Walker) -> Finding {
    let (path, stat) = step;
    let user = facts.config.user.value.as_str();
    let detail = format!("{user} may not pass it (mode {:04o})", stat.mode);
    let found = Finding::new(&finding::SVC_PATH_CLOSED, Subject::file(path), detail);
    let service = facts.config.service.value.as_str();
    let right = format!("{}+x", walker.letter(stat));
    let mut found = found.command(&["systemctl", "reset-failed", service]).command(&[
        "systemctl",
        "restart",
        service,
    ]);
    found.commands.insert(0, open_command(facts, way, step, &right));
    found
}

/// `chmod RIGHT` for a step of a way. Root changes no mode below a directory that somebody else can
/// write: what lies there may be a link by then. The service user may, what is its own.
pub fn open_command(facts: &Facts, way: &[Step], step: &Step, right: &str) -> Vec<String> {
    let (path, stat) = step;
    let text = path.to_string_lossy();
    let mut above = way.iter().take_while(|(p, _)| p != path);
    let guarded = above.all(|(_, s)| s.uid == 0 && (s.mode & 0o022 == 0 || s.mode & 0o1000 != 0));
    let own = facts.walker.as_ref().is_some_and(|w| w.owner.uid == stat.uid);
    let words: &[&str] = if SYSTEM.contains(&&*text) {
        &["ls", "-ld", &text]
    } else if guarded {
        &["chmod", right, &text]
    } else if own {
        &["runuser", "-u", &facts.config.user.value, "--", "chmod", right, &text]
    } else {
        &["ls", "-ld", &text]
    };
    words.iter().map(|w| (*w).to_owned()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Timestamp;

    #[test]
    fn the_first_that_refuses() {
        let step = |path: &str, uid, gid, mode| {
            let (ctime, mtime) = (Timestamp { secs: 0, nanos: 0 }, Timestamp { secs: 0, nanos: 0 });
            let (kind, links, size) = (FileKind::Directory, 1, 0);
            let stat = Stat { kind, uid, gid, mode, links, size, dev: 0, ino: 0, ctime, mtime };
            (std::path::PathBuf::from(path), stat)
        };
        let walker = Walker { owner: Owner { uid: 7, gid: 8 }, groups: vec![9] };
        let cases = [
            (vec![step("/", 0, 0, 0o755), step("/a", 0, 0, 0o700)], Some("/a")),
            (vec![step("/a", 0, 9, 0o750)], None),
            (vec![step("/a", 0, 8, 0o705)], Some("/a")),
            (vec![step("/a", 7, 8, 0o077)], Some("/a")),
            (vec![step("/a", 0, 0, 0o711), step("/a/b", 0, 0, 0o701)], None),
        ];
        for (way, expected) in cases {
            let got = closed(&way, &walker).map(|(p, _)| p.to_string_lossy().into_owned());
            assert_eq!(got.as_deref(), expected, "{way:?}");
        }
    }
}
