//! Names of users, groups and processes for messages.

use std::fmt;

/// Who holds a socket.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Holder {
    Process {
        name: String,
        pid: u32,
    },
    /// Somebody does; why it is not known who.
    Unseen(&'static str),
}

impl fmt::Display for Holder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Process { name, pid } => write!(f, "{name}[{pid}]"),
            Self::Unseen(why) => f.write_str(why),
        }
    }
}

/// Turns ids into names; what has no name is its number.
pub trait Names {
    fn user(&self, uid: u32) -> String;
    fn group(&self, gid: u32) -> String;
}
