//! The built programs against recorded cases. A case is one text file: the tree to begin with,
//! then what comes out. `BLESS=1` rewrites the second half; under CI it does not.
//!
//! Every case runs again: the generator into fresh directories where all else is read-only and
//! there is no network (equal bytes), pre-start on the tree that it has repaired (nothing is
//! written).

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::disallowed_methods,
    clippy::print_stdout,
    reason = "a test program: it makes trees and stops at the first surprise"
)]

#[path = "support/called.rs"]
mod called;
#[path = "golden/case.rs"]
mod case;
#[path = "golden/tree.rs"]
mod tree;

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use called::called;
use case::{Case, Outcome};
use tempfile::TempDir;
use tree::{Content, Tree};

/// The host that the field has; each case says what is different.
const FIELD: &str = include_str!("golden/field.tree");
/// Is in every value of the env file of [`FIELD`].
const SECRET: &str = "zq7secret";

fn each(program: &str, at_least: usize, run: impl Fn(&Case) -> Outcome) {
    let cases = case::all(program);
    assert!(cases.len() >= at_least, "only {} cases of {program}", cases.len());
    let wrong: Vec<String> = cases.iter().filter_map(|case| case.judge(&run(case))).collect();
    assert!(wrong.is_empty(), "{}\nif this is right: make bless", wrong.join("\n\n"));
}

fn root_of(case: &Case) -> TempDir {
    let root = TempDir::new().expect("a directory");
    tree::make(root.path(), FIELD);
    tree::make(root.path(), &case.root);
    root
}

/// Runs a program in the environment of the case and nothing else.
fn run(case: &Case, program: &[&str], places: &[(&str, &Path)]) -> Output {
    let place = |word: &String| match places.iter().find(|(name, _)| name == word) {
        Some((_, path)) => path.as_os_str().to_owned(),
        None => word.into(),
    };
    let environment = case.environment.iter().map(|(n, v)| (n.as_str(), v.as_str()));
    Command::new(program[0])
        .args(&program[1..])
        .args(case.arguments.iter().map(place))
        .env_clear()
        .envs(environment)
        .output()
        .expect("the program can be run")
}

/// A stream as text, with the places by name.
fn text(bytes: &[u8], places: &[(&str, &Path)]) -> String {
    let mut text = String::from_utf8(bytes.to_vec()).expect("output is UTF-8");
    for (name, path) in places {
        text = text.replace(path.to_str().expect("UTF-8"), name);
    }
    assert!(!text.contains(SECRET), "a value of the env file came out:\n{text}");
    text
}

fn outcome(output: &Output, places: &[(&str, &Path)], tree: String) -> Outcome {
    let code = output.status.code();
    Outcome {
        exit: code.map_or_else(|| output.status.to_string(), |c| c.to_string()),
        stdout: text(&output.stdout, places),
        stderr: text(&output.stderr, places),
        tree,
    }
}

#[test]
fn generator() {
    each("generator", 25, |case| {
        let root = root_of(case);
        let before = tree::observe(root.path());
        let (first, emitted) = generate(case, root.path(), false);
        let (second, _) = generate(case, root.path(), true);
        assert_eq!(first, second, "{}: a second run, in the sandbox, differs", case.name());
        assert_eq!(before, tree::observe(root.path()), "{}: it wrote elsewhere", case.name());
        verify(case, root.path(), emitted.path());
        first
    });
}

/// What systemd 257 gives a generator, and no network: only the directory to write to is writable.
const SANDBOX: &str = "\
    /usr/bin/mount --make-rprivate /; normal=$1; shift; \
    /usr/bin/mount --bind \"$normal\" \"$normal\"; \
    for mount in / /tmp /run /var /var/tmp; do \
        /usr/bin/mount -o remount,bind,ro $mount 2>/dev/null || :; \
    done; \
    ! /usr/bin/touch \"$0\" 2>/dev/null || { echo no sandbox >&2; exit 99; }; exec \"$@\"";

fn generate(case: &Case, root: &Path, sandbox: bool) -> (Outcome, TempDir) {
    let dirs = [(); 3].map(|()| TempDir::new().expect("a directory"));
    let [normal, early, late] = &dirs;
    let places =
        [("ROOT", root), ("NORMAL", normal.path()), ("EARLY", early.path()), ("LATE", late.path())];
    let program = called("projectmeats-generator");
    let program = program.to_str().unwrap();
    let probe = root.join("probe");
    let (probe, normal) = (probe.to_str().unwrap(), normal.path().to_str().unwrap());
    let outside = ["/usr/bin/unshare", "--mount", "--net", "--", "/bin/sh", "-euc", SANDBOX];
    let command =
        if sandbox { [&outside[..], &[probe, normal, program]].concat() } else { vec![program] };
    let output = run(case, &command, &places);
    for unused in [early, late] {
        assert!(tree::observe(unused.path()).is_empty(), "{}: EARLY or LATE used", case.name());
    }
    let tree = tree::render(&Tree::new(), &tree::observe(Path::new(normal)));
    let outcome = outcome(&output, &places, tree);
    assert!(!outcome.tree.contains(SECRET), "{}: units are world-readable", case.name());
    let [normal, ..] = dirs;
    (outcome, normal)
}

