//! meats-env(1).
fn main() {}
