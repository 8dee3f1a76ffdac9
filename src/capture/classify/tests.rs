//! Ends of the service as they were seen on hosts: what was logged, how it ended, what it is.

use std::path::PathBuf;

use super::*;
use crate::capture::{Host, Listener, LogLine, Outcome, PathState, ServiceNames};
use crate::model::{Fact, FileKind, Stat};

fn facts(outcome: (&str, &str, &str), journal: &str, error_log: &str) -> Facts {
    let (result, code, status) = outcome;
    let exit = (!code.is_empty()).then_some((code, status));
    let line = |text: &str| {
        let (identifier, message) = text.split_once("> ").unwrap_or(("gunicorn", text));
        LogLine { time: 1_000_000, identifier: identifier.into(), message: message.into(), cut: 0 }
    };
    Facts {
        unit: "meats.service".into(),
        outcome: Outcome::parse(Some(result), exit.map(|e| e.0), exit.map(|e| e.1)).expect("known"),
        ran: None,
        journal: Fact::Known(journal.lines().map(line).collect()),
        older: 0,
        error_log: Fact::Known(error_log.lines().map(str::to_owned).collect()),
        blocked: Vec::new(),
        paths: vec![
            path("/var/log/meats/error.log", FileKind::Regular, 0o644, "www-data:www-data"),
            path("/var/log/meats/access.log", FileKind::Directory, 0o755, "meats:www-data"),
            path("/var/log/meats", FileKind::Directory, 0o755, "www-data:www-data"),
            PathState {
                path: "/var/log/meats/new.log".into(),
                stat: Fact::Absent,
                owner: String::new(),
            },
            PathState { path: "/etc/meats.env".into(), stat: Fact::Absent, owner: String::new() },
        ],
        host: Host {
            disks: Vec::new(),
            memory: Fact::Absent,
            listeners: vec![Listener {
                address: "127.0.0.1:8000".into(),
                holder: Fact::Known("python3[77]".into()),
            }],
            database: Fact::Known(("127.0.0.1:5432".into(), false)),
            changed: Vec::new(),
            deployed: None,
            good_start: None,
        },
        names: ServiceNames {
            user: "meats".into(),
            app_dir: "/opt/meats".into(),
            venv: "/opt/meats/venv".into(),
            log_dir: "/var/log/meats".into(),
            application: "meats.wsgi:application".into(),
            settings_module: "meats.settings".into(),
            env_file: "/etc/meats.env".into(),
        },
    }
}

fn path(path: &str, kind: FileKind, mode: u32, owner: &str) -> PathState {
    let at = crate::model::Timestamp::default();
    let stat = Stat {
        kind,
        uid: 1,
        gid: 1,
        mode,
        links: 1,
        size: 0,
        dev: 1,
        ino: 1,
        ctime: at,
        mtime: at,
    };
    PathState { path: PathBuf::from(path), stat: Fact::Known(stat), owner: owner.into() }
}

/// A traceback whose last own frame is line 12 of wsgi.py.
fn raised(exception: &str) -> String {
    format!(
        "Traceback (most recent call last):\n  File \"/opt/meats/venv/bin/gunicorn\", line 8, in <module>\n\
         \x20   sys.exit(run())\n  File \"/opt/meats/backend/meats/wsgi.py\", line 12, in <module>\n\
         \x20   application = get_wsgi_application()\n\
         \x20 File \"/opt/meats/venv/lib/python3.11/site-packages/x/y.py\", line 9, in f\n    raise\n{exception}"
    )
}

type Case<'a> = ((&'a str, &'a str, &'a str), String, &'a str, &'a str);

fn check(cases: &[Case]) {
    for (outcome, journal, id, sentence) in cases {
        let verdict = classify(&facts(*outcome, journal, ""));
        assert_eq!(verdict.cause.kind.id, *id, "{journal}");
        assert!(
            verdict.cause.sentence.contains(sentence),
            "{}: {}",
            sentence,
            verdict.cause.sentence
        );
    }
}

const EXIT_1: (&str, &str, &str) = ("exit-code", "exited", "1");
const HIDDEN_1: (&str, &str, &str) = ("success", "exited", "1");

