//! What the unit planner is told about the host.

use std::path::{Path, PathBuf};

use super::file::UnitFile;
use crate::model::{Fact, FileKind};

/// A drop-in of the administrator's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DropIn {
    pub path: PathBuf,
    pub bytes: Vec<u8>,
}

/// The unit that the administrator has for the service, if any.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AdminUnit {
    None,
    /// A link to /dev/null or an empty file (systemd.unit(5)).
    Masked {
        path: PathBuf,
    },
    Present {
        path: PathBuf,
        bytes: Vec<u8>,
        /// His drop-ins that systemd applies before ours, in order.
        drop_ins: Vec<DropIn>,
        /// Those behind ours.
        later: Vec<DropIn>,
    },
    /// There is one, but it could not be read.
    Unreadable {
        path: PathBuf,
        why: String,
    },
}

impl AdminUnit {
    /// The unit with all of his drop-ins.
    pub fn in_force(&self) -> Option<UnitFile> {
        let mut unit = self.merged()?;
        if let Self::Present { later, .. } = self {
            later.iter().for_each(|d| unit.extend(&d.bytes));
        }
        Some(unit)
    }

    /// The unit with the drop-ins that come before ours.
    pub fn merged(&self) -> Option<UnitFile> {
        let Self::Present { bytes, drop_ins, .. } = self else { return None };
        let mut unit = UnitFile::parse(bytes);
        drop_ins.iter().for_each(|d| unit.extend(&d.bytes));
        Some(unit)
    }
}

/// A unit of the administrator's with the name of our socket unit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AdminSocket {
    None,
    Masked { path: PathBuf },
    Present { path: PathBuf, bytes: Vec<u8> },
}

/// One env file that a unit may name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EnvFile {
    pub path: PathBuf,
    /// What lies there itself.
    pub kind: Fact<FileKind>,
    /// What is reached by following links.
    pub behind: Fact<FileKind>,
}

/// `VENV/bin/gunicorn`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Program {
    There,
    Missing,
    /// It is not there, but a mount point above it is not mounted yet: generators run before
    /// local file systems are (systemd.generator(7)).
    BelowMount(PathBuf),
}

/// The host, as far as the unit depends on it. One look per fact.
#[derive(Clone, Debug)]
pub struct UnitFacts {
    /// Major version of systemd.
    pub systemd: Fact<u32>,
    pub admin: AdminUnit,
    pub socket: AdminSocket,
    /// Enabled units that run the same service under another name: an instance of `NAME@.service`,
    /// `NAME-socket.service` of an old deployment script.
    pub rivals: Vec<String>,
    /// The configured env file first, then those that the administrator's unit names.
    pub env_files: Vec<EnvFile>,
    /// Version of gunicorn in the venv.
    pub gunicorn: Fact<(u32, u32)>,
    pub program: Program,
    pub user_exists: bool,
    pub group_exists: bool,
}

impl UnitFacts {
    /// What was seen at the path of an env file.
    pub fn env_file(&self, path: &Path) -> Option<&EnvFile> {
        self.env_files.iter().find(|f| f.path == path)
    }
}
