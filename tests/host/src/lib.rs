//! Booted Debian roots for tests: make a root (cached), copy it, boot it, run commands in it,
//! fetch files, power off.
//!
//! ```no_run
//! # fn main() -> anyhow::Result<()> {
//! let mut machine = host::Machine::of(&host::recipe::app())?;
//! host::field::break_host(&machine.root())?;
//! machine.boot()?;
//! println!("{}", machine.ok("systemctl is-active projectmeats || true")?);
//! machine.finish()
//! # }
//! ```
//!
//! Invariants: the machine under the tests is never touched outside the cache directory and one
//! cgroup a root; every wait has an end; what a test starts it ends, by process id; a machine
//! that is dropped before [`Machine::finish`] prints its transcript.

/// Where roots are kept, and the locks on them.
pub mod cache;
/// Failures, what the report says of each, and what ends it.
pub mod catalogue;
/// A cgroup of its own for each root.
pub mod cgroup;
/// A private, writable copy of a cached root.
pub mod copy;
/// The state in which the field leaves its hosts.
pub mod field;
/// Visitors, and work that is killed.
pub mod load;
/// A booted root.
pub mod machine;
/// The package under test.
pub mod package;
/// What a root is made of.
pub mod recipe;
/// Sources of releases, good and broken.
pub mod release;
/// Children with a deadline.
pub mod run;
/// The service inside a machine.
pub mod service;
/// What was done to a machine, for the reader of a failed test.
pub mod transcript;
/// Other versions of the package.
pub mod variant;

pub use machine::Machine;
pub use run::Output;
