//! The sandbox of the generated unit.
//!
//! Each line was measured with a real Django, gunicorn and psycopg; nothing here is unknown to
//! systemd 252, and nothing depends on a path without a dash.

use std::path::PathBuf;

use crate::config::{Config, Directive, Profile};
use crate::model::Origin;

/// A line of the `[Service]` section and the setting that it comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Line {
    pub(super) text: String,
    pub(super) from: Origin,
}

/// The sandbox of the profile, with what the administrator sets instead.
pub(super) fn lines(config: &Config) -> Vec<Line> {
    let profile = match config.hardening.value {
        Profile::Off => vec!["NoNewPrivileges=yes"],
        Profile::Default => DEFAULT.to_vec(),
        Profile::Strict => [DEFAULT, STRICT].concat(),
    };
    let own = &config.hardening_override;
    let named = |text: &str, d: &Directive| text.split('=').next() == Some(d.name.as_str());
    // An empty /home would have no program; read-only, it has places to write by the lines below.
    let homes = |path: &&PathBuf| path.starts_with("/home") || path.starts_with("/root");
    let used = [&config.venv.value, &config.working_directory.value, &config.log_dir.value];
    let home = used.iter().any(homes);
    let seen =
        |text| if home && text == "ProtectHome=yes" { "ProtectHome=read-only" } else { text };
    let mut lines: Vec<Line> = profile
        .into_iter()
        .map(seen)
        .filter(|text| !own.iter().any(|d| named(text, d)))
        .map(|text| Line { text: text.to_owned(), from: config.hardening.origin.clone() })
        .collect();
    let own_lines = own.iter().filter(|d| !d.value.is_empty());
    lines.extend(own_lines.map(|d| Line {
        text: format!("{}={}", d.name, d.value.replace('%', "%%")),
        from: own.origin.clone(),
    }));
    lines.extend(writable(config));
    lines
}

/// Where the service may write under `ProtectSystem=strict`, each with a dash.
fn writable(config: &Config) -> Vec<Line> {
    let mut paths: Vec<(&PathBuf, &Origin)> = vec![
        (&config.log_dir.value, &config.log_dir.origin),
        (&config.runtime_dir.value, &config.runtime_dir.origin),
    ];
    match config.hardening.value {
        Profile::Off => return Vec::new(),
        // Older revisions of the application open debug.log and db.sqlite3 beside manage.py.
        Profile::Default => {
            paths.push((&config.working_directory.value, &config.working_directory.origin));
        }
        Profile::Strict => {}
    }
    paths.extend(config.writable.iter().map(|path| (path, &config.writable.origin)));
    let line = |(path, from): (&PathBuf, &Origin)| Line {
        text: format!("ReadWritePaths={}", super::quote(&format!("-{}", path.display()))),
        from: from.clone(),
    };
    paths.into_iter().map(line).collect()
}

const DEFAULT: &[&str] = &[
    "NoNewPrivileges=yes",
    "PrivateTmp=yes",
    "PrivateDevices=yes",
    "ProtectSystem=strict",
    "ProtectHome=yes",
    "ProtectKernelTunables=yes",
    "ProtectKernelModules=yes",
    "ProtectKernelLogs=yes",
    "ProtectControlGroups=yes",
    "ProtectClock=yes",
    "ProtectHostname=yes",
    "ProtectProc=invisible",
    "RestrictNamespaces=yes",
    "RestrictRealtime=yes",
    "RestrictSUIDSGID=yes",
    "RestrictAddressFamilies=AF_UNIX AF_INET AF_INET6 AF_NETLINK",
    "LockPersonality=yes",
    "SystemCallArchitectures=native",
    "SystemCallFilter=@system-service",
    "SystemCallErrorNumber=EPERM",
    "CapabilityBoundingSet=",
    "AmbientCapabilities=",
    "KeyringMode=private",
    "RemoveIPC=yes",
    "UMask=0027",
];

const STRICT: &[&str] = &[
    "DevicePolicy=closed",
    "MemoryDenyWriteExecute=yes",
    "PrivateIPC=yes",
    "PrivateUsers=yes",
    "SystemCallFilter=~@privileged @resources",
];
