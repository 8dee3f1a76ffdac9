//! The env-file language. Invariant: pure and total over bytes; nothing is ever executed or sourced.
//!
//! [`scan`] cuts a file into nodes without losing a byte; [`systemd`] is the reading that counts;
//! [`mod@gate`] is the one question every automatic edit must pass; [`judge`] finds what is wrong and
//! what may be repaired.

mod application;
pub mod backup;
mod byte_set;
mod defect;
mod digest;
mod double_equals;
mod edit;
mod encode;
mod gate;
mod inspect;
mod judge;
mod line_index;
pub mod mask;
mod published;
pub mod readers;
pub mod scan;
mod secret_values;
pub mod systemd;
mod utf8;
mod write;

pub use application::{Application, is_database_key};
pub use defect::{Defect, class_letter};
pub use digest::{Salt, digest};
pub use double_equals::{
    Candidates, DoubleEquals, Evidence, Match, Use, Verdict, candidates, decide,
};
pub use edit::{Edit, apply_edits};
pub use encode::{encode, encode_bytes, is_encodable};
pub use gate::gate;
pub use judge::{Context, Judgement, Repaired, check, judge, plan_repair, propose};
pub use secret_values::is_secret_key_name;
pub use systemd::{Assignment, Dropped, LoadError, LoadErrorKind, Reading, Rules, Why, read};
pub use utf8::is_strict_utf8;
pub use write::{SetError, set, unset};

/// The part of `bytes` in `range`; empty when it does not lie inside.
pub(crate) fn slice(bytes: &[u8], range: std::ops::Range<usize>) -> &[u8] {
    bytes.get(range).unwrap_or_default()
}

/// Automatic edits are refused in files larger than this many bytes.
pub const EDIT_LIMIT: usize = 1 << 20;
