//! Failure capture. Invariant: pure; a record is made printable only by redaction by value.
