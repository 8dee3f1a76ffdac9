//! The harness for booted Debian roots.