#[test]
fn what_gunicorn_says() {
    let denied =
        |file: &str, why: &str| format!("Error: '/var/log/meats/{file}' isn't writable [{why}]");
    let no = "PermissionError(13, 'Permission denied')";
    check(&[
        (EXIT_1, "Error: 'gunicorn.conf.py' doesn't exist".into(), "APP-018", "gunicorn.conf.py"),
        (EXIT_1, "Error: the bucket 'media' doesn't exist".into(), "APP-015", "bucket"),
        (
            EXIT_1,
            format!("{}\nError: no bucket", raised("KeyError: 'handled'")),
            "APP-015",
            "no bucket",
        ),
        (EXIT_1, "Error: 'abc' is not a valid port number.".into(), "APP-018", "port number"),
        (
            HIDDEN_1,
            denied("error.log", no),
            "LOG-001",
            "\"/var/log/meats/error.log\": owned by www-data:www-data, mode 0644",
        ),
        (
            EXIT_1,
            denied("access.log", "IsADirectoryError(21, 'Is a directory')"),
            "LOG-004",
            "it is a directory",
        ),
        (
            EXIT_1,
            denied("new.log", no),
            "LOG-001",
            "it is missing and \"/var/log/meats\" is www-data:www-data",
        ),
        (
            EXIT_1,
            denied("error.log", "PermissionError(1, 'Operation not permitted')"),
            "LOG-004",
            "immutable",
        ),
        (
            EXIT_1,
            denied("error.log", "OSError(28, 'No space left on device')"),
            "APP-021",
            "no space",
        ),
        (
            EXIT_1,
            "[2026-11-23 14:02:16 +0000] [5] [ERROR] Can't connect to /run/meats.sock".into(),
            "APP-008",
            "/run/meats.sock",
        ),
        (
            EXIT_1,
            "Error: Already running on PID 1 (or pid file '/run/x.pid' is stale)".into(),
            "APP-009",
            "/run/x.pid",
        ),
        (
            ("exit-code", "exited", "4"),
            "Failed to find attribute 'app' in 'meats.wsgi'.".into(),
            "APP-003",
            "meats.wsgi:application",
        ),
        (
            ("exit-code", "exited", "2"),
            "gunicorn: error: unrecognized arguments: --nope".into(),
            "APP-018",
            "unrecognized arguments: --nope",
        ),
        (EXIT_1, "Error: class uri 'x.Y' invalid or not found:".into(), "APP-018", "class uri"),
        (
            EXIT_1,
            "Error: maximum recursion depth exceeded".into(),
            "APP-015",
            "RuntimeError: maximum recursion depth exceeded",
        ),
        (
            ("exit-code", "exited", "3"),
            "[x] [1] [ERROR] Worker failed to boot.".into(),
            "APP-010",
            "without saying why",
        ),
    ]);
}

#[test]
fn a_busy_port_stands_only_in_the_error_log() {
    let log = "[2026-11-23 14:02:16 +0000] [5] [ERROR] Connection in use: ('127.0.0.1', 8000)\n\
        [2026-11-23 14:02:17 +0000] [5] [ERROR] Can't connect to ('127.0.0.1', 8000)";
    let verdict = classify(&facts(HIDDEN_1, "", log));
    assert_eq!(verdict.cause.kind.id, "APP-007");
    assert!(verdict.cause.sentence.contains("127.0.0.1:8000"), "{}", verdict.cause.sentence);
    assert!(verdict.cause.evidence.iter().any(|e| e.text.contains("python3[77]")));
}

