//! Where lines begin. Invariant: lines end at LF only, as editors and messages count them.

/// The lines of one text.
#[derive(Debug)]
pub(super) struct LineIndex {
    starts: Vec<usize>,
}

impl LineIndex {
    pub fn new(bytes: &[u8]) -> Self {
        let behind_ends = memchr::memchr_iter(b'\n', bytes).map(|at| at + 1);
        Self { starts: std::iter::once(0).chain(behind_ends).collect() }
    }

    /// The line of an offset, from 1, and where it begins.
    pub fn line(&self, at: usize) -> (usize, usize) {
        let line = self.starts.partition_point(|start| *start <= at).max(1);
        (line, self.starts.get(line - 1).copied().unwrap_or(0))
    }
}

/// One line of an offset; for many there is [`LineIndex`].
pub(super) fn line_of(bytes: &[u8], at: usize) -> usize {
    1 + memchr::memchr_iter(b'\n', bytes.get(..at).unwrap_or(bytes)).count()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_end_belongs_to_its_line() {
        let text = b"a\n\nbc";
        for (at, expected) in [(0, (1, 0)), (1, (1, 0)), (2, (2, 2)), (3, (3, 3)), (9, (3, 3))] {
            assert_eq!(LineIndex::new(text).line(at), expected, "{at}");
            assert_eq!(line_of(text, at), expected.0, "{at}");
        }
        assert_eq!(LineIndex::new(b"").line(0), (1, 0));
    }
}
