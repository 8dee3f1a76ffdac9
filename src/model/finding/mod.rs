//! Every finding the programs can report: ids, severities, texts, remedies.
//!
//! Invariant: ids are stable and never reused; each text exists once, here; no text can hold a value
//! of the env file. A finding's `detail` names paths, lines and keys only.
//! The kinds stand in one file a group.

/// Declares the kinds and the list of them in one place.
macro_rules! kinds {
    ($($name:ident = $id:literal $word:literal $severity:ident $repair:ident
        { $summary:literal, why: $why:literal, remedy: $remedy:literal
          $(, leads_to: [$($leads:literal),*])? $(,)? })*) => {
        $(
            #[doc = $summary]
            pub const $name: Kind = Kind {
                id: $id,
                name: $word,
                severity: Severity::$severity,
                repair: Repair::$repair,
                summary: $summary,
                why: $why,
                remedy: $remedy,
                leads_to: &[$($($leads),*)?],
            };
        )*
        /// The kinds of this group, in order of declaration.
        pub(super) const KINDS: &[&Kind] = &[$(&$name),*];
    };
}

mod application;
mod database;
mod deployment;
mod disk;
mod docker;
mod env_file;
mod failure;
mod logs;
mod network;
mod packages;
mod remedy;
mod service;
mod settings;
mod web;

use std::path::PathBuf;

pub use remedy::HostNames;

/// How bad it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// Worth knowing; never changes the verdict.
    Note,
    /// Will bite.
    Warning,
    /// Does not work, or is unsafe, now.
    Error,
}

impl Severity {
    /// The word that begins a line of the report.
    pub fn word(self) -> &'static str {
        match self {
            Self::Note => "note",
            Self::Warning => "warning",
            Self::Error => "error",
        }
    }
}

/// Who repairs it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Repair {
    /// Repaired at each start and by `--fix`, without a question about meaning.
    Automatic,
    /// `--fix` or `meats-env fix` offers it; a person decides.
    Asks,
    /// Only a person can: the remedy is printed.
    ByHand,
    /// No automatic edit of the object at all.
    Refused,
}

impl Repair {
    /// The word used in JSON and text.
    pub fn word(self) -> &'static str {
        match self {
            Self::Automatic => "automatic",
            Self::Asks => "asks",
            Self::ByHand => "by-hand",
            Self::Refused => "refused",
        }
    }
}

/// One kind of finding: everything that is always true of it. `explain ID` prints this.
#[derive(Debug)]
pub struct Kind {
    /// Stable id, `ENV-004`.
    pub id: &'static str,
    /// Readable name, `export-prefix`.
    pub name: &'static str,
    pub severity: Severity,
    pub repair: Repair,
    /// What is the case, one sentence.
    pub summary: &'static str,
    /// Why it matters: what it does to the service.
    pub why: &'static str,
    /// What to do, in words; commands may stand on lines of their own, indented by four blanks.
    pub remedy: &'static str,
    /// Ids of symptoms that this cause explains.
    pub leads_to: &'static [&'static str],
}

/// An id is given once.
impl PartialEq for Kind {
    fn eq(&self, other: &Self) -> bool {
        self.id == other.id
    }
}

impl Eq for Kind {}

/// What a finding is about.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Subject {
    pub path: Option<PathBuf>,
    /// Line of the file, from 1.
    pub line: Option<usize>,
    /// Column (bytes) of the line, from 1.
    pub column: Option<usize>,
    pub unit: Option<String>,
    /// Key of the env file or the settings; the name only.
    pub key: Option<String>,
}

/// Something seen, with its source.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Evidence {
    /// "journal", a path, "unit property".
    pub source: String,
    pub text: String,
}

/// One finding on this host.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    pub kind: &'static Kind,
    pub subject: Subject,
    /// One sentence about this instance; begins without a capital, ends without a full stop.
    pub detail: String,
    pub evidence: Vec<Evidence>,
    /// Commands that help, as words; complete and safe to paste.
    pub commands: Vec<Vec<String>>,
    /// True when the service cannot start, or would destroy something, because of it.
    pub blocks_start: bool,
    /// Who repairs this instance; the kind's class unless its circumstances say otherwise.
    pub repair: Repair,
}

