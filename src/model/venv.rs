//! A virtual environment as it lies on disk: listings and bytes, nothing interpreted.
//!
//! Invariant: plain data. `sys::venv` fills it, `python` reads it, neither knows the other.

use std::path::PathBuf;

use super::{Fact, FileKind, Stat};

/// The first look: what must be known before the right directories can be listed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VenvFacts {
    /// The directory of the environment, as the settings name it.
    pub path: PathBuf,
    /// That directory, links at its end followed.
    pub dir: Fact<Stat>,
    /// `pyvenv.cfg`.
    pub cfg: Fact<Vec<u8>>,
    /// `bin/python3`, else `bin/python`.
    pub python: Chain,
    /// Names in `lib` that begin with `python`.
    pub libs: Fact<Vec<String>>,
    /// The program that the unit starts, normally `bin/gunicorn`.
    pub launcher: ScriptFacts,
}

/// A path with the symbolic links behind it, followed one by one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Chain {
    /// The path asked for, then each link's target; the last one is where it ends. Never empty.
    pub steps: Vec<PathBuf>,
    /// What stands at the end.
    pub end: Fact<Stat>,
}

/// A script and the bytes that name its interpreter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ScriptFacts {
    pub path: PathBuf,
    /// The file, links at its end followed.
    pub file: Fact<Stat>,
    /// Its beginning, at most [`SCRIPT_HEAD`] bytes.
    pub head: Fact<Vec<u8>>,
}

/// How many bytes of a script are looked at: a `#!` line and pip's two-line form of it.
pub const SCRIPT_HEAD: usize = 1024;

/// How many bytes of a RECORD are read in a shallow look: enough to know a file of each top-level
/// name of nearly every distribution.
pub const RECORD_START: usize = 8 << 10;

/// Why a directory is on Python's module path.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum SiteOrigin {
    /// `site-packages` of the environment for its own Python.
    Venv,
    /// Named by a `.pth` file (an editable install).
    PathFile,
    /// The system's, because `include-system-site-packages` says so.
    System,
    /// `site-packages` of the environment for another Python: not on the path.
    OtherPython,
}

/// A directory to be listed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Site {
    pub path: PathBuf,
    pub origin: SiteOrigin,
}

/// One name in a directory. Names that are not UTF-8 or hold control characters are left out:
/// Python cannot have meant them and a terminal must not see them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    pub name: String,
    pub kind: FileKind,
}

/// The second look: one directory of the module path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SiteFacts {
    pub site: Site,
    /// Sorted by name.
    pub entries: Fact<Vec<Entry>>,
    /// `*.pth` files by name.
    pub path_files: Vec<(String, Fact<Vec<u8>>)>,
    /// What the metadata directories and files hold, in order of name.
    pub distributions: Vec<DistributionFacts>,
}

/// The files of one `*.dist-info`, `*.egg-info` or `*.egg-link`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DistributionFacts {
    /// The name in the site directory.
    pub entry: String,
    /// METADATA or PKG-INFO, cut after the header where it is long.
    pub metadata: Fact<Vec<u8>>,
    /// `top_level.txt`.
    pub top_level: Fact<Vec<u8>>,
    /// RECORD; in a shallow look its first [`RECORD_START`] bytes.
    pub record: Fact<Vec<u8>>,
    /// `direct_url.json`.
    pub direct_url: Fact<Vec<u8>>,
}
