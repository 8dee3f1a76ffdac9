//! What is linked into the programs, said in three places that cannot drift: `debian/copyright`
//! (DEP-5), the bill of materials (CycloneDX), and the list that scanners read from the programs
//! (cargo-auditable's section `.dep-v0`, which `make deb` adds). `BLESS=1` rewrites all three.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::disallowed_methods,
    reason = "a test program: it reads the tree and stops at the first surprise"
)]

#[path = "support/generated.rs"]
mod generated;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use generated::generated;
use serde_json::{Value, json};

const ROOT: &str = "projectmeats-fixes";
const PLATFORMS: &[&str] = &["x86_64-unknown-linux-gnu", "aarch64-unknown-linux-gnu"];

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

/// A linked crate; its dependencies by id.
struct Crate {
    name: String,
    version: String,
    licence: String,
    authors: Vec<String>,
    source: PathBuf,
    needs: BTreeSet<String>,
}

/// Every crate whose code is in a program, by "name version": procedural macros and what only builds
/// need are not.
fn linked() -> BTreeMap<String, Crate> {
    let mut found = BTreeMap::new();
    for platform in PLATFORMS {
        let metadata = metadata(platform);
        let packages: BTreeMap<&str, &Value> = by_id(&metadata["packages"]);
        let nodes: BTreeMap<&str, &Value> = by_id(&metadata["resolve"]["nodes"]);
        let is_ours = |p: &&&Value| p["name"] == ROOT;
        let mut pending = vec![packages.values().find(is_ours).unwrap()["id"].as_str().unwrap()];
        while let Some(id) = pending.pop() {
            let needs = needs(nodes[id], &packages);
            let name = |id: &&str| key(packages[*id]);
            let new = krate(packages[id], needs.iter().map(name).collect());
            let seen = found.entry(key(packages[id]));
            if matches!(seen, std::collections::btree_map::Entry::Vacant(_)) {
                pending.extend(needs);
            }
            seen.or_insert(new);
        }
    }
    found
}

fn metadata(platform: &str) -> Value {
    let output = Command::new(env!("CARGO"))
        .args(["metadata", "--locked", "--format-version", "1"])
        .args(["--filter-platform", platform])
        .current_dir(root())
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

fn by_id(list: &Value) -> BTreeMap<&str, &Value> {
    list.as_array().unwrap().iter().map(|v| (v["id"].as_str().unwrap(), v)).collect()
}

fn key(package: &Value) -> String {
    format!("{} {}", package["name"].as_str().unwrap(), package["version"].as_str().unwrap())
}

fn needs<'a>(node: &'a Value, packages: &BTreeMap<&str, &Value>) -> Vec<&'a str> {
    let normal = |dep: &&Value| {
        dep["dep_kinds"].as_array().unwrap().iter().any(|kind| kind["kind"].is_null())
    };
    let is_macro = |id: &&str| {
        let targets = packages[*id]["targets"].as_array().unwrap();
        targets.iter().any(|t| t["kind"].as_array().unwrap().contains(&json!("proc-macro")))
    };
    let deps = node["deps"].as_array().unwrap().iter().filter(normal);
    deps.map(|dep| dep["pkg"].as_str().unwrap()).filter(|id| !is_macro(id)).collect()
}

fn krate(package: &Value, needs: BTreeSet<String>) -> Crate {
    let text = |name: &str| package[name].as_str().unwrap().to_owned();
    let authors = package["authors"].as_array().unwrap().iter();
    Crate {
        name: text("name"),
        version: text("version"),
        licence: text("license"),
        authors: authors.map(|a| a.as_str().unwrap().to_owned()).collect(),
        source: Path::new(&text("manifest_path")).parent().unwrap().to_owned(),
        needs,
    }
}

// --- debian/copyright ----------------------------------------------------------------------------

/// An SPDX expression in the words of DEP-5.
fn dep5(licence: &str) -> String {
    let joined = licence.replace('/', " or ").replace(" OR ", " or ").replace(" AND ", " and ");
    joined.replace(" WITH LLVM-exception", "-with-LLVM-exception")
}

/// Who holds the copyright, as the crate's own licence files say, else its authors.
fn holders(krate: &Crate) -> Vec<String> {
    let mut found = BTreeSet::new();
    let mut names: Vec<PathBuf> =
        fs::read_dir(&krate.source).unwrap().map(|e| e.unwrap().path()).collect();
    names.sort();
    for path in names {
        let name = path.file_name().unwrap().to_string_lossy().to_lowercase();
        let about = ["licen", "copy", "unlicen"].iter().any(|word| name.starts_with(word));
        if about && path.is_file() && !name.contains("gpl") {
            let text = String::from_utf8_lossy(&fs::read(&path).unwrap()).into_owned();
            found.extend(text.lines().filter_map(holder));
        }
    }
    if found.is_empty() {
        found.extend(krate.authors.iter().cloned());
    }
    if found.is_empty() {
        found.insert(format!("the developers of {}", krate.name));
    }
    found.into_iter().collect()
}

/// "2015 Andrew Gallant" of "Copyright (c) 2015 Andrew Gallant".
fn holder(line: &str) -> Option<String> {
    let rest = line.trim().strip_prefix("Copyright ")?;
    let rest = rest.trim_start_matches("(c)").trim_start_matches("(C)").trim_start_matches('©');
    let rest = rest.trim().trim_end_matches("All rights reserved.").trim();
    let placeholder = ["[", "{", "notice", "owner", "holder", "License", "and "];
    let real = rest.len() > 6 && !placeholder.iter().any(|word| rest.starts_with(word));
    real.then(|| rest.to_owned())
}

