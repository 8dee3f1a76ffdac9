//! What an administrator's own unit says about the service, for settings that nobody set.
//!
//! Invariant: a value of fixes.conf always wins; from a unit only plain words are taken, for
//! specifiers, variables and quotes are systemd's to resolve.

use std::path::{Path, PathBuf};

use super::Config;
use super::key::{self, Key};
use super::resolve::{absolute, account, addresses, own_directory};
use crate::model::{Origin, Sourced};

/// The `[Service]` settings of a unit in force: all values of a setting, in order.
pub trait ServiceSettings {
    fn values(&self, key: &str) -> Vec<String>;
}

impl Config {
    /// Takes user, group, directories, program, env file and addresses from the unit at `path`.
    pub fn adopt(&mut self, path: &Path, unit: &dyn ServiceSettings) {
        let origin = Origin::File { path: path.to_owned(), line: 0 };
        let last = |key: &str| unit.values(key).pop().filter(|v| plain(v));
        self.address_guessed = self.addresses.origin == Origin::Default;
        let mut take = Take { config: self, origin };
        take.set(&key::USER, |c| &mut c.user, last("User").as_deref().and_then(account));
        take.set(&key::GROUP, |c| &mut c.group, last("Group").as_deref().and_then(account));
        // Without one it is the user's own (systemd.exec(5)).
        let unset = unit.values("Group").is_empty() && !unit.values("User").is_empty();
        take.config.own_group = unset && take.config.group.origin == Origin::Default;
        let directory = last("WorkingDirectory");
        let directory = directory.as_deref().map(|d| d.trim_start_matches('-'));
        take.set(
            &key::WORKING_DIRECTORY,
            |c| &mut c.working_directory,
            directory.and_then(absolute),
        );
        // In addition to the usual place; one that is not there asks for nothing.
        let usual = take.config.requirements.value.clone();
        let own = directory.and_then(absolute).map(|d| d.join("requirements.txt"));
        let own = own.filter(|file| !usual.contains(file));
        let requirements = own.map(|file| [vec![file], usual].concat());
        take.set(&key::REQUIREMENTS, |c| &mut c.requirements, requirements);
        take.env_file(&unit.values("EnvironmentFile"));
        if let Some(command) = unit.values("ExecStart").first() {
            take.command(command);
        }
    }

    /// Takes the addresses that the socket unit at `path` hands over: its `ListenStream=` values.
    pub fn adopt_socket(&mut self, path: &Path, streams: &[&str]) {
        // In the system's manager %t is /run (systemd.unit(5)); a port alone is one of all addresses.
        let spelled = |stream: &&str| match stream.parse::<u16>() {
            Ok(port) => format!("127.0.0.1:{port}"),
            Err(_) => stream.replace("%t", "/run"),
        };
        let plain = streams.iter().map(spelled).filter(|stream| plain(stream));
        let read: Vec<String> = plain.filter_map(|stream| addresses(&stream)).flatten().collect();
        if !read.is_empty() {
            self.address_guessed = false;
            let origin = Origin::File { path: path.to_owned(), line: 0 };
            Take { config: self, origin }.set(&key::ADDRESSES, |c| &mut c.addresses, Some(read));
        }
    }
}

/// Files of the whole system, which are not the service's.
const SYSTEMS: &[&str] =
    &["/etc/environment", "/etc/os-release", "/etc/default/locale", "/etc/locale.conf"];

/// A value as it would be written in fixes.conf.
trait Shown {
    fn shown(&self) -> String;
}

impl Shown for String {
    fn shown(&self) -> String {
        self.clone()
    }
}

impl Shown for PathBuf {
    fn shown(&self) -> String {
        self.display().to_string()
    }
}

impl Shown for u32 {
    fn shown(&self) -> String {
        self.to_string()
    }
}

impl Shown for Vec<PathBuf> {
    fn shown(&self) -> String {
        self.iter().map(Shown::shown).collect::<Vec<_>>().join(" ")
    }
}

impl Shown for Vec<String> {
    fn shown(&self) -> String {
        self.join(" ")
    }
}

/// No specifier, variable, quote or escape.
fn plain(value: &str) -> bool {
    !value.is_empty() && !value.contains(['%', '$', '"', '\'', '\\'])
}

struct Take<'a> {
    config: &'a mut Config,
    origin: Origin,
}

