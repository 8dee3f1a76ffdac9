//! The only effects. Invariant: every path below a directory that another user can write goes through privfs.
