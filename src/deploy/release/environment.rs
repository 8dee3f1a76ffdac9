//! The environment of a release. Code of packages runs as the service user only: root unpacks
//! wheels, which runs none.

use std::path::Path;

use super::super::parts::as_root;
use super::super::step::{Command, Reads, RunAs, Step, Surroundings, Undo, Work};
use super::deployment::{Deployment, SourceFacts};

/// Building an environment may compile; it may not take for ever.
const BUILD: u64 = 1800;

/// The environment: wheels are fetched or built as the service user, since that runs code of
/// packages; root only unpacks wheels, which runs none.
pub(super) fn environment(deployment: &Deployment, source: &SourceFacts) -> Step {
    let Deployment { layout, new, .. } = deployment;
    let venv = layout.target(new).venv.display().to_string();
    let python = format!("{venv}/bin/python");
    let requirements = layout.release(new).join(&source.requirements).display().to_string();
    let mut work = vec![as_root(&["/usr/bin/python3", "-I", "-m", "venv", &venv], BUILD)];
    let wheels = match &source.wheelhouse {
        Some(directory) => directory.display().to_string(),
        None => {
            let cache = Path::new(WHEELS).display().to_string();
            let argv = [
                python.as_str(),
                "-m",
                "pip",
                "wheel",
                "--no-cache-dir",
                "--wheel-dir",
                &cache,
                "--find-links",
                &cache,
                "--requirement",
                &requirements,
            ];
            work.push(Work::Command(Command {
                argv: argv.map(str::to_owned).to_vec(),
                directory: "/".into(),
                run_as: RunAs::Service,
                surroundings: Surroundings::Closed,
                seconds: BUILD,
                reads: Reads::Nothing,
            }));
            cache
        }
    };
    let install = install(deployment.facts.uv.as_deref(), &python, &wheels, &requirements);
    work.push(Work::Command(Command {
        argv: install,
        directory: "/".into(),
        run_as: RunAs::Root,
        surroundings: Surroundings::Closed,
        seconds: BUILD,
        reads: Reads::Packages,
    }));
    Step {
        name: "venv",
        changes: format!("{venv}: a new environment"),
        work,
        undo: Undo::Kept("it is part of the release that stays to be looked at".to_owned()),
    }
}

/// Unpacks the wheels: by uv where it is installed, which takes a third of the time. Both refuse what
/// has to be built, fetch nothing, and hold hashes of the requirements.
fn install(uv: Option<&Path>, python: &str, wheels: &str, requirements: &str) -> Vec<String> {
    let uv = uv.map(|uv| uv.display().to_string());
    let begin = match &uv {
        Some(uv) => [uv, "pip", "install", "--python", python, "--no-config", "--no-cache"]
            .into_iter()
            .chain(["--offline", "--no-build", "--link-mode=copy", "--compile-bytecode"])
            .collect::<Vec<_>>(),
        None => {
            vec![python, "-I", "-m", "pip", "install", "--no-cache-dir", "--only-binary=:all:"]
        }
    };
    let end = ["--no-index", "--find-links", wheels, "--requirement", requirements];
    begin.into_iter().chain(end).map(str::to_owned).collect()
}

/// Where wheels are kept between deployments; the service user's.
pub const WHEELS: &str = "/var/cache/projectmeats-fixes/wheels";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_built_or_fetched_by_root() {
        for (uv, first, only) in [
            (None, "/v/bin/python", "--only-binary=:all:"),
            (Some(Path::new("/usr/bin/uv")), "/usr/bin/uv", "--no-build"),
        ] {
            let argv = install(uv, "/v/bin/python", "/w", "/r.txt");
            assert_eq!(argv.first().map(String::as_str), Some(first));
            for word in [only, "--no-index", "/w", "/r.txt"] {
                assert!(argv.iter().any(|given| given == word), "{word} {argv:?}");
            }
        }
    }
}
