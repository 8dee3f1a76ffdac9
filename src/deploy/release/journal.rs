//! The note of a switch: it names the release to go back to, from before the link moves until the
//! new release is complete.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::layout::is_release_name;
use crate::config::STATE_DIR;
use crate::model::Secret;

/// Written before the link is switched and removed when the new release is complete: whoever finds
/// it knows which release to go back to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Journal {
    pub old: Option<String>,
    pub new: String,
}

impl Journal {
    /// Where it lies; root only.
    pub fn path() -> PathBuf {
        Path::new(STATE_DIR).join("deploy/switch.json")
    }

    /// Reads it back; names are checked, since they become paths.
    pub fn parse(bytes: &[u8]) -> Option<Self> {
        let journal: Self = serde_json::from_slice(bytes).ok()?;
        let fine = |name: &String| is_release_name(name);
        (fine(&journal.new) && journal.old.iter().all(fine)).then_some(journal)
    }

    pub(super) fn render(&self) -> Secret {
        Secret::new(serde_json::json!({ "old": self.old, "new": self.new }).to_string())
    }
}
