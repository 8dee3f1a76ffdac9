//! The salted digest of a key that was in use. Invariant: without the salt it tells nothing.

use sha2::{Digest, Sha256};

use crate::model::hex;

/// Random bytes from the kernel, kept beside the digest in the root-only state directory.
pub type Salt = [u8; 32];

/// Lower-case hexadecimal SHA-256 of salt and value.
pub fn digest(salt: &Salt, value: &[u8]) -> String {
    let mut hash = Sha256::new();
    hash.update(salt);
    hash.update(value);
    hex(hash.finalize())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_salt_counts() {
        assert_ne!(digest(&[0; 32], b"x"), digest(&[1; 32], b"x"));
        assert_eq!(digest(&[7; 32], b"x").len(), 64);
    }
}
