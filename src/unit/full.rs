//! The full unit and its socket, for a host where the administrator has none.

use super::facts::UnitFacts;
use super::plan::header;
use super::quote::{quote, quote_exec};
use super::{OLDEST_SYSTEMD, WALL, harden};
use crate::config::{CAPTURE, Config, PRE_START};
use crate::model::{Fact, FileKind, Sourced};

/// A text that grows by lines; a value that is not a default gets its origin as a comment.
struct Text(String);

impl Text {
    fn line(&mut self, line: impl AsRef<str>) {
        self.0.push_str(line.as_ref());
        self.0.push('\n');
    }

    fn tuned<T>(&mut self, from: &Sourced<T>, line: impl AsRef<str>) {
        if from.origin != crate::model::Origin::Default {
            self.line(format!("# {}", from.origin));
        }
        self.line(line);
    }
}

/// `NAME.service`.
pub(super) fn service(config: &Config, facts: &UnitFacts) -> String {
    let mut t = Text(header(config, "the unit of the service"));
    unit_section(&mut t, config);
    t.line("");
    t.line("[Service]");
    process(&mut t, config, facts);
    commands(&mut t, config);
    ending(&mut t, config, facts);
    t.line("");
    t.line("# Sandbox");
    for line in harden::lines(config) {
        t.tuned(&config.hardening, line);
    }
    t.0
}

fn unit_section(t: &mut Text, config: &Config) {
    t.line("[Unit]");
    t.tuned(&config.description, format!("Description={}", escape(&config.description.value)));
    t.line("Documentation=man:projectmeats-fixes(7) man:projectmeats-generator(8)");
    t.line("After=network.target postgresql.service");
    if config.activation.value {
        t.line(format!("Requires={}", config.socket_unit()));
        t.line(format!("After={}", config.socket_unit()));
    }
    let interval = &config.start_limit_interval_sec;
    t.tuned(interval, format!("StartLimitIntervalSec={}", interval.value));
    let burst = &config.start_limit_burst;
    t.tuned(burst, format!("StartLimitBurst={}", burst.value));
    t.line("OnFailure=projectmeats-capture@%n.service");
    if !config.on_failure.value.is_empty() {
        t.tuned(&config.on_failure, format!("OnFailure={}", config.on_failure.value.join(" ")));
    }
}

fn process(t: &mut Text, config: &Config, facts: &UnitFacts) {
    match &facts.gunicorn {
        Fact::Known(version) if *version < (20, 0) => {
            t.line("# gunicorn before 20.0 never says that it is ready");
            t.line("Type=exec");
        }
        _ => t.line("Type=notify"),
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
    match &facts.env_file {
        Fact::Known(FileKind::Regular) | Fact::Absent => {
            t.tuned(&config.env_file, format!("EnvironmentFile=-{}", escape(&env_file)));
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
}

fn commands(t: &mut Text, config: &Config) {
    t.line(format!("ExecStartPre=+{PRE_START}"));
    t.tuned(&config.application, format!("ExecStart={}", command(config)));
    t.line("ExecReload=/bin/kill -HUP $MAINPID");
    t.line(format!("ExecStopPost=-+{CAPTURE}"));
}

fn command(config: &Config) -> String {
    let mut words = vec![config.venv.value.join("bin/gunicorn").display().to_string()];
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
    if !config.activation.value {
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
    words.iter().map(|w| quote_exec(w)).collect::<Vec<_>>().join(" ")
}

fn ending(t: &mut Text, config: &Config, facts: &UnitFacts) {
    t.line("KillMode=mixed");
    t.line("TimeoutStartSec=60");
    let stop = config.graceful_timeout.value + 10;
    t.tuned(&config.graceful_timeout, format!("TimeoutStopSec={stop}"));
    t.line("Restart=always");
    t.tuned(&config.restart_sec, format!("RestartSec={}", config.restart_sec.value));
    let version = facts.systemd.known().copied().unwrap_or(OLDEST_SYSTEMD);
    if version >= 254 {
        // Growing pauses, but few enough that the start limit is still reached.
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
    if config.addresses.value.iter().any(|a| a.starts_with('/')) {
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
