//! The values that travel between rooms.
//!
//! Invariant: nothing in this room can do input or output, and nothing knows the clock.

mod database_url;
mod escape;
mod fact;
pub mod finding;
mod hex;
pub mod message;
mod names;
mod plain_path;
mod plan;
mod repair_record;
mod secret;
mod sourced;
mod venv;

pub use database_url::{is_database_scheme, is_postgres_scheme};
pub use escape::{escape, escape_path};
pub use fact::{Fact, FileKind, Space, Stat, Timestamp};
pub use finding::{Evidence, Finding, Kind, Repair, Severity, Subject};
pub use hex::hex;
pub use names::{Holder, Names};
pub use plain_path::plain_path;
pub use plan::{Action, Effect, LEFTOVER, Owner, Plan, Seen};
pub use repair_record::{Change, Look, RepairRecord, Reversal, Step};
pub use secret::Secret;
pub use sourced::{Origin, Sourced};
pub use venv::{
    Chain, DistributionFacts, Entry, RECORD_START, SCRIPT_HEAD, ScriptFacts, Site, SiteFacts,
    SiteOrigin, VenvFacts,
};
