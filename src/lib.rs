//! The library behind the six programs of projectmeats-fixes.
//!
//! Everything flows one way: sources and facts → [`config`] → a pure planner → a [`model::Plan`]
//! → a report or [`sys::apply`]. ARCHITECTURE.md has the map and the invariants;
//! tests/architecture.rs holds them.

/// Failure capture: classify, redact, count; a record as a plan.
pub mod capture;
/// The checks of the diagnosis: facts in, findings out.
pub mod checks;
/// The option tables of the commands.
pub mod cli;
/// fixes.conf and its drop-ins → a [`config::Config`] in which each value knows its origin.
pub mod config;
/// The deployment as a plan of steps, and the Docker fallback.
pub mod deploy;
/// The env-file language: how each program reads it, what is wrong, how to repair it.
pub mod env;
/// What each entry point does: observe → plan → apply.
pub mod flow;
/// The values that travel between rooms; nothing here touches the world.
pub mod model;
/// Virtual environments and distributions, read from file contents.
pub mod python;
/// Text, JSON and HTML for people and programs.
pub mod report;
/// The only effects: observing, privileged file work, children, journal, clock.
pub mod sys;
/// Owners and modes of the log and runtime trees.
pub mod tree;
/// The unit: its values, systemd's quoting, its plan.
pub mod unit;
