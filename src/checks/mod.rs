//! The checks of the diagnosis. Invariant: pure; a check that could not look never says fine.

pub mod packages;
