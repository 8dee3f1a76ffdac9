//! The full unit and its socket, for a host where the administrator has none.

use super::emitted::header;
use super::facts::{Program, UnitFacts};
use super::listen::Listening;
use super::quote::{escape_pattern, quote, quote_exec};
use super::{OLDEST_SYSTEMD, WALL, harden};
use crate::config::{CAPTURE, CREDENTIALS_DIR, Config, PRE_START, PROBE};
use crate::model::{Fact, FileKind, Origin, Sourced};

/// A text that grows by lines; a value that is not a default gets its origin as a comment.
struct Text(String);

impl Text {
    fn line(&mut self, line: impl AsRef<str>) {
        self.0.push_str(line.as_ref());
        self.0.push('\n');
    }

    fn tuned<T>(&mut self, from: &Sourced<T>, line: impl AsRef<str>) {
        if from.origin != Origin::Default {
            self.line(format!("# {}", from.origin));
        }
        self.line(line);
    }
}

/// `NAME.service`.
pub(super) fn service(config: &Config, facts: &UnitFacts, listening: &Listening) -> String {
    let mut t = Text(header(config, "the unit of the service"));
    unit_section(&mut t, config, facts, listening);
    t.line("");
    t.line("[Service]");
    process(&mut t, config, facts);
    commands(&mut t, config, facts, listening);
    ending(&mut t, config, facts);
    t.line("");
    t.line("# Sandbox");
    let mut before = Origin::Default;
    for line in harden::lines(config) {
        if line.from != before && line.from != Origin::Default {
            t.line(format!("# {}", line.from));
        }
        t.line(line.text);
        before = line.from;
    }
    t.0
}

fn unit_section(t: &mut Text, config: &Config, facts: &UnitFacts, listening: &Listening) {
    t.line("[Unit]");
    t.tuned(&config.description, format!("Description={}", escape(&config.description.value)));
    t.line("Documentation=man:projectmeats-fixes(7) man:projectmeats-generator(8)");
    t.line("After=network.target postgresql.service");
    if let Program::BelowMount(mount) = &facts.program {
        t.line(format!("# \"{}\" is not mounted yet", mount.display()));
    }
    for rival in &facts.rivals {
        t.line(format!("# {rival} is enabled: this unit is not started at boot beside it"));
    }
    sockets(t, config, listening);
    let interval = &config.start_limit_interval_sec;
    t.tuned(interval, format!("StartLimitIntervalSec={}", interval.value));
    let burst = &config.start_limit_burst;
    t.tuned(burst, format!("StartLimitBurst={}", burst.value));
    t.line("OnFailure=projectmeats-capture@%n.service");
    if !config.on_failure.value.is_empty() {
        t.tuned(&config.on_failure, format!("OnFailure={}", config.on_failure.value.join(" ")));
    }
}

/// The service and its socket unit are stopped and started in the right order whichever way of
/// listening the running ones have: a socket unit that is gone from the disk still holds its
/// addresses until it is stopped.
fn sockets(t: &mut Text, config: &Config, listening: &Listening) {
    let socket = config.socket_unit();
    match listening {
        Listening::Socket => t.tuned(&config.activation, format!("Requires={socket}")),
        Listening::HisSocket => {
            t.line("# the administrator's own socket unit holds the addresses");
            t.line(format!("Requires={socket}"));
        }
        Listening::Bind { because } => {
            match because {
                Some(why) => t.line(format!("# {why}: gunicorn binds the addresses itself")),
                None => t.line(format!("# {}", config.activation.origin)),
            }
            t.line(format!("Conflicts={socket}"));
        }
    }
    t.line(format!("After={socket}"));
}

