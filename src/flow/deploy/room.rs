//! Where requests wait during a move.

use crate::sys::relay::{Relay, WaitingRoom};

/// Nowhere, before the move; then in a listener of ours, which leads them to the new place.
#[derive(Debug, Default)]
pub(super) enum Room {
    #[default]
    None,
    Open(WaitingRoom),
    Leading(Relay),
}
