//! The gate: the one question that every automatic edit must pass.
//!
//! Invariant: what passes has lost no key and changed no value that any systemd read before.

use std::collections::HashMap;

use super::Rules;
use super::systemd::{Survey, Var, rules_matter, survey};

/// True when, with the rules of every systemd, both texts load, every key read before is read
/// after with the same bytes, and keys that appear are among `allowed_new`.
pub fn gate(before: &[u8], after: &[u8], allowed_new: &[String]) -> bool {
    Gate::new(before).lets(after, |key| allowed_new.iter().any(|allowed| allowed == key))
}

/// One text and the question for many others, with a question for each key that appears.
pub(super) struct Gate<'a> {
    before: Surveys<'a>,
}

/// What each rule set reads; the older one only where it may differ.
struct Surveys<'a> {
    now: Survey<'a>,
    before254: Option<Survey<'a>>,
}

impl<'a> Surveys<'a> {
    fn of(bytes: &'a [u8]) -> Self {
        let older = || survey(bytes, Rules::Before254);
        Self { now: survey(bytes, Rules::Since254), before254: rules_matter(bytes).then(older) }
    }

    fn before254(&self) -> &Survey<'a> {
        self.before254.as_ref().unwrap_or(&self.now)
    }
}

impl<'a> Gate<'a> {
    pub fn new(before: &'a [u8]) -> Self {
        Self { before: Surveys::of(before) }
    }

    /// What a current systemd reads in the text.
    pub fn now(&self) -> &Survey<'a> {
        &self.before.now
    }

    /// What an older one reads.
    pub fn before254(&self) -> &Survey<'a> {
        self.before.before254()
    }

    pub fn lets(&self, after: &[u8], may_appear: impl Fn(&str) -> bool) -> bool {
        let (before, after) = (&self.before, Surveys::of(after));
        let same = before.before254.is_none() && after.before254.is_none();
        keeps(&before.now, &after.now, &may_appear)
            && (same || keeps(before.before254(), after.before254(), &may_appear))
    }
}

fn keeps(before: &Survey<'_>, after: &Survey<'_>, may_appear: impl Fn(&str) -> bool) -> bool {
    if before.loads.is_err() || after.loads.is_err() {
        return false;
    }
    keeps_in_order(&before.vars, &after.vars, &may_appear).unwrap_or_else(|| {
        let (old, new) = (values(before), values(after));
        old.iter().all(|(key, value)| new.get(key) == Some(value))
            && new.keys().all(|key| old.contains_key(key) || may_appear(key))
    })
}

/// The answer without a table, where the old keys follow each other as before: edits move none.
fn keeps_in_order(
    old: &[Var<'_>],
    new: &[Var<'_>],
    may_appear: impl Fn(&str) -> bool,
) -> Option<bool> {
    let mut old = old.iter().peekable();
    let mut appear = true;
    for var in new {
        match old.next_if(|before| before.key == var.key) {
            Some(before) if before.value != var.value => return Some(false),
            Some(_) => {}
            None => appear &= may_appear(var.key),
        }
    }
    // Each key stands once on each side, so what did not match above is new.
    old.next().is_none().then_some(appear)
}

fn values<'a>(survey: &'a Survey<'_>) -> HashMap<&'a str, &'a [u8]> {
    survey.vars.iter().map(|var| (var.key, var.value.as_ref())).collect()
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
