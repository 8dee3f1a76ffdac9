//! CAP: failure capture.

use super::{Kind, Repair, Severity};

kinds! {
    CAP_UNKNOWN = "CAP-001" "cause-unknown" Error ByHand {
        "The service failed and nothing that was looked at says why.",
        why: "The record has everything that was seen; a guess would send you the wrong way.",
        remedy: "Read the last lines in the record, then look at the host:\n    meats-diagnose failures\n    meats-diagnose",
        leads_to: ["SVC-001", "SVC-002"],
    }
    CAP_KILLED = "CAP-002" "killed" Error ByHand {
        "Somebody or something killed the service by a signal.",
        why: "systemd did not send it and no shortage of memory was reported; a person, a script or another guard of the host did.",
        remedy: "Look for kill, pkill and the like in the log of sudo and in cron around that time:\n    journalctl --since -1h _COMM=sudo + _COMM=cron",
        leads_to: ["SVC-001", "SVC-002"],
    }
    CAP_CRASHED = "CAP-003" "crashed" Error ByHand {
        "The Python process crashed inside compiled code.",
        why: "A fault in an extension module or in Python itself; Python code alone cannot do this.",
        remedy: "See whether a wheel does not fit this Python or processor; with systemd-coredump installed:\n    coredumpctl info",
        leads_to: ["SVC-001", "SVC-002"],
    }
    CAP_START_TIMEOUT = "CAP-004" "start-timeout" Error ByHand {
        "The service was not ready in the time that the unit allows, and systemd ended it.",
        why: "With Type=notify gunicorn must say that it is ready; an application that waits while it loads (for a database, for the network) does not come so far.",
        remedy: "The last lines in the record show how far it came. If it is only slow, raise TimeoutStartSec= of the unit.",
        leads_to: ["SVC-001", "SVC-002", "NET-001"],
    }
    CAP_STOP_TIMEOUT = "CAP-005" "stop-timeout" Warning ByHand {
        "The service did not end in the time that the unit allows for a stop, and systemd killed it.",
        why: "Requests that were still running were cut.",
        remedy: "TimeoutStopSec= must be longer than the graceful timeout of gunicorn; the generated unit makes it 10 seconds longer.",
    }
    CAP_WATCHDOG = "CAP-006" "watchdog" Error ByHand {
        "The service missed its watchdog and systemd ended it.",
        why: "WatchdogSec= in the unit expects a sign of life that gunicorn does not send.",
        remedy: "Leave WatchdogSec= out of the unit; gunicorn guards its workers by its own timeout.",
        leads_to: ["SVC-001", "SVC-002"],
    }
    CAP_PRE_START = "CAP-007" "pre-start-failed" Error ByHand {
        "A command that runs before the service (ExecStartPre=) failed, so the service was not started.",
        why: "systemd starts nothing after it.",
        remedy: "The message of that command is in the record. What our own helper stopped, it also explains:\n    meats-diagnose",
        leads_to: ["SVC-001", "SVC-002", "NET-001"],
    }
    CAP_EXEC = "CAP-008" "exec-failed" Error ByHand {
        "systemd could not execute the program of the service (203/EXEC).",
        why: "The file is not executable for the service user, lies below a directory that it may not enter, or its first line names an interpreter that is gone (a moved virtual environment).",
        remedy: "The record names the program. If the interpreter is gone, make the virtual environment anew:\n    meats-diagnose explain PKG-002",
        leads_to: ["SVC-001", "SVC-002", "NET-001"],
    }
    CAP_CHDIR = "CAP-009" "working-directory" Error ByHand {
        "systemd could not enter the working directory of the service (200/CHDIR).",
        why: "It is missing, or the service user may not enter one of the directories above it (ProtectHome= hides those below /home).",
        remedy: "Correct working_directory in fixes.conf, or give the service user the right to enter (x) on the directory that refuses.",
        leads_to: ["SVC-001", "SVC-002", "NET-001"],
    }
    CAP_NAMESPACE = "CAP-010" "namespace" Error ByHand {
        "systemd could not set up the sandbox of the service (226/NAMESPACE).",
        why: "A path in ReadWritePaths= or the like does not exist; then no command of the unit runs at all.",
        remedy: "Make the path, or write a dash before it in the unit: ReadWritePaths=-PATH.",
        leads_to: ["SVC-001", "SVC-002", "NET-001"],
    }
    CAP_OUTPUT = "CAP-011" "output-file" Error ByHand {
        "systemd could not open the output file of the service (209/STDOUT).",
        why: "StandardOutput=append:PATH or file:PATH cannot be opened; then no command of the unit runs at all.",
        remedy: "Let the unit log to the journal (StandardOutput=journal), or mend the path.",
        leads_to: ["SVC-001", "SVC-002", "NET-001"],
    }
    CAP_SETUP = "CAP-012" "setup-failed" Error ByHand {
        "systemd could not set up the process of the service.",
        why: "Statuses 200 to 245 come from systemd itself, before the program runs (systemd.exec(5), \"Process Exit Codes\").",
        remedy: "The message of systemd in the record names what failed; correct that line of the unit:\n    systemctl cat projectmeats",
        leads_to: ["SVC-001", "SVC-002", "NET-001"],
    }
    CAP_RESOURCES = "CAP-013" "resources" Error ByHand {
        "systemd could not prepare the start: something that the unit needs is missing.",
        why: "An EnvironmentFile= without a dash that is missing or unreadable is the usual case; then no command of the unit runs at all, our repair neither.",
        remedy: "Make the file, or write a dash before it in the unit: EnvironmentFile=-PATH.",
        leads_to: ["SVC-001", "SVC-002", "NET-001"],
    }
    CAP_START_LIMIT = "CAP-014" "start-limit" Error ByHand {
        "systemd gave up: too many starts in too short a time.",
        why: "It does not start the service again by itself; the cause is that of the starts before.",
        remedy: "Mend the cause, then:\n    systemctl reset-failed projectmeats\n    systemctl start projectmeats",
        leads_to: ["SVC-001", "NET-001"],
    }
    CAP_NOT_READY = "CAP-015" "ended-before-ready" Error ByHand {
        "The program ended with status 0 before it said that it was ready.",
        why: "Type=notify expects a service that stays; a gunicorn with --daemon, or older than 20.0, does not fit it.",
        remedy: "Leave --daemon out of the gunicorn command; with a gunicorn older than 20.0 use Type=simple.",
        leads_to: ["SVC-001", "SVC-002", "NET-001"],
    }
    CAP_RUNTIME_LIMIT = "CAP-016" "runtime-limit" Warning ByHand {
        "The service reached the longest run time that its unit allows, and systemd ended it.",
        why: "RuntimeMaxSec= is set in the unit.",
        remedy: "Leave RuntimeMaxSec= out of the unit; gunicorn renews its workers by --max-requests.",
    }
    CAP_CONDITION = "CAP-017" "condition" Error ByHand {
        "A check before the start (ExecCondition= of the unit) failed, so the service was not started.",
        why: "The check runs before anything else; a status of 255, a signal or its time limit is a failure.",
        remedy: "What the check said is in the record; systemctl cat shows its line in the unit.",
        leads_to: ["SVC-001", "NET-001"],
    }
}
