//! Owners and modes of the log tree, the runtime directory and the env file.
//!
//! Invariant: pure; a healthy tree gives an empty plan. Nothing is judged by name alone: what the
//! service user needs is judged by owner, mode and kind. What root must not touch is a finding.

mod env_file;
mod facts;
mod plan;

pub use env_file::{is_readable, plan_env_access};
pub use facts::{Cut, Entry, Ids, TreeFacts, WantedDir};
pub use plan::{is_settled, may_be_anothers, plan_tree};
