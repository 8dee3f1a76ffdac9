//! Option tables. Invariant: parsing only validates; nothing is opened here.
