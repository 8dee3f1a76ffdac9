//! The table of settings: names, defaults, what is allowed. fixes.conf(5), the commented
//! conffile and `meats-diagnose config` are compared with it by tests/docs.rs.

/// One setting.
#[derive(Debug)]
pub struct Key {
    pub section: &'static str,
    pub name: &'static str,
    /// The default as it would be written.
    pub default: &'static str,
    /// What is allowed, for the manual and for errors.
    pub expects: &'static str,
    /// What it does, one or two sentences.
    pub doc: &'static str,
}

macro_rules! keys {
    ($($const:ident: $section:literal $name:literal = $default:literal, $expects:literal, $doc:literal;)*) => {
        $(
            #[doc = $doc]
            pub const $const: Key = Key {
                section: $section, name: $name, default: $default, expects: $expects, doc: $doc,
            };
        )*
        /// Every setting, in the order of the manual.
        pub const KEYS: &[&Key] = &[$(&$const),*];
    };
}

keys! {
    SERVICE: "service" "name" = "projectmeats", "a unit name without .service",
        "The systemd service that this package looks after; NAME@INSTANCE for an instance of a template.";
    DESCRIPTION: "service" "description" = "ProjectMeats (Django, gunicorn)", "one line of text",
        "Description= of the generated unit.";
    USER: "service" "user" = "projectmeats", "a user name or number",
        "The user that gunicorn runs as and that owns its logs.";
    GROUP: "service" "group" = "www-data", "a group name or number",
        "The group that gunicorn runs as; the web server is a member of it.";
    ENABLED: "service" "enabled" = "yes", "yes or no",
        "Whether the generated unit is started at boot. systemctl disable has no effect on a generated unit; this has.";
    CREDENTIALS: "service" "credentials" = "", "names of variables, separated by blanks or commas, or nothing",
        "Variables of the env file that the application gets as files in $CREDENTIALS_DIRECTORY and not in its environment; projectmeats-generator(8) shows how Django reads them.";

    APP_DIR: "paths" "app_dir" = "/opt/projectmeats", "an absolute path",
        "The directory of the application.";
    WORKING_DIRECTORY: "paths" "working_directory" = "/opt/projectmeats/backend", "an absolute path",
        "The directory of manage.py; gunicorn starts there.";
    VENV: "paths" "venv" = "/opt/projectmeats/venv", "an absolute path without quotes, backslashes and * ? [",
        "The virtual environment that holds gunicorn.";
    REQUIREMENTS: "paths" "requirements" = "/opt/projectmeats/backend/requirements.txt", "absolute paths, separated by blanks",
        "Requirements files of the application; a missing one asks for nothing.";
    ENV_FILE: "paths" "env_file" = "/etc/projectmeats/projectmeats.env", "an absolute path",
        "The environment file of the service.";
    LOG_DIR: "paths" "log_dir" = "/var/log/projectmeats", "an absolute path that is no directory of the system",
        "The directory of the log files.";
    LOG_FILES: "paths" "log_files" = "access.log error.log django.log post_failure.log", "file names, separated by blanks",
        "Log files that exist before the service starts.";
    RUNTIME_DIR: "paths" "runtime_dir" = "/run/projectmeats", "an absolute path that is no directory of the system",
        "A directory below /run that is made for the service before it starts.";
    WRITABLE: "paths" "writable" = "/opt/projectmeats/backend/media /opt/projectmeats/backend/staticfiles", "absolute paths that are no directories of the system, separated by blanks",
        "Further directories that the service may write; missing ones are made before it starts if their parent exists.";

    APPLICATION: "gunicorn" "application" = "projectmeats.wsgi:application", "MODULE:OBJECT",
        "The WSGI application.";
    SETTINGS_MODULE: "gunicorn" "settings_module" = "", "a Python module, or nothing",
        "DJANGO_SETTINGS_MODULE of the generated unit; nothing leaves it to the env file and the application.";
    WORKERS: "gunicorn" "workers" = "3", "1 to 1024",
        "Number of worker processes.";
    THREADS: "gunicorn" "threads" = "2", "1 to 1024",
        "Threads of each worker. With more than one, gunicorn 23.0.0 loses requests at each restart; 27.0.1 does not.";
    TIMEOUT: "gunicorn" "timeout" = "120", "seconds, 1 to 86400",
        "A worker that is silent for so long is killed.";
    GRACEFUL_TIMEOUT: "gunicorn" "graceful_timeout" = "30", "seconds, 1 to 3600",
        "How long requests may go on at a stop. TimeoutStopSec= of the unit is 10 seconds longer.";
    PRELOAD: "gunicorn" "preload" = "yes", "yes or no",
        "Load the application before the workers: a start that cannot load it then fails at once.";
    EXTRA_ARGS: "gunicorn" "extra_args" = "", "arguments, separated by blanks",
        "Further arguments of gunicorn, at the end of the command.";

    ADDRESSES: "listen" "addresses" = "127.0.0.1:8000", "ADDRESS:PORT or absolute socket paths, separated by blanks",
        "Where the service listens.";
    ACTIVATION: "listen" "activation" = "yes", "yes or no",
        "Let systemd hold the addresses in a .socket unit, so that a restart refuses no request. With no, gunicorn binds them itself.";

    RESTART_SEC: "restart" "restart_sec" = "5", "seconds, 0 to 3600",
        "Pause before an automatic restart.";
    START_LIMIT_INTERVAL_SEC: "restart" "start_limit_interval_sec" = "120", "seconds, 0 to 86400",
        "With start_limit_burst: so many starts in this time and systemd gives up. It must be longer than burst times restart_sec.";
    START_LIMIT_BURST: "restart" "start_limit_burst" = "6", "1 to 1000",
        "Starts allowed in start_limit_interval_sec.";
    SUCCESS_EXIT_STATUS: "restart" "success_exit_status" = "0 1", "exit statuses, separated by blanks, or nothing",
        "SuccessExitStatus= of the generated unit. Capture and diagnosis judge by the status itself.";
    ON_FAILURE: "restart" "on_failure" = "", "unit names, separated by blanks, or nothing",
        "Further units that are started when the service fails (OnFailure=).";

    HARDENING: "hardening" "profile" = "default", "off, default or strict",
        "Sandbox of the generated unit. strict takes the right to write the working directory.";
    HARDENING_OVERRIDE: "hardening" "override" = "", "DIRECTIVE=VALUE, separated by blanks; quoted where the value has blanks",
        "Single directives of the sandbox instead of those of the profile; an empty VALUE leaves the directive out. projectmeats-generator(8) lists them.";

    REPAIR_ENV: "repair" "env_file" = "yes", "yes or no",
        "Repair the env file before a start. With no it is only checked.";
    DOUBLE_EQUALS: "repair" "double_equals" = "auto", "auto, strip or keep",
        "What to do with SECRET_KEY==...; projectmeats.env(5) has the rules of auto.";
    MAX_ENTRIES: "repair" "max_entries" = "200000", "1 to 10000000",
        "Most entries of the log directory that are looked at. The files named in log_files always are.";
    MAX_REPAIRS: "repair" "max_repairs" = "2000", "1 to 100000",
        "Most further files of the log directory that are repaired at one start; the rest waits for the next one.";
    MAX_SECONDS: "repair" "max_seconds" = "10", "seconds, 1 to 30",
        "How long the log directory may be looked through before a start.";

    HEALTH_PATH: "health" "path" = "/health/", "a path that begins with /",
        "What is asked to see whether the service answers.";
    HEALTH_HOST: "health" "host" = "", "a host name, or nothing",
        "Host: header of the question; nothing takes the first name of ALLOWED_HOSTS.";
    HEALTH_TIMEOUT_SEC: "health" "timeout_sec" = "5", "seconds, 1 to 300",
        "How long an answer may take.";

    WATCHDOG_INTERVAL_SEC: "watchdog" "interval_sec" = "0", "seconds, 0 or 10 to 86400",
        "Ask the health path so often while the service runs, and restart the service when it fails to answer failures times in a row. Beside a unit that does not say where it listens, addresses must be set. 0 is off: then nothing of this package runs while the service does.";
    WATCHDOG_FAILURES: "watchdog" "failures" = "3", "1 to 100",
        "Questions in a row without a good answer before the watchdog restarts the service.";

    CAPTURE_LINES: "capture" "journal_lines" = "200", "1 to 10000",
        "Journal lines kept in a failure record.";
    CAPTURE_RECORDS: "capture" "max_records" = "100", "1 to 100000",
        "Failure records kept; the oldest go first.";
    CAPTURE_LOG_SIZE: "capture" "max_log_size" = "5242880", "bytes, 65536 to 1073741824",
        "post_failure.log becomes post_failure.log.1 when it would grow beyond this.";
    BACKUPS: "backup" "max_backups" = "50", "2 to 10000",
        "Backups of the env file kept; the first one always stays.";
}
