//! Observes the settings files.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use super::units;
use crate::config::{self, Config, Source};
use crate::model::{Fact, Finding};
use crate::sys::Root;
use crate::unit::{AdminUnit, UnitFacts, UnitFile};

const MAX_DROP_INS: usize = 256;

/// Reads `fixes.conf` and its drop-ins and resolves them; what nobody set is taken from the
/// administrator's own unit, if there is one.
pub fn observe_settings(root: &Root) -> (Config, Vec<Finding>) {
    let (config, findings, _) = settings_and_admin(root, &[]);
    (config, findings)
}

/// The settings and all about the unit; the administrator's is looked at once for both.
pub fn observe_service(root: &Root) -> (Config, Vec<Finding>, UnitFacts) {
    let enabled = units::enabled(root);
    let (config, findings, admin) = settings_and_admin(root, &enabled);
    let unit = units::observe_around(root, &config, admin, &enabled);
    (config, findings, unit)
}

fn settings_and_admin(root: &Root, enabled: &[OsString]) -> (Config, Vec<Finding>, AdminUnit) {
    let (mut config, findings) = config::resolve(&sources(root));
    let (admin, drop_ins) = units::observe_admin(root, &config, enabled);
    if let AdminUnit::Present { path, bytes, .. } = &admin {
        let mut unit = UnitFile::parse(bytes);
        drop_ins.iter().for_each(|drop_in| unit.extend(&drop_in.bytes));
        config.adopt(path, &unit);
    }
    (config, findings, admin)
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
