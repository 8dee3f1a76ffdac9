//! A file cut into nodes, with what every look needs: lines, names, readings.

use std::collections::{HashMap, HashSet};
use std::ops::Range;
use std::path::Path;

use super::keys::{Name, name_of};
use crate::env::scan::{Node, NodeKind, Rules, scan};
use crate::env::{Defect, Reading, read, slice};
use crate::model::finding;

pub(super) struct Sheet<'a> {
    pub bytes: &'a [u8],
    pub nodes: Vec<Node>,
    /// Every name that is set or would be set after a repair.
    pub keys: HashSet<&'a [u8]>,
    /// Node number of the line that sets a name for systemd.
    pub winners: HashMap<&'a [u8], usize>,
    /// Node number of the first line that names it, with `export` or a mark in front or not.
    pub firsts: HashMap<&'a [u8], usize>,
    pub before254: Reading,
    line_starts: Vec<usize>,
    path: &'a Path,
}

impl<'a> Sheet<'a> {
    pub fn new(bytes: &'a [u8], path: &'a Path) -> Self {
        let mut sheet = Self::lines_only(bytes, path);
        sheet.nodes = scan(bytes, Rules::Since254).collect();
        sheet.before254 = read(bytes, Rules::Before254);
        for (index, node) in sheet.nodes.iter().enumerate() {
            let NodeKind::Assignment(raw) = &node.kind else { continue };
            let (name, plain) = match name_of(slice(bytes, raw.key.clone())) {
                Name::Plain(name) => (name, true),
                Name::Prefixed { name, .. } => (name, false),
                Name::Other(_) => continue,
            };
            sheet.keys.insert(name);
            sheet.firsts.entry(name).or_insert(index);
            if plain {
                sheet.winners.insert(name, index);
            }
        }
        sheet
    }

    pub fn lines_only(bytes: &'a [u8], path: &'a Path) -> Self {
        let ends = bytes.iter().enumerate().filter(|(_, b)| **b == b'\n').map(|(i, _)| i + 1);
        Self {
            bytes,
            nodes: Vec::new(),
            keys: HashSet::new(),
            winners: HashMap::new(),
            firsts: HashMap::new(),
            before254: read(b"", Rules::Before254),
            line_starts: std::iter::once(0).chain(ends).collect(),
            path,
        }
    }

    pub fn text(&self, range: &Range<usize>) -> &'a [u8] {
        slice(self.bytes, range.clone())
    }

    /// Line of an offset, from 1, and where that line begins.
    pub fn line(&self, at: usize) -> (usize, usize) {
        let line = self.line_starts.partition_point(|start| *start <= at).max(1);
        (line, self.line_starts.get(line - 1).copied().unwrap_or(0))
    }

    /// Fills in path, line and column; file-wide kinds keep no line.
    pub fn place(&self, mut defect: Defect) -> Defect {
        let subject = &mut defect.finding.subject;
        subject.path = Some(self.path.to_path_buf());
        let whole = [&finding::EMPTY_FILE, &finding::ENV_OVERSIZED].contains(&defect.finding.kind)
            || (defect.finding.kind == &finding::CRLF && defect.span.end < self.bytes.len());
        if !whole {
            let (line, start) = self.line(defect.span.start.min(self.bytes.len().max(1) - 1));
            subject.line = Some(line);
            subject.column = Some(defect.span.start - start + 1);
        }
        defect
    }
}
