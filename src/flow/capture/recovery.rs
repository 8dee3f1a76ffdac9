//! A service that runs again after failures: the line that closes their story, once.

use super::store::read_record_anywhere;
use super::truth::Truth;
use crate::capture::{Places, State, WELL, plan_running};
use crate::sys::apply::apply;
use crate::sys::{Root, clock};

/// Where nothing calls at the start (an administrator's unit), the next end tells of the good run
/// before it.
pub(super) fn ran_well(root: &Root, state: &State, places: &Places, truth: &Truth) {
    let well = truth.ran.is_some_and(|ran| ran >= WELL);
    if let (true, Some(started)) = (well, truth.started) {
        let since = jiff::Timestamp::from_second(started).unwrap_or_else(|_| clock::timestamp());
        runs_again(root, state, places, since);
    }
}

/// The line that closes the story of a loop.
pub(super) fn runs_again(root: &Root, state: &State, places: &Places, since: jiff::Timestamp) {
    let record = state.record.as_deref().and_then(|id| read_record_anywhere(root, id));
    // A record that is younger than the start is not of the time before it.
    if let Some(record) = record.filter(|r| r.last <= since) {
        apply(root, &plan_running(&record, state, since, places));
    }
}
