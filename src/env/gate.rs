//! The gate: the one question that every automatic edit must pass.
//!
//! Invariant: what passes has lost no key and changed no value that any systemd read before.

use std::collections::HashMap;

use super::{Reading, Rules, read};

/// True when, with the rules of every systemd, both texts load, every key read before is read
/// after with the same bytes, and keys that appear are among `allowed_new`.
pub fn gate(before: &[u8], after: &[u8], allowed_new: &[String]) -> bool {
    gate_with(before, after, |key| allowed_new.iter().any(|allowed| allowed == key))
}

/// The same with a question for each new key, for edits that gain many.
pub(super) fn gate_with(before: &[u8], after: &[u8], may_appear: impl Fn(&str) -> bool) -> bool {
    Rules::ALL.iter().all(|rules| keeps(&read(before, *rules), &read(after, *rules), &may_appear))
}

fn keeps(before: &Reading, after: &Reading, may_appear: impl Fn(&str) -> bool) -> bool {
    if before.loads.is_err() || after.loads.is_err() {
        return false;
    }
    let old: HashMap<&str, &[u8]> = values(before);
    let new: HashMap<&str, &[u8]> = values(after);
    old.iter().all(|(key, value)| new.get(key) == Some(value))
        && new.keys().all(|key| old.contains_key(key) || may_appear(key))
}

fn values(reading: &Reading) -> HashMap<&str, &[u8]> {
    reading.vars.iter().map(|var| (var.key.as_str(), var.value.expose())).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_passes() {
        let cases: &[(&str, &str, &[&str], bool)] = &[
            ("A=1\n", "A=1\n", &[], true),
            ("A=1\n", "A='1'\n", &[], true),
            ("A=1\n", "A=2\n", &[], false),
            ("A=1\nB=2\n", "A=1\n", &[], false),
            ("export A=1\n", "A=1\n", &["A"], true),
            ("export A=1\n", "A=1\n", &[], false),
            ("A=0\nexport A=1\n", "A=0\nA=1\n", &["A"], false),
            // Only systemd before 254 loses a key here.
            ("#\nA=1\n", "#\\\nA=1\n", &[], false),
            ("#\\\nA=1\n", "#\nA=1\n", &["A"], true),
            ("#\\\nA=1\n", "#\nA=1\n", &[], false),
            ("A=\u{FFFE}\n", "A=1\n", &["A"], false),
            ("A=1\n", "A=1\nB=\u{FFFE}\n", &["B"], false),
        ];
        for (before, after, allowed, expected) in cases {
            let allowed: Vec<String> = allowed.iter().map(|k| (*k).to_owned()).collect();
            let found = gate(before.as_bytes(), after.as_bytes(), &allowed);
            assert_eq!(found, *expected, "{before:?} -> {after:?}");
        }
    }
}
