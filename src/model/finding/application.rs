//! APP: the application.

use super::{Kind, Repair, Severity};

kinds! {
    APP_IMPORT = "APP-001" "app-import" Error ByHand {
        "The application needs a Python module that cannot be imported.",
        why: "gunicorn loads the application before it answers; a failing import ends every start.",
        remedy: "Install what the requirements of the application name into its virtual environment, as the user who owns it, or correct the name in the code:\n    cd /opt/projectmeats/backend\n    runuser -u projectmeats -- ../venv/bin/pip install -r requirements.txt",
        leads_to: ["SVC-001", "SVC-002", "NET-001"],
    }
    APP_SETTINGS = "APP-002" "app-settings" Error ByHand {
        "The settings of the application could not be loaded.",
        why: "Django refuses to work with settings that raise an error; every start ends there.",
        remedy: "The record names the file and the line; correct it there, or correct DJANGO_SETTINGS_MODULE. What the service gets from the env file:\n    meats-env check",
        leads_to: ["SVC-001", "SVC-002", "NET-001"],
    }
    APP_OBJECT = "APP-003" "app-object" Error ByHand {
        "gunicorn did not find the application object, or what it found is no application.",
        why: "The last word of the gunicorn command names a module and an object in it; without that object there is nothing to serve.",
        remedy: "Correct application in fixes.conf (or the ExecStart= line of your own unit) to MODULE:OBJECT, usually NAME.wsgi:application.",
        leads_to: ["SVC-001", "SVC-002", "NET-001"],
    }
    APP_DATABASE_DOWN = "APP-004" "app-database-down" Error ByHand {
        "The application could not reach its database.",
        why: "An application that asks its database while it loads cannot start without it.",
        remedy: "Start the database and see that it listens where DATABASE_URL says:\n    systemctl status 'postgresql@*'",
        leads_to: ["SVC-001", "SVC-002", "NET-001"],
    }
    APP_DATABASE_REFUSED = "APP-005" "app-database-refused" Error ByHand {
        "The database refused the application: role, password, database name or right.",
        why: "The database runs, but not for this application.",
        remedy: "Compare role, password and name in the env file with those of the database; the record has the words of the database.",
        leads_to: ["SVC-001", "SVC-002", "NET-001"],
    }
    APP_DRIVER = "APP-006" "app-driver" Error ByHand {
        "The Python driver of the database is missing or half installed.",
        why: "Django loads the driver at the start when the settings name that kind of database.",
        remedy: "Install it into the virtual environment, for example psycopg[binary], or psycopg with the Debian package libpq5.",
        leads_to: ["SVC-001", "SVC-002", "NET-001"],
    }
    APP_PORT_BUSY = "APP-007" "app-port-busy" Error ByHand {
        "The address that gunicorn should listen at is taken by another process.",
        why: "gunicorn tries for five seconds and gives up; often the holder is a gunicorn that somebody started by hand.",
        remedy: "See who holds it, and stop that or choose another address in fixes.conf. Nothing here kills it for you:\n    ss -ltnp",
        leads_to: ["SVC-001", "SVC-002", "NET-001"],
    }
    APP_BIND = "APP-008" "app-bind" Error ByHand {
        "gunicorn could not make its listening socket.",
        why: "A path in a directory of root's (such as /run), something else at the path, or a low port: the service user may not make it.",
        remedy: "Let systemd hold the address (activation = yes in fixes.conf), or choose a path below the runtime directory of the service. The generated unit does the former:\n    meats-diagnose unit --adopt",
        leads_to: ["SVC-001", "SVC-002", "NET-001"],
    }
    APP_PID_FILE = "APP-009" "app-pid-file" Error ByHand {
        "gunicorn found a pid file that names a living process and took it for itself.",
        why: "After a reboot the number may belong to any process; gunicorn then refuses to start.",
        remedy: "Leave --pid out of the gunicorn command: systemd knows the process without it. The generated unit has none:\n    meats-diagnose unit --adopt",
        leads_to: ["SVC-001", "SVC-002", "NET-001"],
    }
    APP_WORKER_BOOT = "APP-010" "app-worker-boot" Error ByHand {
        "A worker of gunicorn died while it loaded the application.",
        why: "gunicorn ends (status 3, or 1) when a worker cannot boot.",
        remedy: "The reason is in the error log of gunicorn; with preload = yes in fixes.conf it is in the journal too.",
        leads_to: ["SVC-001", "SVC-002", "NET-001"],
    }
    APP_WORKER_TIMEOUT = "APP-011" "app-worker-timeout" Warning ByHand {
        "Workers of gunicorn were silent for longer than the timeout and were killed.",
        why: "Each takes its requests with it; visitors see an empty reply or 502.",
        remedy: "Find what is slow (database, another server, a huge upload), or raise timeout in fixes.conf.",
    }
    APP_OOM = "APP-012" "app-out-of-memory" Error ByHand {
        "The kernel or systemd killed the service because memory ran out.",
        why: "It is killed at the worst moment, requests included, and will be again.",
        remedy: "Fewer workers or threads in fixes.conf, more memory, or find the leak; the record has the memory at that moment.",
        leads_to: ["SVC-001", "SVC-002", "NET-001"],
    }
    APP_LOG = "APP-013" "app-log" Error ByHand {
        "The application could not open a log file of its own.",
        why: "Django's logging set-up fails as a whole, and with it the start; a sandbox that makes the directory read-only does the same as wrong rights.",
        remedy: "Give the file to the service user, add its directory to writable in fixes.conf, or let the application log to the console.",
        leads_to: ["SVC-001", "SVC-002", "NET-001"],
    }
    APP_ENV_VALUE = "APP-014" "app-env-value" Error ByHand {
        "The application could not read a value of the env file: missing, or not of the kind it expects.",
        why: "Settings that ask for a missing key, or for a boolean or number that is none, raise an error; every start ends there.",
        remedy: "Look at the keys (values are not shown), and set or correct the one that the record names:\n    meats-env check\n    meats-env set KEY",
        leads_to: ["SVC-001", "SVC-002", "NET-001"],
    }
    APP_EXCEPTION = "APP-015" "app-exception" Error ByHand {
        "The application ended with an exception.",
        why: "It is raised while the application loads, or where nothing catches it.",
        remedy: "The record has the last frame in the application and the whole traceback:\n    meats-diagnose failures",
        leads_to: ["SVC-001", "SVC-002", "NET-001"],
    }
    APP_SYNTAX = "APP-016" "app-syntax" Error ByHand {
        "A Python file of the application has a syntax error.",
        why: "Python cannot load it; with a release made for a newer Python this happens after an upgrade too.",
        remedy: "Correct the line that the record names, or deploy the release before it:\n    meats-deploy rollback",
        leads_to: ["SVC-001", "SVC-002", "NET-001"],
    }
    APP_VENV = "APP-017" "app-venv-broken" Error ByHand {
        "gunicorn itself, or something it needs, is missing from the virtual environment.",
        why: "A virtual environment made for another Python (after a release upgrade), or a setuptools without pkg_resources under an old gunicorn.",
        remedy: "Make the virtual environment anew, in a directory of the user who owns it:\n    cd /opt/projectmeats/backend\n    runuser -u projectmeats -- python3 -m venv --clear ../venv\n    runuser -u projectmeats -- ../venv/bin/pip install -r requirements.txt",
        leads_to: ["SVC-001", "SVC-002", "NET-001"],
    }
    APP_OPTION = "APP-018" "app-option" Error ByHand {
        "gunicorn did not accept an option or its configuration file.",
        why: "It prints its usage and ends before anything else.",
        remedy: "Correct extra_args in fixes.conf, the ExecStart= line of your own unit, or gunicorn.conf.py.",
        leads_to: ["SVC-001", "SVC-002", "NET-001"],
    }
    APP_DATABASE_URL = "APP-019" "app-database-url" Error Asks {
        "DATABASE_URL could not be understood.",
        why: "Characters such as # / ? [ in the password must be percent-encoded; an unknown scheme is refused.",
        remedy: "Percent-encode the password in the URL; meats-env proposes it:\n    meats-env check",
        leads_to: ["SVC-001", "SVC-002", "NET-001"],
    }
    APP_DENIED = "APP-020" "app-file-denied" Error ByHand {
        "The application was not allowed to open or make a file.",
        why: "The service user lacks the right, or the sandbox of the unit makes the place read-only.",
        remedy: "Give the service user the right on that path alone, or add its directory to writable in fixes.conf.",
        leads_to: ["SVC-001", "SVC-002", "NET-001"],
    }
    APP_DISK_FULL = "APP-021" "app-disk-full" Error ByHand {
        "A file system was full when the service needed to write.",
        why: "Logs, uploads and the database need room; what is not written is lost.",
        remedy: "Make room; the record says how full each file system was:\n    df -h; df -i",
        leads_to: ["SVC-001", "SVC-002", "NET-001"],
    }
    APP_WORKER_KILLED = "APP-022" "app-worker-killed" Warning ByHand {
        "Workers of gunicorn were killed or crashed, most often because memory ran out.",
        why: "Each takes its requests with it; the service stays active and nothing else tells.",
        remedy: "Fewer workers or threads in fixes.conf, more memory, or find the leak. What the kernel says:\n    journalctl -k --grep oom --no-pager",
    }
}
