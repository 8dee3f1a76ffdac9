//! The failure capture helper.
fn main() {}
