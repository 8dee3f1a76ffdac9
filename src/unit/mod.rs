//! Units. Invariant: pure; no planner here accepts a Secret, for units are world-readable.
