//! Values that know where they came from.

use std::fmt;
use std::path::PathBuf;

/// Where a value came from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    /// The built-in default.
    Default,
    /// A line of a settings file, counted from 1; 0 for a file as a whole.
    File { path: PathBuf, line: usize },
    /// Something observed on the host, by name ("number of CPUs").
    Fact(&'static str),
    /// A command-line option, by name.
    Option(&'static str),
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Default => f.write_str("default"),
            // A unit is read as a whole: its settings have no line.
            Self::File { path, line: 0 } => write!(f, "{}", path.display()),
            Self::File { path, line } => write!(f, "{}:{line}", path.display()),
            Self::Fact(name) => write!(f, "from the {name}"),
            Self::Option(name) => write!(f, "option {name}"),
        }
    }
}

/// A value with its [`Origin`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sourced<T> {
    pub value: T,
    pub origin: Origin,
}

impl<T> Sourced<T> {
    /// A built-in default.
    pub fn default_value(value: T) -> Self {
        Self { value, origin: Origin::Default }
    }
}

impl<T> std::ops::Deref for Sourced<T> {
    type Target = T;
    fn deref(&self) -> &T {
        &self.value
    }
}
