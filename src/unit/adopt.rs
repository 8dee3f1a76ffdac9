//! The settings that make the generated unit do what the administrator's unit does.

use std::path::Path;

use super::file::UnitFile;
use super::words::{RawWord, raw_words};
use crate::config::{attached_option, is_application};

/// One line of fixes.conf.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Setting {
    pub section: &'static str,
    pub name: &'static str,
    pub value: String,
}

/// What a unit says in the words of fixes.conf, and what those words cannot say.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Adoption {
    pub settings: Vec<Setting>,
    /// Lines of the unit that are not carried over; a drop-in can.
    pub left: Vec<String>,
}

impl Adoption {
    fn set(&mut self, section: &'static str, name: &'static str, value: impl Into<String>) {
        self.settings.retain(|s| (s.section, s.name) != (section, name));
        self.settings.push(Setting { section, name, value: value.into() });
    }

    /// Adds to a setting that is a list.
    fn add(&mut self, section: &'static str, name: &'static str, value: &str) {
        let same = |s: &&mut Setting| (s.section, s.name) == (section, name);
        match self.settings.iter_mut().find(same) {
            Some(setting) => setting.value = format!("{} {value}", setting.value),
            None => self.set(section, name, value),
        }
    }
}

/// Reads the settings off a unit.
pub fn adopt(unit: &UnitFile, log_dir: &Path, runtime_dir: &Path) -> Adoption {
    let mut adoption = Adoption::default();
    for (section, key, group, name) in PLAIN {
        let Some(value) = unit.last(section, key).filter(|v| !v.is_empty()) else { continue };
        match literal(value.trim_start_matches('-')) {
            Some(value) => adoption.set(group, name, value),
            None => adoption.left.push(format!("[{section}] {key}={value}")),
        }
    }
    environment(&mut adoption, unit);
    command(&mut adoption, unit);
    sandbox(&mut adoption, unit, log_dir, runtime_dir);
    let known = |section: &str, key: &str| {
        PLAIN.iter().any(|(s, k, ..)| (*s, *k) == (section, key))
            || OURS.contains(&key)
            || (section, key) == ("Install", "WantedBy")
    };
    for a in &unit.assignments {
        let in_force = unit.list(&a.section, &a.key).contains(&a.value.as_str());
        let order = ["After", "Wants", "Requires"].contains(&a.key.as_str());
        let same = [("UMask", "0027"), ("TimeoutStartSec", "60")]
            .contains(&(a.key.as_str(), a.value.as_str()));
        let usual = same || order && a.value.split_whitespace().all(|unit| USUAL.contains(&unit));
        if in_force && !usual && !known(&a.section, &a.key) {
            adoption.left.push(format!("[{}] {}={}", a.section, a.key, a.value));
        }
    }
    adoption
}

/// A value without specifiers, which are systemd's to resolve.
fn literal(value: &str) -> Option<String> {
    (!value.replace("%%", "").contains('%')).then(|| value.replace("%%", "%"))
}

/// Units that the generated unit is ordered after anyway, or need not be.
const USUAL: &[&str] = &["network.target", "network-online.target", "postgresql.service"];

/// Settings that are one value on both sides.
const PLAIN: &[(&str, &str, &str, &str)] = &[
    ("Unit", "Description", "service", "description"),
    ("Service", "User", "service", "user"),
    ("Service", "Group", "service", "group"),
    ("Service", "WorkingDirectory", "paths", "working_directory"),
    ("Service", "RestartSec", "restart", "restart_sec"),
    ("Unit", "StartLimitIntervalSec", "restart", "start_limit_interval_sec"),
    ("Unit", "StartLimitBurst", "restart", "start_limit_burst"),
    ("Service", "SuccessExitStatus", "restart", "success_exit_status"),
];

/// What the generated unit decides by itself, or is read above.
const OURS: &[&str] = &[
    "AmbientCapabilities",
    "CapabilityBoundingSet",
    "Documentation",
    "Environment",
    "EnvironmentFile",
    "ExecReload",
    "ExecStart",
    "KillMode",
    "KillSignal",
    "LockPersonality",
    "MemoryDenyWriteExecute",
    "NoNewPrivileges",
    "NotifyAccess",
    "OnFailure",
    "PIDFile",
    "PrivateDevices",
    "PrivateTmp",
    "ProtectControlGroups",
    "ProtectHome",
    "ProtectKernelModules",
    "ProtectKernelTunables",
    "ProtectSystem",
    "ReadWriteDirectories",
    "ReadWritePaths",
    "RemainAfterExit",
    "Restart",
    "RestrictNamespaces",
    "RestrictRealtime",
    "RestrictSUIDSGID",
    "RuntimeDirectory",
    "RuntimeDirectoryMode",
    "StandardError",
    "StandardOutput",
    "SyslogIdentifier",
    "SystemCallArchitectures",
    "TimeoutStopSec",
    "Type",
    "UnsetEnvironment",
];

