//! A unit file as systemd.syntax(7) reads it: order and repeated keys are kept.

/// One `key=value` with its section; continuation lines are joined.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Assignment {
    pub section: String,
    pub key: String,
    pub value: String,
}

/// The assignments of a unit file and of drop-ins read after it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct UnitFile {
    pub assignments: Vec<Assignment>,
}

impl UnitFile {
    /// Reads unit text; lines that are no assignment are left out, as systemd does.
    pub fn parse(bytes: &[u8]) -> Self {
        let mut unit = Self::default();
        unit.extend(bytes);
        unit
    }

    /// Reads a drop-in after what was read before.
    pub fn extend(&mut self, bytes: &[u8]) {
        let text = String::from_utf8_lossy(bytes);
        // As systemd does (config_parse).
        let text = text.trim_start_matches('\u{feff}');
        let mut section = String::new();
        let mut pending = String::new();
        // What is pending at the end counts, too.
        for line in text.lines().chain([""]) {
            let line = line.trim_end_matches('\r');
            let start = line.trim_start();
            // A comment inside a continuation does not end it.
            if start.starts_with(['#', ';']) || start.is_empty() && pending.is_empty() {
                continue;
            }
            // An even number of backslashes is that many escaped ones.
            let slashes = line.len() - line.trim_end_matches('\\').len();
            if let Some(more) = line.strip_suffix('\\').filter(|_| slashes % 2 == 1) {
                pending.push_str(more);
                pending.push(' ');
                continue;
            }
            pending.push_str(line);
            let whole = std::mem::take(&mut pending);
            let whole = whole.trim();
            if let Some(name) = whole.strip_prefix('[').and_then(|w| w.strip_suffix(']')) {
                section = name.to_owned();
            } else if let Some((key, value)) = whole.split_once('=') {
                self.assignments.push(Assignment {
                    section: section.clone(),
                    key: key.trim().to_owned(),
                    value: value.trim().to_owned(),
                });
            }
        }
    }

    /// The values of a list setting in force: an empty assignment resets the list.
    pub fn list(&self, section: &str, key: &str) -> Vec<&str> {
        self.list_of(section, &[key])
    }

    /// The same for a setting that has several names.
    pub fn list_of(&self, section: &str, keys: &[&str]) -> Vec<&str> {
        let mut values = Vec::new();
        let named = |a: &&Assignment| a.section == section && keys.contains(&a.key.as_str());
        for a in self.assignments.iter().filter(named) {
            if a.value.is_empty() {
                values.clear();
            } else {
                values.push(a.value.as_str());
            }
        }
        values
    }

    /// The last value of a setting that is not a list.
    pub fn last(&self, section: &str, key: &str) -> Option<&str> {
        let of = |a: &&Assignment| a.section == section && a.key == key;
        self.assignments.iter().rev().find(of).map(|a| a.value.as_str())
    }
}

impl crate::config::ServiceSettings for UnitFile {
    fn values(&self, key: &str) -> Vec<String> {
        self.list("Service", key).into_iter().map(str::to_owned).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_resets_continuations_comments() {
        let unit = UnitFile::parse(
            b"# c\n[Service]\nExecStart=/a \\\n# inside\n  b\nEnvironmentFile=/x\nEnvironmentFile=\nEnvironmentFile=-/y\n; c\nUser = me\n[Unit]\nUser=other\njunk\n",
        );
        assert_eq!(unit.list("Service", "ExecStart"), ["/a    b"]);
        assert_eq!(unit.list("Service", "EnvironmentFile"), ["-/y"]);
        assert_eq!(unit.last("Service", "User"), Some("me"));
        assert_eq!(unit.last("Service", "Group"), None);
    }

    #[test]
    fn backslashes_at_the_end_of_a_line() {
        for (text, expected) in [
            ("ExecStartPre=/a\\\\\nExecStart=/b\n", "/b"),
            ("ExecStart=/b \\\\\\\n c\n", "/b \\\\  c"),
            ("ExecStart=/b \\", "/b"),
            ("ExecStart=/b \\\n", "/b"),
            ("ExecStart=/b \\\n\nUser=x\n", "/b"),
        ] {
            let unit = UnitFile::parse(format!("[Service]\n{text}").as_bytes());
            assert_eq!(unit.list("Service", "ExecStart"), [expected], "{text}");
        }
    }

    #[test]
    fn drop_ins_follow() {
        let mut unit = UnitFile::parse(b"[Service]\nRestartSec=10\n");
        unit.extend(b"[Service]\nRestartSec=3\n");
        assert_eq!(unit.last("Service", "RestartSec"), Some("3"));
    }
}
