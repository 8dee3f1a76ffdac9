//! One settings file: its text as a map from (section, name) to (value, line).

use std::collections::BTreeMap;
use std::path::PathBuf;

use configparser::ini::{Ini, IniDefault};

use crate::model::{Fact, Finding, Subject, finding};

/// A settings file as it was found, weakest first in a list of them.
#[derive(Clone, Debug)]
pub struct Source {
    pub path: PathBuf,
    pub bytes: Fact<Vec<u8>>,
}

/// The assignments of one file.
#[derive(Debug, Default)]
pub(super) struct Parsed {
    pub(super) path: PathBuf,
    /// Section, name, value and line.
    pub(super) values: BTreeMap<String, BTreeMap<String, (String, usize)>>,
}

impl Parsed {
    pub(super) fn get(&self, section: &str, name: &str) -> Option<&(String, usize)> {
        self.values.get(section)?.get(name)
    }
}

/// Parses one file. A file that cannot be read or parsed gives nothing and a finding.
pub(super) fn parse(source: &Source, findings: &mut Vec<Finding>) -> Parsed {
    let empty = Parsed { path: source.path.clone(), ..Parsed::default() };
    let unreadable = |line: Option<usize>, why: String| {
        let subject = Subject { line, ..Subject::file(&source.path) };
        let detail = format!("{why}; this file is ignored as a whole");
        Finding::new(&finding::CFG_UNREADABLE, subject, detail)
    };
    let bytes = match &source.bytes {
        Fact::Known(bytes) => bytes,
        Fact::Absent => return empty,
        Fact::Unknown(reason) => {
            findings.push(unreadable(None, reason.clone()));
            return empty;
        }
    };
    let Ok(text) = std::str::from_utf8(bytes) else {
        findings.push(unreadable(None, "it is not UTF-8 text".to_owned()));
        return empty;
    };
    let mut style = IniDefault::default();
    style.case_sensitive = true;
    style.multiline = false;
    style.delimiters = vec!['='];
    style.comment_symbols = vec!['#', ';'];
    style.inline_comment_symbols = Some(Vec::new());
    match Ini::new_from_defaults(style).read(text.to_owned()) {
        Ok(sections) => {
            let mut values = BTreeMap::new();
            for (section, assignments) in sections {
                let assignment = |(name, value): (String, Option<String>)| {
                    let line = line_of(text, &section, &name);
                    (name, (value.unwrap_or_default().trim().to_owned(), line))
                };
                let assignments = assignments.into_iter().map(assignment).collect();
                values.insert(section, assignments);
            }
            Parsed { path: source.path.clone(), values }
        }
        Err(why) => {
            let line = why.split_whitespace().find_map(|w| w.trim_end_matches(':').parse().ok());
            findings.push(unreadable(line, "it is not INI text ([section], name = value)".into()));
            empty
        }
    }
}

/// The last line that assigns `name` in `section` (the parser's choice too), from 1.
fn line_of(text: &str, section: &str, name: &str) -> usize {
    let mut current = "default".to_owned();
    let mut found = 0;
    for (number, line) in text.lines().enumerate() {
        let line = line.trim();
        if let Some(header) = line.strip_prefix('[').and_then(|l| l.split(']').next()) {
            current = header.trim().to_owned();
        } else if current == section && line.split('=').next().is_some_and(|n| n.trim() == name) {
            found = number + 1;
        }
    }
    found
}
