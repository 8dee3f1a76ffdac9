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
mod locations;
mod output;
mod parts;
mod release;
mod scram;
mod setup;
mod site;
mod step;
mod unit_environment;

pub use database::{DatabaseUrl, Role, UrlError, plain_database};
pub use facts::{DeployFacts, check_facts};
pub use field::plan_field;
pub use health::{Verdict, health_address, health_host, judge_answer};
pub use inspection::{INSPECT, Inspection, check_inspection, parse_inspection};
pub use output::{cause_of, few, is_idle, last_lines, note_of};
pub use release::{
    Deployment, Journal, Layout, Leavings, Release, SourceFacts, SourceKind, WHEELS,
    is_release_name, plan_preflight, plan_prune, plan_recovery, plan_release, plan_rollback,
};
pub use scram::{Verifier, client_final, scram_verifier};
pub use setup::{
    HostFacts, SiteFacts, Wanted, plan_host, plan_site, render_settings, settings_file, site_files,
};
pub use step::{
    Command, DatabaseCopy, Reads, RunAs, Side, Step, Surroundings, Undo, Unpack, Work, render_steps,
};
pub use unit_environment::parse_environment_files;
