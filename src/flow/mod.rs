//! One short file an entry point: observe, plan, apply. Invariant: the only room that sees both sys and planners.
