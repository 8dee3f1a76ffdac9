//! Every finding the programs can report: ids, severities, texts, remedies.
//!
//! Invariant: ids are stable and never reused; each text exists once, here; no text can hold a value
//! of the env file. A finding's `detail` names paths, lines and keys only.

use std::path::PathBuf;

/// How bad it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// Worth knowing; never changes the verdict.
    Note,
    /// Will bite.
    Warning,
    /// Does not work, or is unsafe, now.
    Error,
}

impl Severity {
    /// The word that begins a line of the report.
    pub fn word(self) -> &'static str {
        match self {
            Self::Note => "note",
            Self::Warning => "warning",
            Self::Error => "error",
        }
    }
}

/// Who repairs it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Repair {
    /// Repaired at each start and by `--fix`, without a question about meaning.
    Automatic,
    /// `--fix` or `meats-env fix` offers it; a person decides.
    Asks,
    /// Only a person can: the remedy is printed.
    ByHand,
    /// No automatic edit of the object at all.
    Refused,
}

impl Repair {
    /// The word used in JSON and text.
    pub fn word(self) -> &'static str {
        match self {
            Self::Automatic => "automatic",
            Self::Asks => "asks",
            Self::ByHand => "by-hand",
            Self::Refused => "refused",
        }
    }
}

/// One kind of finding: everything that is always true of it. `explain ID` prints this.
#[derive(Debug, PartialEq, Eq)]
pub struct Kind {
    /// Stable id, `ENV-004`.
    pub id: &'static str,
    /// Readable name, `export-prefix`.
    pub name: &'static str,
    pub severity: Severity,
    pub repair: Repair,
    /// What is the case, one sentence.
    pub summary: &'static str,
    /// Why it matters: what it does to the service.
    pub why: &'static str,
    /// What to do, in words; commands may stand on lines of their own, indented by four blanks.
    pub remedy: &'static str,
    /// Ids of symptoms that this cause explains.
    pub leads_to: &'static [&'static str],
}

/// What a finding is about.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Subject {
    pub path: Option<PathBuf>,
    /// Line of the file, from 1.
    pub line: Option<usize>,
    /// Column (bytes) of the line, from 1.
    pub column: Option<usize>,
    pub unit: Option<String>,
    /// Key of the env file or the settings; the name only.
    pub key: Option<String>,
}

/// Something seen, with its source.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Evidence {
    /// "journal", a path, "unit property".
    pub source: String,
    pub text: String,
}

/// One finding on this host.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    pub kind: &'static Kind,
    pub subject: Subject,
    /// One sentence about this instance; begins without a capital, ends without a full stop.
    pub detail: String,
    pub evidence: Vec<Evidence>,
    /// Commands that help, as words; complete and safe to paste.
    pub commands: Vec<Vec<String>>,
    /// True when the service cannot start, or would destroy something, because of it.
    pub blocks_start: bool,
}

impl Finding {
    /// A finding without evidence or commands.
    pub fn new(kind: &'static Kind, subject: Subject, detail: impl Into<String>) -> Self {
        Self {
            kind,
            subject,
            detail: detail.into(),
            evidence: Vec::new(),
            commands: Vec::new(),
            blocks_start: false,
        }
    }

    /// Adds a command to paste.
    #[must_use]
    pub fn command(mut self, words: &[&str]) -> Self {
        self.commands.push(words.iter().map(|w| (*w).to_owned()).collect());
        self
    }

    /// Adds something seen.
    #[must_use]
    pub fn evidence(mut self, source: impl Into<String>, text: impl Into<String>) -> Self {
        self.evidence.push(Evidence { source: source.into(), text: text.into() });
        self
    }

    /// Marks it as one that must stop the start.
    #[must_use]
    pub fn blocking(mut self) -> Self {
        self.blocks_start = true;
        self
    }
}

impl Subject {
    /// A file.
    pub fn file(path: impl Into<PathBuf>) -> Self {
        Self { path: Some(path.into()), ..Self::default() }
    }

    /// A line of a file.
    pub fn line(path: impl Into<PathBuf>, line: usize) -> Self {
        Self { path: Some(path.into()), line: Some(line), ..Self::default() }
    }

