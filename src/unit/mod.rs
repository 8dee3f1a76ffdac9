//! Units: reading an administrator's, quoting, and the plan of what the generator emits.
//!
//! Invariant: pure. No planner here accepts a Secret, for units are world-readable. No emitted
//! line can fail on its own: a missing path, user or directory would keep even the `+` helpers
//! from running (systemd.exec(5)).

mod adopt;
mod diff;
mod dropin;
mod emitted;
mod export;
mod facts;
mod file;
mod full;
mod harden;
mod listen;
mod plan;
mod quote;
mod wall;
mod watchdog;
mod words;

pub use adopt::{Adoption, Setting, adopt};
pub use diff::{Line, compare};
pub use emitted::Emitted;
pub use export::export;
pub use facts::{AdminSocket, AdminUnit, DropIn, EnvFile, Program, UnitFacts};
pub use file::UnitFile;
pub use listen::serves;
pub use plan::plan_unit;
pub use quote::{quote, quote_exec};
pub use wall::WALL;
pub use words::{RawWord, raw_words};

/// Name of our drop-in: low, so that any usual name of the administrator's wins.
pub const DROP_IN: &str = "10-projectmeats-fixes.conf";

/// Directories of the administrator's own unit files (systemd.unit(5)); those in others belong to
/// packages, or to this boot only.
pub const ADMIN_DIRS: &[&str] = &["/etc/systemd/system", "/usr/local/lib/systemd/system"];

/// A unit file `NAME@.service`, of which there are instances.
pub fn is_template(file: &std::path::Path) -> bool {
    file.file_name().is_some_and(|name| name.to_string_lossy().contains("@."))
}

/// The oldest systemd that is supported, and what is assumed when the version is not known.
pub const OLDEST_SYSTEMD: u32 = 252;
