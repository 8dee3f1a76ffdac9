//! The helper before each start.
