//! Causes by the exception that ended the program.

use super::cause::{Cause, between};
use super::facts::Facts;
use super::gunicorn::{busy_address, unwritable_log};
use super::traceback::{Frame, SYNTAX, Traceback};
use crate::model::{Kind, finding};

type Rule = fn(&Facts, &Traceback) -> Option<Cause>;

/// From the most certain to the most general.
const RULES: &[Rule] = &[
    disk_full,
    virtual_environment,
    driver,
    app_log,
    env_value,
    database_url,
    database,
    listening,
    wrong_object,
    settings,
    syntax,
    import,
    denied,
    memory,
    configuration,
];

/// Always an answer: an exception is a cause, even one that no rule knows.
pub(super) fn cause(facts: &Facts, traceback: &Traceback) -> Cause {
    let known = RULES.iter().find_map(|rule| rule(facts, traceback));
    let cause = known.unwrap_or_else(|| other(facts, traceback));
    let last = match traceback.message.as_str() {
        "" => traceback.exception.clone(),
        message => format!("{}: {message}", traceback.exception),
    };
    cause.seen("traceback", last)
}

/// " in FILE:LINE", the application's own last frame.
fn place(facts: &Facts, t: &Traceback) -> String {
    let frame = t.last_frame(&facts.names.app_dir, &facts.names.venv);
    frame.map(|f| format!(" in {}:{}", f.file, f.line)).unwrap_or_default()
}

fn other(facts: &Facts, t: &Traceback) -> Cause {
    let sentence = format!("the application ended with {}{}", t.name(), place(facts, t));
    Cause::new(&finding::APP_EXCEPTION, sentence)
}

fn disk_full(facts: &Facts, t: &Traceback) -> Option<Cause> {
    (t.message.contains("[Errno 28]") || t.message.contains("No space left on device")).then(|| {
        let sentence = format!("a file system was full when the service wrote{}", place(facts, t));
        Cause::new(&finding::APP_DISK_FULL, sentence)
    })
}

/// `No module named 'a.b'` → `a.b`.
fn missing_module(t: &Traceback) -> Option<&str> {
    t.message.contains("No module named").then(|| between(&t.message, "'", "'")).flatten()
}

/// `a.b:c` → `a`.
fn first_part(name: &str) -> &str {
    name.split([':', '.']).next().unwrap_or(name)
}

fn virtual_environment(_: &Facts, t: &Traceback) -> Option<Cause> {
    let module = missing_module(t)?;
    // What else imports these two is the application's.
    let asks = || t.frames.last().is_some_and(|f| f.file.contains("gunicorn"));
    let shared = ["pkg_resources", "packaging"].contains(&first_part(module));
    (first_part(module) == "gunicorn" || shared && asks()).then(|| {
        let sentence = format!("the virtual environment lacks \"{module}\", which gunicorn needs");
        Cause::new(&finding::APP_VENV, sentence).command(&["meats-deploy", "apply"])
    })
}

/// Drivers of databases: the first part of their modules and exceptions.
const DRIVERS: &[&str] = &["psycopg", "psycopg2", "MySQLdb", "pymysql", "oracledb", "cx_Oracle"];

fn is_driver(name: &str) -> bool {
    DRIVERS.contains(&first_part(name))
}

fn driver(_: &Facts, t: &Traceback) -> Option<Cause> {
    let half = ["no pq wrapper available", "cannot open shared object"];
    let half = half.iter().any(|words| t.mentions(words));
    let missing = missing_module(t).is_some_and(is_driver);
    let told = t.mentions("no pq wrapper available") || t.message.starts_with("Error loading ");
    (missing || told).then(|| {
        let what = if half { "half installed" } else { "missing" };
        let sentence = format!("the Python driver of the database is {what}");
        Cause::new(&finding::APP_DRIVER, sentence)
    })
}

/// The path in `[Errno 13] Permission denied: '/path'`.
fn errno_path(line: &str) -> Option<&str> {
    let (_, rest) = line.split_once("[Errno ")?;
    between(rest, "'", "'")
}

fn app_log(facts: &Facts, t: &Traceback) -> Option<Cause> {
    if !t.message.contains("Unable to configure handler") {
        return None;
    }
    let line = t.lines.iter().rev().find(|l| l.contains("[Errno "));
    let why = line.and_then(|l| l.split_once("] ")).map(|(_, w)| w.to_owned());
    let path = line.and_then(|l| errno_path(l)).unwrap_or("a log file");
    let owner = facts.path(path).map(|p| format!(" ({})", p.owner)).unwrap_or_default();
    let word = why.as_deref().and_then(|w| w.split(':').next()).unwrap_or("see the traceback");
    let sentence = format!("the application could not open its log \"{path}\"{owner}: {word}");
    Some(Cause::new(&finding::APP_LOG, sentence))
}

