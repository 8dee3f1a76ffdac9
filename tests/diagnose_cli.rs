//! The built meats-diagnose on small trees: undo, bundle, machine formats, colours, widths.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::disallowed_methods,
    reason = "a test program: it lays out trees and stops at the first surprise"
)]

use std::collections::BTreeSet;
use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown};
use std::path::Path;
use std::process::{Command, Output, Stdio};

use serde_json::Value;
use tempfile::TempDir;

#[path = "support/called.rs"]
mod called;
#[path = "support/schema.rs"]
mod schema;

use called::called;

/// Values that no output may hold.
const SECRETS: [&str; 3] =
    ["planted-k3y-Aa0Bb1Cc2Dd3Ee4Ff5", "pl4nted-db-passw0rd", "planted-mail-pw-77"];

/// A host as an old script left it: logs and env file with the wrong owners and modes, a line that
/// systemd drops.
fn broken() -> TempDir {
    let dir = TempDir::new().unwrap();
    fs::set_permissions(dir.path(), fs::Permissions::from_mode(0o755)).unwrap();
    let env = format!(
        "SECRET_KEY={}\nALLOWED_HOSTS=localhost\nexport EMAIL_HOST_PASSWORD={}\n\
         DATABASE_URL=postgres://meats:{}@127.0.0.1/meats\n",
        SECRETS[0], SECRETS[2], SECRETS[1]
    );
    let unit = format!(
        "[Service]\nEnvironment=\"MAIL_TOKEN={}\"\nEnvironmentFile=/etc/projectmeats/projectmeats.env\n\
         ExecStart=/opt/projectmeats/venv/bin/gunicorn app\n",
        SECRETS[2]
    );
    for (path, text) in [
        ("etc/passwd", "root:x:0:0::/root:/bin/sh\nprojectmeats:x:998:998::/opt:/bin/false\n"),
        ("etc/group", "root:x:0:\nwww-data:x:33:\nprojectmeats:x:998:\n"),
        ("etc/hostname", "meats.example\n"),
        ("etc/systemd/system/projectmeats.service", &unit),
        ("etc/projectmeats/projectmeats.env", &env),
        ("opt/projectmeats/venv/bin/gunicorn", "#!/opt/projectmeats/venv/bin/python3\n"),
        ("opt/projectmeats/venv/pyvenv.cfg", "home = /usr/bin\nversion = 3.11.2\n"),
        ("usr/bin/python3.11", ""),
        ("var/log/projectmeats/error.log", "[1] [ERROR] old line\n"),
    ] {
        let path = dir.path().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
    fs::create_dir(dir.path().join("run")).unwrap();
    let env = dir.path().join("etc/projectmeats/projectmeats.env");
    fs::set_permissions(env, fs::Permissions::from_mode(0o644)).unwrap();
    dir
}

fn command(root: &Path, words: &[&str]) -> Command {
    let mut command = Command::new(called("meats-diagnose"));
    command.args(words).arg("--root").arg(root);
    for name in ["NO_COLOR", "CLICOLOR", "CLICOLOR_FORCE", "SOURCE_DATE_EPOCH"] {
        command.env_remove(name);
    }
    command
}

fn run(root: &Path, words: &[&str]) -> Output {
    command(root, words).stdin(Stdio::null()).output().unwrap()
}

fn text(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

/// What the host looks like: names, owners, modes, contents; the package's own state left out.
fn picture(root: &Path) -> BTreeSet<String> {
    let mut pending = vec![root.to_owned()];
    let mut lines = BTreeSet::new();
    while let Some(dir) = pending.pop() {
        for entry in fs::read_dir(dir).unwrap().map(Result::unwrap) {
            let (path, meta) = (entry.path(), entry.metadata().unwrap());
            let name = path.strip_prefix(root).unwrap().display().to_string();
            if name.contains("projectmeats-fixes") || name == "var/lib" {
                continue;
            }
            let content = if meta.is_file() { fs::read(&path).unwrap() } else { Vec::new() };
            let (uid, gid, mode) = (meta.uid(), meta.gid(), meta.mode());
            lines.insert(format!("{name} {uid}:{gid} {mode:o} {content:?}"));
            if meta.is_dir() {
                pending.push(path);
            }
        }
    }
    lines
}

#[test]
fn a_repair_is_taken_back() {
    let host = broken();
    let before = picture(host.path());
    let fixed = text(&run(host.path(), &["--fix", "--yes"]));
    assert!(fixed.contains("Undo:\n    meats-diagnose undo 1\n"), "{fixed}");
    assert_ne!(picture(host.path()), before);
    let shown = run(host.path(), &["undo", "--dry-run"]);
    let repaired = picture(host.path());
    assert!(text(&shown).contains("owner projectmeats:www-data -> root:root"), "{}", text(&shown));
    let asked = run(host.path(), &["undo"]);
    assert!(text(&asked).contains("nobody can be asked"), "{}", text(&asked));
    assert_eq!(asked.status.code(), Some(1));
    // An option of the diagnosis in front of a command is no option of that command.
    let misled = run(host.path(), &["--dry-run", "undo", "--yes"]);
    assert_eq!(misled.status.code(), Some(2));
    assert_eq!(picture(host.path()), repaired, "none of them changed anything");
    let undone = run(host.path(), &["undo", "--yes"]);
    assert_eq!(undone.status.code(), Some(0), "{}", text(&undone));
    assert_eq!(picture(host.path()), before);
    assert!(text(&run(host.path(), &["undo", "--list"])).contains("taken back"));
    assert!(text(&run(host.path(), &["undo", "--yes"])).contains("no repair to take back"));
    assert_eq!(run(host.path(), &["undo", "77"]).status.code(), Some(2));
}

#[test]
fn what_changed_since_the_repair_is_left_alone() {
    let host = broken();
    run(host.path(), &["--fix", "--yes"]);
    let env = host.path().join("etc/projectmeats/projectmeats.env");
    let log = host.path().join("var/log/projectmeats");
    let edited = fs::read_to_string(&env).unwrap() + "MINE=1\n";
    fs::write(&env, &edited).unwrap();
    fs::write(log.join("access.log"), "a request\n").unwrap();
    chown(log.join("error.log"), Some(7), Some(7)).unwrap();
    let undone = run(host.path(), &["undo", "--yes"]);
    assert_eq!(undone.status.code(), Some(1));
    let shown = text(&undone);
    for (name, why) in [
        ("projectmeats.env", "its content has been changed since"),
        ("access.log", "it has been written to since"),
        ("error.log", "its owner has been changed since"),
    ] {
        assert!(shown.lines().any(|l| l.contains(name) && l.contains(why)), "{name}: {shown}");
    }
    assert_eq!(fs::read_to_string(&env).unwrap(), edited);
    assert_eq!(fs::metadata(log.join("error.log")).unwrap().uid(), 7);
    assert_eq!(fs::metadata(&log).unwrap().uid(), 0, "the rest is taken back");
}

#[test]
fn an_env_file_that_others_can_write_is_never_healthy() {
    for mode in [0o604, 0o640, 0o644, 0o660, 0o664, 0o666] {
        for broken_text in [true, false] {
            let host = broken();
            if !broken_text {
                run(host.path(), &["--fix", "--yes"]);
            }
            let env = host.path().join("etc/projectmeats/projectmeats.env");
            chown(&env, Some(0), Some(998)).unwrap();
            fs::set_permissions(&env, fs::Permissions::from_mode(mode)).unwrap();
            let found = text(&run(host.path(), &["--json", "--only", "ENV-090"]));
            let said = found.contains("\"id\": \"ENV-090\"");
            assert_eq!(said, mode != 0o640, "mode {mode:o}, text broken: {broken_text}\n{found}");
        }
    }
}

#[test]
fn what_cannot_be_written_is_said() {
    let host = broken();
    for words in [&["config"][..], &["config", "--json"], &["--json"], &["explain", "LOG-001"]] {
        let full = fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
        let mut asked = command(host.path(), words);
        if words[0] == "explain" {
            asked = Command::new(called("meats-diagnose"));
            asked.args(words);
        }
        let output = asked.stdin(Stdio::null()).stdout(full).stderr(Stdio::piped()).output();
        let output = output.unwrap();
        let why = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(4), "{words:?}: {why}");
        assert!(why.contains("standard output: "), "{words:?}: {why}");
    }
    let unknown = run(Path::new("/nonexistent"), &["--plugin"]);
    assert_eq!(unknown.status.code(), Some(3));
}

#[test]
fn units_are_exported_into_the_tree() {
    let host = broken();
    let units = host.path().join("etc/systemd/system");
    fs::remove_file(units.join("projectmeats.service")).unwrap();
    let output = run(host.path(), &["unit", "--export", "/etc/systemd/system"]);
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    let said =
        "/etc/systemd/system/projectmeats.service\n/etc/systemd/system/projectmeats.socket\n";
    assert_eq!(text(&output), said);
    assert!(
        units.join("projectmeats.service").exists() && units.join("projectmeats.socket").exists()
    );
    let absent = run(host.path(), &["unit", "--export", "/etc/nowhere-of-a-test"]);
    assert_eq!(absent.status.code(), Some(2), "{absent:?}");
}

#[test]
fn adoption_says_what_stays_and_keeps_off_another_name() {
    let host = broken();
    let units = host.path().join("etc/systemd/system");
    fs::create_dir(units.join("projectmeats.service.d")).unwrap();
    for name in ["05-a.conf", "override.conf"] {
        fs::write(units.join("projectmeats.service.d").join(name), "[Service]\nNice=5\n").unwrap();
    }
    let output = run(host.path(), &["unit", "--adopt", "--dry-run"]);
    for name in ["05-a.conf", "override.conf"] {
        let note = format!("stays in force: /etc/systemd/system/projectmeats.service.d/{name}");
        assert!(text(&output).contains(&note), "{output:?}");
    }
    fs::rename(units.join("projectmeats.service"), units.join("meats.service")).unwrap();
    std::os::unix::fs::symlink("meats.service", units.join("projectmeats.service")).unwrap();
    let before = picture(host.path());
    let output = run(host.path(), &["unit", "--adopt", "--yes"]);
    assert_eq!(output.status.code(), Some(2), "{output:?}");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(said.contains("is another name of meats.service"), "{said}");
    assert_eq!(picture(host.path()), before);
}

/// A repair that was cut off after its record was written: what it did not do is no step.
#[test]
fn an_interrupted_repair_can_be_taken_back() {
    let host = broken();
    let before = picture(host.path());
    run(host.path(), &["--fix", "--yes"]);
    let record = host.path().join("var/lib/projectmeats-fixes/repairs/000001.json");
    let mut value: Value = serde_json::from_slice(&fs::read(&record).unwrap()).unwrap();
    value["finished"] = Value::Bool(false);
    for step in value["steps"].as_array_mut().unwrap() {
        step["after"] = Value::Null;
    }
    fs::write(&record, value.to_string()).unwrap();
    assert!(text(&run(host.path(), &["undo", "--list"])).contains("interrupted"));
    let undone = run(host.path(), &["undo", "--yes"]);
    assert_eq!(undone.status.code(), Some(1));
    assert!(text(&undone).contains("meats-env restore"), "{}", text(&undone));
    let line =
        |lines: BTreeSet<String>| lines.into_iter().find(|l| l.contains("error.log")).unwrap();
    assert_eq!(line(picture(host.path())), line(before));
}

#[test]
fn every_document_is_what_the_schema_says() {
    let schema: Value = serde_json::from_str(include_str!("../man/diagnosis.schema.json")).unwrap();
    let (host, empty) = (broken(), TempDir::new().unwrap());
    let check = |root: &Path, words: &[&str]| {
        let output = run(root, &[words, &["--json"]].concat());
        let document: Value = serde_json::from_slice(&output.stdout).unwrap();
        schema::validate(&schema, &schema, &document, "document");
        assert_eq!(document["exit_status"], output.status.code().unwrap());
        assert!(output.stderr.is_empty());
        document["findings"].as_array().unwrap().len()
    };
    let mut seen = BTreeSet::new();
    seen.insert(check(empty.path(), &[]));
    for words in [&[][..], &["--flat"], &["--scope", "reachable"], &["--only", "LOG-001,ENV-004"]] {
        seen.insert(check(host.path(), words));
    }
    run(host.path(), &["--fix", "--yes"]);
    seen.insert(check(host.path(), &[]));
    assert!(seen.len() >= 3, "the documents differ: {seen:?}");
}

/// A program that asks for a repair reads one document; what was done is told beside it.
#[test]
fn a_repair_for_programs() {
    let host = broken();
    let page = host.path().join("page.html");
    let page = page.to_str().unwrap();
    for (words, narrative) in [
        (&["--dry-run", "--json"][..], "Nothing has been changed yet."),
        (&["--fix", "--yes", "--json", "--html", page], "Checked again:"),
        (&["--fix", "--yes", "--json"], "Nothing to repair."),
    ] {
        let output = run(host.path(), words);
        let document: Value = serde_json::from_slice(&output.stdout).unwrap();
        assert!(document["findings"].is_array(), "{words:?}");
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(said.contains(narrative), "{words:?}: {said}");
    }
    assert!(fs::read_to_string(page).unwrap().contains("</html>"));
}

/// The text format, strictly: every sample has a family of its own name before it, and no time.
fn parse_metrics(text: &str) -> Vec<(String, f64)> {
    assert!(text.ends_with('\n') && !text.contains("\n\n"));
    let mut families: Vec<&str> = Vec::new();
    let mut typed = "";
    let mut samples = Vec::new();
    for line in text.lines() {
        if let Some(help) = line.strip_prefix("# HELP ") {
            let (name, words) = help.split_once(' ').unwrap();
            assert!(!families.contains(&name) && words.ends_with('.'), "{line}");
            families.push(name);
        } else if let Some(kind) = line.strip_prefix("# TYPE ") {
            let (name, kind) = kind.split_once(' ').unwrap();
            assert_eq!(families.last(), Some(&name));
            assert!(kind == "gauge" && !name.ends_with("_total"), "{line}");
            typed = name;
        } else {
            let (series, value) = line.rsplit_once(' ').unwrap();
            let (name, labels) = series.split_once('{').unwrap();
            assert_eq!(name, typed, "{line}");
            for label in labels.strip_suffix('}').unwrap().split("\",") {
                let (key, value) = label.split_once("=\"").unwrap();
                assert!(key.bytes().all(|b| b.is_ascii_lowercase() || b == b'_'), "{line}");
                assert!(!value.contains('\\'), "{line}");
            }
            samples.push((series.to_owned(), value.parse().unwrap()));
        }
    }
    let distinct: BTreeSet<&String> = samples.iter().map(|(series, _)| series).collect();
    assert_eq!(distinct.len(), samples.len());
    samples
}

#[test]
fn metrics_are_whole_and_strict() {
    let host = broken();
    let file = host.path().join("meats.prom");
    let output = run(host.path(), &["--quiet", "--prometheus", file.to_str().unwrap()]);
    assert_eq!((output.status.code(), output.stdout.len()), (Some(3), 0));
    let text = fs::read_to_string(&file).unwrap();
    let samples = parse_metrics(&text);
    let value = |name: &str| samples.iter().find(|(s, _)| s.starts_with(name)).map(|(_, v)| *v);
    assert_eq!(value("meats_diagnose_healthy"), Some(0.0));
    assert_eq!(samples.iter().filter(|(s, _)| s.starts_with("meats_diagnose_checks")).count(), 4);
    let cause = "meats_diagnose_findings{service=\"projectmeats\",id=\"LOG-001\",severity=\"error\",role=\"cause\"}";
    assert!(value(cause).is_some(), "{text}");
    assert_eq!(fs::metadata(&file).unwrap().mode() & 0o777, 0o644);
}

#[test]
fn a_bundle_holds_no_secret_and_has_the_same_bytes_twice() {
    let host = broken();
    run(host.path(), &["--fix", "--yes"]);
    let make = |name: &str| {
        let file = host.path().join(name);
        let mut command = command(host.path(), &["bundle", file.to_str().unwrap()]);
        let output = command.env("SOURCE_DATE_EPOCH", "1700000000").output().unwrap();
        assert!(matches!(output.status.code(), Some(0 | 4)), "{output:?}");
        assert_eq!(fs::metadata(&file).unwrap().mode() & 0o777, 0o600);
        fs::read(file).unwrap()
    };
    let bytes = make("a.tar.zst");
    assert_eq!(bytes, make("b.tar.zst"));
    let mut archive = Vec::new();
    let mut decoder = ruzstd::decoding::StreamingDecoder::new(bytes.as_slice()).unwrap();
    decoder.read_to_end(&mut archive).unwrap();
    let whole = String::from_utf8_lossy(&archive);
    for secret in SECRETS {
        assert!(!whole.contains(secret) && !whole.contains(&secret[..8]), "{secret}");
    }
    let mut members = BTreeSet::new();
    let mut manifest = String::new();
    for entry in tar::Archive::new(archive.as_slice()).entries().unwrap() {
        let mut entry = entry.unwrap();
        let name = entry.path().unwrap().file_name().unwrap().to_str().unwrap().to_owned();
        assert_eq!(
            (entry.header().mtime().unwrap(), entry.header().uid().unwrap()),
            (1_700_000_000, 0)
        );
        if name == "MANIFEST" {
            entry.read_to_string(&mut manifest).unwrap();
        } else if name.ends_with(".json") {
            let _: Value = serde_json::from_reader(entry).unwrap_or_else(|e| panic!("{name}: {e}"));
            members.insert(name);
        } else {
            members.insert(name);
        }
    }
    let listed: BTreeSet<String> =
        manifest.lines().skip(1).map(|l| l.rsplit(' ').next().unwrap().to_owned()).collect();
    assert_eq!(listed, members);
    for name in ["diagnosis.json", "settings.txt", "unit.txt", "failures.json", "repairs.json"] {
        assert!(members.contains(name), "{name}");
    }
}

#[test]
fn the_page_stands_alone_and_draws_the_repairs() {
    let host = broken();
    run(host.path(), &["--fix", "--yes"]);
    let file = host.path().join("page.html");
    run(host.path(), &["--quiet", "--html", file.to_str().unwrap()]);
    let page = fs::read_to_string(file).unwrap();
    assert!(page.contains("<svg") && page.contains("repair 1: ENV-004 LOG-001"), "{page}");
    for word in ["<script", "http:", "https:", "src=", "url("] {
        assert!(!page.contains(word), "{word}");
    }
    assert!(SECRETS.iter().all(|s| !page.contains(s)));
}

#[test]
fn watching_tells_what_appears_and_what_is_gone() {
    let host = broken();
    let mut child =
        command(host.path(), &["--watch", "1", "--json"]).stdout(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let mut next = || -> Value { serde_json::from_str(&lines.next().unwrap().unwrap()).unwrap() };
    let first = next();
    assert_eq!(
        (first["type"].as_str(), first["verdict"].as_str()),
        (Some("snapshot"), Some("BROKEN"))
    );
    run(host.path(), &["--fix", "--yes"]);
    let gone = next();
    let ids: Vec<_> =
        gone["findings"].as_array().unwrap().iter().map(|f| f["id"].clone()).collect();
    assert!(gone["type"] == "gone" && ids.contains(&"LOG-001".into()), "{gone}");
    child.kill().unwrap();
    child.wait().unwrap();
}

#[test]
fn colours_obey_and_text_fits() {
    let host = broken();
    let escapes = |words: &[&str], variable: &[(&str, &str)]| {
        let output = command(host.path(), words).envs(variable.iter().copied()).output().unwrap();
        text(&output).contains('\x1b')
    };
    assert!(!escapes(&[], &[]), "a pipe");
    assert!(escapes(&[], &[("CLICOLOR_FORCE", "1")]));
    assert!(!escapes(&[], &[("CLICOLOR_FORCE", "1"), ("NO_COLOR", "1")]));
    assert!(!escapes(&[], &[("CLICOLOR_FORCE", "0")]));
    assert!(escapes(&["--color", "always"], &[("NO_COLOR", "1")]));
    for words in [&[][..], &["--verbose"], &["--flat"], &["undo", "--list"]] {
        for line in text(&run(host.path(), words)).lines() {
            // A command or a path is not folded: it has to be pasted.
            let whole = line.starts_with("    ") || line.trim().contains('/');
            assert!(line.chars().count() <= 80 || whole, "{words:?}: {line}");
        }
    }
}