    /// A unit.
    pub fn unit(name: impl Into<String>) -> Self {
        Self { unit: Some(name.into()), ..Self::default() }
    }

    /// Adds the key concerned.
    #[must_use]
    pub fn key(mut self, key: impl Into<String>) -> Self {
        self.key = Some(key.into());
        self
    }
}

/// Declares the kinds and the list of them in one place.
macro_rules! kinds {
    ($($name:ident = $id:literal $word:literal $severity:ident $repair:ident
        { $summary:literal, why: $why:literal, remedy: $remedy:literal
          $(, leads_to: [$($leads:literal),*])? $(,)? })*) => {
        $(
            #[doc = $summary]
            pub const $name: Kind = Kind {
                id: $id,
                name: $word,
                severity: Severity::$severity,
                repair: Repair::$repair,
                summary: $summary,
                why: $why,
                remedy: $remedy,
                leads_to: &[$($($leads),*)?],
            };
        )*
        /// Every kind, in order of declaration.
        pub const ALL: &[&Kind] = &[$(&$name),*];
    };
}

/// Finds a kind by id or name, in any case.
pub fn by_word(word: &str) -> Option<&'static Kind> {
    ALL.iter()
        .copied()
        .find(|k| k.id.eq_ignore_ascii_case(word) || k.name.eq_ignore_ascii_case(word))
}

