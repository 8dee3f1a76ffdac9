//! Settings. Invariant: pure; each value knows its origin; nothing but the defaults names a service.