#[test]
fn what_the_application_raises() {
    check(&[
        (
            EXIT_1,
            format!(
                "Error: cache not reachable\n{}",
                raised("ModuleNotFoundError: No module named 'celery'")
            ),
            "APP-001",
            "celery",
        ),
        (
            EXIT_1,
            raised(
                "django.db.utils.OperationalError: connection to server on socket \"/run/postgresql/.s.PGSQL.5432\" failed: No such file or directory\n\tIs the server running locally and accepting connections on that socket?",
            ),
            "APP-004",
            "No such file",
        ),
        (
            EXIT_1,
            raised(
                "psycopg2.OperationalError: connection to server at \"10.0.0.9\", port 5432 failed: No route to host",
            ),
            "APP-004",
            "No route to host",
        ),
        (
            EXIT_1,
            raised("OSError: [Errno 98] Address already in use"),
            "APP-007",
            "another process has an address",
        ),
        (
            EXIT_1,
            raised("ModuleNotFoundError: No module named 'rest_framework'"),
            "APP-001",
            "\"rest_framework\", which is not installed",
        ),
        (
            EXIT_1,
            raised("ModuleNotFoundError: No module named 'meats.wsgi'"),
            "APP-001",
            "of the application was not found",
        ),
        (
            EXIT_1,
            raised("ModuleNotFoundError: No module named 'pkg_resources'")
                .replace("x/y.py", "gunicorn/util.py"),
            "APP-017",
            "pkg_resources",
        ),
        (
            EXIT_1,
            raised("ModuleNotFoundError: No module named 'pkg_resources'"),
            "APP-001",
            "needs the module \"pkg_resources\"",
        ),
        (
            EXIT_1,
            raised("ImportError: cannot import name 'a' from 'b' (/opt/meats/b.py)"),
            "APP-001",
            "wsgi.py:12",
        ),
        (
            EXIT_1,
            raised(
                "django.core.exceptions.ImproperlyConfigured: Error loading psycopg2 or psycopg module",
            ),
            "APP-006",
            "driver",
        ),
        (
            EXIT_1,
            raised(
                "django.core.exceptions.ImproperlyConfigured: The SECRET_KEY setting must not be empty.",
            ),
            "APP-014",
            "SECRET_KEY is empty",
        ),
        (
            EXIT_1,
            raised(
                "django.core.exceptions.ImproperlyConfigured: Set the STRIPE_KEY environment variable",
            ),
            "APP-014",
            "\"STRIPE_KEY\"",
        ),
        (
            EXIT_1,
            raised("x").replace("x/y.py\", line 9, in f\n    raise\nx", "z\"\n")
                + "  File \"<frozen os>\", line 685, in __getitem__\nKeyError: 'STRIPE_KEY'",
            "APP-014",
            "\"STRIPE_KEY\"",
        ),
        (
            EXIT_1,
            raised("django.core.exceptions.ImproperlyConfigured: Set the X"),
            "APP-002",
            "Set the X",
        ),
        (EXIT_1, raised("ValueError: Invalid truth value: flase"), "APP-014", "wsgi.py:12"),
        (
            EXIT_1,
            raised("decouple.UndefinedValueError: DB_NAME not found. Declare it"),
            "APP-014",
            "\"DB_NAME\"",
        ),
        (
            EXIT_1,
            raised(
                "django.db.utils.OperationalError: connection to server at \"127.0.0.1\", port 5432 failed: Connection refused",
            ),
            "APP-004",
            "Connection refused",
        ),
        (
            EXIT_1,
            raised(
                "django.db.utils.OperationalError: FATAL:  password authentication failed for user \"x\"",
            ),
            "APP-005",
            "password authentication failed",
        ),
        (
            EXIT_1,
            raised("PermissionError: [Errno 13] Permission denied: '/opt/meats/backend/x.db'"),
            "APP-020",
            "/opt/meats/backend/x.db",
        ),
        (
            EXIT_1,
            raised("PermissionError: [Errno 13] Permission denied: '/var/log/meats/error.log'"),
            "LOG-001",
            "owned by www-data",
        ),
        (EXIT_1, raised("OSError: [Errno 28] No space left on device: '/x'"), "APP-021", "full"),
        (EXIT_1, raised("MemoryError"), "APP-012", "memory"),
        (
            EXIT_1,
            raised("KeyError: 'PRICE'"),
            "APP-015",
            "ended with KeyError in /opt/meats/backend/meats/wsgi.py:12",
        ),
        (
            EXIT_1,
            format!(
                "{}\n{}",
                raised("KeyError: 'PRICE'"),
                raised("gunicorn.errors.HaltServer: <HaltServer 'Worker failed to boot.' 3>")
            ),
            "APP-015",
            "KeyError",
        ),
    ]);
}

/// Django's import of the settings, and what is raised in FILE below it.
fn settings_raise(file: &str, exception: &str) -> String {
    format!(
        "Traceback (most recent call last):\n\
         \x20 File \"/v/site-packages/django/conf/__init__.py\", line 217, in __init__\n\
         \x20   mod = importlib.import_module(self.SETTINGS_MODULE)\n\
         \x20 File \"{file}\", line 3, in <module>\n    x\n{exception}"
    )
}