kinds! {
    // ---- CFG: settings -------------------------------------------------------------------------
    CFG_UNREADABLE = "CFG-001" "settings-unreadable" Error ByHand {
        "A settings file could not be read or is not INI text.",
        why: "The whole file is left out; the service runs with the built-in defaults instead of what you wrote.",
        remedy: "Correct the line that the message names, then look at the result:\n    meats-diagnose config",
    }
    CFG_UNKNOWN_KEY = "CFG-002" "settings-unknown-key" Warning ByHand {
        "A settings file has a key or section that means nothing.",
        why: "A mistyped setting has no effect, and nothing else would tell you.",
        remedy: "Correct the name; fixes.conf(5) lists all of them. What is in force:\n    meats-diagnose config",
    }
    CFG_BAD_VALUE = "CFG-003" "settings-bad-value" Error ByHand {
        "A setting has a value that is not allowed.",
        why: "The value is ignored and the next weaker one (a lower file or the default) is used.",
        remedy: "Correct the value; fixes.conf(5) says what is allowed. What is in force:\n    meats-diagnose config",
    }

    // ---- LOG: log and runtime trees ------------------------------------------------------------
    LOG_OWNER = "LOG-001" "log-owner" Error Automatic {
        "A log file or directory belongs to the wrong user or group.",
        why: "gunicorn opens its logs as the service user before anything else and exits with status 1 when it cannot.",
        remedy: "Start the service (the pre-start helper repairs it) or run:\n    meats-diagnose --fix",
        leads_to: ["SVC-001", "SVC-002", "NET-001", "NET-002"],
    }
    LOG_MODE = "LOG-002" "log-mode" Error Automatic {
        "A log file or directory does not let the service user write.",
        why: "gunicorn opens its logs as the service user before anything else and exits with status 1 when it cannot.",
        remedy: "Start the service (the pre-start helper repairs it) or run:\n    meats-diagnose --fix",
        leads_to: ["SVC-001", "SVC-002", "NET-001", "NET-002"],
    }
    LOG_MISSING = "LOG-003" "log-missing" Error Automatic {
        "A log or runtime directory, or a log file, is missing.",
        why: "A unit that names a missing directory fails before any program runs (226/NAMESPACE), or gunicorn cannot open its log.",
        remedy: "Start the service (the pre-start helper makes it) or run:\n    meats-diagnose --fix",
        leads_to: ["SVC-001", "SVC-002", "NET-001", "NET-002"],
    }
    LOG_REFUSED = "LOG-004" "log-refused" Error Refused {
        "Something below a log or runtime directory is not what it should be, and root does not touch it.",
        why: "A link, device, FIFO or file with several names in a directory that the service user can write may point anywhere; changing its owner could give away a file of the system.",
        remedy: "Look at it and move it away if nobody needs it; a log on another disk is best made by mounting that disk at the log directory.",
        leads_to: ["SVC-001", "SVC-002", "NET-001", "NET-002"],
    }
    LOG_LIMIT = "LOG-005" "log-limit" Warning ByHand {
        "A tree has more entries than the set limit; the rest was not looked at.",
        why: "The limit keeps a start from taking for ever in a directory that somebody filled.",
        remedy: "Rotate or remove old logs, or raise max_entries in fixes.conf.",
    }
    LOG_UNFIXED = "LOG-006" "repair-failed" Error ByHand {
        "A repair was tried and failed.",
        why: "The state that it would have mended is still there.",
        remedy: "The message has the cause (read-only file system, full disk, changed in the meantime). Mend that and run:\n    meats-diagnose --fix",
    }

    // ---- ENV: the env file ----------------------------------------------------------------------
    ENV_ACCESS = "ENV-090" "env-access" Error Automatic {
        "The env file or its directory can be read by everybody, or written by others than root.",
        why: "It holds passwords; and who can replace it can bring variables to commands that root runs, or stop systemd with a FIFO.",
        remedy: "Start the service (the pre-start helper repairs it) or run:\n    meats-diagnose --fix",
    }
    ENV_MISSING = "ENV-091" "env-missing" Error Asks {
        "The env file does not exist.",
        why: "Without it Django starts with the defaults in its code: a published SECRET_KEY, an empty database, no allowed host.",
        remedy: "Restore the newest backup, or generate a new file and fill it in:\n    meats-env restore --list\n    meats-env generate",
        leads_to: ["SVC-001", "SVC-002", "NET-001", "NET-002"],
    }
    ENV_NOT_REGULAR = "ENV-092" "env-not-regular" Error Refused {
        "The path of the env file is not a regular file with one name.",
        why: "systemd reads it as PID 1: a FIFO there blocks the whole machine, a link or second name can be changed by somebody else.",
        remedy: "Put a regular file of root's in its place; a link that you want belongs into env_file in fixes.conf as the real path.",
        leads_to: ["SVC-001", "SVC-002", "NET-001", "NET-002"],
    }
    ENV_UNREADABLE = "ENV-093" "env-unreadable" Error ByHand {
        "The env file could not be read.",
        why: "Nothing can be said about it, and systemd may leave it out.",
        remedy: "The message has the cause.",
    }

    // ---- SVC: the unit and its state ------------------------------------------------------------
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
    SVC_MASKED = "SVC-004" "service-masked" Note ByHand {
        "The service is masked: systemd does not start it.",
        why: "Somebody decided that; nothing of this package overrides it.",
        remedy: "If it shall run again:\n    systemctl unmask projectmeats",
    }
    SVC_USER_MISSING = "SVC-005" "user-missing" Error Asks {
        "The user or the group of the service does not exist.",
        why: "systemd cannot start a process for them (217/USER, 216/GROUP).",
        remedy: "Make them as system accounts, or correct user and group in fixes.conf:\n    systemd-sysusers projectmeats-fixes.conf",
        leads_to: ["SVC-001", "SVC-002", "NET-001", "NET-002"],
    }
    SVC_PROGRAM_MISSING = "SVC-006" "program-missing" Error ByHand {
        "The program that the unit starts does not exist.",
        why: "Every start ends with 203/EXEC; usually the virtual environment is missing or was moved.",
        remedy: "Make the virtual environment anew (meats-deploy apply does it), or correct venv in fixes.conf.",
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

    // ---- PKG: the venv and its distributions ----------------------------------------------------

    // ---- APP: the application -------------------------------------------------------------------
    APP_IMPORT = "APP-001" "app-import" Error ByHand {
        "The application needs a Python module that cannot be imported.",
        why: "gunicorn loads the application before it answers; a failing import ends every start.",
        remedy: "Install what the requirements of the application name into its virtual environment (meats-deploy apply does it), or correct the name in the code. What is installed:\n    meats-diagnose",
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
        remedy: "Let systemd hold the address (activation = yes in fixes.conf), or choose a path below the runtime directory of the service.",
        leads_to: ["SVC-001", "SVC-002", "NET-001"],
    }
    APP_PID_FILE = "APP-009" "app-pid-file" Error ByHand {
        "gunicorn found a pid file that names a living process and took it for itself.",
        why: "After a reboot the number may belong to any process; gunicorn then refuses to start.",
        remedy: "Leave --pid out of the gunicorn command: systemd knows the process without it.",
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
        why: "python-decouple raises an error for a missing key and for a boolean or number that is none; every start ends there.",
        remedy: "Look at the keys (values are not shown), and correct the one that the record names:\n    meats-env check",
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
        remedy: "Make the virtual environment anew:\n    meats-deploy apply",
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

    // ---- NET: listening, HTTP, nginx ------------------------------------------------------------
    NET_NO_LISTENER = "NET-001" "no-listener" Error ByHand {
        "Nothing listens at an address where the service should answer.",
        why: "Every request is refused; nginx answers 502.",
        remedy: "Start the service and look at its state:\n    systemctl start projectmeats\n    systemctl status projectmeats",
    }
    NET_UNHEALTHY = "NET-002" "unhealthy" Error ByHand {
        "The service runs but does not say that it is well.",
        why: "Visitors see errors although the process is alive; often the database or a setting is the cause.",
        remedy: "Read the last lines of its log:\n    journalctl -u projectmeats -n 50 --no-pager",
    }
    NET_BAD_HOST = "NET-003" "host-not-allowed" Error ByHand {
        "The application refuses the host name that it was asked for.",
        why: "Django answers 400 to every request whose Host header is not in ALLOWED_HOSTS.",
        remedy: "Add the name to ALLOWED_HOSTS in the env file and restart, or set host in [health] of fixes.conf to a name that the site serves.",
    }
    NET_REDIRECT = "NET-004" "health-redirects" Warning ByHand {
        "The health path answers with a redirect.",
        why: "A redirect says nothing about the application: the answer may come from SECURE_SSL_REDIRECT alone.",
        remedy: "Set path in [health] of fixes.conf to one that answers 200, or exempt it from the redirect.",
    }

    // ---- DBS: the database ----------------------------------------------------------------------

    // ---- DSK: disks -----------------------------------------------------------------------------
    DSK_FULL = "DSK-001" "disk-full" Error ByHand {
        "A file system that the service writes to is full.",
        why: "Log lines, uploads and database writes fail; repairs cannot be written.",
        remedy: "See what fills it, and make room:\n    df -h\n    df -i",
        leads_to: ["NET-002"],
    }
    DSK_LOW = "DSK-002" "disk-low" Warning ByHand {
        "A file system that the service writes to has less than 2 % free.",
        why: "When it is full, log lines, uploads and database writes fail.",
        remedy: "See what fills it, and make room:\n    df -h",
    }

    // ---- CAP: failure capture -------------------------------------------------------------------
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
        remedy: "The record names the program. If the interpreter is gone, make the virtual environment anew:\n    meats-deploy apply",
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
        "A condition or assertion of the unit did not hold, so the service was not started.",
        why: "Condition...= and Assert...= are checked before anything else.",
        remedy: "The message of systemd in the record names the line of the unit.",
        leads_to: ["SVC-001", "NET-001"],
    }

    // ---- DEP: deployment ------------------------------------------------------------------------

    // ---- DOC: the Docker fallback ---------------------------------------------------------------
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_and_names_are_unique_and_well_formed() {
        for (i, kind) in ALL.iter().enumerate() {
            let (group, number) = kind.id.split_once('-').expect("GROUP-NNN");
            assert!(
                group.len() == 3 && group.bytes().all(|b| b.is_ascii_uppercase()),
                "{}",
                kind.id
            );
            assert!(number.len() == 3 && number.bytes().all(|b| b.is_ascii_digit()), "{}", kind.id);
            assert!(kind.summary.ends_with('.') && !kind.why.is_empty() && !kind.remedy.is_empty());
            for other in ALL.iter().skip(i + 1) {
                assert_ne!(kind.id, other.id);
                assert_ne!(kind.name, other.name);
            }
        }
    }

    #[test]
    fn every_consequence_exists() {
        for kind in ALL {
            for id in kind.leads_to {
                assert!(by_word(id).is_some(), "{} leads to unknown {id}", kind.id);
            }
        }
    }
}
