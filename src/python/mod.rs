//! Virtual environments and distributions. Invariant: pure; Python is never started, nothing is imported.
