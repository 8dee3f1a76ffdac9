//! How two units differ, setting by setting; order and comments do not count.

use super::file::UnitFile;

/// One line of the comparison.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Line {
    Section(String),
    Same(String),
    /// Only in the first unit.
    Old(String),
    /// Only in the second unit.
    New(String),
}

/// Compares two units: each setting once, sections and settings in the order of their appearance.
pub fn compare(old: &UnitFile, new: &UnitFile) -> Vec<Line> {
    let mut keys: Vec<(&str, &str)> = Vec::new();
    for a in old.assignments.iter().chain(&new.assignments) {
        let key = (a.section.as_str(), a.key.as_str());
        if !keys.contains(&key) {
            keys.push(key);
        }
    }
    let mut sections: Vec<&str> = Vec::new();
    for (section, _) in &keys {
        if !sections.contains(section) {
            sections.push(section);
        }
    }
    let mut lines = Vec::new();
    for section in sections {
        lines.push(Line::Section(section.to_owned()));
        for (_, key) in keys.iter().filter(|(s, _)| *s == section) {
            setting(&mut lines, key, &old.list(section, key), &new.list(section, key));
        }
    }
    lines
}

/// Values that both have are the same wherever they stand.
fn setting(lines: &mut Vec<Line>, key: &str, old: &[&str], new: &[&str]) {
    let text = |value: &str| format!("{key}={value}");
    let (kept, gone): (Vec<&str>, Vec<&str>) = old.iter().partition(|v| new.contains(v));
    lines.extend(kept.into_iter().map(|v| Line::Same(text(v))));
    lines.extend(gone.into_iter().map(|v| Line::Old(text(v))));
    lines.extend(new.iter().filter(|v| !old.contains(v)).map(|v| Line::New(text(v))));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_are_compared_not_lines() {
        let old = UnitFile::parse(b"[Service]\nUser=a\nExecStartPre=x\nRestart=no\n[Unit]\nA=1\n");
        let new = UnitFile::parse(b"# c\n[Unit]\nA=1\n[Service]\nRestart=always\nUser=a\n");
        let expected = [
            Line::Section("Service".into()),
            Line::Same("User=a".into()),
            Line::Old("ExecStartPre=x".into()),
            Line::Old("Restart=no".into()),
            Line::New("Restart=always".into()),
            Line::Section("Unit".into()),
            Line::Same("A=1".into()),
        ];
        assert_eq!(compare(&old, &new), expected);
    }
}
