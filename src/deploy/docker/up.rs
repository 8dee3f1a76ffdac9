//! Starting the stack, as steps.

use std::path::{Path, PathBuf};

use super::super::parts::{as_root, look, switch_now};
use super::super::release::{copy_code, link};
use super::super::step::{Command, Reads, RunAs, Step, Surroundings, Undo, Work};
use super::WATCH_TIMER;
use crate::model::{Effect, Finding, Owner, Secret};

/// What starting needs to know.
#[derive(Debug)]
pub struct Up {
    /// Compose with project and file.
    pub compose: Vec<String>,
    pub project: String,
    /// The directory of the set.
    pub directory: PathBuf,
    /// The project directory of the host, and the content of its requirements file.
    pub code: PathBuf,
    pub requirements: Secret,
    /// The interpreter within the image.
    pub python: String,
    /// True when the stack has a database of its own.
    pub database: bool,
    pub health_path: String,
    pub findings: Vec<Finding>,
    /// Directories that containers write and that are missing, outer ones first: the engine would
    /// make them root's.
    pub directories: Vec<(PathBuf, Owner)>,
    /// What outlives releases: places in the project, and the directories that they lead to.
    pub shared: Vec<(PathBuf, PathBuf)>,
    /// Directories in the project that containers get from the host: uploads stay out of the image.
    pub mounted: Vec<PathBuf>,
    /// Wheels to install from; with any in the context nothing is fetched.
    pub wheelhouse: Option<PathBuf>,
    pub seconds: u64,
}

/// Building an image fetches and compiles.
const BUILD: u64 = 3600;

/// Copy the code, build, database, migrations, static files, application, web server; then ask.
pub fn plan_up(up: &Up) -> Vec<Step> {
    let preflight = look("preflight", vec![Work::Judge(up.findings.clone())]);
    let mut steps = vec![preflight, context(up), build(up)];
    steps.extend(database(up));
    let migrate = ["run", "--rm", "-T", "migrate"];
    steps.push(step(up, "migrate", "the database of the stack", &migrate, 3600, Reads::Migrations));
    let collect =
        ["run", "--rm", "-T", "migrate", &up.python, "manage.py", "collectstatic", "--noinput"];
    steps.push(step(up, "static files", "the directory STATIC_ROOT", &collect, 600, Reads::Static));
    // The application by itself: compose would make anew what it finds in another number, and the
    // web server with it.
    let mut start = containers(up, &["--no-deps", "web"]);
    let exchange = Work::Exchange {
        compose: up.compose.clone(),
        project: up.project.clone(),
        service: "app".to_owned(),
        seconds: up.seconds,
    };
    start.work.splice(0..0, [exchange, healthy(up, &["app"])]);
    steps.push(start);
    let compose = up.compose.clone();
    let published = Work::Published { compose, path: up.health_path.clone(), seconds: up.seconds };
    steps.push(look("health check", vec![published]));
    steps.push(Step {
        name: "watch",
        changes: format!("{WATCH_TIMER}: restarts what stays unhealthy"),
        work: vec![switch_now(WATCH_TIMER, "enable")],
        undo: Undo::Kept("meats-deploy docker down stops it".to_owned()),
    });
    steps
}

/// The image of the application.
pub(super) fn build(up: &Up) -> Step {
    let words = ["build", "app"];
    step(up, "build", "the image of the application", &words, BUILD, Reads::Nothing)
}

/// The stack's own database, if it has one.
pub(super) fn database(up: &Up) -> Option<Step> {
    let words = ["up", "-d", "db"];
    let mut start = step(up, "database", "the container db", &words, 600, Reads::Nothing);
    start.work.push(healthy(up, &["db"]));
    up.database.then_some(start)
}

/// The containers start, all of them or what `which` says, and all are waited for.
pub(super) fn containers(up: &Up, which: &[&str]) -> Step {
    let words = [&["up", "-d"], which].concat();
    let mut start =
        step(up, "containers", "the containers app and web", &words, 600, Reads::Nothing);
    let services = if up.database { vec!["db", "app", "web"] } else { vec!["app", "web"] };
    start.work.push(healthy(up, &services));
    start
}

pub(super) fn step(
    up: &Up,
    name: &'static str,
    changes: &str,
    words: &[&str],
    seconds: u64,
    reads: Reads,
) -> Step {
    Step {
        name,
        changes: changes.to_owned(),
        work: vec![compose_work(up, words, seconds, reads)],
        undo: Undo::Kept("meats-deploy docker down stops the stack; data stays".to_owned()),
    }
}

pub(super) fn compose_work(up: &Up, words: &[&str], seconds: u64, reads: Reads) -> Work {
    let mut argv = up.compose.clone();
    argv.extend(words.iter().map(|w| (*w).to_owned()));
    Work::Command(Command {
        argv,
        directory: up.directory.clone(),
        run_as: RunAs::Root,
        surroundings: Surroundings::Stack,
        seconds,
        reads,
    })
}

pub(super) fn healthy(up: &Up, services: &[&str]) -> Work {
    Work::Containers {
        compose: up.compose.clone(),
        project: up.project.clone(),
        services: services.iter().map(|s| (*s).to_owned()).collect(),
        seconds: up.seconds,
    }
}

