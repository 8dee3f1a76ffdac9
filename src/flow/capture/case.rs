//! What a capture begins with.

use super::truth::{Handed, Truth};
use crate::capture::CapturedBy;
use crate::config::Config;
use crate::sys::Root;
use crate::sys::clock::Deadline;

/// The program's name in messages.
pub(super) const PROGRAM: &str = "capture-failure";

/// One failure to be captured.
pub(super) struct Case<'a> {
    pub(super) root: &'a Root,
    pub(super) config: &'a Config,
    pub(super) unit: String,
    pub(super) truth: Truth,
    pub(super) by: CapturedBy,
    pub(super) handed: &'a Handed,
    pub(super) budget: Deadline,
}
