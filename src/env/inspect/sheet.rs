//! A file cut into nodes, with what every look needs: lines, names, readings.

use std::cell::OnceCell;
use std::collections::{HashMap, HashSet};
use std::ops::Range;
use std::path::Path;

use super::name::{Name, name_of};
use crate::env::gate::Gate;
use crate::env::line_index::{LineIndex, line_of};
use crate::env::scan::{Node, NodeKind, Rules, scan};
use crate::env::{Context, Defect, DoubleEquals, slice};
use crate::model::finding;

pub(super) struct Sheet<'a> {
    pub bytes: &'a [u8],
    pub nodes: Vec<Node<'a>>,
    gate: &'a Gate<'a>,
    /// Some name may stand on more than one line.
    names_twice: bool,
    // Made when the first look needs them; most files need none.
    keys: OnceCell<HashMap<Vec<u8>, Places>>,
    before254: OnceCell<HashSet<String>>,
    lines: OnceCell<LineIndex>,
    path: &'a Path,
    /// The site says that a `SECRET_KEY` that begins with `=` is right.
    pub keeps_equals: bool,
}

/// Node numbers of the lines that name a key.
#[derive(Clone, Copy)]
pub(super) struct Places {
    /// The first, with `export` or a mark in front or not.
    first: usize,
    /// The one that sets it for systemd.
    pub winner: Option<usize>,
}

impl<'a> Sheet<'a> {
    pub fn new(bytes: &'a [u8], gate: &'a Gate<'a>, ctx: &'a Context) -> Self {
        // Mostly one a line; growing would copy them all several times.
        let mut nodes = Vec::with_capacity(line_of(bytes, bytes.len()));
        nodes.extend(scan(bytes, Rules::Since254));
        Self { nodes, ..Self::lines_only(bytes, gate, ctx) }
    }

    pub fn lines_only(bytes: &'a [u8], gate: &'a Gate<'a>, ctx: &'a Context) -> Self {
        Self {
            bytes,
            nodes: Vec::new(),
            gate,
            names_twice: gate.now().may_name_twice(),
            keys: OnceCell::new(),
            before254: OnceCell::new(),
            lines: OnceCell::new(),
            path: &ctx.path,
            keeps_equals: ctx.double_equals == DoubleEquals::Keep,
        }
    }

    /// Where a name is set or would be set after a repair.
    pub fn places(&self, name: &[u8]) -> Option<Places> {
        self.keys.get_or_init(|| self.index()).get(name).copied()
    }

    fn index(&self) -> HashMap<Vec<u8>, Places> {
        let mut keys = HashMap::with_capacity(self.nodes.len());
        for (index, node) in self.nodes.iter().enumerate() {
            let NodeKind::Assignment(raw) = &node.kind else { continue };
            let (name, plain) = match name_of(self.text(&raw.key)) {
                Name::Plain(name) => (name, true),
                Name::Prefixed { name, .. } => (name, false),
                Name::Other(_) => continue,
            };
            let places = keys.entry(name.to_vec()).or_insert(Places { first: index, winner: None });
            if plain {
                places.winner = Some(index);
            }
        }
        keys
    }

    /// The first line that names a key, if it stands before this one.
    pub fn earlier(&self, name: &[u8], index: usize) -> Option<usize> {
        if !self.names_twice {
            return None;
        }
        self.places(name).map(|places| places.first).filter(|first| *first < index)
    }

    /// Whether systemd before 254 sets a key.
    pub fn is_set_before254(&self, key: &str) -> bool {
        let read = || self.gate.before254().vars.iter().map(|var| var.key.to_owned()).collect();
        self.before254.get_or_init(read).contains(key)
    }

    pub fn text(&self, range: &Range<usize>) -> &'a [u8] {
        slice(self.bytes, range.clone())
    }

    /// Line of an offset, from 1, and where that line begins.
    pub fn line(&self, at: usize) -> (usize, usize) {
        self.lines.get_or_init(|| LineIndex::new(self.bytes)).line(at)
    }

    /// Fills in path, line and column; file-wide kinds keep no line.
    pub fn place(&self, mut defect: Defect) -> Defect {
        let subject = &mut defect.finding.subject;
        subject.path = Some(self.path.to_path_buf());
        let whole = defect.finding.kind == &finding::EMPTY_FILE
            || (defect.finding.kind == &finding::CRLF && defect.span.end < self.bytes.len());
        if !whole {
            let (line, start) = self.line(defect.span.start.min(self.bytes.len().max(1) - 1));
            subject.line = Some(line);
            subject.column = Some(defect.span.start - start + 1);
        }
        defect
    }
}
