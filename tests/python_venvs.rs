//! Real environments, made by pip and uv from pinned versions, read by us and by them.
//!
//! The environment is kept in `$MEATS_CACHE` (default `/var/cache/projectmeats-fixes`) under a key
//! of Python's version and the pins; made anew it takes about a minute.
#![allow(
    clippy::disallowed_methods,
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "the test lays out and runs real environments"
)]

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use meats::checks::packages::{Context, PackageFacts, check};
use meats::flow::venv;
use meats::model::Fact;
use meats::python::{self, Conflict, Environment, Platform, Unmet};
use meats::sys::Root;
use sha2::{Digest, Sha256};

const PINS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/python-requirements.txt");
const UV: &str = "uv==0.8.3";

fn run(program: &Path, arguments: &[&str]) -> String {
    let output = Command::new(program)
        .args(arguments)
        .env("PIP_DISABLE_PIP_VERSION_CHECK", "1")
        .env_remove("PYTHONPATH")
        .env_remove("VIRTUAL_ENV")
        .output()
        .unwrap_or_else(|error| panic!("{}: {error}", program.display()));
    let text = |bytes| String::from_utf8_lossy(bytes).into_owned();
    let failed = output.stdout.is_empty() && !output.status.success();
    assert!(!failed, "{} {arguments:?}: {}", program.display(), text(&output.stderr));
    text(&output.stdout)
}

fn python(venv: &Path) -> PathBuf {
    venv.join("bin/python3")
}

fn cache() -> PathBuf {
    let dir = std::env::var_os("MEATS_CACHE").map(PathBuf::from);
    let base = dir.unwrap_or_else(|| PathBuf::from("/var/cache/projectmeats-fixes"));
    let version = run(Path::new("python3"), &["-c", "import sys; print(sys.version, sys.prefix)"]);
    let mut digest = Sha256::new();
    digest.update(version.as_bytes());
    digest.update(std::fs::read(PINS).expect("pins"));
    digest.update(UV);
    digest.update(include_str!("python_venvs.rs").split("fn make").nth(1).expect("recipe"));
    let key: String = digest.finalize().iter().take(8).map(|b| format!("{b:02x}")).collect();
    base.join("python-venvs").join(key)
}

/// The directory with `big`, `editable` and `system`, made once.
fn environments() -> &'static Path {
    static DIR: OnceLock<PathBuf> = OnceLock::new();
    DIR.get_or_init(|| {
        let dir = cache();
        if !dir.join("complete").exists() {
            if dir.exists() {
                std::fs::remove_dir_all(&dir).expect("an unfinished cache is removed");
            }
            make(&dir);
            std::fs::write(dir.join("complete"), "").expect("mark");
        }
        dir
    })
}

fn make(dir: &Path) {
    let path = |name: &str| dir.join(name).to_str().expect("utf-8").to_owned();
    std::fs::create_dir_all(dir).expect("cache directory");
    run(Path::new("python3"), &["-m", "venv", &path("big")]);
    let big = python(&dir.join("big"));
    run(&big, &["-m", "pip", "install", "--quiet", "--no-input", UV]);
    let uv = dir.join("big/bin/uv");
    let target = big.to_str().expect("utf-8");
    run(&uv, &["pip", "install", "--quiet", "--link-mode=copy", "--python", target, "-r", PINS]);

    // One package by pip itself, one editable, one from a source tree.
    run(Path::new("python3"), &["-m", "venv", &path("editable")]);
    let editable = python(&dir.join("editable"));
    let source = dir.join("source");
    std::fs::create_dir_all(source.join("src/our_app")).expect("source");
    std::fs::write(source.join("src/our_app/__init__.py"), "").expect("source");
    let project = "[build-system]\nrequires = [\"setuptools==75.8.0\"]\n\
                   build-backend = \"setuptools.build_meta\"\n\
                   [project]\nname = \"Our.App\"\nversion = \"1.2\"\n\
                   dependencies = [\"PyYAML>=6\"]\n";
    std::fs::write(source.join("pyproject.toml"), project).expect("source");
    run(&editable, &["-m", "pip", "install", "--quiet", "PyYAML==6.0.2", "gunicorn==23.0.0"]);
    run(
        &editable,
        &["-m", "pip", "install", "--quiet", "--editable", source.to_str().expect("utf-8")],
    );

    run(Path::new("python3"), &["-m", "venv", "--system-site-packages", &path("system")]);
}

