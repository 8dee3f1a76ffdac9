//! The written set of the Docker stack and the note of a move: where they are, and what they say.

use std::path::{Path, PathBuf};

use crate::config::Config;
use crate::deploy::docker::{Moved, listens};
use crate::model::Fact;
use crate::sys::Root;

/// Most bytes of one of its files.
pub(super) const FILE_LIMIT: u64 = 16 << 20;

/// The directory of a command that names none: `docker` below app_dir where that is root's alone,
/// else beside the env file.
pub(super) fn directory(root: &Root, config: &Config) -> PathBuf {
    let below = config.app_dir.join("docker");
    match root.changeable_by(&below) {
        None => below,
        Some(_) => config.env_file.parent().unwrap_or(Path::new("/etc")).join("docker"),
    }
}

/// The compose file of a set.
pub(super) fn compose_file(root: &Root, set: &Path) -> Option<String> {
    let file = root.read(&set.join("compose.yaml"), FILE_LIMIT);
    file.known().map(|bytes| String::from_utf8_lossy(bytes).into_owned())
}

/// Where the stack of the written set listens.
pub(super) fn listen(root: &Root, set: &Path) -> String {
    compose_file(root, set).as_deref().and_then(listens).unwrap_or("127.0.0.1:8080").to_owned()
}

/// The note of a service that is in its stack, or on the way; root may read it.
pub(super) fn note(root: &Root) -> Fact<Moved> {
    match root.read(&Moved::path(), FILE_LIMIT).map(|bytes| Moved::parse(&bytes)) {
        Fact::Known(note) => note.map_or(Fact::Absent, Fact::Known),
        Fact::Absent => Fact::Absent,
        Fact::Unknown(why) => Fact::Unknown(why),
    }
}