fn environment(adoption: &mut Adoption, unit: &UnitFile) {
    for word in unit.list("Service", "Environment").into_iter().flat_map(raw_words) {
        let text = word.text().replace("%%", "%");
        match text.split_once('=') {
            Some(("DJANGO_SETTINGS_MODULE", module)) => {
                adoption.set("gunicorn", "settings_module", module);
            }
            // The generated unit has the venv first and the system after it.
            Some(("PATH", _)) => {}
            _ => adoption.left.push(format!("[Service] Environment={}", word.0)),
        }
    }
    let files = unit.list("Service", "EnvironmentFile");
    let mut files: Vec<&str> = files.into_iter().map(|f| f.trim_start_matches('-')).collect();
    // A pattern names many files (systemd.exec(5)).
    let plain = |file: &&str| literal(file).filter(|file| !file.contains(['*', '?', '[']));
    if let Some(at) = files.iter().position(|file| plain(file).is_some()) {
        let first = plain(&files.remove(at)).unwrap_or_default();
        adoption.set("paths", "env_file", first);
    }
    let left = files.into_iter().map(|file| format!("[Service] EnvironmentFile=-{file}"));
    adoption.left.extend(left);
}

/// The words of `ExecStart=` as gunicorn gets them; `$$` and `%%` are one character there.
fn command(adoption: &mut Adoption, unit: &UnitFile) {
    let lines = unit.list("Service", "ExecStart");
    let line = lines.first().copied().unwrap_or_default();
    let plain = |w: RawWord| w.text().replace("%%", "%").replace("$$", "$");
    let mut words = raw_words(line.trim_start_matches(['-', ':', '+', '!', '@'])).into_iter();
    let mut program = words.next().map(plain).unwrap_or_default();
    let mut words: Vec<String> = words.map(plain).collect();
    if words.first().is_some_and(|w| w == "-m") && words.get(1).is_some_and(|w| w == "gunicorn") {
        words.drain(..2);
        program = Path::new(&program).with_file_name("gunicorn").display().to_string();
    }
    match program.strip_suffix("/bin/gunicorn") {
        Some(venv) if lines.len() == 1 => adoption.set("paths", "venv", venv),
        _ => {
            adoption.left.extend(lines.iter().map(|l| format!("[Service] ExecStart={l}")));
            return;
        }
    }
    adoption.set("gunicorn", "preload", "no");
    let mut words = words.into_iter().peekable();
    while let Some(word) = words.next() {
        if word == "--preload" {
            adoption.set("gunicorn", "preload", "yes");
        } else if !word.starts_with('-') {
            adoption.set("gunicorn", "application", word);
        } else {
            let (option, value) = match attached_option(&word) {
                Some((option, value)) => (option.to_owned(), Some(value.to_owned())),
                None => {
                    let value = |n: &String| n == "-" || !n.starts_with('-') && !is_application(n);
                    (word, words.next_if(value))
                }
            };
            argument(adoption, &option, value);
        }
    }
}

fn argument(adoption: &mut Adoption, option: &str, value: Option<String>) {
    let text = value.clone().unwrap_or_default();
    match option {
        "-w" | "--workers" => adoption.set("gunicorn", "workers", text),
        "--threads" => adoption.set("gunicorn", "threads", text),
        "-t" | "--timeout" => adoption.set("gunicorn", "timeout", text),
        "--graceful-timeout" => adoption.set("gunicorn", "graceful_timeout", text),
        "-b" | "--bind" => {
            let address = text.trim_start_matches("tcp://").trim_start_matches("unix:");
            let address = match address.strip_prefix("localhost:") {
                Some(port) => format!("127.0.0.1:{port}"),
                None => address.to_owned(),
            };
            adoption.add("listen", "addresses", &address);
        }
        "--error-logfile" | "--access-logfile" if text.starts_with('/') => {
            if let Some(directory) = Path::new(&text).parent() {
                adoption.set("paths", "log_dir", directory.display().to_string());
            }
        }
        // systemd knows the process; a pid file can only name a stranger's.
        "-p" | "--pid" => {}
        // systemd waits for this very process.
        "-D" | "--daemon" => {}
        "--log-level" if text == "info" => {}
        "--max-requests" if text == "1000" => {}
        "--max-requests-jitter" if text == "100" => {}
        _ if text.contains(char::is_whitespace) => {
            adoption.left.push(format!("[Service] ExecStart=… {option} {text}"));
        }
        _ => {
            adoption.add("gunicorn", "extra_args", option);
            if let Some(value) = value {
                adoption.add("gunicorn", "extra_args", &value);
            }
        }
    }
}

