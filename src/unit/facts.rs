//! What the unit planner is told about the host.

use std::path::PathBuf;

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
    },
    /// There is one, but it could not be read.
    Unreadable {
        path: PathBuf,
        why: String,
    },
}

/// The host, as far as the unit depends on it. One look per fact.
#[derive(Clone, Debug)]
pub struct UnitFacts {
    /// Major version of systemd.
    pub systemd: Fact<u32>,
    pub admin: AdminUnit,
    /// An administrator's unit of the same name as our socket unit.
    pub admin_socket: bool,
    /// Type of what lies at the path of the env file.
    pub env_file: Fact<FileKind>,
    /// Version of gunicorn in the venv.
    pub gunicorn: Fact<(u32, u32)>,
    /// `VENV/bin/gunicorn` is there.
    pub program: bool,
    pub user_exists: bool,
    pub group_exists: bool,
}
