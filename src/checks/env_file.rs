//! The content of the env file: what the repair's own planner finds in it.

use super::{Check, Facts, Verdict, settings};
use crate::model::{Fact, Kind, finding};

/// Syntax and meaning of the env file.
pub const CONTENT: Check = Check { kinds, run: content };

/// Every kind of the group but those about access, which are the trees'.
fn kinds() -> Vec<&'static Kind> {
    let access = (super::drift::TREES.kinds)();
    let content = |k: &&&'static Kind| k.id.starts_with("ENV-") && !access.contains(*k);
    finding::ALL.iter().filter(content).copied().collect()
}

fn content(facts: &Facts) -> Verdict {
    match &facts.trees_seen {
        Fact::Known(()) => settings::of(facts, &kinds()),
        Fact::Absent => Verdict::NotApplicable,
        Fact::Unknown(reason) => {
            Verdict::NotChecked { reason: reason.clone(), needs: "root".to_owned() }
        }
    }
}
