//! One case: a text file whose upper half says what there is and whose lower half what comes out.

use std::fs;
use std::path::{Path, PathBuf};

/// A case as it is written.
#[derive(Debug)]
pub struct Case {
    pub path: PathBuf,
    /// Everything above the expected half, as it is in the file.
    given: String,
    /// Arguments; ROOT, NORMAL, EARLY and LATE are replaced.
    pub arguments: Vec<String>,
    pub environment: Vec<(String, String)>,
    /// Settings of units that a newer systemd knows and that of the build machine may not.
    pub newer_keys: Vec<String>,
    /// The tree to begin with.
    pub root: String,
    /// The expected half.
    expected: String,
}

const ROOT: &str = "=== root\n";
const EXPECTED: &str = "=== exit\n";

/// The cases of a program, in order of name.
pub fn all(program: &str) -> Vec<Case> {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden").join(program);
    let mut paths: Vec<PathBuf> =
        fs::read_dir(dir).expect("tests/golden").map(|e| e.expect("an entry").path()).collect();
    paths.sort();
    paths.iter().map(|path| read(path)).collect()
}

fn read(path: &Path) -> Case {
    let text = fs::read_to_string(path).expect("a case is UTF-8");
    let at = text.find(EXPECTED).unwrap_or(text.len());
    let (given, expected) = text.split_at(at);
    let (head, root) = given.split_once(ROOT).unwrap_or_else(|| panic!("{path:?}: no {ROOT}"));
    let values = |name: &str| -> Vec<String> {
        let line = head.lines().find_map(|l| l.strip_prefix(name));
        line.unwrap_or_default().split_whitespace().map(str::to_owned).collect()
    };
    let pair = |w: &String| {
        let (name, value) = w.split_once('=').expect("NAME=VALUE");
        (name.to_owned(), value.to_owned())
    };
    assert!(head.starts_with("# "), "{path:?}: the first line says what the case shows");
    Case {
        path: path.to_owned(),
        given: given.to_owned(),
        arguments: values("arguments:"),
        environment: values("environment:").iter().map(pair).collect(),
        newer_keys: values("newer-keys:"),
        root: root.to_owned(),
        expected: expected.to_owned(),
    }
}

/// What a run gave.
#[derive(Debug, PartialEq, Eq)]
pub struct Outcome {
    pub exit: String,
    pub stdout: String,
    pub stderr: String,
    pub tree: String,
}

impl Case {
    pub fn name(&self) -> String {
        self.path.file_stem().expect("a name").to_string_lossy().into_owned()
    }

    /// Compares, or with BLESS=1 rewrites the expected half. The text is the difference.
    pub fn judge(&self, outcome: &Outcome) -> Option<String> {
        let Outcome { exit, stdout, stderr, tree } = outcome;
        for (stream, text) in [("stdout", stdout), ("stderr", stderr)] {
            let whole = text.is_empty() || text.ends_with('\n');
            assert!(whole, "{}: {stream} ends in the middle of a line", self.name());
        }
        let now =
            format!("{EXPECTED}{exit}\n=== stdout\n{stdout}=== stderr\n{stderr}=== tree\n{tree}");
        if now == self.expected {
            return None;
        }
        if std::env::var_os("BLESS").is_some() && std::env::var_os("CI").is_none() {
            if !self.expected.is_empty() {
                println!("{}", difference(&self.name(), &self.expected, &now));
            }
            fs::write(&self.path, self.given.clone() + &now).expect("the case can be written");
            return None;
        }
        Some(difference(&self.name(), &self.expected, &now))
    }
}

/// The lines from the first that differs.
fn difference(name: &str, expected: &str, now: &str) -> String {
    let same = expected.lines().zip(now.lines()).take_while(|(a, b)| a == b).count();
    let from = |text: &str| text.lines().skip(same).take(12).collect::<Vec<_>>().join("\n    ");
    format!(
        "{name}: line {} of what comes out\n  expected:\n    {}\n  came:\n    {}",
        same + 1,
        from(expected),
        from(now)
    )
}
