//! Observes whether the service runs in its Docker stack.

use crate::checks::Stack;
use crate::config::Config;
use crate::deploy::docker::{Phase, away_settings};
use crate::deploy::health_address;
use crate::flow::docker_set;
use crate::model::{Fact, Origin};
use crate::sys::Root;

/// By the note of a move; without one, a written set and no application on the host itself.
pub(super) fn observe(root: &Root, config: &Config) -> Fact<Stack> {
    match docker_set::note(root) {
        Fact::Known(note) => Fact::Known(Stack {
            phase: Some(note.phase),
            site: Some(note.site),
            address: health_address(&note.stack),
        }),
        Fact::Absent => began_there(root, config).map_or(Fact::Absent, Fact::Known),
        Fact::Unknown(_) if is_told_to_rest(config) => {
            Fact::Known(written(root, config, Some(Phase::Away)))
        }
        Fact::Unknown(why) => began_there(root, config).map_or(Fact::Unknown(why), Fact::Known),
    }
}

/// The settings that a move leaves for the generator; unlike the note, everybody may read them.
fn is_told_to_rest(config: &Config) -> bool {
    matches!(&config.enabled.origin, Origin::File { path, .. } if *path == away_settings().0)
}

fn began_there(root: &Root, config: &Config) -> Option<Stack> {
    let file = docker_set::directory(root, config).join("compose.yaml");
    let own = [config.working_directory.value.clone(), config.venv.join("bin/gunicorn")];
    let none = own.iter().all(|path| root.stat(path).is_absent());
    (root.is_roots_alone(&file) && none).then(|| written(root, config, None))
}

fn written(root: &Root, config: &Config, phase: Option<Phase>) -> Stack {
    let listen = docker_set::listen(root, &docker_set::directory(root, config));
    Stack { phase, site: None, address: health_address(&listen) }
}