impl Take<'_> {
    fn set<T: Shown + PartialEq>(
        &mut self,
        key: &Key,
        field: impl Fn(&mut Config) -> &mut Sourced<T>,
        value: Option<T>,
    ) {
        let Some(value) = value else { return };
        let origin = self.origin.clone();
        let field = field(self.config);
        if field.origin != Origin::Default || field.value == value {
            return;
        }
        let text = value.shown();
        *field = Sourced { value, origin: origin.clone() };
        let same = |e: &&mut super::Entry| (e.key.section, e.key.name) == (key.section, key.name);
        for entry in self.config.entries.iter_mut().filter(same) {
            entry.value.clone_from(&text);
            entry.origin = origin.clone();
        }
    }

    /// The first file, unless the unit reads the one that is set.
    fn env_file(&mut self, values: &[String]) {
        let paths: Vec<PathBuf> = values
            .iter()
            .map(|v| v.trim_start_matches('-'))
            .filter(|v| plain(v) && !v.contains('*') && !SYSTEMS.contains(v))
            .filter_map(absolute)
            .collect();
        if !paths.contains(&self.config.env_file.value) {
            self.set(&key::ENV_FILE, |c| &mut c.env_file, paths.into_iter().next());
        }
    }

    /// gunicorn's program and arguments, also behind env(1), a shell or Python.
    fn command(&mut self, command: &str) {
        let words = command.split([' ', '\t', '"', '\'', ';']).filter(|word| !word.is_empty());
        let words: Vec<&str> = words.collect();
        let program = words.iter().enumerate().find_map(|(at, word)| {
            let word =
                if at == 0 { word.trim_start_matches(['@', '-', ':', '+', '!']) } else { *word };
            let first = at == 0 && Path::new(word).file_name().is_some_and(|n| n == "gunicorn");
            let module = words.get(at + 1..at + 3).is_some_and(|w| w == ["-m", "gunicorn"]);
            (first || module || word.ends_with("/bin/gunicorn")).then_some(word)
        });
        let program = program.filter(|p| plain(p));
        let Some(program) = program.map(Path::new) else { return };
        let bin = program.parent().filter(|p| p.file_name().is_some_and(|n| n == "bin"));
        let venv = bin.and_then(Path::parent).map(Path::to_owned);
        // A gunicorn of the system is no environment of the application's.
        let system = |v: &PathBuf| v == Path::new("/usr") || v == Path::new("/usr/local");
        let venv = venv.filter(|venv| venv.is_absolute() && !system(venv));
        self.set(&key::VENV, |c| &mut c.venv, venv);
        let options = Options(&words);
        let addresses: Vec<String> =
            options.all(&["-b", "--bind"]).iter().map(|a| address(a)).collect();
        self.config.address_guessed &= addresses.is_empty();
        self.set(
            &key::ADDRESSES,
            |c| &mut c.addresses,
            (!addresses.is_empty()).then_some(addresses),
        );
        let log = options.all(&["--error-logfile", "--log-file"]).pop();
        let directory =
            log.and_then(|l| Path::new(&l).parent().and_then(Path::to_str).map(str::to_owned));
        let own = directory.as_deref().and_then(own_directory);
        // A log file alone says that a directory is the service's where it is one of logs.
        let of_logs = |path: &PathBuf| {
            let name = path.file_name().map(|name| name.to_string_lossy().into_owned());
            path.starts_with("/var/log") || name.is_some_and(|name| name.contains("log"))
        };
        let own = own.filter(|path| of_logs(path) && !self.config.holds_code(path));
        self.set(&key::LOG_DIR, |c| &mut c.log_dir, own);
        let directory = options.all(&["--chdir"]).pop();
        let directory = directory.as_deref().and_then(absolute);
        self.set(&key::WORKING_DIRECTORY, |c| &mut c.working_directory, directory);
        let number = |name: &str| options.all(&[name]).pop().and_then(|n| n.parse().ok());
        self.set(&key::GRACEFUL_TIMEOUT, |c| &mut c.graceful_timeout, number("--graceful-timeout"));
        let application = words.iter().rev().find(|word| is_application(word));
        self.set(&key::APPLICATION, |c| &mut c.application, application.map(|w| (*w).to_owned()));
    }
}

/// `MODULE:OBJECT`, and no address.
pub fn is_application(word: &str) -> bool {
    // gunicorn's addresses and settings files are spelled alike.
    const OTHERS: &[&str] = &["unix", "fd", "file", "python", "egg", "tcp"];
    let name = |text: &str| {
        !text.is_empty()
            && !text.starts_with(|c: char| c.is_ascii_digit())
            && text.chars().all(|c| c.is_alphanumeric() || "_.()-".contains(c))
    };
    let both = |(module, object)| !OTHERS.contains(&module) && name(module) && name(object);
    word.split_once(':').is_some_and(both)
}

