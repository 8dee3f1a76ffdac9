//! What is wrong with the text of a file. Invariant: looks at bytes only; applies nothing.
//!
//! `sheet` holds the file cut into nodes; `ends` looks at line ends and the file as a whole, `lines`
//! at what is no assignment, `keys` at names, `quotes` and `meaning` at how values are written,
//! `words` at what they say.

mod ends;
mod keys;
mod lines;
mod meaning;
mod name;
mod quotes;
mod sheet;
mod value;
mod words;

use super::defect::sort_by_place;
use super::gate::Gate;
use super::scan::NodeKind;
use super::{Context, Defect, EDIT_LIMIT};
use keys::Place;
use sheet::Sheet;

/// All defects of the text, in order of lines.
pub(super) fn inspect(bytes: &[u8], gate: &Gate<'_>, ctx: &Context) -> Vec<Defect> {
    if let Some(defect) = ends::not_text(bytes) {
        let sheet = Sheet::lines_only(bytes, gate, ctx);
        return vec![sheet.place(defect)];
    }
    if bytes.len() > EDIT_LIMIT {
        // Nothing is repaired in it, and a look at each line would cost many times its size.
        return ends::oversized(bytes, gate.now(), &ctx.path);
    }
    let sheet = Sheet::new(bytes, gate, ctx);
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
                let place = Place { index, in_code: depth > 0, conflict };
                defects.extend(keys::assignment(&sheet, node, raw, place));
            }
        }
    }
    let mut defects: Vec<Defect> = defects.into_iter().map(|d| sheet.place(d)).collect();
    sort_by_place(&mut defects);
    defects
}
