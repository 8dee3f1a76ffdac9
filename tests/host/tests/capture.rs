//! Failures on a booted root, and what is recorded of them.

#[path = "capture/ends.rs"]
mod ends;
#[path = "capture/loops.rs"]
mod loops;
#[path = "capture/others.rs"]
mod others;
#[path = "capture/row.rs"]
mod row;
#[path = "capture/trouble.rs"]
mod trouble;