#[test]
fn only_the_module_that_django_asked_for_is_the_settings_module() {
    let own = "/opt/meats/backend/meats/settings.py";
    let lacks = |module: &str| format!("ModuleNotFoundError: No module named '{module}'");
    check(&[
        (
            EXIT_1,
            settings_raise("<frozen importlib._bootstrap>", &lacks("nope")),
            "APP-002",
            "\"nope\"",
        ),
        (
            EXIT_1,
            settings_raise(own, &lacks("pydantic_settings")),
            "APP-001",
            "which is not installed",
        ),
        (
            EXIT_1,
            settings_raise(own, &lacks("meats.settings.local")),
            "APP-001",
            "of the application",
        ),
        (EXIT_1, settings_raise(own, &lacks("m")), "APP-001", "which is not installed"),
    ]);
}

#[test]
fn what_the_database_says() {
    let django = |text: &str| raised(&format!("django.db.utils.OperationalError: {text}"));
    let at =
        |host: &str| format!("connection to server at \"localhost\" ({host}), port 5432 failed");
    check(&[
        (
            EXIT_1,
            django(&format!(
                "{}: Connection refused\n\tIs the server running on that host?\n\
                 {}: FATAL:  password authentication failed for user \"u\"",
                at("::1"),
                at("127.0.0.1")
            )),
            "APP-005",
            "password",
        ),
        (EXIT_1, django("FATAL:  database \"x\" does not exist"), "APP-005", "does not exist"),
        (EXIT_1, django("FATAL:  role \"x\" is not permitted to log in"), "APP-005", "log in"),
        (EXIT_1, django("FATAL:  the database system is in recovery mode"), "APP-004", "recovery"),
        (EXIT_1, django("(1045, \"Access denied for user 'u'@'h'\")"), "APP-005", "Access denied"),
        (
            EXIT_1,
            django("(2002, \"Can't connect to local server through socket '/run/x.sock' (2)\")"),
            "APP-004",
            "Can't connect",
        ),
        (EXIT_1, django("(1146, \"Table 'a.b' doesn't exist\")"), "DBS-009", "lacks a table"),
        (EXIT_1, django("no such table: auth_user"), "DBS-009", "lacks a table"),
        (
            EXIT_1,
            raised("django.db.utils.ProgrammingError: relation \"a\" does not exist"),
            "DBS-009",
            "lacks a table",
        ),
        (EXIT_1, django("unable to open database file"), "APP-020", "unable to open"),
        (
            EXIT_1,
            django("failed: root certificate file \"/etc/x.crt\" does not exist"),
            "APP-015",
            "OperationalError",
        ),
        (
            EXIT_1,
            raised("kombu.exceptions.OperationalError: [Errno 111] Connection refused"),
            "APP-015",
            "OperationalError",
        ),
    ]);
}

#[test]
fn what_a_run_outlived_is_not_what_ended_it() {
    let aside = |above: &str| format!("{above}\n{}\n", raised("AttributeError: 'close'"));
    let ends = raised("KeyError: 'PRICE'");
    let logging =
        "Call stack:\n  File \"/v/bin/gunicorn\", line 8, in <module>\n    run()\nMessage: 'x'";
    let cases = [
        "Exception ignored in: <function P.__del__ at 0x7f>",
        "--- Logging error ---",
        "Exception in thread Thread-1 (run):",
        "[x] [7] [ERROR] Error handling request /",
    ];
    for above in cases {
        let journal = format!("{ends}\n{}{logging}", aside(above));
        check(&[(EXIT_1, journal, "APP-015", "KeyError")]);
        assert_eq!(classify(&facts(EXIT_1, "", &aside(above))).cause.kind.id, "CAP-001", "{above}");
    }
    let log = format!(
        "[x] [1] [ERROR] Connection in use: ('127.0.0.1', 8000)\n\
         [x] [1] [INFO] Listening at: http://127.0.0.1:8000 (1)\n{ends}"
    );
    assert_eq!(classify(&facts(EXIT_1, "", &log)).cause.kind.id, "APP-015");
}

