//! Documents cannot rot: options, settings, findings and installed files are compared with help,
//! man pages, completions and the conffile in both directions. `BLESS=1` rewrites what is
//! generated; under CI it does not.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::disallowed_methods,
    reason = "a test program: it reads the tree and stops at the first surprise"
)]

#[path = "support/called.rs"]
mod called;
#[path = "support/generated.rs"]
mod generated;

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use called::called;
use clap::CommandFactory;
use generated::generated;
use meats::{cli, config, model::finding, report};

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

fn text(path: &str) -> String {
    fs::read_to_string(root().join(path)).unwrap_or_else(|e| panic!("{path}: {e}"))
}

/// Replaces what stands between the markers of a man page.
fn block(path: &str, name: &str, content: &str) {
    let page = text(path);
    let begin = format!(".\\\" BEGIN {name} (generated; make bless)\n");
    let end = format!(".\\\" END {name}\n");
    let (before, rest) = page.split_once(&begin).unwrap_or_else(|| panic!("{path}: no {begin}"));
    let (_, after) = rest.split_once(&end).unwrap_or_else(|| panic!("{path}: no {end}"));
    generated(path, &format!("{before}{begin}{content}{end}{after}"));
}

fn commands() -> Vec<(clap::Command, &'static str)> {
    let mut commands = vec![
        (cli::deploy::Deploy::command(), "man/meats-deploy.8"),
        (cli::diagnose::Cli::command(), "man/meats-diagnose.1"),
        (cli::env::Cli::command(), "man/meats-env.1"),
    ];
    for (command, _) in &mut commands {
        command.build();
    }
    commands
}

#[test]
fn the_conffile_is_the_table_of_settings() {
    generated("systemd/fixes.conf", &config::render_conffile());
}

#[test]
fn the_manual_of_settings_is_the_table() {
    block("man/fixes.conf.5", "settings", &config::render_roff());
}

#[test]
fn the_manual_of_findings_is_the_table() {
    block("man/projectmeats-findings.7", "findings", &report::render_findings_roff());
}

#[test]
fn completions_are_those_of_the_options() {
    use clap_complete::Shell;
    for (command, _) in commands() {
        let name = command.get_name().to_owned();
        for (shell, file) in [
            (Shell::Bash, format!("completions/{name}.bash")),
            (Shell::Zsh, format!("completions/_{name}")),
            (Shell::Fish, format!("completions/{name}.fish")),
        ] {
            let mut out = Vec::new();
            clap_complete::generate(shell, &mut command.clone(), &name, &mut out);
            generated(&file, &String::from_utf8(out).unwrap());
        }
    }
}

/// Long options of a command and of its subcommands; a hidden one is an older name of something.
fn options(command: &clap::Command, into: &mut BTreeSet<String>) {
    for arg in command.get_arguments().filter(|arg| !arg.is_hide_set()) {
        into.extend(arg.get_long().map(|l| format!("--{l}")));
    }
    for sub in command.get_subcommands().filter(|s| s.get_name() != "help") {
        options(sub, into);
    }
}

/// Words that begin with two minus signs in the OPTIONS and COMMANDS of a page.
fn options_of_page(page: &str) -> BTreeSet<String> {
    let plain = page.replace("\\-", "-");
    let section = |name: &str| {
        let begin = plain.find(&format!(".SH {name}\n")).unwrap_or(plain.len());
        let rest = &plain[begin..];
        let end = rest[1.min(rest.len())..].find(".SH ").map_or(rest.len(), |e| e + 1);
        rest[..end].to_owned()
    };
    let text = section("OPTIONS") + &section("COMMANDS");
    let option = |w: &str| {
        let name: String = w
            .chars()
            .take_while(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || *c == '-')
            .collect();
        (name.len() > 2 && name.starts_with("--")).then_some(name)
    };
    text.split(|c: char| c.is_whitespace() || "[]|,()=\"".contains(c)).filter_map(option).collect()
}