fn process(t: &mut Text, config: &Config, facts: &UnitFacts) {
    if notifies(facts) {
        t.line("Type=notify");
    } else {
        t.line("# gunicorn before 20.0 never says that it is ready");
        t.line("Type=exec");
    }
    t.line("NotifyAccess=exec");
    if facts.user_exists && facts.group_exists {
        t.tuned(&config.user, format!("User={}", config.user.value));
        t.tuned(&config.group, format!("Group={}", config.group.value));
    } else {
        // 216/GROUP and 217/USER would keep the pre-start helper, too, from running; nobody is
        // known to every Debian host, and pre-start stops the start with the reason.
        t.line(format!(
            "# user \"{}\" or group \"{}\" does not exist; pre-start says so",
            config.user.value, config.group.value
        ));
        t.line("User=nobody");
        t.line("Group=nogroup");
    }
    let directory = &config.working_directory;
    t.tuned(
        directory,
        format!("WorkingDirectory=-{}", escape(&directory.value.display().to_string())),
    );
    environment(t, config, facts);
}

fn environment(t: &mut Text, config: &Config, facts: &UnitFacts) {
    let env_file = config.env_file.value.display().to_string();
    match facts.env_file(&config.env_file).map_or(&Fact::Absent, |f| &f.kind) {
        Fact::Known(FileKind::Regular) | Fact::Absent => {
            t.tuned(&config.env_file, format!("EnvironmentFile=-{}", escape_pattern(&env_file)));
        }
        Fact::Known(FileKind::Symlink) | Fact::Unknown(_) => {
            t.line(format!("# \"{env_file}\" could not be seen to be a regular file: left out"));
        }
        Fact::Known(kind) => {
            t.line(format!(
                "# \"{env_file}\" is a {}: reading it could block systemd",
                kind.word()
            ));
        }
    }
    let path = format!(
        "PATH={}/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
        config.venv.value.display()
    );
    t.tuned(&config.venv, format!("Environment={}", quote(&path)));
    // gunicorn 25 and newer put a control socket there.
    let runtime = format!("XDG_RUNTIME_DIR={}", config.runtime_dir.value.display());
    t.tuned(&config.runtime_dir, format!("Environment={}", quote(&runtime)));
    if !config.settings_module.value.is_empty() {
        let module = format!("DJANGO_SETTINGS_MODULE={}", config.settings_module.value);
        t.tuned(&config.settings_module, format!("Environment={}", quote(&module)));
    }
    t.line(format!("UnsetEnvironment={}", WALL.join(" ")));
    credentials(t, config);
}

/// Values that come as files in `$CREDENTIALS_DIRECTORY` and not in the environment. Without the
/// `SetCredential=`, which systemd takes while pre-start has not yet written the file, a missing
/// file would end every command with 243/CREDENTIALS. The application never sees it: pre-start
/// stops a start for which it could not write the file. One line a file, because 252 does not read
/// a directory again between pre-start and the service.
fn credentials(t: &mut Text, config: &Config) {
    let names = &config.credentials;
    if names.is_empty() {
        return;
    }
    t.tuned(names, format!("UnsetEnvironment={}", names.join(" ")));
    for name in &names.value {
        t.line(format!("SetCredential={name}:not-written-by-pre-start"));
        t.line(format!("LoadCredential={name}:{CREDENTIALS_DIR}/{name}"));
    }
}

fn commands(t: &mut Text, config: &Config, facts: &UnitFacts, listening: &Listening) {
    t.line(format!("ExecStartPre=+{PRE_START}"));
    let bind = matches!(listening, Listening::Bind { .. });
    t.tuned(&config.application, format!("ExecStart={}", command(config, bind)));
    if bind && !notifies(facts) {
        t.line("# started is only what can be connected to");
        t.line(format!("ExecStartPost={PROBE} --connect --wait=50"));
    }
    if notifies(facts) {
        t.line(format!("ExecStartPost=-+{CAPTURE} --started"));
    }
    t.line("ExecReload=/bin/kill -HUP $MAINPID");
    t.line(format!("ExecStopPost=-+{CAPTURE}"));
}

/// gunicorn before 20.0 never says that it is ready.
fn notifies(facts: &UnitFacts) -> bool {
    facts.gunicorn.known().is_none_or(|version| *version >= (20, 0))
}

