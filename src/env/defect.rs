//! A finding about the file's text, with the edits that would mend it.
//!
//! Invariant: `edits` are only ever applied through the gate; `proposal` only when a person agrees.

use std::ops::Range;

use super::Edit;
use super::double_equals::SECRET_KEY;
use super::mask::{MASK, is_harmless};
use crate::model::{Finding, Kind, Repair, Subject, finding};

/// One thing that is wrong, where, and what could be done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Defect {
    pub finding: Finding,
    /// The bytes it is about.
    pub span: Range<usize>,
    /// The automatic repair; all of them or none.
    pub edits: Vec<Edit>,
    /// Keys that appear by the repair or the proposal.
    pub gains: Vec<String>,
    /// What the author most likely meant.
    pub proposal: Vec<Edit>,
}

impl Defect {
    pub(super) fn new(kind: &'static Kind, span: Range<usize>, detail: impl Into<String>) -> Self {
        let finding = Finding::new(kind, Subject::default(), detail);
        Self { finding, span, edits: Vec::new(), gains: Vec::new(), proposal: Vec::new() }
    }

    pub(super) fn class(mut self, repair: Repair) -> Self {
        self.finding.repair = repair;
        self
    }

    pub(super) fn key(mut self, key: &str) -> Self {
        self.finding.subject.key = Some(key.to_owned());
        self
    }

    /// Whether a person who decides is offered a text, or a fresh key.
    pub fn is_offered(&self) -> bool {
        self.takes_fresh_secret() || !self.proposal.is_empty() || !self.edits.is_empty()
    }

    /// Who repairs it: a decision that `fix --interactive` does not ask for is made by hand.
    pub fn repair(&self) -> Repair {
        match self.finding.repair {
            Repair::Asks if !self.is_offered() => Repair::ByHand,
            repair => repair,
        }
    }

    /// Whether any new random value mends it.
    pub fn takes_fresh_secret(&self) -> bool {
        let key = self.finding.subject.key.as_deref().unwrap_or_default();
        FRESH.iter().any(|kind| self.is(kind)) && key.ends_with(SECRET_KEY)
    }

    /// A name that may be a piece of a secret is shown nowhere. That of a bad key was judged already.
    pub(super) fn conceal(mut self) -> Self {
        if self.is(&finding::BAD_KEY) {
            return self;
        }
        let finding = &mut self.finding;
        if let Some(key) = finding.subject.key.take_if(|key| !is_harmless(key.as_bytes())) {
            finding.detail = finding.detail.replace(&key, MASK);
        }
        self
    }

    pub(super) fn edit(mut self, edit: Edit) -> Self {
        self.edits.push(edit);
        self
    }

    pub(super) fn gain(mut self, key: &str) -> Self {
        self.gains.push(key.to_owned());
        self
    }

    pub(super) fn propose(mut self, edit: Edit) -> Self {
        self.proposal.push(edit);
        self
    }

    pub(super) fn is(&self, kind: &Kind) -> bool {
        self.finding.kind == kind
    }

    pub(super) fn is_automatic(&self) -> bool {
        self.finding.repair == Repair::Automatic
    }
}

/// What a fresh key mends.
const FRESH: &[&Kind] = &[
    &finding::PLACEHOLDER,
    &finding::SECRET_KEY_EMPTY,
    &finding::SECRET_KEY_WEAK,
    &finding::SECRET_KEY_MISSING,
    &finding::PUBLISHED,
];

/// In order of lines; what concerns the whole file stands in front.
pub(super) fn sort_by_place(defects: &mut [Defect]) {
    defects.sort_by_key(|d| (d.finding.subject.line.unwrap_or(0), d.span.start));
}

/// The letter of the catalogue: A repaired, P proposed, W warned about, R refused.
pub fn class_letter(repair: Repair) -> char {
    match repair {
        Repair::Automatic => 'A',
        Repair::Asks => 'P',
        Repair::ByHand => 'W',
        Repair::Refused => 'R',
    }
}
