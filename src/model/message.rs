//! MESSAGE_IDs of our journal entries; systemd/projectmeats-fixes.catalog has a text for each.

/// Pre-start changed something.
pub const REPAIRED: &str = "8f3b6d1c2a5e4c79b0d4e1f7a96c3b52";
/// Pre-start or the diagnosis found something that it does not repair.
pub const FOUND: &str = "5c0e9a7741d24b6f8e3d2b9fa1c86e07";
/// Pre-start stopped the start.
pub const BLOCKED: &str = "e2a4c6f80b1d4f3e9c5a7d8b6e0f1234";
/// A failure was captured.
pub const FAILURE: &str = "b7d91e5f3c2a48d6a0f4c8e1d25b7f90";

/// All of them, for the test that compares them with the catalogue.
pub const ALL: &[&str] = &[REPAIRED, FOUND, BLOCKED, FAILURE];
