//! The environment of a release. The service user makes it, since building and installing run code
//! of packages; root copies what came out, which runs none.

use std::path::Path;

use super::super::parts::as_root;
use super::super::step::{Command, Reads, RunAs, Step, Surroundings, Undo, Work};
use super::deployment::{Deployment, SourceFacts};
use super::unpack::{clear, copy_tree, packed};
use crate::model::{Effect, Owner};

/// Building an environment may compile; it may not take for ever.
const BUILD: u64 = 1800;

/// The environment, made at its own place, for paths are written into it. What the code brought there
/// is removed before: an interpreter or a `.pth` file in it would be run.
pub(super) fn environment(deployment: &Deployment, source: &SourceFacts) -> Step {
    let Deployment { layout, new, .. } = deployment;
    let release = layout.release(new);
    let path = layout.target(new).venv;
    let (wheels, copy) = (release.join(".wheels"), path.with_file_name(".venv-of-root"));
    let make = |path: &Path, owner| {
        Work::Effect(Effect::MakeDir { path: path.to_owned(), owner, mode: 0o755 })
    };
    let service = |argv: Vec<String>, reads| {
        Work::Command(Command {
            argv,
            directory: release.clone(),
            run_as: RunAs::Service,
            surroundings: Surroundings::Closed,
            seconds: BUILD,
            reads,
        })
    };
    let venv = path.display().to_string();
    let mut work = vec![clear(&path)];
    work.push(make(&path, deployment.facts.service.unwrap_or(Owner::ROOT)));
    let words = ["/usr/bin/python3", "-I", "-m", "venv", &venv].map(str::to_owned);
    work.push(service(words.to_vec(), Reads::Nothing));
    if let Some(directory) = &source.wheelhouse {
        // The service user need not be able to read it where it lies.
        work.extend([clear(&wheels), make(&wheels, Owner::ROOT)]);
        work.push(copy_tree(directory, packed(new, "wheels"), &wheels));
    }
    let requirements = release.join(&source.requirements);
    let offline = source.wheelhouse.is_some().then_some(wheels.as_path());
    let argv = install(deployment.facts.uv.as_deref(), &path, offline, &requirements);
    work.push(service(argv, Reads::Packages));
    work.extend(offline.map(clear));
    work.extend([clear(&copy), make(&copy, Owner::ROOT)]);
    work.push(copy_tree(&path, packed(new, "venv"), &copy));
    work.push(clear(&path));
    let copy = copy.display().to_string();
    let words = ["/usr/bin/mv", "--no-target-directory", "--", &copy, &venv];
    work.push(as_root(&words, BUILD));
    Step {
        name: "venv",
        changes: format!("{venv}: a new environment"),
        work,
        undo: Undo::Kept("it is part of the release that stays to be looked at".to_owned()),
    }
}

/// Installs: from wheels at hand by uv where it is there, which takes a third of the time, else by pip,
/// which fetches and builds where it may. Both hold the hashes of the requirements.
fn install(
    uv: Option<&Path>,
    venv: &Path,
    wheels: Option<&Path>,
    requirements: &Path,
) -> Vec<String> {
    let text = |path: &Path| path.display().to_string();
    let python = text(&venv.join("bin/python"));
    let mut argv: Vec<String> = match uv.filter(|_| wheels.is_some()) {
        Some(uv) => {
            let begin = [&text(uv), "pip", "install", "--python", &python, "--no-config"];
            let end = ["--no-cache", "--offline", "--link-mode=copy", "--compile-bytecode"];
            begin.into_iter().chain(end).map(str::to_owned).collect()
        }
        None => {
            let cache = format!("--cache-dir={WHEELS}");
            let check = "--disable-pip-version-check";
            [&python, "-I", "-m", "pip", "install", check, &cache].map(str::to_owned).to_vec()
        }
    };
    if let Some(wheels) = wheels {
        argv.extend(["--no-index".to_owned(), "--find-links".to_owned(), text(wheels)]);
    }
    argv.extend(["--requirement".to_owned(), text(requirements)]);
    argv
}

/// What pip fetched and built, between deployments; the service user's.
pub const WHEELS: &str = "/var/cache/projectmeats-fixes/wheels";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_network_nothing_is_fetched() {
        let (venv, wheels, list) = (Path::new("/v"), Path::new("/w"), Path::new("/r.txt"));
        let uv = Path::new("/usr/bin/uv");
        for (uv, wheels, first) in [
            (None, Some(wheels), "/v/bin/python"),
            (Some(uv), Some(wheels), "/usr/bin/uv"),
            (Some(uv), None, "/v/bin/python"),
        ] {
            let argv = install(uv, venv, wheels, list);
            assert_eq!(argv.first().map(String::as_str), Some(first));
            assert_eq!(argv.iter().any(|word| word == "--no-index"), wheels.is_some(), "{argv:?}");
            assert_eq!(argv.last().map(String::as_str), Some("/r.txt"));
        }
    }
}
