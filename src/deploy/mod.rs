//! Deployment as a plan. Invariant: pure; every step says how it is undone or that it cannot be.
