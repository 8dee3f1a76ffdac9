//! DSK: disks.

use super::{Kind, Repair, Severity};

kinds! {
    DSK_FULL = "DSK-001" "disk-full" Error ByHand {
        "A file system that the service writes to is full.",
        why: "Log lines, uploads and database writes fail; repairs cannot be written.",
        remedy: "See what fills it, and make room:\n    df -h\n    df -i",
        leads_to: ["NET-002", "APP-021", "APP-013", "LOG-006", "SVC-001", "SVC-002", "NET-001"],
    }
    DSK_READ_ONLY = "DSK-003" "disk-read-only" Error ByHand {
        "A file system that the service writes to is mounted read-only.",
        why: "gunicorn cannot open its logs and ends with status 1. Without somebody having asked for it, the kernel does this after an error of the disk.",
        remedy: "See what the kernel says; if the disk is well, make it writable again and start the service:\n    journalctl -k --no-pager --grep 'remount|I/O error'\n    findmnt --target /var/log/projectmeats\n    mount -o remount,rw MOUNTPOINT",
        leads_to: ["LOG-001", "LOG-002", "LOG-003", "LOG-006", "APP-013", "APP-020", "SVC-001", "SVC-002", "NET-001", "NET-002"],
    }
    DSK_LOW = "DSK-002" "disk-low" Warning ByHand {
        "A file system that the service writes to has less than 2 % free.",
        why: "When it is full, log lines, uploads and database writes fail.",
        remedy: "See what fills it, and make room:\n    df -h",
    }
}
