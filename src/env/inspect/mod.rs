//! What is wrong with the text of a file. Invariant: looks at bytes only; applies nothing.
//!
//! `sheet` holds the file cut into nodes; `ends` looks at line ends and the file as a whole, `lines`
//! at what is no assignment, `keys` at names, `value` at how values are written, `words` at what they say.

mod ends;
mod keys;
mod lines;
mod quotes;
mod sheet;
mod value;
mod words;

use super::scan::NodeKind;
use super::{Context, Defect};
use sheet::Sheet;

/// All defects of the text, in order of lines.
pub(super) fn inspect(bytes: &[u8], ctx: &Context) -> Vec<Defect> {
    if let Some(defect) = ends::not_text(bytes) {
        let sheet = Sheet::lines_only(bytes, &ctx.path);
        return vec![sheet.place(defect)];
    }
    let sheet = Sheet::new(bytes, &ctx.path);
    let mut defects = ends::check(&sheet);
    let mut depth = 0_usize;
    let mut conflict = false;
    for (index, node) in sheet.nodes.iter().enumerate() {
        match &node.kind {
            NodeKind::Blank => (),
            NodeKind::Comment { .. } => defects.extend(lines::comment(&sheet, index, node)),
            NodeKind::NoEquals => {
                depth = lines::shell_depth(sheet.text(&node.text), depth);
                defects.extend(lines::no_equals(&sheet, node, &mut conflict));
            }
            NodeKind::Assignment(raw) => {
                defects.extend(keys::assignment(&sheet, index, node, raw, depth > 0, conflict));
            }
        }
    }
    let mut defects: Vec<Defect> = defects.into_iter().map(|d| sheet.place(d)).collect();
    defects.sort_by_key(|d| (d.finding.subject.line.unwrap_or(0), d.span.start));
    defects
}
