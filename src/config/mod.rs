//! Settings: `fixes.conf` and its drop-ins become a [`Config`] in which each value knows its origin.
//!
//! Invariant: pure. A broken file or value never stops anything: it is a finding, and the next
//! weaker value is used. One configuration describes one service, and nothing but the defaults
//! knows its name.

mod adopt;
mod conffile;
mod directive;
mod key;
mod resolve;
mod source;

pub use adopt::{ServiceSettings, attached_option, is_application};
pub use conffile::{render_conffile, render_roff};
pub use directive::{DIRECTIVES, Directive};
pub use key::{KEYS, Key};
pub use resolve::{Config, Entry, Profile, own_directory, resolve};
pub use source::Source;

/// The settings file.
pub const FILE: &str = "/etc/projectmeats/fixes.conf";
/// Its drop-ins: `*.conf`, applied in order of name.
pub const DROP_IN_DIR: &str = "/etc/projectmeats/fixes.conf.d";
/// Programs that get each failure record on standard input.
pub const ON_FAILURE_DIR: &str = "/etc/projectmeats/on-failure.d";
/// Most bytes of one settings file.
pub const FILE_LIMIT: u64 = 64 << 10;
/// State of the package: backups, failure records, digests. Root only.
pub const STATE_DIR: &str = "/var/lib/projectmeats-fixes";
/// Status of the last start; readable by all, without secrets.
pub const RUN_DIR: &str = "/run/projectmeats-fixes";
/// The lock of everything here that writes, but for a deployment.
pub const LOCK: &str = "/run/projectmeats-fixes/lock";
/// The helper that `ExecStartPre=+` runs.
pub const PRE_START: &str = "/usr/libexec/projectmeats-fixes/pre-start";
/// The helper that `ExecStopPost=-+` runs.
pub const CAPTURE: &str = "/usr/libexec/projectmeats-fixes/capture-failure";
/// Files that pre-start writes for `credentials` in fixes.conf; root only.
pub const CREDENTIALS_DIR: &str = "/var/lib/projectmeats-fixes/credentials";
/// The look at the health path that units use.
pub const PROBE: &str = "/usr/bin/meats-diagnose probe";
