//! The house rules that can be read off the sources: who may call whom, where effects live, and
//! that every room says its invariant. A failure names file and line.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::disallowed_methods,
    reason = "a test program: it reads the sources and stops at the first surprise"
)]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

/// A room and the rooms it may use.
const ARROWS: &[(&str, &[&str])] = &[
    ("model", &[]),
    ("config", &["model"]),
    ("cli", &["model"]),
    ("env", &["model"]),
    ("unit", &["model", "config"]),
    ("tree", &["model"]),
    ("python", &["model"]),
    ("capture", &["model", "config"]),
    ("deploy", &["model", "config"]),
    ("checks", &["model", "config", "env", "unit", "tree", "python", "capture", "deploy"]),
    ("report", &["model", "checks"]),
    ("sys", &["model"]),
    (
        "flow",
        &[
            "model", "config", "cli", "env", "unit", "tree", "python", "capture", "deploy",
            "checks", "report", "sys",
        ],
    ),
];

/// Effects of the standard library and of crates that reach the world.
const EFFECTS: &[&str] = &[
    "std::fs",
    "std::process::Command",
    "std::net",
    "std::env",
    "nix::",
    "libsystemd",
    "sd_notify",
    "rustix::",
    "xattr::",
    "getrandom::",
    "caps::",
];

/// Every Rust file below these directories, in order.
fn rust_files(dirs: &[&str]) -> Vec<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut pending: Vec<PathBuf> = dirs.iter().map(|dir| root.join(dir)).collect();
    let mut found = Vec::new();
    while let Some(dir) = pending.pop() {
        for entry in fs::read_dir(dir).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                pending.push(path);
            } else if path.extension().is_some_and(|e| e == "rs") {
                found.push(path);
            }
        }
    }
    found.sort();
    found
}

/// Every source file below src with its room (`bin` for the programs).
fn sources() -> Vec<(String, PathBuf, String)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let with_room = |path: PathBuf| {
        let room = path.strip_prefix(&root).unwrap().components().next().unwrap();
        let room = room.as_os_str().to_str().unwrap().to_owned();
        let text = fs::read_to_string(&path).unwrap();
        (room, path, text)
    };
    let files = rust_files(&["src"]).into_iter().filter(|path| !path.ends_with("tests.rs"));
    let found: Vec<_> = files.map(with_room).collect();
    assert!(found.len() > 40, "the sources were not found");
    found
}

/// Lines of code with their numbers: comments, strings and test modules left out.
fn code(text: &str) -> Vec<(usize, String)> {
    let end = text.find("#[cfg(test)]").unwrap_or(text.len());
    let mut lines = Vec::new();
    for (number, line) in text[..end].lines().enumerate() {
        let mut kept = String::new();
        let mut in_string = false;
        let mut chars = line.chars().peekable();
        while let Some(c) = chars.next() {
            match c {
                '\\' if in_string => {
                    chars.next();
                }
                '"' => in_string = !in_string,
                '/' if !in_string && chars.peek() == Some(&'/') => break,
                c if !in_string => kept.push(c),
                _ => {}
            }
        }
        lines.push((number + 1, kept));
    }
    lines
}

