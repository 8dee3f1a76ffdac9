//! Observes the settings files.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use super::units;
use crate::config::{self, Config, Source};
use crate::model::{Fact, Finding, Origin};
use crate::sys::Root;
use crate::unit::{AdminSocket, AdminUnit, UnitFacts, UnitFile, serves};

const MAX_DROP_INS: usize = 256;

/// Reads `fixes.conf` and its drop-ins and resolves them; what nobody set is taken from the
/// administrator's own units, if there are any.
pub fn observe_settings(root: &Root) -> (Config, Vec<Finding>) {
    let (config, findings, ..) = settings_and_admin(root, &[]);
    (config, findings)
}

/// The settings and all about the unit; the administrator's is looked at once for both.
pub fn observe_service(root: &Root) -> (Config, Vec<Finding>, UnitFacts) {
    let enabled = units::enabled(root);
    let (config, findings, admin, socket) = settings_and_admin(root, &enabled);
    let unit = units::observe_around(root, &config, (admin, socket), &enabled);
    (config, findings, unit)
}

fn settings_and_admin(
    root: &Root,
    enabled: &[OsString],
) -> (Config, Vec<Finding>, AdminUnit, AdminSocket) {
    let (mut config, findings) = config::resolve(&sources(root));
    let (admin, drop_ins) = units::observe_admin(root, &config, enabled);
    if let AdminUnit::Present { path, bytes, .. } = &admin {
        let mut unit = UnitFile::parse(bytes);
        drop_ins.iter().for_each(|drop_in| unit.extend(&drop_in.bytes));
        config.adopt(path, &unit);
        if !config.address_guessed || !is_started(root, &config, &unit) {
            return (config, findings, admin, AdminSocket::None);
        }
    }
    let socket = units::observe_socket(root, &config, &admin);
    if let AdminSocket::Present { path, bytes } = &socket {
        let text = UnitFile::parse(bytes);
        if serves(&text, &config) && config.addresses.origin == Origin::Default {
            config.adopt_socket(path, &text.list("Socket", "ListenStream"));
        }
    }
    (config, findings, admin, socket)
}

/// Whether the socket unit of the service's name is started: at boot, or by a unit of the
/// administrator's. One that only lies there hands nothing over.
fn is_started(root: &Root, config: &Config, unit: &UnitFile) -> bool {
    const BY: &[&str] = &["Requires", "Wants", "BindsTo", "Sockets"];
    let socket = config.socket_unit();
    let names = |value: &str| value.split_whitespace().any(|name| name == socket);
    unit.assignments.iter().any(|a| BY.contains(&a.key.as_str()) && names(&a.value))
        || root
            .kind(&Path::new("/etc/systemd/system/sockets.target.wants").join(&socket), false)
            .known()
            .is_some()
}

/// Names that do not end in `.conf` (dpkg's leftovers, editors' backups) are no drop-ins. A file
/// that somebody other than root can write is not believed: it could name `/etc` as the log
/// directory.
fn sources(root: &Root) -> Vec<Source> {
    let read = |path: PathBuf| {
        let bytes = root.read_guarded(&path, config::FILE_LIMIT);
        Source { path, bytes }
    };
    let mut sources = vec![read(PathBuf::from(config::FILE))];
    if let Fact::Known(listing) = root.list(Path::new(config::DROP_IN_DIR), MAX_DROP_INS) {
        let names = listing.names.iter().filter(|n| n.as_encoded_bytes().ends_with(b".conf"));
        sources.extend(names.map(|n| read(Path::new(config::DROP_IN_DIR).join(n))));
    }
    sources
}