/// The build context anew: the code without local data and secrets, and the requirements.
pub(super) fn context(up: &Up) -> Step {
    let context = up.directory.join("context");
    let backend = context.join("backend");
    let text = |path: &Path| path.display().to_string();
    let mut work = vec![
        as_root(&["/usr/bin/rm", "-rf", "--one-file-system", "--", &text(&backend)], 60),
        as_root(&["/usr/bin/mkdir", "-m", "755", "--", &text(&backend)], 60),
    ];
    for (path, owner) in &up.directories {
        let mode = if *owner == Owner::ROOT { 0o755 } else { 0o775 };
        let effect = Effect::MakeDir { path: path.clone(), owner: *owner, mode };
        work.push(Work::Effect(effect));
    }
    let packed = context.join("code.tar");
    let places = up.shared.iter().map(|(within, _)| within.clone()).collect();
    work.push(copy_code(&up.code, &packed, &backend, places, &up.mounted));
    for (within, target) in &up.shared {
        work.extend(link(backend.join(within), target));
    }
    work.push(Work::Effect(Effect::Write {
        path: context.join("requirements.txt"),
        content: up.requirements.clone(),
        owner: Owner::ROOT,
        mode: 0o644,
    }));
    if let Some(wheels) = &up.wheelhouse {
        let from = format!("{}/.", text(wheels));
        let to = text(&context.join("wheels"));
        let copy = ["/usr/bin/cp", "--recursive", "--no-preserve=mode", "--", &from, &to];
        work.push(as_root(&copy, 300));
    }
    Step {
        name: "context",
        changes: format!("{}: a copy of the code; missing directories", context.display()),
        work,
        undo: Undo::Kept("the copy is made anew each time".to_owned()),
    }
}

/// What the engine says of one container.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ContainerState {
    Healthy,
    /// Running; its check has not decided yet.
    Starting,
    Unhealthy,
    /// Not running.
    Ended,
}

impl ContainerState {
    /// In a word.
    pub fn word(self) -> &'static str {
        match self {
            Self::Healthy => "healthy",
            Self::Starting => "starting",
            Self::Unhealthy => "unhealthy",
            Self::Ended => "not running",
        }
    }
}

/// Reads `docker ps --format {{.Status}}`; None for no container at all.
pub fn parse_container_state(status: &str) -> Option<ContainerState> {
    let line = status.lines().next()?.trim();
    Some(match line {
        _ if line.contains("(healthy)") => ContainerState::Healthy,
        _ if line.contains("(unhealthy)") => ContainerState::Unhealthy,
        _ if line.starts_with("Up") || line.starts_with("Created") => ContainerState::Starting,
        _ => ContainerState::Ended,
    })
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// What starting needs, on a host that has all.
    pub(in super::super) fn up() -> Up {
        Up {
            compose: vec!["/usr/bin/docker-compose".into()],
            project: "p".into(),
            directory: "/d".into(),
            code: "/c".into(),
            requirements: Secret::new("Django"),
            python: "/v/bin/python".into(),
            database: true,
            health_path: "/health/".into(),
            findings: Vec::new(),
            directories: Vec::new(),
            shared: Vec::new(),
            mounted: vec!["media".into()],
            wheelhouse: None,
            seconds: 5,
        }
    }

    #[test]
    fn states() {
        for (status, state) in [
            ("Up 5 seconds (healthy)", Some(ContainerState::Healthy)),
            ("Up 5 seconds (health: starting)", Some(ContainerState::Starting)),
            ("Up 2 minutes (unhealthy)", Some(ContainerState::Unhealthy)),
            ("Exited (1) 3 seconds ago", Some(ContainerState::Ended)),
            ("Restarting (1) 3 seconds ago", Some(ContainerState::Ended)),
            ("", None),
        ] {
            assert_eq!(parse_container_state(status), state, "{status}");
        }
    }

    /// Its bytes were read with the rights of whoever can change it; root follows nobody's link.
    #[test]
    fn root_copies_no_requirements_by_their_path() {
        let work = context(&up()).work;
        let reads = |work: &Work| match work {
            Work::Command(command) => command.argv.iter().any(|w| w.ends_with("requirements.txt")),
            _ => false,
        };
        assert!(!work.iter().any(reads));
        let writes = |work: &Work| match work {
            Work::Effect(Effect::Write { path, content, .. }) => {
                path.ends_with("context/requirements.txt") && content.expose() == b"Django"
            }
            _ => false,
        };
        assert!(work.iter().any(writes));
    }

    /// What is private on the host is not what everybody may read in a context and an image.
    #[test]
    fn no_upload_is_in_the_image() {
        let unpack = context(&up()).work.into_iter().find_map(|work| match work {
            Work::Unpack(unpack) => Some(unpack),
            _ => None,
        });
        assert!(unpack.expect("a copy").without.contains(&"./media/*".to_owned()));
    }

    #[test]
    fn the_database_is_migrated_before_the_application_starts() {
        let mut up = up();
        let names = |up: &Up| plan_up(up).iter().map(|s| s.name).collect::<Vec<_>>();
        assert_eq!(
            names(&up),
            [
                "preflight",
                "context",
                "build",
                "database",
                "migrate",
                "static files",
                "containers",
                "health check",
                "watch"
            ]
        );
        up.database = false;
        assert!(!names(&up).contains(&"database"));
    }
}
