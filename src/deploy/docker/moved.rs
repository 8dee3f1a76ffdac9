//! The note of where the service runs: written before a move changes what visitors reach.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::config::{DROP_IN_DIR, STATE_DIR};
use crate::model::Secret;

/// How far a move came.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Phase {
    /// On the way into the stack; the host's own service is what counts.
    Leaving,
    /// The stack is what counts.
    Away,
    /// On the way back; the stack is what counts.
    Returning,
}

/// The note. Without one the service runs on the host itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Moved {
    pub phase: Phase,
    /// The file of nginx that was changed.
    pub site: PathBuf,
    /// Its text from before.
    pub before: String,
    /// Where the stack listens.
    pub stack: String,
    /// The port of 127.0.0.1 where requests wait during a move.
    pub room: u16,
    /// The administrator's unit was enabled and is disabled meanwhile.
    pub enabled: bool,
}

impl Moved {
    /// Where the note lies; root only.
    pub fn path() -> PathBuf {
        Path::new(STATE_DIR).join("deploy/docker-move.json")
    }

    /// Reads it back.
    pub fn parse(bytes: &[u8]) -> Option<Self> {
        let note: Self = serde_json::from_slice(bytes).ok()?;
        (note.site.is_absolute() && !note.stack.is_empty()).then_some(note)
    }

    /// Where requests wait, as nginx writes it.
    pub fn room_address(&self) -> String {
        format!("127.0.0.1:{}", self.room)
    }

    /// The note of another phase.
    pub(super) fn at(&self, phase: Phase) -> Secret {
        let note = Self { phase, ..self.clone() };
        Secret::new(serde_json::to_vec(&note).unwrap_or_default())
    }
}

/// Keeps the generated unit from starting at boot beside the stack.
pub fn away_settings() -> (PathBuf, &'static str) {
    let text = "# Written by meats-deploy docker migrate; --back takes it away again.\n\
                [service]\nenabled = no\n";
    (PathBuf::from(DROP_IN_DIR).join("90-docker.conf"), text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_note_comes_back() {
        let note = Moved {
            phase: Phase::Leaving,
            site: "/etc/nginx/sites-available/meats".into(),
            before: "server {}\n".into(),
            stack: "127.0.0.1:8080".into(),
            room: 9,
            enabled: true,
        };
        let back = Moved::parse(note.at(Phase::Away).expose()).expect("a note");
        assert_eq!(back, Moved { phase: Phase::Away, ..note });
        assert_eq!(Moved::parse(b"{}"), None);
    }
}
