//! Settings files.

use super::{Check, Facts, Verdict};
use crate::model::finding;

/// fixes.conf and its drop-ins.
pub const SETTINGS: Check = Check {
    kinds: || vec![&finding::CFG_UNREADABLE, &finding::CFG_UNKNOWN_KEY, &finding::CFG_BAD_VALUE],
    run: |facts| of(facts, &(SETTINGS.kinds)()),
};

/// The planned findings of these kinds.
pub(super) fn of(facts: &Facts, kinds: &[&crate::model::Kind]) -> Verdict {
    let wanted = |f: &&crate::model::Finding| kinds.iter().any(|k| k.id == f.kind.id);
    Verdict::Looked(facts.planned.iter().filter(wanted).cloned().collect())
}
