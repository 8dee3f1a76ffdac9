//! meats-deploy(8).
fn main() {}
