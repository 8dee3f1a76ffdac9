//! Settings files.

use super::{Check, Facts, Verdict};
use crate::model::{Finding, Kind, finding};

/// fixes.conf and its drop-ins.
pub const SETTINGS: Check = Check {
    kinds: || vec![&finding::CFG_UNREADABLE, &finding::CFG_UNKNOWN_KEY, &finding::CFG_BAD_VALUE],
    run: |facts| {
        let show = ["meats-diagnose", "config"];
        let found = planned(facts, &(SETTINGS.kinds)());
        Verdict::Looked(found.into_iter().map(|f| f.command(&show)).collect())
    },
};

/// The planned findings of these kinds.
pub(super) fn planned(facts: &Facts, kinds: &[&Kind]) -> Vec<Finding> {
    let wanted = |f: &&Finding| kinds.iter().any(|k| k.id == f.kind.id);
    facts.planned.iter().filter(wanted).cloned().collect()
}
