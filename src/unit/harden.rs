//! The sandbox of the generated unit.
//!
//! Each line was measured with a real Django, gunicorn and psycopg; nothing here is unknown to
//! systemd 252, and nothing depends on a path without a dash.

use crate::config::{Config, Profile};

/// Lines of the `[Service]` section.
pub(super) fn lines(config: &Config) -> Vec<String> {
    match config.hardening.value {
        Profile::Off => vec!["NoNewPrivileges=yes".to_owned()],
        Profile::Default => with_paths(config, DEFAULT, true),
        Profile::Strict => {
            let mut lines = with_paths(config, DEFAULT, false);
            lines.extend(STRICT.iter().map(|l| (*l).to_owned()));
            lines
        }
    }
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

fn with_paths(config: &Config, table: &[&str], working_directory: bool) -> Vec<String> {
    let mut lines: Vec<String> = table.iter().map(|l| (*l).to_owned()).collect();
    let mut paths = vec![&config.log_dir.value, &config.runtime_dir.value];
    if working_directory {
        // Older revisions of the application open debug.log and db.sqlite3 beside manage.py.
        paths.push(&config.working_directory.value);
    }
    paths.extend(&config.writable.value);
    for path in paths {
        lines.push(format!("ReadWritePaths=-{}", super::quote(&path.display().to_string())));
    }
    lines
}
