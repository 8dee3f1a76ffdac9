//! LOG: log and runtime trees.

use super::{Kind, Repair, Severity};

kinds! {
    LOG_OWNER = "LOG-001" "log-owner" Error Automatic {
        "A log file or directory belongs to the wrong user or group.",
        why: "gunicorn opens its logs as the service user before anything else and exits with status 1 when it cannot.",
        remedy: "Start the service (the pre-start helper repairs it) or run:\n    meats-diagnose --fix",
        leads_to: ["SVC-001", "SVC-002", "NET-001", "NET-002", "APP-013", "APP-020", "CAP-010"],
    }
    LOG_MODE = "LOG-002" "log-mode" Error Automatic {
        "A log file or directory does not let the service user write.",
        why: "gunicorn opens its logs as the service user before anything else and exits with status 1 when it cannot.",
        remedy: "Start the service (the pre-start helper repairs it) or run:\n    meats-diagnose --fix",
        leads_to: ["SVC-001", "SVC-002", "NET-001", "NET-002", "APP-013", "APP-020", "CAP-010"],
    }
    LOG_MISSING = "LOG-003" "log-missing" Error Automatic {
        "A log or runtime directory, or a log file, is missing.",
        why: "A unit that names a missing directory fails before any program runs (226/NAMESPACE), or gunicorn cannot open its log.",
        remedy: "Start the service (the pre-start helper makes it) or run:\n    meats-diagnose --fix",
        leads_to: ["SVC-001", "SVC-002", "NET-001", "NET-002", "APP-013", "APP-020", "CAP-010"],
    }
    LOG_REFUSED = "LOG-004" "log-refused" Error Refused {
        "Something below a log or runtime directory is not what it should be, and root does not touch it.",
        why: "A link, device, FIFO or file with several names in a directory that the service user can write may point anywhere; changing its owner could give away a file of the system.",
        remedy: "Move it, as it is, to where only root looks, and let the log be made anew; a log on another disk is best made by mounting that disk at the log directory:\n    mv --backup=numbered -T /var/log/projectmeats/error.log /root/error.log\n    meats-diagnose --fix",
        leads_to: ["SVC-001", "SVC-002", "NET-001", "NET-002", "APP-013", "APP-020", "CAP-010"],
    }
    LOG_LIMIT = "LOG-005" "log-limit" Warning ByHand {
        "A tree has more entries than the set limit; the rest was not looked at.",
        why: "The limit keeps a start from taking for ever in a directory that somebody filled.",
        remedy: "Rotate or remove old logs, or raise the limit that the message names, in fixes.conf.",
    }
    LOG_UNFIXED = "LOG-006" "repair-failed" Error ByHand {
        "A repair was tried and failed.",
        why: "The state that it would have mended is still there.",
        remedy: "The message has the cause (read-only file system, full disk, changed in the meantime). Mend that and run:\n    meats-diagnose --fix",
    }
    LOG_LEFTOVER = "LOG-007" "leftover" Note Automatic {
        "An interrupted run has left the file that it was writing.",
        why: "It does no harm, but it may hold a copy of the env file.",
        remedy: "Start the service (the pre-start helper removes it) or run:\n    meats-diagnose --fix",
    }
    LOG_ROTATED_AWAY = "LOG-008" "log-rotated-away" Warning ByHand {
        "The service writes to a log file that was rotated or removed.",
        why: "What it writes is not where people look, and the space of a removed file stays in use.",
        remedy: "Let gunicorn open its logs anew, and look at what rotates them: it has to send USR1 to the main process, as /usr/share/projectmeats-fixes/logrotate does.",
    }
}