/// The variable that os.environ, python-decouple or django-environ did not find.
fn missing_key(t: &Traceback) -> Option<&str> {
    let key = match t.name() {
        "KeyError" => {
            let os = t.frames.last().is_some_and(|f| {
                f.function == "__getitem__"
                    && (f.file == "<frozen os>" || f.file.ends_with("/os.py"))
            });
            t.message.trim_matches('\'').lines().next().filter(|_| os)?
        }
        "UndefinedValueError" => t.message.split_whitespace().next()?,
        "ImproperlyConfigured" => between(&t.message, "Set the ", " environment variable")?,
        _ => return None,
    };
    let fine = |b: u8| b.is_ascii_alphanumeric() || b == b'_';
    (!key.is_empty() && key.len() <= 64 && key.bytes().all(fine)).then_some(key)
}

fn env_value(facts: &Facts, t: &Traceback) -> Option<Cause> {
    let sentence = if t.message.starts_with("Invalid truth value") {
        format!("a boolean in the env file is none{}", place(facts, t))
    } else if let Some(key) = missing_key(t) {
        format!("the env file has no \"{key}\", which the application needs")
    } else if t.message.contains("SECRET_KEY setting must not be empty") {
        "SECRET_KEY is empty".to_owned()
    } else if t.message.starts_with("invalid literal for int()")
        && ["decouple", "environ.py\"", "gunicorn/config.py\""].iter().any(|file| t.mentions(file))
    {
        format!("a number in the env file is none{}", place(facts, t))
    } else if t.name() == "ValidationError" && t.mentions("pydantic_settings") {
        format!("a value that the settings need is missing or of another kind{}", place(facts, t))
    } else {
        return None;
    };
    Some(Cause::new(&finding::APP_ENV_VALUE, sentence).command(&["meats-env", "check"]))
}

fn database_url(_: &Facts, t: &Traceback) -> Option<Cause> {
    let url = ["dj_database_url", "urllib/parse", "environ.py", "dsn"];
    let texts = [
        "Port could not be cast",
        "Invalid IPv6 URL",
        "No support for",
        "UnknownSchemeError",
        "is not a valid url",
    ];
    let told = texts.iter().any(|text| t.message.contains(text) || t.exception.contains(text));
    (told && url.iter().any(|u| t.mentions(u))).then(|| {
        let sentence =
            "DATABASE_URL could not be understood (its password must be percent-encoded)";
        Cause::new(&finding::APP_DATABASE_URL, sentence).command(&["meats-env", "check"])
    })
}

const DOWN: &[&str] = &[
    "Connection refused",
    "could not connect to server",
    "connection is bad",
    "the database system is starting up",
    "the database system is shutting down",
    "in recovery mode",
    "not yet accepting connections",
    "Connection timed out",
    "timeout expired",
    "could not translate host name",
    "failed to resolve host",
    "No such file or directory",
    "No route to host",
    "is unreachable",
    "too many clients",
    "too many connections",
    "connection slots",
    "couldn't get a connection",
    "server closed the connection",
    "terminating connection",
    "Can't connect",
    "Unknown server host",
    "Too many connections",
    "gone away",
    "Lost connection",
];
const REFUSED: &[&str] = &[
    "password authentication failed",
    "Peer authentication failed",
    "authentication failed for user",
    "no pg_hba.conf entry",
    "pg_hba.conf rejects",
    "no password supplied",
    "not permitted to log in",
    "not currently accepting connections",
    "server does not support SSL",
    "permission denied for",
    NO_LOGIN,
    "Access denied for",
    "Unknown database",
];
/// A role or a database, where it ends the connection; else it is a table or a file.
const NO_LOGIN: &str = "does not exist";
/// Of SQLite and MySQL; PostgreSQL's text names what kind of thing does not exist.
const LACKS: &[&str] = &["no such table", "no such column", "has no column", "(1146,", "(1054,"];
const FILE: &[&str] = &["unable to open database file", "readonly database"];