#[test]
fn what_gunicorn_reads_before_it_starts() {
    let denied = |name: &str| {
        raised(&format!("PermissionError: [Errno 13] Permission denied: '/run/meats/{name}'"))
            .replace("x/y.py", "tempfile.py")
    };
    let read = raised("NameError: name 'cpus' is not defined")
        .replace("x/y.py\", line 9, in f", "gunicorn/app/base.py\", line 9, in f\n    x\n  File \"/opt/meats/g.py\", line 1, in <module>");
    check(&[
        (
            EXIT_1,
            "Error: Stripe is not configured: set STRIPE_KEY".into(),
            "APP-015",
            "Stripe",
        ),
        (
            EXIT_1,
            "Error: /run/meats doesn't exist. Can't create pidfile.".into(),
            "APP-018",
            "/run/meats doesn't exist",
        ),
        (
            EXIT_1,
            "Invalid value for workers: abc\n\nError: invalid literal for int() with base 0".into(),
            "APP-018",
            "configuration file: invalid literal",
        ),
        (
            EXIT_1,
            format!("Failed to read config file: /opt/meats/g.py\n{read}"),
            "APP-018",
            "NameError in /opt/meats/g.py:1",
        ),
        (
            EXIT_1,
            raised("ValueError: invalid literal for int() with base 10: 'two'")
                .replace("x/y.py", "gunicorn/config.py"),
            "APP-014",
            "a number in the env file",
        ),
        (
            EXIT_1,
            raised("pydantic_core._pydantic_core.ValidationError: 1 validation error for S\nurl\n  Field required [type=missing]")
                .replace("x/y.py", "pydantic_settings/main.py"),
            "APP-014",
            "wsgi.py:12",
        ),
        (EXIT_1, denied("tmp1ge_s0w8"), "APP-020", "could not open \"/run/meats\""),
        (EXIT_1, "ModuleNotFoundError: No module named 'encodings'".into(), "APP-017", "library"),
    ]);
    let log = "[x] [1] [ERROR] Invalid address: ('192.0.2.7', 80)\n\
        [x] [1] [ERROR] Can't connect to ('192.0.2.7', 80)";
    let cause = classify(&facts(EXIT_1, "", log)).cause;
    assert!(cause.sentence.ends_with("the host has no such address"), "{}", cause.sentence);
}

