//! Observes the settings files.

use std::path::{Path, PathBuf};

use super::units::observe_admin;
use crate::config::{self, Config, Source};
use crate::model::{Fact, Finding};
use crate::sys::Root;

const MAX_DROP_INS: usize = 256;

/// Reads `fixes.conf` and its drop-ins and resolves them; what nobody set is taken from the
/// administrator's own unit, if there is one. Names that do not end in `.conf`
/// (dpkg's leftovers, editors' backups) are no drop-ins. A file that somebody other than root
/// can write is not believed: it could name `/etc` as the log directory.
pub fn observe_settings(root: &Root) -> (Config, Vec<Finding>) {
    let read = |path: PathBuf| {
        let bytes = root.read_guarded(&path, config::FILE_LIMIT);
        Source { path, bytes }
    };
    let mut sources = vec![read(PathBuf::from(config::FILE))];
    if let Fact::Known(listing) = root.list(Path::new(config::DROP_IN_DIR), MAX_DROP_INS) {
        let names = listing.names.iter().filter(|n| n.as_encoded_bytes().ends_with(b".conf"));
        sources.extend(names.map(|n| read(Path::new(config::DROP_IN_DIR).join(n))));
    }
    let (mut config, findings) = config::resolve(&sources);
    if let Some((path, unit)) = observe_admin(root, &config) {
        config.adopt(&path, &unit);
    }
    (config, findings)
}
