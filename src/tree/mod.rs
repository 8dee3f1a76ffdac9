//! Owners and modes of the log and runtime trees. Invariant: pure; a healthy tree gives an empty plan.
