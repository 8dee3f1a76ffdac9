//! Random bytes from the kernel (getrandom(2)).

/// As many bytes as the caller's array has.
pub fn bytes<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    // The kernel's generator cannot fail once it is seeded, and it is before systemd runs.
    getrandom::fill(&mut bytes).ok();
    bytes
}

/// Letters that every reader takes literally, bare: 64 of them, 6 bits each.
const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-";

/// A secret of `[A-Za-z0-9_-]`, 6 bits a letter.
///
/// # Errors
/// The kernel gives no random bytes; a secret is never made of anything else.
pub fn secret(length: usize) -> Result<Vec<u8>, String> {
    let mut bytes = vec![0; length];
    getrandom::fill(&mut bytes).map_err(|error| format!("random bytes: {error}"))?;
    Ok(bytes.iter().filter_map(|byte| LETTERS.get(usize::from(byte & 63)).copied()).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_differ_and_use_the_letters() {
        let (a, b) = (secret(64).unwrap(), secret(64).unwrap());
        assert_ne!(a, b);
        assert_eq!(a.len(), 64);
        assert!(a.iter().all(|byte| LETTERS.contains(byte)));
    }
}