/// An address as the setting spells it: a path for a unix socket, an address and port else.
fn address(bind: &str) -> String {
    let bind = bind.strip_prefix("unix:").unwrap_or(bind);
    let bind = bind.strip_prefix("tcp://").unwrap_or(bind);
    match bind.strip_prefix("localhost:").or_else(|| bind.strip_prefix(':')) {
        Some(port) => format!("127.0.0.1:{port}"),
        None => bind.to_owned(),
    }
}

/// `--workers=4`, `-w=4` and `-w4`; `-D` and `-R` have no value.
pub fn attached_option(word: &str) -> Option<(&str, &str)> {
    let short = word.split_at_checked(2).filter(|(option, value)| {
        !value.is_empty() && !value.starts_with('=') && !["--", "-D", "-R"].contains(option)
    });
    short.filter(|(option, _)| option.starts_with('-')).or_else(|| word.split_once('='))
}

/// A command line as words.
struct Options<'a>(&'a [&'a str]);

impl Options<'_> {
    /// Every value of an option, in the forms `--name value`, `--name=value` and `-nvalue`.
    fn all(&self, names: &[&str]) -> Vec<String> {
        let next = self.0.iter().skip(1).copied().chain([""]);
        let value = |(word, next): (&&str, &str)| {
            let (name, value) = attached_option(word).unwrap_or((word, next));
            names.contains(&name).then(|| value.to_owned())
        };
        let found = self.0.iter().zip(next).filter_map(|(word, next)| value((word, next)));
        found.filter(|v| plain(v)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Source, resolve};
    use crate::model::Fact;

    struct Unit(&'static [(&'static str, &'static str)]);

    impl ServiceSettings for Unit {
        fn values(&self, key: &str) -> Vec<String> {
            self.0.iter().filter(|(k, _)| *k == key).map(|(_, v)| (*v).to_owned()).collect()
        }
    }

    const OLD: Unit = Unit(&[
        ("User", "www-data"),
        ("Group", "www-data"),
        ("WorkingDirectory", "/srv/meats/backend"),
        ("EnvironmentFile", "-/srv/meats/.env.production"),
        (
            "ExecStart",
            "/srv/meats/venv/bin/gunicorn --workers 3 -b 0.0.0.0:9000 --error-logfile=/var/log/meats/error.log --graceful-timeout 60 meats.wsgi:application",
        ),
    ]);

    #[test]
    fn a_unit_fills_what_nobody_set() {
        let (mut config, _) = resolve(&[]);
        config.adopt(Path::new("/etc/systemd/system/x.service"), &OLD);
        assert_eq!(config.user.value, "www-data");
        assert_eq!(config.working_directory.value, Path::new("/srv/meats/backend"));
        assert_eq!(config.env_file.value, Path::new("/srv/meats/.env.production"));
        assert_eq!(config.venv.value, Path::new("/srv/meats/venv"));
        assert_eq!(config.addresses.value, ["0.0.0.0:9000"]);
        assert_eq!(config.log_dir.value, Path::new("/var/log/meats"));
        assert_eq!(config.graceful_timeout.value, 60);
        assert_eq!(config.application.value, "meats.wsgi:application");
        let shown = config.entries.iter().find(|e| e.key.name == "addresses").map(|e| &e.value);
        assert_eq!(shown.map(String::as_str), Some("0.0.0.0:9000"));
    }

    #[test]
    fn settings_win_and_odd_words_are_left_alone() {
        let text = b"[service]\nuser = meats\n[paths]\nlog_dir = /var/log/mine\n".to_vec();
        let source = Source { path: "/f".into(), bytes: Fact::Known(text) };
        let (mut config, _) = resolve(&[source]);
        let odd = Unit(&[
            ("User", "www-data"),
            ("Group", "%u"),
            ("EnvironmentFile", "/etc/projectmeats/projectmeats.env"),
            ("EnvironmentFile", "-/opt/other.env"),
            ("ExecStart", "/usr/bin/gunicorn --error-logfile /etc/x.log a:b"),
        ]);
        let before = config.clone();
        config.adopt(Path::new("/x"), &odd);
        assert_eq!(config.user.value, "meats");
        assert_eq!(config.group.value, before.group.value);
        assert_eq!(config.env_file.value, before.env_file.value);
        assert_eq!(config.venv.value, before.venv.value);
        assert_eq!(config.log_dir.value, Path::new("/var/log/mine"));
    }

    fn of_command(command: &'static str) -> Config {
        let (mut config, _) = resolve(&[]);
        let settings =
            [("User", "meats"), ("WorkingDirectory", "/srv/app"), ("ExecStart", command)];
        config.adopt(Path::new("/x"), &Unit(Box::leak(Box::new(settings))));
        config
    }

    #[test]
    fn gunicorn_behind_other_programs() {
        for command in [
            "/bin/bash -c \"exec /srv/venv/bin/gunicorn --bind 127.0.0.1:9000 a.wsgi:app --pid /run/gunicorn\"",
            "/usr/bin/env A=1 /srv/venv/bin/gunicorn -b 127.0.0.1:9000 a.wsgi:app -w 3",
            "/srv/venv/bin/python3 -m gunicorn a.wsgi:app --bind '127.0.0.1:9000'",
            "-/srv/venv/bin/gunicorn a.wsgi:app --bind 127.0.0.1:9000",
        ] {
            let config = of_command(command);
            assert_eq!(config.venv.value, Path::new("/srv/venv"), "{command}");
            assert_eq!(config.addresses.value, ["127.0.0.1:9000"], "{command}");
            assert_eq!(config.application.value, "a.wsgi:app", "{command}");
            assert!(config.own_group);
            assert_eq!(config.requirements.value[0], Path::new("/srv/app/requirements.txt"));
        }
    }

    #[test]
    fn words_that_look_like_others() {
        for (command, address, application) in [
            (
                "/v/bin/gunicorn --bind :8000 my-app.wsgi:application",
                "127.0.0.1:8000",
                "my-app.wsgi:application",
            ),
            (
                "/v/bin/gunicorn wsgi:app -c file:gunicorn.conf.py --bind unix:x.sock",
                "x.sock",
                "wsgi:app",
            ),
            (
                "/bin/sh -c 'exec /v/bin/gunicorn wsgi:app -b 0.0.0.0:80; echo'",
                "0.0.0.0:80",
                "wsgi:app",
            ),
            ("/v/bin/gunicorn -bunix:/run/a=b.sock wsgi:app", "/run/a=b.sock", "wsgi:app"),
        ] {
            let config = of_command(command);
            assert_eq!(config.addresses.value, [address], "{command}");
            assert_eq!(config.application.value, application, "{command}");
        }
        let before = resolve(&[]).0.venv;
        assert_eq!(of_command("/bin/sh -c 'exec venv/bin/gunicorn a:b'").venv, before);
    }

    #[test]
    fn logs_beside_code_give_no_directory_away() {
        let before = resolve(&[]).0.log_dir;
        for log in
            ["/home/alice/error.log", "/srv/app/error.log", "/srv/venv/error.log", "/srv/error.log"]
        {
            let command = format!("/srv/venv/bin/gunicorn --error-logfile {log} a:b");
            assert_eq!(of_command(command.leak()).log_dir, before, "{log}");
        }
    }

    #[test]
    fn an_address_that_nobody_names_is_a_guess() {
        for (command, guessed) in [
            ("/v/bin/gunicorn a:b", true),
            ("/v/bin/gunicorn -c gunicorn.conf.py a:b", true),
            ("/srv/start.sh", true),
            ("/v/bin/gunicorn --bind 127.0.0.1:8000 a:b", false),
            ("/v/bin/gunicorn -b=127.0.0.1:8000 a:b", false),
            ("/v/bin/gunicorn -b127.0.0.1:8000 a:b", false),
        ] {
            assert_eq!(of_command(command).address_guessed, guessed, "{command}");
        }
        let text = b"[listen]\naddresses = 127.0.0.1:8000\n".to_vec();
        let source = Source { path: "/f".into(), bytes: Fact::Known(text) };
        let (mut config, _) = resolve(&[source]);
        config.adopt(Path::new("/x"), &Unit(&[("ExecStart", "/v/bin/gunicorn a:b")]));
        assert!(!config.address_guessed);
    }

    #[test]
    fn a_socket_says_where() {
        for (streams, expected) in [
            (["/run/x.sock"].as_slice(), ["/run/x.sock"].as_slice()),
            (&["%t/x.sock", "@x", "vsock::1"], &["/run/x.sock"]),
            (&["9000", "[::1]:9001"], &["127.0.0.1:9000", "[::1]:9001"]),
            (&["%h/x.sock"], &["127.0.0.1:8000"]),
        ] {
            let mut config = of_command("/v/bin/gunicorn a:b");
            config.adopt_socket(Path::new("/x.socket"), streams);
            assert_eq!(config.addresses.value, expected, "{streams:?}");
            assert_eq!(config.address_guessed, streams == ["%h/x.sock"]);
        }
    }

    #[test]
    fn a_log_in_a_directory_of_the_system_is_not_ours() {
        let (mut config, _) = resolve(&[]);
        let before = config.log_dir.clone();
        let unit = Unit(&[("ExecStart", "/v/bin/gunicorn --error-logfile /var/log/x.log a:b")]);
        config.adopt(Path::new("/x"), &unit);
        assert_eq!(config.log_dir, before);
        assert_eq!(config.venv.value, Path::new("/v"));
    }
}
