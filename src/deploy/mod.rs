//! Deployment as a plan of steps.
//!
//! Invariant: pure; facts in, steps out. Every step says what it changes and how that is undone, or
//! why it cannot be; what a dry run prints is the value that is carried out. No step holds a value
//! of the env file: what a child needs is said by name ([`Surroundings`]) and filled in by the flow.

mod database;
pub mod docker;
mod facts;
mod field;
mod health;
mod inspection;
mod output;
mod parts;
mod release;
mod scram;
mod step;
mod unit_environment;

pub use database::{DatabaseUrl, UrlError};
pub use facts::{DeployFacts, check_facts};
pub use field::plan_field;
pub use health::{Verdict, health_address, health_host, judge_answer};
pub use inspection::{INSPECT, Inspection, check_inspection, parse_inspection};
pub use output::{few, is_idle, last_lines, note_of};
pub use release::{
    Deployment, Journal, Layout, Release, SourceFacts, SourceKind, WHEELS, is_release_name,
    plan_prune, plan_recovery, plan_release, plan_rollback,
};
pub use scram::{Verifier, scram_verifier};
pub use step::{Command, Reads, RunAs, Step, Surroundings, Undo, Work, render_steps};
pub use unit_environment::parse_environment_files;