fn copyright(crates: &BTreeMap<String, Crate>) -> String {
    let mut text = "\
Format: https://www.debian.org/doc/packaging-manuals/copyright-format/1.0/
Upstream-Name: projectmeats-fixes
Upstream-Contact: ProjectMeats engineers <engineers@projectmeats.example>
Comment: The crates below vendor/ are linked into the programs. This file is
 generated by tests/linked.rs from what cargo says about them.

Files: *
Copyright: 2026 ProjectMeats engineers
License: MIT
"
    .to_owned();
    for krate in crates.values().filter(|c| c.name != ROOT) {
        let holders = holders(krate).join("\n           ");
        text += &format!(
            "\nFiles: vendor/{}-{}/*\nCopyright: {holders}\nLicense: {}\n",
            krate.name,
            krate.version,
            dep5(&krate.licence)
        );
    }
    let mut licences: BTreeSet<String> = BTreeSet::from(["MIT".to_owned()]);
    for krate in crates.values() {
        let expression = dep5(&krate.licence);
        licences.extend(expression.replace(" and ", " or ").split(" or ").map(str::to_owned));
    }
    for licence in licences {
        let path = root().join("debian/licences").join(&licence);
        let words = fs::read_to_string(&path).unwrap_or_else(|_| {
            panic!("a crate has the licence {licence}: may it be linked (deny.toml)? then put its text at {path:?}")
        });
        text += &format!("\nLicense: {licence}\n");
        for line in words.lines() {
            text += &format!(" {}\n", if line.trim().is_empty() { "." } else { line.trim_end() });
        }
    }
    text
}

// --- the bill of materials -----------------------------------------------------------------------

/// Checksums of Cargo.lock by "name version".
fn checksums() -> BTreeMap<String, String> {
    let lock = fs::read_to_string(root().join("Cargo.lock")).unwrap();
    let value = |entry: &str, name: &str| {
        let line = entry.lines().find_map(|l| l.strip_prefix(&format!("{name} = \"")))?;
        Some(line.trim_end_matches('"').to_owned())
    };
    let entry = |entry: &str| {
        let name = format!("{} {}", value(entry, "name")?, value(entry, "version")?);
        Some((name, value(entry, "checksum")?))
    };
    lock.split("[[package]]").filter_map(entry).collect()
}

fn purl(krate: &Crate) -> String {
    format!("pkg:cargo/{}@{}", krate.name, krate.version)
}

/// CycloneDX 1.5 without what differs from run to run (serial number, time, paths).
fn bill(crates: &BTreeMap<String, Crate>) -> String {
    let sums = checksums();
    let component = |krate: &Crate| {
        let mut value = json!({
            "type": if krate.name == ROOT { "application" } else { "library" },
            "bom-ref": purl(krate),
            "name": krate.name,
            "version": krate.version,
            "purl": purl(krate),
            "licenses": [{ "expression": krate.licence.replace('/', " OR ") }],
        });
        if let Some(sum) = sums.get(&format!("{} {}", krate.name, krate.version)) {
            value["hashes"] = json!([{ "alg": "SHA-256", "content": sum }]);
        }
        value
    };
    let (ours, others): (Vec<_>, Vec<_>) = crates.values().partition(|c| c.name == ROOT);
    let depends = |krate: &Crate| {
        let on: Vec<String> = krate.needs.iter().map(|name| purl(&crates[name])).collect();
        json!({ "ref": purl(krate), "dependsOn": on })
    };
    let document = json!({
        "bomFormat": "CycloneDX",
        "specVersion": "1.5",
        "version": 1,
        "metadata": { "component": component(ours[0]) },
        "components": others.into_iter().map(component).collect::<Vec<_>>(),
        "dependencies": crates.values().map(depends).collect::<Vec<_>>(),
    });
    serde_json::to_string_pretty(&document).unwrap() + "\n"
}

/// The list of cargo-auditable's format: packages in an order, dependencies as places in it.
fn audit(crates: &BTreeMap<String, Crate>) -> String {
    let order: Vec<&String> = crates.keys().collect();
    let place = |name: &String| order.iter().position(|other| *other == name).unwrap();
    let package = |krate: &Crate| {
        let ours = krate.name == ROOT;
        let mut value = json!({
            "name": krate.name,
            "version": krate.version,
            "source": if ours { "local" } else { "registry" },
        });
        if !krate.needs.is_empty() {
            value["dependencies"] = krate.needs.iter().map(place).collect::<Vec<_>>().into();
        }
        if ours {
            value["root"] = true.into();
        }
        value
    };
    json!({ "packages": crates.values().map(package).collect::<Vec<_>>() }).to_string() + "\n"
}

#[test]
fn what_is_linked_is_named_with_its_licence() {
    let crates = linked();
    assert!(crates.len() > 40, "only {} crates", crates.len());
    generated("debian/copyright", &copyright(&crates));
    generated("debian/bill-of-materials.cdx.json", &bill(&crates));
    generated("debian/dep-v0.json", &audit(&crates));
    println!("{} crates are linked", crates.len() - 1);
}
