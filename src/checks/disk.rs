//! Free blocks and inodes where the service and its helpers write.

use super::{Check, Facts, Place, Verdict};
use crate::model::{Fact, Finding, Subject, escape_path, finding};

/// Disk space.
pub const SPACE: Check = Check {
    kinds: || vec![&finding::DSK_READ_ONLY, &finding::DSK_FULL, &finding::DSK_LOW],
    run: space,
};

/// Below this many free bytes a write of a log line or an env file may fail.
const FULL: u64 = 1 << 20;

fn space(facts: &Facts) -> Verdict {
    let mut found: Vec<Finding> = Vec::new();
    for place in &facts.spaces {
        let path = &place.path;
        let Fact::Known(space) = &place.space else { continue };
        if space.read_only {
            found.extend(place.needed.then(|| read_only(facts, place)));
            continue;
        }
        let (kind, detail) = if space.free_bytes < FULL {
            (&finding::DSK_FULL, format!("{} bytes are free for ordinary users", space.free_bytes))
        } else if space.total_inodes > 0 && space.free_inodes == 0 {
            (&finding::DSK_FULL, "no inode is free: no new file can be made".to_owned())
        } else if space.free_bytes < space.total_bytes / 50 {
            let percent = space.free_bytes * 100 / space.total_bytes.max(1);
            let mib = space.free_bytes >> 20;
            (&finding::DSK_LOW, format!("{percent} % ({mib} MiB) are free"))
        } else {
            continue;
        };
        // One file system may hold several of the paths: its figures are the same.
        if !found.iter().any(|f| f.kind.id == kind.id && f.detail == detail) {
            let full = space.total_inodes > 0 && space.free_inodes == 0;
            let flag = if full { "-i" } else { "-h" };
            let found_here = Finding::new(kind, Subject::file(path), detail);
            found.push(found_here.command(&["df", flag, &path.to_string_lossy()]));
        }
    }
    let unknown = |p: &Place| match &p.space {
        Fact::Unknown(why) => Some(format!("{}: {why}", p.path.display())),
        Fact::Known(_) | Fact::Absent => None,
    };
    match facts.spaces.iter().find_map(unknown) {
        Some(reason) => Verdict::Partly { found, reason, needs: "root".to_owned() },
        None => Verdict::Looked(found),
    }
}

fn read_only(facts: &Facts, place: &Place) -> Finding {
    let text = place.path.to_string_lossy();
    let detail = match &place.mount {
        Some(mount) => format!("{} is mounted read-only", escape_path(mount)),
        None => "its file system is mounted read-only".to_owned(),
    };
    let found = Finding::new(&finding::DSK_READ_ONLY, Subject::file(&place.path), detail);
    match &place.mount {
        Some(mount) => found
            .command(&["mount", "-o", "remount,rw", &mount.to_string_lossy()])
            .command(&["systemctl", "restart", &facts.config.service.value]),
        None => found.command(&["findmnt", "--target", &text]),
    }
}