fn observe(venv: &Path, deep: bool) -> Environment {
    let root = Root::open(Path::new("/")).expect("root");
    venv::observe(&root, venv, &venv.join("bin/gunicorn"), deep)
}

type Versions = BTreeMap<String, String>;

fn ours(environment: &Environment) -> Versions {
    let all = environment.inventory.distributions.values();
    all.map(|one| (one.name.to_string(), one.version_text.clone())).collect()
}

fn listed(json: &str) -> Versions {
    let list: serde_json::Value = serde_json::from_str(json).expect("JSON");
    let text = |one: &serde_json::Value, key: &str| one[key].as_str().expect(key).to_owned();
    let name = |one| python::parse_name(&text(one, "name")).expect("a name").to_string();
    list.as_array().expect("list").iter().map(|one| (name(one), text(one, "version"))).collect()
}

fn conflicts(environment: &Environment) -> Vec<Conflict> {
    let layout = &environment.layout;
    let version = layout.version.expect("a version");
    let markers = python::environment(version, layout.full_version(), &Platform::default());
    python::conflicts(&environment.inventory, &markers.expect("markers"))
}

/// `NAME VERSION requires OTHER, which is not installed.` and
/// `NAME VERSION has requirement OTHER…, but you have OTHER VERSION.`
fn pip_check(venv: &Path) -> BTreeSet<(String, String)> {
    let name = |text: &str| python::parse_name(text).expect("a name").to_string();
    run(&python(venv), &["-m", "pip", "check"])
        .lines()
        .filter(|line| !line.starts_with("No broken requirements"))
        .map(|line| {
            let words: Vec<_> = line.split(' ').collect();
            let other = match words[2] {
                "requires" => words[3].trim_end_matches(','),
                _ => words[words.len() - 2],
            };
            (name(words[0]), name(other))
        })
        .collect()
}

#[test]
fn more_than_200_distributions_are_listed_as_pip_and_uv_list_them() {
    let venv = environments().join("big");
    let environment = observe(&venv, false);
    let found = ours(&environment);
    assert!(found.len() >= 200, "{}", found.len());
    let pip = run(&python(&venv), &["-m", "pip", "list", "--format", "json"]);
    assert_eq!(found, listed(&pip));
    let target = python(&venv);
    let arguments =
        ["pip", "list", "--format", "json", "--python", target.to_str().expect("utf-8")];
    assert_eq!(found, listed(&run(&venv.join("bin/uv"), &arguments)));
    assert_eq!(observe(&venv, true).absent, []);
}

#[test]
fn a_healthy_environment_of_that_size_has_no_findings() {
    let venv = environments().join("big");
    let root = Root::open(Path::new("/")).expect("root");
    let files = [PathBuf::from(PINS)];
    for deep in [false, true] {
        let facts = PackageFacts {
            environment: &observe(&venv, deep),
            requirements: &venv::observe_requirements(&root, &files),
            context: &Context {
                user: "projectmeats".to_owned(),
                runs_as: None,
                requirement_files: files.to_vec(),
                guarded: true,
                serving: false,
                postgres: true,
                libpq: Fact::Absent,
                zoneinfo: Fact::Known(()),
                platform: Platform::default(),
            },
        };
        assert_eq!(check(facts), []);
        assert!(facts.requirements.required.len() >= 200);
        assert_eq!(facts.environment.unseen(), Vec::<String>::new());
    }
    assert_eq!(pip_check(&venv), BTreeSet::new());
}

/// Every name that Python itself derives from the metadata and that an `import` could take is among
/// ours.
#[test]
fn import_names_are_those_that_python_finds() {
    let venv = environments().join("big");
    let script =
        "import importlib.metadata as m, json; print(json.dumps(m.packages_distributions()))";
    let json = run(&python(&venv), &["-c", script]);
    let map: BTreeMap<String, Vec<String>> = serde_json::from_str(&json).expect("JSON");
    let environment = observe(&venv, true);
    let mut compared = 0;
    for (module, owners) in &map {
        let first = module.chars().next().unwrap_or('0');
        let is_name = module.chars().all(|c| c == '_' || c.is_alphanumeric());
        if first.is_numeric() || !is_name || module == "__pycache__" {
            continue;
        }
        for owner in owners {
            let one = environment.inventory.find(owner).expect("installed");
            assert!(one.imports.contains(module), "{owner}: {module} not in {:?}", one.imports);
            compared += 1;
        }
    }
    assert!(compared >= 200, "{compared}");
    for (owner, module) in
        [("djangorestframework", "rest_framework"), ("pillow", "PIL"), ("pyyaml", "yaml")]
    {
        assert!(environment.inventory.find(owner).expect("installed").imports.contains(module));
    }
}

