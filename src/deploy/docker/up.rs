//! Starting the stack, as steps.

use std::path::{Path, PathBuf};

use super::super::parts::{as_root, look};
use super::super::release::copy_code;
use super::super::step::{Command, Reads, RunAs, Step, Surroundings, Undo, Work};
use crate::model::Finding;

/// What starting needs to know.
#[derive(Debug)]
pub struct Up {
    /// Compose with project and file.
    pub compose: Vec<String>,
    pub project: String,
    /// The directory of the set.
    pub directory: PathBuf,
    /// The project directory of the host, and the requirements file.
    pub code: PathBuf,
    pub requirements: PathBuf,
    /// The interpreter within the image.
    pub python: String,
    /// True when the stack has a database of its own.
    pub database: bool,
    pub health_path: String,
    pub findings: Vec<Finding>,
    pub seconds: u64,
}

/// Building an image fetches and compiles.
const BUILD: u64 = 3600;

/// Copy the code, build, database, migrations, static files, application, web server; then ask.
pub fn plan_up(up: &Up) -> Vec<Step> {
    let services = if up.database { vec!["db", "app", "web"] } else { vec!["app", "web"] };
    let mut steps = vec![look("preflight", vec![Work::Judge(up.findings.clone())]), context(up)];
    steps.push(step(
        up,
        "build",
        "the image of the application",
        &["build", "app"],
        BUILD,
        Reads::Nothing,
    ));
    if up.database {
        let mut database =
            step(up, "database", "the container db", &["up", "-d", "db"], 600, Reads::Nothing);
        database.work.push(healthy(up, &["db"]));
        steps.push(database);
    }
    let migrate = ["run", "--rm", "-T", "migrate"];
    steps.push(step(up, "migrate", "the database of the stack", &migrate, 3600, Reads::Migrations));
    let collect =
        ["run", "--rm", "-T", "migrate", &up.python, "manage.py", "collectstatic", "--noinput"];
    steps.push(step(up, "static files", "the directory STATIC_ROOT", &collect, 600, Reads::Static));
    let mut start = step(
        up,
        "containers",
        "the containers app and web",
        &["up", "-d", "app", "web"],
        600,
        Reads::Nothing,
    );
    start.work.push(healthy(up, &services));
    steps.push(start);
    let compose = up.compose.clone();
    let published = Work::Published { compose, path: up.health_path.clone(), seconds: up.seconds };
    steps.push(look("health check", vec![published]));
    steps
}

fn step(
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
        work: vec![compose(up, words, seconds, reads)],
        undo: Undo::Kept("meats-deploy docker down stops the stack; data stays".to_owned()),
    }
}

fn compose(up: &Up, words: &[&str], seconds: u64, reads: Reads) -> Work {
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

fn healthy(up: &Up, services: &[&str]) -> Work {
    Work::Containers {
        compose: up.compose.clone(),
        project: up.project.clone(),
        services: services.iter().map(|s| (*s).to_owned()).collect(),
        seconds: up.seconds,
    }
}

/// The build context anew: the code without local data and secrets, and the requirements.
fn context(up: &Up) -> Step {
    let context = up.directory.join("context");
    let backend = context.join("backend");
    let text = |path: &Path| path.display().to_string();
    let words = |list: &[&str]| list.iter().map(|w| (*w).to_owned()).collect::<Vec<_>>();
    let mut work = vec![
        as_root(words(&["/usr/bin/rm", "-rf", "--one-file-system", "--", &text(&backend)]), 60),
        as_root(words(&["/usr/bin/mkdir", "-m", "755", "--", &text(&backend)]), 60),
    ];
    let packed = context.join("code.tar");
    work.extend(copy_code(&up.code, &packed, &backend));
    let target = context.join("requirements.txt");
    let install = ["/usr/bin/install", "-m", "644", &text(&up.requirements), &text(&target)];
    work.push(as_root(words(&install), 60));
    Step {
        name: "context",
        changes: format!("{}: a copy of the code", context.display()),
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
mod tests {
    use super::*;

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

    #[test]
    fn the_database_is_migrated_before_the_application_starts() {
        let mut up = Up {
            compose: vec!["/usr/bin/docker-compose".into()],
            project: "p".into(),
            directory: "/d".into(),
            code: "/c".into(),
            requirements: "/c/requirements.txt".into(),
            python: "/v/bin/python".into(),
            database: true,
            health_path: "/health/".into(),
            findings: Vec::new(),
            seconds: 5,
        };
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
                "health check"
            ]
        );
        up.database = false;
        assert!(!names(&up).contains(&"database"));
    }
}
