//! SVC: the unit and its state.

use super::{Kind, Repair, Severity};

kinds! {
    SVC_FAILED = "SVC-001" "service-failed" Error ByHand {
        "The service is not running: its last start or run failed.",
        why: "Nobody is served.",
        remedy: "The cause is in the last failure record:\n    meats-diagnose failures",
        leads_to: ["NET-001", "NET-002"],
    }
    SVC_RESTART_LOOP = "SVC-002" "restart-loop" Error ByHand {
        "systemd starts the service again and again.",
        why: "Each start dies; with SuccessExitStatus=0 1 systemd may even call that success, so it never shows as failed.",
        remedy: "The cause is in the last failure record:\n    meats-diagnose failures",
        leads_to: ["NET-001", "NET-002"],
    }
    SVC_UNIT_UNREADABLE = "SVC-003" "unit-unreadable" Error ByHand {
        "The administrator's unit file could not be read, so our helpers were not added to it.",
        why: "The service runs without the repair before a start and without failure capture.",
        remedy: "Make the unit file readable for root, below directories that only root can write, then:\n    systemctl daemon-reload",
    }
    SVC_MASKED = "SVC-004" "service-masked" Error ByHand {
        "The service is masked: systemd does not start it.",
        why: "Somebody decided that; nothing of this package overrides it.",
        remedy: "If it shall run again:\n    systemctl unmask projectmeats\n    systemctl start projectmeats",
        leads_to: ["NET-001", "NET-002"],
    }
    SVC_USER_MISSING = "SVC-005" "user-missing" Error Asks {
        "The user or the group of the service does not exist.",
        why: "systemd cannot start a process for them (217/USER, 216/GROUP).",
        remedy: "Make them as system accounts, or correct user and group in fixes.conf:\n    systemd-sysusers projectmeats-fixes.conf",
        leads_to: ["SVC-001", "SVC-002", "NET-001", "NET-002", "CAP-007", "CAP-012"],
    }
    SVC_PROGRAM_MISSING = "SVC-006" "program-missing" Error ByHand {
        "The program that the unit starts does not exist.",
        why: "Every start ends with 203/EXEC; usually the virtual environment is missing or was moved.",
        remedy: "Make the virtual environment anew, or correct venv in fixes.conf; a unit of your own that names the wrong program can be replaced by the generated one:\n    meats-diagnose explain PKG-002\n    meats-diagnose unit --adopt",
        leads_to: ["SVC-001", "SVC-002", "NET-001", "NET-002"],
    }
    SVC_NOT_LOADED = "SVC-007" "unit-not-loaded" Error ByHand {
        "systemd does not know the unit of the service.",
        why: "It cannot be started. The generator emits it at boot and at every daemon-reload.",
        remedy: "Let systemd run its generators:\n    systemctl daemon-reload",
        leads_to: ["NET-001", "NET-002"],
    }
    SVC_STOPPED = "SVC-008" "service-stopped" Error ByHand {
        "The service is not running.",
        why: "Nobody is served.",
        remedy: "Start it:\n    systemctl start projectmeats",
        leads_to: ["NET-001", "NET-002"],
    }
    SVC_RELOAD_DUE = "SVC-009" "daemon-reload-due" Warning ByHand {
        "Unit files changed since systemd read them.",
        why: "systemd still acts on the old text.",
        remedy: "Let systemd read them:\n    systemctl daemon-reload",
    }

    SVC_RIVAL = "SVC-020" "rival-unit" Warning ByHand {
        "Another unit that runs the same service is enabled, so the generated one is not started at boot.",
        why: "Two units of one service fight for its address: the second dies of \"address already in use\".",
        remedy: "Name the unit that shall run in fixes.conf (name in [service]), or disable the other:\n    systemctl disable --now NAME\n    systemctl daemon-reload",
    }

    SVC_ADOPTED = "SVC-021" "unit-adopted" Note Asks {
        "The administrator's unit is moved aside and the generated one takes its place, or back.",
        why: "A unit that an old deployment script copied to /etc hides every later improvement of the generated one.",
        remedy: "See how they differ, then decide:\n    meats-diagnose unit\n    meats-diagnose unit --adopt --dry-run",
    }

    SVC_PATH_CLOSED = "SVC-022" "path-closed" Error ByHand {
        "The service user may not pass a directory above what the service needs.",
        why: "systemd ends with 200/CHDIR or 203/EXEC, Python finds no module, gunicorn opens no log, although everything is there.",
        remedy: "Give back the right to pass (x) on the named directory alone; nothing needs to be changed below it.",
        leads_to: ["CAP-008", "CAP-009", "APP-001", "APP-017", "APP-013", "APP-020", "DBS-011", "LOG-002", "PKG-007", "SVC-001", "SVC-002", "NET-001", "NET-002"],
    }
    SVC_REFUSED = "SVC-024" "unit-refused" Error ByHand {
        "systemd refuses the text of the unit.",
        why: "What runs goes on, and the next start or reboot ends the service: systemd does not start a unit with a bad line.",
        remedy: "See which line it is, correct it in the unit or the drop-in, and let systemd read it:\n    systemd-analyze verify projectmeats.service\n    systemctl daemon-reload",
        leads_to: ["SVC-001", "SVC-002", "SVC-008", "SVC-009", "NET-001", "NET-002"],
    }
    SVC_OTHER_USER = "SVC-025" "other-user" Warning ByHand {
        "The unit runs as another user than the settings name.",
        why: "Logs, directories and the env file are given to the user of the settings; sooner or later the other one cannot open them. As root, a fault of the application is a fault of the whole host.",
        remedy: "Let both say the same: user in [service] of fixes.conf, or User= in the unit and its drop-ins:\n    systemctl cat projectmeats\n    meats-diagnose config --get service.user",
    }
    SVC_PATH = "SVC-026" "path-without-system" Warning ByHand {
        "The unit sets a PATH without the directories of the system.",
        why: "Commands of the unit and scripts of the application that are called by name alone are not found: status 127 from ExecStartPre= and ExecStopPost=.",
        remedy: "Put /usr/bin:/bin behind the directory of the virtual environment, or leave PATH out. The generated unit has both:\n    meats-diagnose unit --adopt",
    }
    SVC_CRASH_STOPS = "SVC-027" "crash-not-restarted" Warning ByHand {
        "A crash counts as a success and is not followed by a restart.",
        why: "gunicorn ends with status 1 for almost every failure; where SuccessExitStatus= has 1, Restart=on-failure leaves the service \"inactive\", and no list of failed units has it.",
        remedy: "Take SuccessExitStatus= out, or set Restart=always beside it. The generated unit does:\n    meats-diagnose unit --adopt",
    }
    SVC_STOP_SHORT = "SVC-028" "stop-too-short" Warning ByHand {
        "systemd gives the service less time to stop than gunicorn gives its requests.",
        why: "A longer request is cut, and after an ordinary restart the unit is \"failed (timeout)\".",
        remedy: "Make TimeoutStopSec= longer than the graceful timeout. The generated unit has 10 seconds more:\n    meats-diagnose unit --adopt",
    }
    SVC_STOP_POST = "SVC-029" "stop-post-counts" Warning ByHand {
        "A command after the stop can make a clean stop a failure.",
        why: "ExecStopPost= without a dash counts when it fails, and as the service user it can neither read the journal nor write a log of root's: every stop then ends as \"failed\", and what it was to record is empty.",
        remedy: "Leave it to this package, which records failures as root, or write - before the command. Without it:\n    meats-diagnose unit --adopt",
    }
    SVC_CONDITION = "SVC-030" "condition-unmet" Error ByHand {
        "systemd skips the start of the service, because a condition of the unit is not met.",
        why: "systemctl start says nothing and ends with 0, and no list of failed units has it: for systemd a skipped start is no failure.",
        remedy: "Make the condition true, or take its line out of the unit or the drop-in, then start the service:\n    systemctl cat projectmeats\n    systemctl start projectmeats",
        leads_to: ["NET-001", "NET-002"],
    }
    SVC_STALE = "SVC-023" "process-stale" Warning ByHand {
        "The service runs with older settings or code than the files have.",
        why: "systemd reads the env file when it starts the service, and gunicorn loads the code then; a reload changes neither.",
        remedy: "Restart it:\n    systemctl restart projectmeats",
    }
}