/// `systemd-analyze verify` has nothing to say about the units in force: the emitted ones, or the
/// administrator's with our drop-in.
fn verify(case: &Case, root: &Path, emitted: &Path) {
    let units: Vec<String> = fs::read_dir(emitted)
        .expect("the directory")
        .map(|e| e.expect("an entry").file_name().into_string().expect("UTF-8"))
        .filter(|name| !name.ends_with(".wants"))
        .map(|name| name.trim_end_matches(".d").to_owned())
        .collect();
    if units.is_empty() {
        return;
    }
    // What systemd itself and other packages bring.
    tree::make(root, include_str!("golden/systemd.tree"));
    let copy = Command::new("/bin/cp")
        .args(["-a", "--no-target-directory"])
        .arg(emitted)
        .arg(root.join("run/systemd/generator"))
        .status()
        .expect("cp");
    assert!(copy.success());
    let output = Command::new("systemd-analyze")
        .args(["verify", "--man=no", "--recursive-errors=yes"])
        .arg(format!("--root={}", root.display()))
        .args(&units)
        .env("SYSTEMD_LOG_LEVEL", "warning")
        .env(
            "SYSTEMD_UNIT_PATH",
            "/etc/systemd/system:/run/systemd/generator:/usr/lib/systemd/system",
        )
        .output()
        .expect("systemd-analyze is a prerequisite: make tools");
    let newer = |line: &&str| {
        case.newer_keys.iter().any(|key| line.contains(&format!("Unknown key '{key}'")))
    };
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    let said: Vec<&str> = said.lines().filter(|line| !newer(line)).collect();
    let fine = output.status.success() || !case.newer_keys.is_empty();
    assert!(fine && said.is_empty(), "{}: {}", case.name(), said.join("\n"));
}

#[test]
fn pre_start() {
    each("pre-start", 12, |case| {
        let root = root_of(case);
        let before = tree::observe(root.path());
        let (first, after) = start(case, root.path(), &before);
        let (second, again) = start(case, root.path(), &before);
        assert_eq!(first.exit, second.exit, "{}: a second run ends otherwise", case.name());
        let touched = touched(&after, &again);
        assert!(touched.is_empty(), "{}: a second run writes {touched:?}", case.name());
        let status = again.get("run/projectmeats-fixes/status.json").map(|e| e.content.clone());
        if let Some(Content::Bytes(status)) = status {
            let status: serde_json::Value = serde_json::from_slice(&status).expect("JSON");
            let idle = serde_json::json!([]);
            assert_eq!(status["repaired"], idle, "{}: a second run repairs", case.name());
        }
        first
    });
}

fn start(case: &Case, root: &Path, before: &Tree) -> (Outcome, Tree) {
    let places = [("ROOT", root)];
    let output = run(case, &[called("pre-start").to_str().unwrap()], &places);
    let after = tree::observe(root);
    for (path, entry) in &after {
        let theirs = path.contains(".env") || before.get(path) == Some(entry);
        assert!(
            theirs || !holds(entry, SECRET),
            "{}: {path} has a value of the env file",
            case.name()
        );
    }
    let shown: Tree = after.iter().map(|(p, e)| (stampless(p), timeless(p, e))).collect();
    let mut outcome = outcome(&output, &places, tree::render(before, &shown));
    outcome.stderr = stampless(&outcome.stderr);
    (outcome, after)
}

fn holds(entry: &tree::Entry, text: &str) -> bool {
    let Content::Bytes(bytes) = &entry.content else { return false };
    bytes.windows(text.len()).any(|w| w == text.as_bytes())
}

/// What differs from run to run by design: the time in the status, the salt of the key's digest.
fn timeless(path: &str, entry: &tree::Entry) -> tree::Entry {
    let mut entry = entry.clone();
    let Content::Bytes(bytes) = &entry.content else { return entry };
    let text = String::from_utf8_lossy(bytes);
    let plain = match path {
        "run/projectmeats-fixes/status.json" => {
            let time = |line: &str| match line.starts_with("  \"time\": ") {
                true => "  \"time\": 0,\n".to_owned(),
                false => format!("{line}\n"),
            };
            stampless(&text.lines().map(time).collect::<String>())
        }
        "var/lib/projectmeats-fixes/secret-key.json" => {
            let mut json: serde_json::Value = serde_json::from_str(&text).expect("JSON");
            json["salt"] = "SALT".into();
            json["starting"] = "DIGEST AND TIME".into();
            format!("{json}\n")
        }
        _ => return entry,
    };
    entry.content = Content::Bytes(plain.into_bytes());
    entry
}

/// `20261125T023312Z` as `STAMP`, and the inode in the name of a log that was moved aside as `INODE`.
fn stampless(text: &str) -> String {
    const ASIDE: &str = "error.log.";
    let pieces = text.split(ASIDE).enumerate().map(|(i, piece)| {
        let rest = piece.trim_start_matches(|c: char| c.is_ascii_digit());
        let inode = i > 0 && rest.len() < piece.len();
        if inode { format!("INODE{rest}") } else { piece.to_owned() }
    });
    let text = &pieces.collect::<Vec<_>>().join(ASIDE);
    let shape = |w: &[u8]| {
        w[8] == b'T' && w[15] == b'Z' && w[..8].iter().chain(&w[9..15]).all(u8::is_ascii_digit)
    };
    let found = text.as_bytes().windows(16).find(|w| shape(w) && !w.starts_with(b"202601"));
    match found.and_then(|w| std::str::from_utf8(w).ok()) {
        Some(stamp) => text.replace(stamp, "STAMP"),
        None => text.to_owned(),
    }
}

/// What a second run has changed, to the inode and the times; the status and the lock may.
fn touched<'a>(after: &'a Tree, again: &'a Tree) -> Vec<&'a String> {
    let paths = after.keys().chain(again.keys());
    let touched = paths.filter(|path| after.get(*path) != again.get(*path));
    touched.filter(|path| !path.starts_with("run/projectmeats-fixes")).collect()
}