#[test]
fn every_option_is_in_the_manual_and_the_manual_has_no_other() {
    for (command, page) in commands() {
        let mut known = BTreeSet::from(["--help".to_owned(), "--version".to_owned()]);
        options(&command, &mut known);
        let written = options_of_page(&text(page));
        let missing: Vec<_> = known.difference(&written).collect();
        let surplus: Vec<_> = written.difference(&known).collect();
        assert!(missing.is_empty(), "{page} lacks {missing:?}");
        assert!(surplus.is_empty(), "{page} has unknown {surplus:?}");
        for sub in command.get_subcommands().filter(|s| s.get_name() != "help") {
            let heading = sub.get_name().replace('-', "\\-");
            assert!(text(page).contains(&heading), "{page} lacks the command {heading}");
        }
    }
}

#[test]
fn help_fits_a_terminal_and_goes_to_stdout() {
    for (command, _) in commands() {
        let name = command.get_name();
        let program = || Command::new(called(name));
        let help = program().arg("--help").output().unwrap();
        assert!(help.status.success() && help.stderr.is_empty(), "{name} --help");
        let shown = String::from_utf8(help.stdout).unwrap();
        assert!(shown.contains("Exit status"), "{name} --help lacks the exit statuses");
        for line in shown.lines() {
            assert!(line.chars().count() <= 80, "{name} --help: {line}");
        }
        let wrong = program().arg("--no-such-option").output().unwrap();
        assert_eq!(wrong.status.code(), Some(2), "{name}");
        assert!(wrong.stdout.is_empty() && !wrong.stderr.is_empty(), "{name}");
    }
}

#[test]
fn every_finding_has_a_short_page() {
    for kind in finding::all() {
        let page = report::render_explanation(kind);
        assert!(page.lines().count() <= 60, "{}", kind.id);
        assert!(page.lines().all(|l| l.chars().count() <= 80), "{}:\n{page}", kind.id);
    }
}

#[test]
fn man_pages_have_every_section_and_no_fault() {
    for entry in fs::read_dir(root().join("man")).unwrap() {
        let path = entry.unwrap().path();
        let extension = path.extension().unwrap().to_str().unwrap().to_owned();
        if !["1", "5", "7", "8"].contains(&extension.as_str()) {
            continue;
        }
        let page = fs::read_to_string(&path).unwrap();
        let version = concat!("\"projectmeats-fixes ", env!("CARGO_PKG_VERSION"), "\"");
        assert!(page.contains(version), "{path:?} is not of this version");
        let mut sections = vec!["NAME", "DESCRIPTION", "SEE ALSO"];
        if ["1", "8"].contains(&extension.as_str()) {
            sections.extend(["SYNOPSIS", "EXIT STATUS", "FILES", "EXAMPLES"]);
        }
        for section in sections {
            let heading = format!(".SH {section}");
            let quoted = format!(".SH \"{section}\"");
            assert!(page.contains(&heading) || page.contains(&quoted), "{path:?} lacks {section}");
        }
        let lint = Command::new("mandoc").args(["-Tlint", "-W", "warning"]).arg(&path).output();
        let lint = lint.expect("mandoc is a prerequisite: make tools");
        assert!(lint.status.success(), "{}", String::from_utf8_lossy(&lint.stdout));
    }
}

/// Paths of the tree in backticks.
#[test]
fn documents_name_no_place_that_is_gone() {
    let rooms =
        ["src/", "tests/", "man/", "debian/", "systemd/", "hooks/", "docker/", "completions/"];
    let files = ["Cargo.toml", "clippy.toml", "deny.toml", "Makefile"];
    for document in [
        "README.md",
        "ARCHITECTURE.md",
        "CONTRIBUTING.md",
        "SECURITY.md",
        "tests/corpus/env/README.md",
        "tests/cve.md",
    ] {
        let text = text(document);
        let named = text.split('`').skip(1).step_by(2).filter(|word| !word.contains(['*', ' ']));
        let ours = |w: &&str| rooms.iter().any(|r| w.starts_with(r)) || files.contains(w);
        let mut count = 0;
        for word in named.filter(ours) {
            let there = root().join(word).exists() || root().join(format!("{word}.rs")).exists();
            assert!(there, "{document}: {word} does not exist");
            count += 1;
        }
        assert!(count > 0, "{document} names no place at all");
    }
}

