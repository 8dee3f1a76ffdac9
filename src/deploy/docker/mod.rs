//! The Docker fallback as text: compose file, web server, `.env.prod`.
//!
//! Invariant: pure. The compose file holds names of variables, never values; the only text with
//! values is `.env.prod`, and that is a `Secret`.

mod compose;
mod env_prod;
mod names;
mod nginx;
mod stack;
mod up;

pub use compose::render_compose;
pub use env_prod::{differing, render_env_prod};
pub use nginx::render_nginx;
pub use stack::{Database, Images, Stack, plan_stack};
pub use up::{ContainerState, Up, parse_container_state, plan_up};

/// The recipe of the application's image; the same for every host.
pub const RECIPE: &str = include_str!("../../../docker/Dockerfile");
/// What the database container runs: makes the cluster at first, then serves.
pub const DB_ENTRY: &str = include_str!("../../../docker/db-entry.sh");
