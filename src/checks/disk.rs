//! Free blocks and inodes where the service and its helpers write.

use super::{Check, Facts, Verdict};
use crate::model::{Fact, Finding, Subject, finding};

/// Disk space.
pub const SPACE: Check =
    Check { kinds: || vec![&finding::DSK_FULL, &finding::DSK_LOW], run: space };

/// Below this many free bytes a write of a log line or an env file may fail.
const FULL: u64 = 1 << 20;

fn space(facts: &Facts) -> Verdict {
    let mut found: Vec<Finding> = Vec::new();
    for (path, space) in &facts.spaces {
        let Fact::Known(space) = space else { continue };
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
            found.push(Finding::new(kind, Subject::file(path), detail));
        }
    }
    Verdict::Looked(found)
}