/// `make deb` and dpkg-buildpackage: what each says for itself is the same.
#[test]
fn both_ways_to_build_agree() {
    for flag in [
        "-C target-feature=+crt-static",
        "-C llvm-args=--inline-threshold=25",
        "-Wl,-z,pack-relative-relocs",
        ",--no-eh-frame-hdr,-T,debian/no-unwinding.ld",
    ] {
        for file in ["Makefile", "debian/rules"] {
            assert!(text(file).contains(flag), "{file} lacks {flag}");
        }
    }
    let (manifest, control) = (text("Cargo.toml"), text("debian/control"));
    let value = |key: &str| {
        let begin = format!("\n{key} = ");
        manifest.split_once(&begin).unwrap().1.lines().next().unwrap().replace("\"", "")
    };
    let list = |key: &str| value(key).replace(['[', ']'], "").replace("$auto, ", "");
    for line in [
        format!("Maintainer: {}", value("maintainer")),
        format!("Section: {}", value("section")),
        format!("Priority: {}", value("priority")),
        format!("Depends: ${{shlibs:Depends}}, ${{misc:Depends}}, {}", list("depends")),
        format!("Recommends: {}", list("recommends")),
        format!("Suggests: {}", list("suggests")),
        format!("Description: {}", value("description")),
    ] {
        assert!(control.contains(&format!("\n{line}\n")), "debian/control lacks {line}");
    }
    let described = manifest.split("extended-description = \"\"\"\\\n").nth(1).unwrap();
    let described = described.split("\"\"\"").next().unwrap().lines();
    let described: String = described.map(|line| format!(" {line}\n")).collect();
    assert!(control.ends_with(&described), "debian/control: the description is another one");
}

#[test]
fn the_catalogue_explains_every_message_of_ours() {
    let catalogue = text("systemd/projectmeats-fixes.catalog");
    for id in meats::model::message::ALL {
        assert!(catalogue.contains(&format!("-- {id}\n")), "the catalogue lacks {id}");
    }
    let entries = catalogue.lines().filter(|l| l.starts_with("-- ") && l.len() == 35).count();
    assert_eq!(entries, meats::model::message::ALL.len());
}

#[test]
fn the_overview_names_every_place_that_the_package_writes_to() {
    let manifest = text("Cargo.toml");
    let overview = text("man/projectmeats-fixes.7").replace("\\-", "-");
    let assets = manifest.split("assets = [").nth(1).unwrap().split("\n]").next().unwrap();
    for line in assets.lines().filter(|l| l.trim_start().starts_with('[')) {
        let words: Vec<&str> = line.split('"').collect();
        let (source, dest) = (words[1], words[3]);
        let shown = match dest.strip_suffix('/') {
            // Globs: the directory; single files: the file.
            Some(dir) if source.contains('*') => dir.to_owned(),
            Some(dir) => {
                format!("{dir}/{}", Path::new(source).file_name().unwrap().to_str().unwrap())
            }
            None => dest.to_owned(),
        };
        let generic = ["usr/share/man", "completions", "usr/share/zsh", "lintian"];
        if !generic.iter().any(|g| shown.contains(g)) {
            assert!(
                overview.contains(&format!("/{shown}")),
                "projectmeats-fixes(7) lacks /{shown}"
            );
        }
    }
}

#[test]
fn the_shipped_docker_set_is_what_a_default_host_gets() {
    use meats::deploy::docker::{Images, plan_stack, render_compose, render_nginx, render_swarm};
    use meats::model::{Owner, Secret};
    let (config, _) = config::resolve(&[]);
    let variables = ["SECRET_KEY", "ALLOWED_HOSTS", "DATABASE_URL"].map(|name| {
        let url = name == "DATABASE_URL";
        let value =
            if url { "postgres://projectmeats:x@127.0.0.1/projectmeats" } else { "meats.example" };
        (name.to_owned(), Secret::new(value))
    });
    let images = Images {
        base: "python:3.11-slim-bookworm".to_owned(),
        db: "postgres:15-bookworm".to_owned(),
        web: "nginx:1.26-bookworm".to_owned(),
        db_owner: Owner { uid: 999, gid: 999 },
    };
    let owner = Owner { uid: 998, gid: 33 };
    let listen = "127.0.0.1:8080".parse().unwrap();
    let (stack, _) = plan_stack(&config, owner, &variables, images, listen).unwrap();
    generated("docker/compose.yaml", &render_compose(&stack, None));
    generated("docker/nginx.conf", &render_nginx(&stack));
    generated("docker/stack.yaml", &render_swarm(&stack, None));
}
