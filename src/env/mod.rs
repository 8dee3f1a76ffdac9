//! The env-file language. Invariant: pure and total over bytes; nothing is ever executed or sourced.