impl Finding {
    /// A finding without evidence or commands.
    pub fn new(kind: &'static Kind, subject: Subject, detail: impl Into<String>) -> Self {
        Self {
            kind,
            subject,
            detail: detail.into(),
            evidence: Vec::new(),
            commands: Vec::new(),
            blocks_start: false,
            repair: kind.repair,
        }
    }

    /// Adds a command to paste.
    #[must_use]
    pub fn command(mut self, words: &[&str]) -> Self {
        self.commands.push(words.iter().map(|w| (*w).to_owned()).collect());
        self
    }

    /// Adds something seen.
    #[must_use]
    pub fn evidence(mut self, source: impl Into<String>, text: impl Into<String>) -> Self {
        self.evidence.push(Evidence { source: source.into(), text: text.into() });
        self
    }

    /// Sets who repairs this instance.
    #[must_use]
    pub fn repaired_by(mut self, repair: Repair) -> Self {
        self.repair = repair;
        self
    }

    /// Marks it as one that must stop the start.
    #[must_use]
    pub fn blocking(mut self) -> Self {
        self.blocks_start = true;
        self
    }
}

impl Subject {
    /// A file.
    pub fn file(path: impl Into<PathBuf>) -> Self {
        Self { path: Some(path.into()), ..Self::default() }
    }

    /// A line of a file.
    pub fn line(path: impl Into<PathBuf>, line: usize) -> Self {
        Self { path: Some(path.into()), line: Some(line), ..Self::default() }
    }

    /// A unit.
    pub fn unit(name: impl Into<String>) -> Self {
        Self { unit: Some(name.into()), ..Self::default() }
    }

    /// Adds the key concerned.
    #[must_use]
    pub fn key(mut self, key: impl Into<String>) -> Self {
        self.key = Some(key.into());
        self
    }
}

pub use application::*;
pub use database::*;
pub use deployment::*;
pub use disk::*;
pub use docker::*;
pub use env_file::*;
pub use failure::*;
pub use logs::*;
pub use network::*;
pub use packages::*;
pub use service::*;
pub use settings::*;
pub use web::*;

/// The groups, in the order in which `explain` lists them.
const GROUPS: &[&[&Kind]] = &[
    settings::KINDS,
    logs::KINDS,
    env_file::KINDS,
    service::KINDS,
    packages::KINDS,
    application::KINDS,
    network::KINDS,
    web::KINDS,
    database::KINDS,
    disk::KINDS,
    failure::KINDS,
    deployment::KINDS,
    docker::KINDS,
];

/// Every kind, in order of declaration.
pub fn all() -> impl Iterator<Item = &'static Kind> {
    GROUPS.iter().copied().flatten().copied()
}

/// Finds a kind by id or name, in any case.
pub fn by_word(word: &str) -> Option<&'static Kind> {
    all().find(|k| k.id.eq_ignore_ascii_case(word) || k.name.eq_ignore_ascii_case(word))
}
#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_and_names_are_unique_and_well_formed() {
        for (i, kind) in all().enumerate() {
            let (group, number) = kind.id.split_once('-').expect("GROUP-NNN");
            assert!(
                group.len() == 3 && group.bytes().all(|b| b.is_ascii_uppercase()),
                "{}",
                kind.id
            );
            assert!(number.len() == 3 && number.bytes().all(|b| b.is_ascii_digit()), "{}", kind.id);
            assert!(kind.summary.ends_with('.') && !kind.why.is_empty() && !kind.remedy.is_empty());
            for other in all().skip(i + 1) {
                assert_ne!(kind.id, other.id);
                assert_ne!(kind.name, other.name);
            }
        }
    }

    #[test]
    fn every_consequence_exists() {
        for kind in all() {
            for id in kind.leads_to {
                assert!(by_word(id).is_some(), "{} leads to unknown {id}", kind.id);
            }
        }
    }
}
