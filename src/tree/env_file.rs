//! Who may read and write the env file and its directory.
//!
//! PID 1 reads the file as root, so the service user needs no access; who can replace it can block
//! PID 1 with a FIFO or bring variables to root's helpers. So: directory and file belong to root,
//! only root writes, one group reads.

use std::path::Path;

use super::facts::{Entry, Ids, is_open_to};
use crate::model::{Effect, Fact, FileKind, Origin, Owner, Plan, Seen, Stat, finding};

const FILE_MODE: u32 = 0o640;

/// The service can read the file, and is given nothing new with it: what it cannot read it may have
/// moved to where the env file is.
pub fn is_readable(stat: &Stat, ids: Ids) -> bool {
    is_open_to(stat, ids.service.uid, &[ids.env_gid, ids.service.gid], 0o4)
}

/// Plans access to the env file and its directory. A directory outside `/etc` is left alone: it
/// may be the application's own. `guarded`: root alone decides what lies in the directory. Elsewhere
/// root takes what is somebody else's, and the service gets no more of it than it had.
pub fn plan_env_access(directory: &Entry, file: &Entry, guarded: bool, ids: Ids) -> Plan {
    let mut plan = Plan::default();
    if let Fact::Known(stat) = &directory.stat {
        let ours = directory.path.starts_with("/etc") && directory.path != Path::new("/etc");
        if ours && stat.kind == FileKind::Directory {
            let seen = Seen::from(stat);
            let (path, from) = (directory.path.clone(), Owner { uid: stat.uid, gid: stat.gid });
            if stat.uid != 0 {
                let owner = Owner { uid: 0, gid: stat.gid };
                let effect = Effect::SetOwner { path: path.clone(), owner, from, seen };
                plan.push(&finding::ENV_ACCESS, Origin::Default, effect);
            }
            let mode = stat.mode & !0o022 & 0o777;
            if mode != stat.mode {
                let effect = Effect::SetMode { path, mode, from: stat.mode, seen };
                plan.push(&finding::ENV_ACCESS, Origin::Default, effect);
            }
        }
    }
    if let Fact::Known(stat) = &file.stat {
        if stat.kind == FileKind::Regular && stat.links == 1 {
            let seen = Seen::from(stat);
            let (path, from) = (file.path.clone(), Owner { uid: stat.uid, gid: stat.gid });
            // What everybody could read the service may read by itself.
            let all_read = stat.gid == 0 && stat.mode & 0o004 != 0;
            let given = stat.uid == 0 || guarded || is_readable(stat, ids);
            if stat.uid != 0 || all_read {
                let owner = Owner { uid: 0, gid: if given { ids.env_gid } else { stat.gid } };
                let effect = Effect::SetOwner { path: path.clone(), owner, from, seen };
                plan.push(&finding::ENV_ACCESS, Origin::Default, effect);
            }
            // Narrower is fine; wider than 0640 is not.
            let mode = stat.mode & FILE_MODE;
            let mode = if stat.uid == 0 || !given { mode } else { FILE_MODE };
            if mode != stat.mode {
                let effect = Effect::SetMode { path, mode, from: stat.mode, seen };
                plan.push(&finding::ENV_ACCESS, Origin::Default, effect);
            }
        }
    }
    plan
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Timestamp;

    fn entry(path: &str, kind: FileKind, uid: u32, gid: u32, mode: u32) -> Entry {
        let time = Timestamp::default();
        let links = 1;
        let stat =
            Stat { kind, uid, gid, mode, links, size: 0, dev: 1, ino: 1, ctime: time, mtime: time };
        Entry { path: path.into(), stat: Fact::Known(stat) }
    }

    fn check(dir: (&str, u32, u32), file: (u32, u32, u32), expected: &[&str]) {
        let ids = Ids { service: Owner { uid: 998, gid: 33 }, env_gid: 998 };
        let plan = plan_env_access(
            &entry(dir.0, FileKind::Directory, dir.1, 33, dir.2),
            &entry("/etc/p/e", FileKind::Regular, file.0, file.1, file.2),
            dir.1 == 0 && dir.2 & 0o022 == 0,
            ids,
        );
        let told: Vec<String> = plan
            .actions
            .iter()
            .map(|a| match &a.effect {
                Effect::SetOwner { owner, .. } => format!("{}:{}", owner.uid, owner.gid),
                Effect::SetMode { mode, .. } => format!("{mode:o}"),
                other => format!("{other:?}"),
            })
            .collect();
        assert_eq!(told, expected);
    }

    #[test]
    fn access() {
        check(("/etc/p", 0, 0o755), (0, 998, 0o640), &[]);
        check(("/etc/p", 0, 0o750), (0, 0, 0o600), &[]);
        check(("/etc/p", 0, 0o755), (0, 33, 0o644), &["640"]);
        check(("/etc/p", 0, 0o755), (0, 0, 0o644), &["0:998", "640"]);
        check(("/etc/p", 998, 0o775), (998, 33, 0o640), &["0:33", "755", "0:998"]);
        check(("/etc/p", 0, 0o755), (33, 33, 0o600), &["0:998", "640"]);
        check(("/opt/p", 998, 0o777), (0, 0, 0o600), &[]);
        // What the service could not read may have been moved there by it.
        check(("/opt/p", 998, 0o755), (1001, 1001, 0o600), &["0:1001"]);
        check(("/opt/p", 998, 0o755), (1001, 1001, 0o660), &["0:1001", "640"]);
        check(("/opt/p", 0, 0o775), (1001, 33, 0o600), &["0:33"]);
        check(("/opt/p", 998, 0o755), (1001, 33, 0o660), &["0:998", "640"]);
        check(("/opt/p", 998, 0o755), (1001, 1001, 0o644), &["0:998", "640"]);
        check(("/opt/p", 998, 0o755), (998, 998, 0o600), &["0:998", "640"]);
    }
}
