//! Random bytes from the kernel (getrandom(2)).

/// As many bytes as the caller's array has.
pub fn bytes<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    // The kernel's generator cannot fail once it is seeded, and it is before systemd runs.
    getrandom::fill(&mut bytes).ok();
    bytes
}