#[test]
fn arrows_run_one_way() {
    let mut wrong = Vec::new();
    for (room, path, text) in sources() {
        let Some((_, allowed)) = ARROWS.iter().find(|(name, _)| *name == room) else { continue };
        for (number, line) in code(&text) {
            for (other, _) in ARROWS {
                let named = line.contains(&format!("crate::{other}::"))
                    || line.contains(&format!("crate::{other};"))
                    || line.contains("crate::{") && line.contains(&format!("{other}::"));
                if named && *other != room && !allowed.contains(other) {
                    wrong.push(format!("{}:{number}: {room} uses {other}", path.display()));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "arrows against the plan of the house:\n{}", wrong.join("\n"));
}

/// Files side by side lean on each other one way only; what two need stands below both.
#[test]
fn siblings_do_not_lean_on_each_other() {
    let mut leans: BTreeMap<PathBuf, BTreeSet<PathBuf>> = BTreeMap::new();
    let all = sources();
    for (_, path, text) in &all {
        let beside = |name: &str| {
            let (file, folder) = (format!("{name}.rs"), format!("{name}/mod.rs"));
            let places = [path.with_file_name(file), path.with_file_name(folder)];
            places.into_iter().find(|place| place != path && place.is_file())
        };
        // What stands in a folder's own file is spoken of as `self`, not as `super`.
        let own = path.ends_with("mod.rs") || path.with_extension("").is_dir();
        for (_, line) in code(text).iter().filter(|_| !own) {
            let (_, named) = line.split_once("super::").unwrap_or_default();
            let inner = named.strip_prefix('{').unwrap_or(named);
            let names = inner.split(|c: char| !(c.is_alphanumeric() || c == '_' || c == ':'));
            let first = names.filter_map(|name| name.split("::").next());
            let first = first.take(if named.starts_with('{') { usize::MAX } else { 1 });
            leans.entry(path.clone()).or_default().extend(first.filter_map(beside));
        }
    }
    assert!(leans.values().map(BTreeSet::len).sum::<usize>() > 100, "no file leans on another");
    // Whoever leans on nobody is taken away, until nobody is left.
    loop {
        let left: BTreeSet<PathBuf> = leans.keys().cloned().collect();
        leans.values_mut().for_each(|on| on.retain(|path| left.contains(path)));
        let before = leans.len();
        leans.retain(|_, on| !on.is_empty());
        if leans.len() == before {
            break;
        }
    }
    assert!(leans.is_empty(), "a circle is among these:\n{leans:#?}");
}

#[test]
fn effects_live_in_sys_and_bin() {
    let mut wrong = Vec::new();
    for (room, path, text) in sources() {
        if room == "sys" || room == "bin" {
            continue;
        }
        for (number, line) in code(&text) {
            for effect in EFFECTS {
                // SocketAddr is a parser, not a connection.
                let parser = *effect == "std::net" && line.contains("SocketAddr");
                // `std::os::unix::` is not the crate `nix`.
                let named = line.replace("unix::", "").contains(effect);
                if named && !parser {
                    wrong.push(format!("{}:{number}: {effect}", path.display()));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "effects outside src/sys and src/bin:\n{}", wrong.join("\n"));
}

#[test]
fn every_room_states_its_invariant_and_every_file_its_purpose() {
    for (room, path, text) in sources() {
        assert!(text.starts_with("//! "), "{}: no head comment", path.display());
        if path.ends_with(Path::new(&room).join("mod.rs")) {
            assert!(text.contains("Invariant:"), "{}: no invariant", path.display());
        }
    }
}

#[test]
fn programs_are_thin() {
    for (room, path, text) in sources() {
        if room == "bin" {
            let lines = code(&text).into_iter().filter(|(_, l)| !l.trim().is_empty()).count();
            // One arm for each of the six names.
            assert!(lines <= 50, "{}: {lines} lines of code", path.display());
        }
    }
}

#[test]
fn only_the_defaults_know_the_service_by_name() {
    // Package, paths of the package, units of the package and manual pages have the name, too.
    const OURS: &[&str] = &[
        "projectmeats-fixes",
        "projectmeats-capture@",
        "projectmeats-generator",
        "projectmeats-findings",
    ];
    for (room, path, text) in sources() {
        // Texts of findings show commands with the default name.
        if path.ends_with("config/key.rs")
            || path.to_string_lossy().contains("model/finding/")
            || room == "lib.rs"
        {
            continue;
        }
        let end = text.find("#[cfg(test)]").unwrap_or(text.len());
        for (number, line) in text[..end].lines().enumerate() {
            let mut line = line.split("//").next().unwrap_or_default().to_owned();
            for ours in OURS {
                line = line.replace(ours, "");
            }
            let wire = line.contains("projectmeats.") && line.contains("/1.");
            let paths = line.contains("/etc/projectmeats/") && path.ends_with("config/mod.rs");
            let page = line.contains("projectmeats.env(5)");
            assert!(
                !line.contains("projectmeats") || wire || paths || page,
                "{}:{}: the service's name is a default in config/key.rs",
                path.display(),
                number + 1
            );
        }
    }
}

#[test]
fn nothing_is_ignored_or_unfinished() {
    for path in rust_files(&["src", "tests", "bench", "fuzz"]) {
        let own = path.ends_with("tests/architecture.rs");
        let text = fs::read_to_string(&path).unwrap();
        for word in ["#[ignore", "todo!(", "unimplemented!("] {
            assert!(own || !text.contains(word), "{}: {word}", path.display());
        }
    }
}

#[test]
fn the_versions_agree() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let changelog = fs::read_to_string(root.join("debian/changelog")).unwrap();
    let expected = format!("projectmeats-fixes ({}-1)", env!("CARGO_PKG_VERSION"));
    assert!(changelog.starts_with(&expected), "debian/changelog must begin with {expected}");
}
