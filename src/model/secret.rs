//! A value that must never be printed.

use std::fmt;

/// Bytes that no output may show: there is no `Display`, and `Debug` prints a mask of fixed length.
#[derive(Clone, PartialEq, Eq, Hash, Default)]
pub struct Secret(Vec<u8>);

impl Secret {
    /// Wraps `bytes`.
    pub fn new(bytes: impl Into<Vec<u8>>) -> Self {
        Self(bytes.into())
    }

    /// The bytes themselves, for a writer or a comparison; never for a message.
    pub fn expose(&self) -> &[u8] {
        &self.0
    }

    /// Takes the bytes out.
    pub fn into_exposed(self) -> Vec<u8> {
        self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("********")
    }
}
