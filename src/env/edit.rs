//! Edits as data. Invariant: applying edits changes the bytes of their spans and no other byte.

use std::ops::Range;

use super::slice;
use crate::model::Secret;

/// One replacement; `text` may hold values, so it is a secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Edit {
    pub span: Range<usize>,
    pub text: Secret,
}

impl Edit {
    /// Replaces `span` by `text`.
    pub fn replace(span: Range<usize>, text: impl Into<Vec<u8>>) -> Self {
        Self { span, text: Secret::new(text) }
    }

    /// Removes `span`.
    pub fn delete(span: Range<usize>) -> Self {
        Self::replace(span, Vec::new())
    }
}

/// Applies edits in any order; of two that overlap the one that begins first is applied.
pub fn apply_edits<'a>(bytes: &[u8], edits: impl IntoIterator<Item = &'a Edit>) -> Vec<u8> {
    let mut sorted: Vec<&Edit> = edits.into_iter().collect();
    sorted.sort_by_key(|edit| (edit.span.start, edit.span.end));
    let mut out = Vec::with_capacity(bytes.len());
    let mut at = 0;
    for edit in sorted.into_iter().filter(|e| e.span.end <= bytes.len()) {
        if edit.span.start < at {
            continue;
        }
        out.extend_from_slice(slice(bytes, at..edit.span.start));
        out.extend_from_slice(edit.text.expose());
        at = edit.span.end;
    }
    out.extend_from_slice(slice(bytes, at..bytes.len()));
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn order_and_overlap() {
        let edits = [Edit::replace(4..5, *b"5"), Edit::delete(0..2), Edit::replace(1..3, *b"x")];
        assert_eq!(apply_edits(b"abcdef", &edits), b"cd5f");
        assert_eq!(apply_edits(b"ab", &[Edit::replace(2..2, *b"\n")]), b"ab\n");
        assert_eq!(apply_edits(b"ab", &[Edit::delete(1..9)]), b"ab");
    }
}