fn database(facts: &Facts, t: &Traceback) -> Option<Cause> {
    let names = ["OperationalError", "ProgrammingError", "InterfaceError", "ConnectionTimeout"];
    // Brokers and search servers have exceptions of these names, too.
    let others = ["django", "sqlite3", "sqlalchemy", "mysql"];
    let ours = is_driver(&t.exception) || others.contains(&first_part(&t.exception));
    if !names.contains(&t.name()) || !ours {
        return None;
    }
    let fatal = t.message.contains("FATAL:");
    let fits = |w: &&&str| t.message.contains(**w) && (fatal || **w != NO_LOGIN);
    let tells = |words: &[&'static str]| words.iter().find(fits).copied();
    let relation = t.message.starts_with("relation ") || t.message.starts_with("column ");
    if tells(LACKS).is_some() || relation && t.message.contains(NO_LOGIN) {
        let sentence = "the database lacks a table or column that the application asks for";
        return Some(
            Cause::new(&finding::DBS_MIGRATIONS, sentence).command(&["meats-deploy", "apply"]),
        );
    }
    if let Some(words) = tells(FILE) {
        let sentence = format!("the application could not use its database file: {words}");
        return Some(Cause::new(&finding::APP_DENIED, sentence));
    }
    let (kind, sentence): (&'static Kind, String) = if let Some(words) = tells(REFUSED) {
        (&finding::APP_DATABASE_REFUSED, format!("the database refused the application: {words}"))
    } else {
        let words = tells(DOWN)?;
        (&finding::APP_DATABASE_DOWN, format!("the database could not be reached: {words}"))
    };
    let cause = Cause::new(kind, sentence);
    Some(match facts.host.database.known() {
        Some((address, true)) => cause.seen("host", format!("{address} takes connections now")),
        Some((address, false)) => cause.seen("host", format!("{address} takes no connection")),
        None => cause,
    })
}

fn listening(facts: &Facts, t: &Traceback) -> Option<Cause> {
    if t.message.contains("[Errno 98]") {
        return Some(busy_address(facts, &t.message));
    }
    t.message.ends_with("is not a socket").then(|| {
        Cause::new(&finding::APP_BIND, "something that is no socket lies at the path to listen at")
    })
}

fn wrong_object(facts: &Facts, t: &Traceback) -> Option<Cause> {
    (t.name() == "AppImportError").then(|| {
        let sentence = format!("gunicorn found no application at \"{}\"", facts.names.application);
        Cause::new(&finding::APP_OBJECT, sentence)
    })
}

/// gunicorn/app/base.py says so before the traceback.
fn configuration(facts: &Facts, t: &Traceback) -> Option<Cause> {
    let told = |(_, line): &(_, &str)| line.starts_with("Failed to read config file: ");
    (t.mentions("gunicorn/app/base.py\"") && facts.said().iter().any(told)).then(|| {
        let (name, place) = (t.name(), place(facts, t));
        let sentence = format!("gunicorn could not read its configuration file: {name}{place}");
        Cause::new(&finding::APP_OPTION, sentence)
    })
}

/// The settings module itself is missing, or Django does not accept what it says.
fn settings(_: &Facts, t: &Traceback) -> Option<Cause> {
    if t.name() == "ImproperlyConfigured" {
        let sentence = format!("Django does not accept the settings: {}", t.message);
        return Some(Cause::new(&finding::APP_SETTINGS, sentence));
    }
    let module = missing_module(t)?;
    let asked = t.mentions("importlib.import_module(self.SETTINGS_MODULE)");
    // The import that Django asked for failed itself, not one inside of the settings.
    let own = |f: &&Frame| !f.file.starts_with("<frozen") && !f.file.contains("importlib");
    let last = t.frames.iter().rev().find(own);
    let direct = last.is_some_and(|f| f.file.ends_with("django/conf/__init__.py"));
    (asked && direct).then(|| {
        let sentence = format!("the settings module \"{module}\" does not exist");
        Cause::new(&finding::APP_SETTINGS, sentence)
    })
}

fn syntax(_: &Facts, t: &Traceback) -> Option<Cause> {
    SYNTAX.contains(&t.name()).then(|| {
        let frame = t.frames.last();
        let place = frame.map(|f| format!(" in {}:{}", f.file, f.line)).unwrap_or_default();
        Cause::new(
            &finding::APP_SYNTAX,
            format!("Python cannot read the code{place}: {}", t.message),
        )
    })
}

fn import(facts: &Facts, t: &Traceback) -> Option<Cause> {
    if !["ModuleNotFoundError", "ImportError"].contains(&t.name()) {
        return None;
    }
    let own = [&facts.names.application, &facts.names.settings_module];
    let is_own = |module: &str| own.iter().any(|name| first_part(name) == first_part(module));
    let sentence = match missing_module(t) {
        Some(module) if is_own(module) => format!(
            "the module \"{module}\" of the application was not found (wrong working directory or name)"
        ),
        Some(module) => {
            format!("the application needs the module \"{module}\", which is not installed")
        }
        None => format!("an import failed{}: {}", place(facts, t), t.message),
    };
    Some(Cause::new(&finding::APP_IMPORT, sentence))
}

fn denied(facts: &Facts, t: &Traceback) -> Option<Cause> {
    let told = ["[Errno 13]", "[Errno 30]", "[Errno 1]"].iter().any(|e| t.message.contains(e));
    if !told {
        return None;
    }
    let path = errno_path(&t.message)?;
    // The name of a temporary file differs each time.
    let temporary = t.mentions("/tempfile.py\"");
    let path = path.rsplit_once('/').filter(|_| temporary).map_or(path, |(dir, _)| dir);
    if path.starts_with(&format!("{}/", facts.names.log_dir)) && t.mentions("gunicorn") {
        return Some(unwritable_log(facts, path, &t.message));
    }
    let why = if t.message.contains("[Errno 30]") { "read-only" } else { "permission denied" };
    let owner = facts.path(path).map(|p| format!(" ({})", p.owner)).unwrap_or_default();
    let sentence = format!("the application could not open \"{path}\"{owner}: {why}");
    Some(Cause::new(&finding::APP_DENIED, sentence))
}

fn memory(_: &Facts, t: &Traceback) -> Option<Cause> {
    (t.name() == "MemoryError")
        .then(|| Cause::new(&finding::APP_OOM, "the application got no more memory (MemoryError)"))
}
