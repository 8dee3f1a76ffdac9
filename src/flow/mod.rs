//! One short file an entry point: observe, plan, apply.
//!
//! Invariant: the only room that sees both `sys` and the planners. A flow decides nothing that a
//! planner could decide, and does nothing that `sys::apply` could do.

mod adopt;
pub mod backup;
pub mod capture;
mod credentials;
pub mod deploy;
pub mod diagnose;
pub mod env;
mod env_repair;
mod evidence;
pub mod failures;
pub mod generate;
mod host;
mod look;
pub mod prestart;
mod probe;
pub mod repair;
mod settings;
mod show;
mod show_unit;
mod units;
pub mod venv;

pub use host::{observe_ids, observe_tree};
pub use settings::observe_settings;
pub use units::observe_unit;
