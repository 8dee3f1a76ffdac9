//! Every direct dependency has a reason, and what runs at boot uses few of them: "the generator is
//! small" decays silently otherwise.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::disallowed_methods,
    reason = "a test program: it reads the tree and stops at the first surprise"
)]

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// Dependencies of the programs and what for.
const DIRECT: &[(&str, &str)] = &[
    ("anyhow", "errors of the deployment, where only the text matters"),
    ("base64ct", "the form of SCRAM verifiers of PostgreSQL"),
    ("caps", "pre-start gives up what file work does not need; nix has no capset"),
    ("clap", "options; help, completions and the manual are compared with its table"),
    ("configparser", "fixes.conf"),
    ("getrandom", "salts and generated keys, straight from the kernel"),
    ("hmac", "as base64ct"),
    ("jiff", "local times for people"),
    ("landlock", "pre-start can write below the directories of its plan only"),
    ("libsystemd", "journal entries with MESSAGE_ID"),
    ("memchr", "reading an env file costs few instructions a byte"),
    ("nix", "openat2, descriptors, ids, limits: system calls without unsafe of ours"),
    ("pbkdf2", "as base64ct"),
    ("pep440_rs", "versions of Python distributions"),
    ("pep508_rs", "requirements of Python distributions"),
    ("rustix", "statx(2), which asks no file system; nix has it not"),
    ("ruzstd", "support bundles and values of the journal, without foreign code"),
    ("sd-notify", "the status line while a start is prepared"),
    ("serde", "wire types"),
    ("serde_json", "JSON"),
    ("sha2", "digests of env files and keys"),
    ("siphasher", "the hash table of journal files"),
    ("tar", "support bundles"),
    ("xattr", "ACLs and attributes are carried over when a file is replaced"),
];

/// Files that the generator runs through, from its entry point. (The program has more in it; at boot
/// nothing of that runs.)
const GENERATOR: &[&str] = &[
    "config",
    "flow/generate.rs",
    "flow/host.rs",
    "flow/settings.rs",
    "flow/units.rs",
    "model",
    "sys/apply.rs",
    "sys/glance.rs",
    "sys/ids.rs",
    "sys/kmsg.rs",
    "sys/mounts.rs",
    "sys/observe.rs",
    "sys/privfs",
    "sys/process.rs",
    "tree/facts.rs",
    "unit",
];

/// Crates that these files may use.
const GENERATOR_CRATES: &[&str] = &["configparser", "nix", "rustix", "serde", "xattr"];

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

/// Names in a section of the manifest.
fn section(name: &str) -> BTreeSet<String> {
    let manifest = fs::read_to_string(root().join("Cargo.toml")).unwrap();
    let (_, rest) = manifest.split_once(&format!("[{name}]\n")).unwrap();
    let lines = rest.split("\n[").next().unwrap().lines();
    let key = |line: &str| line.split_once(" = ").map(|(key, _)| key.to_owned());
    lines.filter_map(key).collect()
}

#[test]
fn every_direct_dependency_has_a_reason() {
    let known: BTreeSet<String> = DIRECT.iter().map(|(name, _)| (*name).to_owned()).collect();
    assert_eq!(section("dependencies"), known, "tests/dependencies.rs and Cargo.toml differ");
    assert!(DIRECT.iter().all(|(_, reason)| reason.len() > 3));
}

fn files(path: &Path) -> Vec<PathBuf> {
    if path.is_file() {
        return vec![path.to_owned()];
    }
    let entries = fs::read_dir(path).unwrap_or_else(|e| panic!("{path:?}: {e}"));
    entries.flat_map(|e| files(&e.unwrap().path())).collect()
}

#[test]
fn what_runs_at_boot_uses_few_crates() {
    let crates = section("dependencies");
    let mut used = BTreeSet::new();
    for place in GENERATOR {
        for file in files(&root().join("src").join(place)) {
            let text = fs::read_to_string(&file).unwrap();
            let code = text.split("#[cfg(test)]").next().unwrap();
            for line in code.lines().filter(|l| !l.trim_start().starts_with("//")) {
                for name in &crates {
                    let path = format!("{}::", name.replace('-', "_"));
                    let at = line.find(&path);
                    let begins =
                        |i: usize| !line[..i].ends_with(|c: char| c.is_alphanumeric() || c == '_');
                    if at.is_some_and(begins) {
                        let allowed = GENERATOR_CRATES.contains(&name.as_str());
                        assert!(allowed, "{}: {line}", file.display());
                        used.insert(name.clone());
                    }
                }
            }
        }
    }
    let listed: BTreeSet<String> = GENERATOR_CRATES.iter().map(|c| (*c).to_owned()).collect();
    assert_eq!(used, listed, "the list of the generator's crates is out of date");
}
