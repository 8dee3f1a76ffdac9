//! The Docker fallback as text: compose file, web server, `.env.prod`.
//!
//! Invariant: pure. The compose file holds names of variables, never values; the only text with
//! values is `.env.prod`, and that is a `Secret`.

mod compose;
mod env_prod;
mod migrate;
mod moved;
mod names;
mod nginx;
mod rollout;
mod rows;
mod stack;
mod swarm;
mod up;
mod upstream;
mod watch;

pub use compose::{listens, render_compose, written};
pub use env_prod::{differing, render_env_prod};
pub use migrate::{Move, host_again, plan_back, plan_there, stack_again};
pub use moved::{Moved, Phase, away_settings};
pub use nginx::render_nginx;
pub use rollout::{Rollout, judge_rollout, plan_rollout};
pub use rows::{ROWS, count, differing_rows};
pub use stack::{Database, Images, Stack, plan_stack};
pub use swarm::render_swarm;
pub use up::{ContainerState, Up, parse_container_state, plan_up};
pub use upstream::{listens_at, pass_to};
pub use watch::{FORMAT, Help, Seen, parse_seen, plan_watch};

/// The timer that looks after a running stack.
pub const WATCH_TIMER: &str = "meats-docker-watch.timer";
/// The recipe of the application's image; the same for every host.
pub const RECIPE: &str = include_str!("../../../docker/Dockerfile");
/// What the database container runs: makes the cluster at first, then serves.
pub const DB_ENTRY: &str = include_str!("../../../docker/db-entry.sh");
