//! Virtual environments and distributions, read from file contents.
//!
//! Invariant: pure; Python is never started, nothing is imported, and there is no table of names:
//! a distribution is called what its metadata says and imports what its files say. Everything here
//! takes bytes that a hostile user may have written; nothing panics, recurses or grows on them.
//!
//! The looks follow each other: [`VenvFacts`](crate::model::VenvFacts) → [`Layout`] names the
//! directories → [`SiteFacts`](crate::model::SiteFacts) → [`Inventory`] → [`Inventory::probes`]
//! names the files whose existence is worth a look.

mod conflicts;
mod distribution;
mod files;
mod inventory;
mod launcher;
mod layout;
mod metadata;
mod observed;
mod pep508;
mod pyvenv;
mod record;
mod requirements;
mod satisfy;

pub use conflicts::{Conflict, conflicts};
pub use distribution::{Broken, Distribution, Form};
pub use files::Absent;
pub use inventory::{Duplicate, Inventory, SiteSummary, path_file_sites};
pub use launcher::{Shebang, parse_shebang};
pub use layout::{Interpreter, Layout, PythonVersion};
pub use metadata::{Metadata, parse_metadata};
pub use observed::Environment;
pub use pep508::{Name, Platform, Specifier, Wanted, environment, is_at_least, parse_name};
pub use pep508_rs::MarkerEnvironment as Markers;
pub use pyvenv::{PyvenvCfg, parse_pyvenv};
pub use requirements::{FileProblem, Required, RequirementSet, parse_requirements};
pub use satisfy::{Shortfall, Unmet, shortfalls, unpinned};
