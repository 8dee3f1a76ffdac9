//! Our readings against the real programs of this machine, on random files: bash, dash,
//! python-dotenv, django-environ, python-decouple. systemd and compose are asked in booted roots
//! (tests/host/tests/env_oracle.rs).

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::disallowed_methods,
    reason = "a test program: it starts other programs and stops at the first surprise"
)]

#[path = "support/noise.rs"]
mod noise;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use meats::env::readers::{Outcome, Reader, Value, View, read_as};

const FILES: u64 = 5000;

fn here(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

/// Random files in a new directory, by number.
fn files(accept: impl Fn(&[u8]) -> bool) -> (tempfile::TempDir, Vec<(String, Vec<u8>)>) {
    let directory = tempfile::tempdir().unwrap();
    let mut made = Vec::new();
    for seed in 0.. {
        let bytes = noise::env_file(seed);
        if accept(&bytes) {
            let name = format!("{seed:08}.env");
            fs::write(directory.path().join(&name), &bytes).unwrap();
            made.push((name, bytes));
        }
        if made.len() as u64 == FILES {
            return (directory, made);
        }
        assert!(seed < FILES * 40, "too few files are accepted: {}", made.len());
    }
    unreachable!("the loop above ends by its count")
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|b| format!("{b:02x}")).collect()
}

/// Fails with the first few files that differ.
fn report(what: &str, differing: &[String]) {
    assert!(
        differing.is_empty(),
        "{what}: {} of {FILES} files differ\n{}",
        differing.len(),
        differing.iter().take(8).cloned().collect::<Vec<_>>().join("\n")
    );
}

/// A venv with the three libraries, outside the tree and made once.
fn python() -> PathBuf {
    const LIBRARIES: [&str; 3] =
        ["python-dotenv==1.2.4", "django-environ==0.14.0", "python-decouple==3.8"];
    let cache = std::env::var_os("MEATS_CACHE").map_or_else(
        || {
            let base = std::env::var_os("XDG_CACHE_HOME").unwrap_or("/var/cache".into());
            PathBuf::from(base).join("projectmeats-fixes")
        },
        PathBuf::from,
    );
    let venv = cache.join("env-oracle-venv-1");
    let program = venv.join("bin/python");
    if venv.join("complete").is_file() {
        return program;
    }
    fs::create_dir_all(&cache).expect("the cache directory can be made");
    let made = Command::new("python3").args(["-m", "venv", "--clear"]).arg(&venv).status();
    assert!(made.expect("python3 with venv is a prerequisite").success());
    let installed = Command::new(&program)
        .args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check"])
        .args(LIBRARIES)
        .status();
    assert!(installed.unwrap().success(), "pip could not install {LIBRARIES:?}");
    fs::write(venv.join("complete"), "").unwrap();
    program
}

type Answer = BTreeMap<String, Option<String>>;

fn ours(view: &View) -> Answer {
    let text = |value: &Value| match value {
        Value::Text(value) => Some(hex(value.expose())),
        Value::None => None,
        Value::Fails => Some("fails".to_owned()),
    };
    view.vars.iter().map(|var| (hex(&var.key), text(&var.value))).collect()
}

fn ask_python(which: &str, reader: Reader) {
    let (directory, made) = files(|_| true);
    let output = Command::new(python())
        .arg(here("tests/oracle/python.py"))
        .args([which.as_ref(), directory.path().as_os_str()])
        .env_clear()
        .env("PYTHONUTF8", "1")
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let answers: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    let mut differing = Vec::new();
    let mut errors = 0;
    for (name, bytes) in &made {
        let view = read_as(bytes, reader);
        let theirs = &answers[name];
        let found = match view.outcome {
            Outcome::Error { .. } => serde_json::json!("error"),
            _ => serde_json::to_value(ours(&view)).unwrap(),
        };
        errors += usize::from(found == "error");
        if found != *theirs {
            let text = String::from_utf8_lossy(bytes);
            differing.push(format!("{name} {text:?}\n  ours   {found}\n  theirs {theirs}"));
        }
    }
    report(which, &differing);
    assert!(errors * 2 < made.len(), "the noise is mostly errors: {errors}");
}

#[test]
fn python_dotenv() {
    ask_python("dotenv", Reader::Dotenv);
}

#[test]
fn django_environ() {
    ask_python("environ", Reader::Environ);
}

#[test]
fn python_decouple() {
    ask_python("decouple", Reader::Decouple);
}

/// Only files that run nothing are given to a shell.
fn is_safe(bytes: &[u8]) -> bool {
    !matches!(read_as(bytes, Reader::Sh).outcome, Outcome::Depends { .. })
}

fn ask_shell(shell: &str) {
    let (directory, made) = files(is_safe);
    for chunk in made.chunks(500) {
        let status = Command::new(shell)
            .arg(here("tests/oracle/shell.sh"))
            .args(chunk.iter().map(|(name, _)| directory.path().join(name)))
            .env_clear()
            .current_dir("/")
            .status();
        assert!(status.expect("bash and dash are prerequisites").success());
    }
    let mut differing = Vec::new();
    for (name, bytes) in &made {
        let view = read_as(bytes, Reader::Sh);
        let beside = |end: &str| directory.path().join(format!("{name}.{end}"));
        let status = fs::read_to_string(beside("status")).unwrap();
        let read = status.trim() == "0";
        let text = String::from_utf8_lossy(bytes);
        if read != (view.outcome == Outcome::Whole) {
            differing.push(format!("{name} {text:?} read: {read}, ours {:?}", view.outcome));
            continue;
        }
        if !read {
            continue;
        }
        let own = ["PWD", "OLDPWD", "SHLVL", "_"];
        let theirs: Answer = fs::read(beside("out"))
            .unwrap()
            .split(|b| *b == 0)
            .filter_map(|entry| {
                let at = entry.iter().position(|b| *b == b'=')?;
                let (key, value) = (&entry[..at], &entry[at + 1..]);
                let foreign = !own.iter().any(|own| own.as_bytes() == key);
                foreign.then(|| (hex(key), Some(hex(value))))
            })
            .collect();
        let found = ours(&view);
        if found != theirs {
            differing.push(format!("{name} {text:?}\n  ours   {found:?}\n  theirs {theirs:?}"));
        }
    }
    report(shell, &differing);
}

#[test]
fn bash() {
    ask_shell("/bin/bash");
}

#[test]
fn dash() {
    ask_shell("/bin/dash");
}
