//! The examples of the manual are what people type: commands are understood by the option tables,
//! settings resolve and the env file is in order. On a booted root they run:
//! tests/host/tests/examples.rs.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::disallowed_methods,
    reason = "a test program: it reads the tree and stops at the first surprise"
)]

#[path = "support/called.rs"]
mod called;
#[path = "support/examples.rs"]
mod examples;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use called::called;
use clap::CommandFactory;
use examples::examples;
use meats::cli;
use meats::config::{self, Source};
use meats::model::Fact;

fn pages() -> Vec<(String, String)> {
    let man = Path::new(env!("CARGO_MANIFEST_DIR")).join("man");
    let paths = fs::read_dir(man).unwrap().map(|entry| entry.unwrap().path());
    let page = |path: PathBuf| {
        let name = path.file_name().unwrap().to_str().unwrap().to_owned();
        name.ends_with(['1', '5', '7', '8']).then(|| (name, fs::read_to_string(path).unwrap()))
    };
    paths.filter_map(page).collect()
}

fn page(name: &str) -> Vec<String> {
    let (_, text) = pages().into_iter().find(|(page, _)| page == name).unwrap();
    examples(&text)
}

#[test]
fn commands_are_understood() {
    let tables =
        [cli::deploy::Deploy::command(), cli::diagnose::Cli::command(), cli::env::Cli::command()];
    let mut count = 0;
    for (name, text) in pages() {
        for block in examples(&text) {
            let commands = block.lines().flat_map(|line| line.split('|')).map(str::trim);
            for words in commands.map(|c| c.split_whitespace().collect::<Vec<_>>()) {
                let Some(table) = tables.iter().find(|t| Some(&t.get_name()) == words.first())
                else {
                    continue;
                };
                let understood = table.clone().try_get_matches_from(&words);
                assert!(understood.is_ok(), "{name}: {words:?}: {}", understood.unwrap_err());
                count += 1;
            }
        }
    }
    assert!(count >= 30, "only {count} commands were found");
}

#[test]
fn settings_resolve() {
    let examples = page("fixes.conf.5");
    assert!(examples.len() >= 3);
    for text in examples {
        let path = PathBuf::from("/etc/projectmeats/fixes.conf");
        let plain = config::resolve(&[]).0;
        let (config, findings) =
            config::resolve(&[Source { path, bytes: Fact::Known(text.clone().into_bytes()) }]);
        assert!(findings.is_empty(), "{text}\n{findings:?}");
        assert_ne!(format!("{config:?}"), format!("{plain:?}"), "{text} changes nothing");
    }
}

#[test]
fn the_env_file_is_in_order() {
    let examples = page("projectmeats.env.5");
    assert!(!examples.is_empty());
    for text in examples {
        let root = tempfile::tempdir().unwrap();
        fs::create_dir_all(root.path().join("etc/projectmeats")).unwrap();
        fs::write(root.path().join("etc/projectmeats/projectmeats.env"), &text).unwrap();
        let output = Command::new(called("meats-env"))
            .args(["check", "--format", "json", "--root"])
            .arg(root.path())
            .arg("/etc/projectmeats/projectmeats.env")
            .output()
            .unwrap();
        let report: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
        println!("{report:#}");
        assert_eq!(output.status.code(), Some(0), "{text}\n{report:#}");
    }
}