/// The environment without its modules, pip's excepted.
fn copy_metadata(from: &Path, to: &Path) {
    let text = |path: &Path| path.to_str().expect("utf-8").to_owned();
    let site = &observe(from, false).inventory.sites[0].path;
    let target = to.join(site.strip_prefix(from).expect("below the environment"));
    std::fs::create_dir_all(to.join("bin")).expect("directory");
    std::fs::create_dir_all(&target).expect("directory");
    std::fs::copy(from.join("pyvenv.cfg"), to.join("pyvenv.cfg")).expect("pyvenv.cfg");
    let interpreter = std::fs::canonicalize(python(from)).expect("an interpreter");
    std::os::unix::fs::symlink(interpreter, python(to)).expect("link");
    for entry in std::fs::read_dir(site).expect("site").map(|entry| entry.expect("entry").path()) {
        if entry.extension().is_some_and(|end| end == "dist-info") || entry.ends_with("pip") {
            run(Path::new("cp"), &["-a", &text(&entry), &text(&target)]);
        }
    }
}

#[test]
fn broken_dependencies_are_those_of_pip_check() {
    let scratch = tempfile::tempdir().expect("temporary directory");
    let venv = scratch.path().join("venv");
    copy_metadata(&environments().join("big"), &venv);
    let environment = observe(&venv, false);
    let site = &environment.inventory.sites[0].path;
    let entry = |name: &str| site.join(&environment.inventory.find(name).expect("installed").entry);
    for name in ["sqlparse", "urllib3", "jinja2"] {
        std::fs::remove_dir_all(entry(name)).expect("removed");
    }
    for (name, version) in [("packaging", "1.0"), ("django", "2.0"), ("attrs", "99.0.dev1")] {
        let path = entry(name).join("METADATA");
        let text = std::fs::read_to_string(&path).expect("METADATA");
        let line = text.lines().find(|line| line.starts_with("Version: ")).expect("Version");
        std::fs::write(&path, text.replacen(line, &format!("Version: {version}"), 1))
            .expect("write");
    }
    let found = conflicts(&observe(&venv, false));
    let pairs: BTreeSet<_> =
        found.iter().map(|one| (one.by.to_string(), one.name.to_string())).collect();
    assert_eq!(pairs, pip_check(&venv));
    assert!(found.iter().filter(|one| one.unmet == Unmet::Missing).count() >= 3);
    assert!(found.iter().filter(|one| one.unmet != Unmet::Missing).count() >= 3);
}

#[test]
fn an_editable_install_counts() {
    let venv = environments().join("editable");
    let environment = observe(&venv, true);
    let pip = run(&python(&venv), &["-m", "pip", "list", "--format", "json"]);
    assert_eq!(ours(&environment), listed(&pip));
    let editable = run(&python(&venv), &["-m", "pip", "list", "--editable", "--format", "json"]);
    let flagged = environment.inventory.distributions.values().filter(|one| one.editable);
    let flagged: Versions =
        flagged.map(|one| (one.name.to_string(), one.version_text.clone())).collect();
    assert_eq!(flagged, listed(&editable));
    assert_eq!(flagged.keys().collect::<Vec<_>>(), ["our-app"]);
    assert_eq!((conflicts(&environment), environment.absent), (vec![], vec![]));
}

#[test]
fn the_system_s_packages_are_those_that_python_sees() {
    let venv = environments().join("system");
    let script = "import importlib.metadata as m, json\nseen = {}\n\
                  for d in m.distributions():\n    \
                  seen.setdefault(d.metadata['Name'], d.version)\n\
                  print(json.dumps([{'name': n, 'version': v} for n, v in seen.items() if n]))";
    let python = run(&python(&venv), &["-s", "-c", script]);
    assert_eq!(ours(&observe(&venv, false)), listed(&python));
}
