//! What each entry point does: observe, plan, apply.
//!
//! Invariant: the only room that sees both `sys` and the planners. A flow decides nothing that a
//! planner could decide, and does nothing that `sys::apply` could do.

mod adopt;
pub mod backup;
mod bundle;
pub mod capture;
pub mod child;
mod consent;
mod credentials;
pub mod deploy;
pub mod diagnose;
mod docker_set;
pub mod env;
mod env_repair;
mod environment;
mod evidence;
pub mod failures;
mod fix;
pub mod generate;
mod history;
mod host;
mod look;
pub mod prestart;
mod probe;
pub mod repair;
mod round;
mod settings;
mod show;
mod show_unit;
mod tell;
pub mod undo;
mod units;
pub mod venv;
mod watch;

pub use host::{observe_ids, observe_tree, service_owner};
pub use settings::{observe_service, observe_settings};
