//! Option tables of the commands; help, man page blocks and completions come from them.
//!
//! Invariant: parsing only validates; nothing is opened here.

pub mod deploy;
pub mod diagnose;
pub mod env;
pub mod failures;
