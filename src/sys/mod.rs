//! The only effects: observing, privileged file work, children, journal, clock.
//!
//! Invariant: every path below a directory that another user can write goes through [`privfs`],
//! is opened before it is judged, and is acted on by descriptor.
#![expect(clippy::disallowed_methods, reason = "this room is where the effects live")]

pub mod apply;
pub mod capabilities;
pub mod child;
pub mod clock;
pub mod exec;
mod glance;
pub mod http;
pub mod ids;
pub mod journal;
mod journal_file;
pub mod kmsg;
pub mod landlock;
pub mod lock;
pub mod mounts;
pub mod notify;
mod observe;
pub mod parallel;
pub mod postgres;
pub mod privfs;
pub mod process;
pub mod progress;
pub mod random;
mod reader;
pub mod relay;
pub mod sockets;
pub mod stdin;
pub mod systemd;
pub mod terminal;
pub mod venv;
mod wire;

pub use observe::Listing;
pub use privfs::{Ended, Root};