fn command(config: &Config, bind: bool) -> String {
    // No variable is expanded in the program's own path, so no `$` is doubled there.
    let program = quote(&config.venv.value.join("bin/gunicorn").display().to_string());
    let mut words = Vec::new();
    let mut option = |name: &str, value: String| words.extend([name.to_owned(), value]);
    option("--workers", config.workers.value.to_string());
    option("--threads", config.threads.value.to_string());
    option("--timeout", config.timeout.value.to_string());
    option("--graceful-timeout", config.graceful_timeout.value.to_string());
    option("--max-requests", "1000".to_owned());
    option("--max-requests-jitter", "100".to_owned());
    option("--access-logfile", config.log_file("access.log").display().to_string());
    option("--error-logfile", config.log_file("error.log").display().to_string());
    option("--log-level", "info".to_owned());
    if bind {
        for address in &config.addresses.value {
            let unix = address.starts_with('/');
            option("--bind", if unix { format!("unix:{address}") } else { address.clone() });
        }
    }
    if config.preload.value {
        words.push("--preload".to_owned());
    }
    words.extend(config.extra_args.value.iter().cloned());
    words.push(config.application.value.clone());
    words.iter().fold(program, |line, word| line + " " + &quote_exec(word))
}

fn ending(t: &mut Text, config: &Config, facts: &UnitFacts) {
    t.line("KillMode=mixed");
    t.line("TimeoutStartSec=60");
    let stop = config.graceful_timeout.value + 10;
    t.tuned(&config.graceful_timeout, format!("TimeoutStopSec={stop}"));
    t.line("Restart=always");
    t.tuned(&config.restart_sec, format!("RestartSec={}", config.restart_sec.value));
    let version = facts.systemd.known().copied().unwrap_or(OLDEST_SYSTEMD);
    let longest = config.start_limit_burst.value.saturating_mul(config.restart_sec.value * 3);
    let limit = config.start_limit_interval_sec.value;
    if version >= 254 && (limit == 0 || longest < limit) {
        // Growing pauses, where the start limit is still reached.
        t.line("RestartSteps=3");
        t.line(format!("RestartMaxDelaySec={}", (config.restart_sec.value * 3).max(1)));
    }
    let statuses = &config.success_exit_status;
    if !statuses.value.is_empty() {
        let list: Vec<String> = statuses.value.iter().map(u8::to_string).collect();
        t.line("# capture and meats-diagnose judge by the status itself, not by this");
        t.tuned(statuses, format!("SuccessExitStatus={}", list.join(" ")));
    }
    t.line("StandardOutput=journal");
    t.line("StandardError=journal");
}

/// `NAME.socket`: systemd holds the addresses, so a restart refuses nobody.
pub(super) fn socket(config: &Config, facts: &UnitFacts) -> String {
    let mut t = Text(header(config, "the listening sockets of the service"));
    t.line("[Unit]");
    t.line(format!("Description=Sockets of {}", escape(&config.description.value)));
    t.line("Documentation=man:projectmeats-generator(8)");
    t.line("");
    t.line("[Socket]");
    for address in &config.addresses.value {
        t.tuned(&config.addresses, format!("ListenStream={}", escape(address)));
    }
    let begins = |with: &str| config.addresses.value.iter().any(|a| a.starts_with(with));
    if begins("0.0.0.0:") && begins("[::]:") {
        t.line("BindIPv6Only=ipv6-only");
    }
    if begins("/") {
        // An unknown user fails the socket, and with it the service, before pre-start can say so.
        if facts.user_exists && facts.group_exists {
            t.tuned(&config.user, format!("SocketUser={}", config.user.value));
            t.tuned(&config.group, format!("SocketGroup={}", config.group.value));
        }
        t.line("SocketMode=0660");
        t.line("RemoveOnStop=yes");
    }
    t.line("NoDelay=yes");
    t.0
}

/// A value that is not split into words: only specifiers are special.
fn escape(value: &str) -> String {
    value.replace('%', "%%")
}
