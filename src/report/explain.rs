//! `meats-diagnose explain ID`: a page on one kind of finding, offline.

use crate::model::{Kind, finding};

/// The page.
pub fn render_explanation(kind: &Kind) -> String {
    let class = match kind.repair {
        crate::model::Repair::Automatic => "repaired automatically",
        crate::model::Repair::Asks => "repaired when you agree",
        crate::model::Repair::ByHand => "for you to repair",
        crate::model::Repair::Refused => "never touched by a repair",
    };
    let mut out = format!("{} {}: {}, {class}\n\n", kind.id, kind.name, kind.severity.word());
    paragraph(&mut out, kind.summary);
    out.push_str("Why it matters\n");
    paragraph(&mut out, kind.why);
    out.push_str("What to do\n");
    for part in kind.remedy.split('\n') {
        if part.starts_with("    ") {
            out.push_str(&format!("  {part}\n"));
        } else {
            wrap(&mut out, part, 2);
        }
    }
    if !kind.leads_to.is_empty() {
        let named = kind.leads_to.iter().filter_map(|id| finding::by_word(id));
        let list: Vec<String> = named.map(|k| format!("{} ({})", k.id, k.name)).collect();
        out.push_str("\nLeads to\n");
        wrap(&mut out, &list.join(", "), 2);
    }
    out.push_str("\nSee also: meats-diagnose(1), projectmeats-fixes(7)\n");
    out
}

/// Every kind as a block of roff for projectmeats-findings(7).
pub fn render_roff() -> String {
    let mut out = String::new();
    for kind in finding::all() {
        let escape = |t: &str| t.replace('\\', "\\e").replace('-', "\\-");
        out.push_str(&format!(".SS {} {}\n", escape(kind.id), escape(kind.name)));
        out.push_str(&format!(
            "{} ({}, {})\n.PP\n",
            escape(kind.summary),
            kind.severity.word(),
            escape(kind.repair.word())
        ));
        out.push_str(&format!("{}\n.PP\n", escape(kind.why)));
        for part in kind.remedy.split('\n') {
            match part.strip_prefix("    ") {
                Some(command) => out.push_str(&format!(".RS 4\n.B {}\n.RE\n", escape(command))),
                None => out.push_str(&format!("{}\n", escape(part))),
            }
        }
    }
    out
}

/// The ids and names that are nearest to a mistyped word, by common beginning.
pub fn nearest(word: &str) -> Vec<&'static Kind> {
    let common = |a: &str| {
        a.chars().zip(word.chars()).take_while(|(x, y)| x.eq_ignore_ascii_case(y)).count()
    };
    let best = finding::all().map(|k| common(k.id).max(common(k.name))).max().unwrap_or(0);
    let near = finding::all();
    near.filter(|k| best >= 2 && common(k.id).max(common(k.name)) == best).take(5).collect()
}

fn paragraph(out: &mut String, text: &str) {
    wrap(out, text, 2);
    out.push('\n');
}

fn wrap(out: &mut String, text: &str, indent: usize) {
    let mut column = 0;
    for word in text.split_whitespace() {
        if column == 0 {
            out.push_str(&" ".repeat(indent));
            column = indent;
        } else if column + 1 + word.chars().count() > 78 {
            out.push('\n');
            out.push_str(&" ".repeat(indent));
            column = indent;
        } else {
            out.push(' ');
            column += 1;
        }
        out.push_str(word);
        column += word.chars().count();
    }
    out.push('\n');
}
