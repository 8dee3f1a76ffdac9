//! The shipped fixes.conf: every setting as a comment with its default.

use super::KEYS;

/// The text of the conffile, made from the table.
pub fn render_conffile() -> String {
    let mut out = String::from(
        "# Settings of projectmeats-fixes; see fixes.conf(5).\n\
         # All lines are comments: what is shown is the default. Files in fixes.conf.d/*.conf\n\
         # are read after this one, in order of name, and win. What is in force, and from where:\n\
         #     meats-diagnose config\n",
    );
    let mut section = "";
    for key in KEYS {
        if key.section != section {
            section = key.section;
            out.push_str(&format!("\n[{section}]\n"));
        }
        out.push('\n');
        for line in wrap(key.doc, 96) {
            out.push_str(&format!("# {line}\n"));
        }
        out.push_str(&format!("# Allowed: {}.\n", key.expects));
        out.push_str(format!("#{} = {}", key.name, key.default).trim_end());
        out.push('\n');
    }
    out
}

/// The settings as a block of roff for fixes.conf(5).
pub fn render_roff() -> String {
    let mut out = String::new();
    let mut section = "";
    for key in KEYS {
        if key.section != section {
            section = key.section;
            out.push_str(&format!(".SS \"[{section}]\"\n"));
        }
        let default = if key.default.is_empty() { "nothing" } else { key.default };
        out.push_str(&format!(".TP\n.B {}\n", escape(key.name)));
        out.push_str(&format!("{}\n", escape(key.doc)));
        out.push_str(&format!("Allowed: {}.\n", escape(key.expects)));
        out.push_str(&format!("Default: {}.\n", escape(default)));
    }
    out
}

/// Text as roff(7) takes it: hyphens that are minus signs, no request at the start of a line.
fn escape(text: &str) -> String {
    let text = text.replace('\\', "\\e").replace('-', "\\-");
    if text.starts_with(['.', '\'']) { format!("\\&{text}") } else { text }
}

fn wrap(text: &str, width: usize) -> Vec<String> {
    let mut lines: Vec<String> = vec![String::new()];
    for word in text.split_whitespace() {
        let fits = lines.last().is_some_and(|l| l.len() + 1 + word.len() <= width);
        match lines.last_mut() {
            Some(line) if fits && !line.is_empty() => {
                line.push(' ');
                line.push_str(word);
            }
            Some(line) if line.is_empty() => line.push_str(word),
            _ => lines.push(word.to_owned()),
        }
    }
    lines
}