/// Without `ProtectSystem=` the application may have written anywhere: it still may.
fn sandbox(adoption: &mut Adoption, unit: &UnitFile, log_dir: &Path, runtime_dir: &Path) {
    let system = unit.last("Service", "ProtectSystem").unwrap_or_default();
    if matches!(system, "" | "no" | "false" | "off" | "0") {
        adoption.set("hardening", "profile", "off");
    }
    let names = ["ReadWritePaths", "ReadWriteDirectories"];
    let values = unit.list_of("Service", &names);
    for word in values.into_iter().flat_map(raw_words) {
        let text = word.text().replace("%%", "%");
        let path = text.trim_start_matches(['-', '+']);
        // The generated unit has these by itself, and /run has nothing that is the service's.
        let path = path.strip_prefix("/var/run/").map_or(path.to_owned(), |p| format!("/run/{p}"));
        let own = Path::new(&path).starts_with(log_dir) || Path::new(&path) == runtime_dir;
        if path != "/run" && !own {
            adoption.add("paths", "writable", &path);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pairs(adoption: &Adoption) -> Vec<(&str, &str)> {
        adoption.settings.iter().map(|s| (s.name, s.value.as_str())).collect()
    }

    #[test]
    fn a_unit_of_the_field() {
        let unit = UnitFile::parse(
            b"[Unit]\nDescription=Meats 100%%\nAfter=network.target\nRequires=redis.service\n[Service]\nType=simple\nUser=meats\nGroup=web\n\
              EnvironmentFile=-/etc/a.env\nEnvironmentFile=-/opt/b.env\nNice=5\n\
              Environment=\"PATH=/v/bin\" DJANGO_SETTINGS_MODULE=a.b X=1\n\
              ExecStart=/v/bin/gunicorn -w 4 --bind=unix:/run/m.sock -b localhost:8001 --preload \\\n\
              --error-logfile /srv/log/e.log --pid /run/x.pid -k gevent --daemon m.wsgi:application --reuse-port\n\
              ProtectSystem=strict\nReadWritePaths=/run /srv/log /opt/media\nRestartSec=10\n",
        );
        let adoption = adopt(&unit, Path::new("/srv/log"), Path::new("/run/m"));
        let expected = [
            ("description", "Meats 100%"),
            ("user", "meats"),
            ("group", "web"),
            ("restart_sec", "10"),
            ("settings_module", "a.b"),
            ("env_file", "/etc/a.env"),
            ("venv", "/v"),
            ("workers", "4"),
            ("addresses", "/run/m.sock 127.0.0.1:8001"),
            ("preload", "yes"),
            ("log_dir", "/srv/log"),
            ("extra_args", "-k gevent --reuse-port"),
            ("application", "m.wsgi:application"),
            ("writable", "/opt/media"),
        ];
        assert_eq!(pairs(&adoption), expected);
        let left = [
            "[Service] Environment=X=1",
            "[Service] EnvironmentFile=-/opt/b.env",
            "[Unit] Requires=redis.service",
            "[Service] Nice=5",
        ];
        assert_eq!(adoption.left, left);
    }

    #[test]
    fn attached_values_are_values() {
        let unit = UnitFile::parse(
            b"[Service]\nProtectSystem=full\nExecStart=/v/bin/gunicorn -w4 -bunix:/run/a=b.sock -D -kgevent a:b\n",
        );
        let adoption = adopt(&unit, Path::new("/l"), Path::new("/r"));
        let expected = [
            ("venv", "/v"),
            ("preload", "no"),
            ("workers", "4"),
            ("addresses", "/run/a=b.sock"),
            ("extra_args", "-k gevent"),
            ("application", "a:b"),
        ];
        assert_eq!(pairs(&adoption), expected);
    }

    #[test]
    fn patterns_and_specifiers_are_left() {
        let unit = UnitFile::parse(
            b"[Service]\nProtectSystem=full\nWorkingDirectory=/srv/%p\nEnvironmentFile=/etc/m/*.env\n\
              EnvironmentFile=-/etc/%N.env\nEnvironmentFile=/etc/100%%.env\nEnvironmentFile=/etc/b.env\n",
        );
        let adoption = adopt(&unit, Path::new("/l"), Path::new("/r"));
        assert_eq!(pairs(&adoption), [("env_file", "/etc/100%.env")]);
        let left = [
            "[Service] WorkingDirectory=/srv/%p",
            "[Service] EnvironmentFile=-/etc/m/*.env",
            "[Service] EnvironmentFile=-/etc/%N.env",
            "[Service] EnvironmentFile=-/etc/b.env",
        ];
        assert_eq!(adoption.left, left);
    }

    #[test]
    fn what_is_not_gunicorn_is_left() {
        let unit = UnitFile::parse(b"[Service]\nExecStart=/usr/bin/env gunicorn x\n");
        let adoption = adopt(&unit, Path::new("/l"), Path::new("/r"));
        assert_eq!(adoption.left, ["[Service] ExecStart=/usr/bin/env gunicorn x"]);
        assert_eq!(pairs(&adoption), [("profile", "off")]);
    }
}
