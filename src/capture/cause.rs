//! A cause: the finding that `explain` knows, one sentence about this failure, what shows it.

use crate::model::{Evidence, Kind};

/// Why the service failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cause {
    pub kind: &'static Kind,
    /// One sentence without capital and full stop. It names nothing that differs between two
    /// failures of the same cause (no process number, no time): equal sentences are counted.
    pub sentence: String,
    pub evidence: Vec<Evidence>,
    /// Commands that help, as words.
    pub commands: Vec<Vec<String>>,
}

impl Cause {
    pub(super) fn new(kind: &'static Kind, sentence: impl Into<String>) -> Self {
        Self { kind, sentence: sentence.into(), evidence: Vec::new(), commands: Vec::new() }
    }

    #[must_use]
    pub(super) fn seen(mut self, source: &str, text: impl Into<String>) -> Self {
        self.evidence.push(Evidence { source: source.to_owned(), text: text.into() });
        self
    }

    #[must_use]
    pub(super) fn command(mut self, words: &[&str]) -> Self {
        self.commands.push(words.iter().map(|w| (*w).to_owned()).collect());
        self
    }
}

/// What stands between `before` and `after`.
pub(super) fn between<'a>(text: &'a str, before: &str, after: &str) -> Option<&'a str> {
    let (_, rest) = text.split_once(before)?;
    rest.split_once(after).map(|(inside, _)| inside)
}

/// What a program said, short enough for a sentence.
pub(super) fn shortened(text: &str) -> String {
    const MOST: usize = 200;
    match text.char_indices().nth(MOST) {
        Some((end, _)) => format!("{}…", text.get(..end).unwrap_or_default()),
        None => text.to_owned(),
    }
}
