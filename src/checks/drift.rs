//! What a repair would change: the planners' own answer.

use super::{Check, Facts, Verdict, settings};
use crate::model::{Fact, finding};

/// Log tree, runtime directories, access to the env file.
pub const TREES: Check = Check {
    kinds: || {
        vec![
            &finding::LOG_OWNER,
            &finding::LOG_MODE,
            &finding::LOG_MISSING,
            &finding::LOG_REFUSED,
            &finding::LOG_LIMIT,
            &finding::ENV_ACCESS,
            &finding::ENV_CREDENTIAL,
            &finding::ENV_MISSING,
            &finding::ENV_NOT_REGULAR,
            &finding::ENV_UNREADABLE,
        ]
    },
    run: trees,
};

fn trees(facts: &Facts) -> Verdict {
    match &facts.trees_seen {
        Fact::Known(()) => settings::of(facts, &(TREES.kinds)()),
        Fact::Absent => Verdict::NotApplicable,
        Fact::Unknown(reason) => {
            Verdict::NotChecked { reason: reason.clone(), needs: "root".to_owned() }
        }
    }
}
