//! Findings in one line, and commands to paste.

use crate::model::Finding;
use crate::model::{escape, escape_path};

/// `LOG-001 log-owner: "/path":12: what is the case`, for the journal and short listings.
pub fn one_line(finding: &Finding) -> String {
    let mut text = format!("{} {}: ", finding.kind.id, finding.kind.name);
    if let Some(path) = &finding.subject.path {
        text.push_str(&escape_path(path));
        if let Some(line) = finding.subject.line {
            text.push_str(&format!(":{line}"));
        }
        text.push_str(": ");
    } else if let Some(unit) = &finding.subject.unit {
        text.push_str(&format!("{unit}: "));
    }
    text.push_str(&escape(&finding.detail));
    text
}

/// Words as a POSIX shell would take them back.
pub fn shell_words<S: AsRef<str>>(words: &[S]) -> String {
    let quoted: Vec<String> = words.iter().map(|word| shell_word(word.as_ref())).collect();
    quoted.join(" ")
}

fn shell_word(word: &str) -> String {
    let plain = |b: u8| b.is_ascii_alphanumeric() || b"_@%+=:,./-".contains(&b);
    if !word.is_empty() && word.bytes().all(plain) {
        word.to_owned()
    } else {
        format!("'{}'", escape(word).replace('\'', "'\\''"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_quoted() {
        assert_eq!(shell_words(&["ls", "-l", "a b", "it's", ""]), "ls -l 'a b' 'it'\\''s' ''");
    }
}