#[test]
fn what_systemd_says() {
    let none = ("exit-code", "", "");
    check(&[
        (("exit-code", "exited", "217"), "(gunicorn)> meats.service: Failed to determine user credentials: No such process".into(), "SVC-005", "217/USER"),
        (("exit-code", "exited", "226"), "(gunicorn)> meats.service: Failed to set up mount namespacing: /run/meats: No such file or directory".into(), "CAP-010", "/run/meats: No such file"),
        (("exit-code", "exited", "226"), "(gunicorn)> meats.service: Failed to set up mount namespacing: /srv/gone: No such file or directory\n(gunicorn)> meats.service: Failed at step NAMESPACE spawning /opt/meats/venv/bin/gunicorn: No such file or directory".into(), "CAP-010", "sandbox: /srv/gone: No such file"),
        (("exit-code", "exited", "226"), "(gunicorn)> meats.service: Failed to set up mount namespacing: /run/systemd/unit-root/run/meats: No such file or directory".into(), "CAP-010", "sandbox: /run/meats: No such file"),
        (("exit-code", "exited", "200"), "(gunicorn)> meats.service: Changing to the requested working directory failed: No such file or directory\nsystemd> meats.service: Failed at step CHDIR spawning /opt/meats/venv/bin/gunicorn: No such file or directory".into(), "CAP-009", "working directory"),
        (("exit-code", "exited", "203"), "(gunicorn)> meats.service: Failed to locate executable /opt/x/gunicorn: No such file or directory".into(), "SVC-006", "/opt/x/gunicorn does not exist"),
        (("exit-code", "exited", "203"), "(gunicorn)> meats.service: Unable to locate executable '/opt/x/gunicorn': No such file or directory".into(), "SVC-006", "/opt/x/gunicorn does not exist"),
        (("exit-code", "exited", "203"), "(gunicorn)> meats.service: Failed to execute /opt/x/gunicorn: No such file or directory".into(), "CAP-008", "interpreter"),
        (("exit-code", "exited", "203"), "(gunicorn)> meats.service: Failed to execute /opt/x/gunicorn: Permission denied".into(), "CAP-008", "permission denied"),
        (("resources", "", ""), "systemd> meats.service: Failed to load environment files: No such file or directory".into(), "ENV-091", "/etc/meats.env"),
        (("resources", "", ""), "systemd> meats.service: Failed to load environment files: No such file or directory\nsystemd> meats.service: Failed to run 'start' task: No such file or directory".into(), "ENV-091", "/etc/meats.env"),
        (none, "systemd> meats.service: Control process exited, code=exited, status=7/NOTRUNNING".into(), "CAP-007", "before the start"),
        (("exit-code", "killed", "TERM"), "systemd> meats.service: Control process exited, code=exited, status=1/FAILURE".into(), "CAP-007", "beside the main process"),
        (("signal", "killed", "SYS"), String::new(), "CAP-002", "SystemCallFilter="),
        (("core-dump", "dumped", "XCPU"), String::new(), "CAP-002", "LimitCPU="),
        (("timeout", "", ""), "systemd> meats.service: start-pre operation timed out. Terminating.\nsystemd> meats.service: Control process exited, code=killed, status=15/TERM".into(), "CAP-007", "(ExecStartPre=) took too long"),
        (("timeout", "killed", "TERM"), "systemd> meats.service: start operation timed out. Terminating.".into(), "CAP-004", "not ready"),
        (("timeout", "killed", "KILL"), "systemd> meats.service: start operation timed out. Terminating.\nsystemd> meats.service: State 'stop-sigterm' timed out. Killing.".into(), "CAP-004", "not ready"),
        (("timeout", "killed", "KILL"), "systemd> meats.service: State 'stop-sigterm' timed out. Killing.".into(), "CAP-005", "did not end"),
        (("timeout", "killed", "TERM"), "systemd> meats.service: Service reached runtime time limit. Stopping.".into(), "CAP-016", "run time"),
        (("watchdog", "killed", "ABRT"), "systemd> meats.service: Watchdog timeout (limit 3s)!".into(), "CAP-006", "watchdog"),
        (("protocol", "exited", "0"), String::new(), "CAP-015", "status 0"),
        (("protocol", "exited", "1"), raised("KeyError: 'x'"), "APP-015", "KeyError"),
        (("oom-kill", "killed", "KILL"), String::new(), "APP-012", "memory"),
        (("signal", "killed", "KILL"), "systemd> meats.service: A process of this unit has been killed by the OOM killer.".into(), "APP-012", "memory"),
        (("signal", "killed", "KILL"), raised("KeyError: 'an older one'"), "CAP-002", "SIGKILL"),
        (
            ("signal", "killed", "KILL"),
            "systemd> meats.service: Sending signal SIGKILL to process 1 (x) on client request.".into(),
            "CAP-002",
            "systemctl kill",
        ),
        (("core-dump", "dumped", "SEGV"), String::new(), "CAP-003", "SIGSEGV"),
        (("start-limit-hit", "", ""), "systemd> meats.service: Start request repeated too quickly.".into(), "CAP-014", "gave up"),
    ]);
}

#[test]
fn nothing_is_guessed() {
    check(&[
        (EXIT_1, String::new(), "CAP-001", "exit 1"),
        (EXIT_1, "an ordinary line\nError in the word only".into(), "CAP-001", "saying: Error in"),
        (EXIT_1, "config missing: S3_BUCKET\n".into(), "CAP-001", "saying: config missing: S3"),
        (
            ("exit-code", "exited", "226"),
            "the program itself ends with 226".into(),
            "CAP-001",
            "exit 226",
        ),
        (("exit-code", "", ""), String::new(), "CAP-001", "the start failed"),
        (("timeout", "killed", "TERM"), String::new(), "CAP-001", "time limit"),
    ]);
}

#[test]
fn what_pre_start_refused_is_the_cause() {
    let mut facts = facts(("exit-code", "", ""), "", "");
    facts.blocked.push(("SVC-006".into(), "\"/opt/x\": it does not exist".into()));
    let cause = classify(&facts).cause;
    assert_eq!((cause.kind.id, cause.sentence.contains("/opt/x")), ("SVC-006", true));
}
