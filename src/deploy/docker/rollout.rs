//! Deploying the stack to Docker's Swarm, as steps.

use super::super::health::health_address;
use super::super::parts::{as_root, look};
use super::super::step::{Command, Reads, RunAs, Step, Surroundings, Undo, Work};
use super::up::{Up, build, context};

/// The services of the Swarm file that run on, and those that run once.
pub const LASTING: &[&str] = &["db", "app", "web"];
pub const ONCE: &[&str] = &["static", "migrate"];

/// Build, tag, hand over, wait until it is healthy or taken back. `tag` is new for every deployment,
/// `listen` the stack's address.
pub fn plan_rollout(up: &Up, tag: &str, listen: &str) -> Vec<Step> {
    let image = format!("{}-app", up.project);
    let words = |list: &[&str]| list.iter().map(|w| (*w).to_owned()).collect::<Vec<_>>();
    let mut build = build(up);
    let tagged = format!("{image}:{tag}");
    build.work.push(as_root(&["/usr/bin/docker", "tag", &image, &tagged], 60));
    let file = up.directory.join("stack.yaml").display().to_string();
    let variable = format!("MEATS_TAG={tag}");
    let deploy = ["/usr/bin/env", &variable, "/usr/bin/docker", "stack", "deploy"];
    let what = ["--resolve-image=never", "--compose-file", &file, &up.project];
    let hand_over = Work::Command(Command {
        argv: words(&[&deploy[..], &what].concat()),
        directory: up.directory.clone(),
        run_as: RunAs::Root,
        surroundings: Surroundings::Stack,
        seconds: 300,
        reads: Reads::Nothing,
    });
    let lasting = LASTING.iter().filter(|name| up.database || **name != "db");
    let wait = Work::Rollout {
        project: up.project.clone(),
        image: tagged,
        once: words(ONCE),
        lasting: lasting.map(|name| (*name).to_owned()).collect(),
        seconds: up.seconds,
    };
    let port = listen.rsplit_once(':').map_or("8080", |(_, port)| port);
    let addresses = vec![health_address(&format!("127.0.0.1:{port}"))];
    let ask = Work::Health { addresses, path: up.health_path.clone(), seconds: up.seconds };
    vec![
        look("preflight", vec![Work::Judge(up.findings.clone())]),
        context(up),
        build,
        Step {
            name: "swarm",
            changes: format!("the services of the stack {}", up.project),
            work: vec![hand_over, wait],
            undo: Undo::Kept(
                "Swarm itself takes back a service that does not become healthy".to_owned(),
            ),
        },
        look("health check", vec![ask]),
    ]
}

/// How one service of the Swarm is doing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Rollout {
    Done,
    /// In the engine's words.
    Waits(String),
    TakenBack,
}

/// Judges a service. `update` is the state of its last update, `tasks` are lines of image and state,
/// the newest first; `wanted` is the image and the state of the task that is waited for.
pub fn judge_rollout(update: &str, tasks: &str, image: Option<&str>, state: &str) -> Rollout {
    if update.starts_with("rollback") || update == "paused" {
        return match update {
            "rollback_completed" | "rollback_paused" | "paused" => Rollout::TakenBack,
            going => Rollout::Waits(going.to_owned()),
        };
    }
    let reached = tasks
        .lines()
        .filter_map(|line| line.split_once(' '))
        .any(|(of, now)| image.is_none_or(|image| image == of) && now.starts_with(state));
    match (reached, update) {
        (true, "" | "completed") => Rollout::Done,
        (true, going) => Rollout::Waits(going.to_owned()),
        (false, _) => Rollout::Waits(tasks.lines().next().unwrap_or("no task yet").to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_swarm_says() {
        let image = Some("m-app:2");
        for (update, tasks, progress) in [
            ("", "m-app:2 Running 5 seconds ago\n", Rollout::Done),
            (
                "completed",
                "m-app:2 Running 5 seconds ago\nm-app:1 Shutdown 6 seconds ago",
                Rollout::Done,
            ),
            ("updating", "m-app:2 Running 1 second ago", Rollout::Waits("updating".into())),
            (
                "",
                "m-app:1 Running 2 hours ago",
                Rollout::Waits("m-app:1 Running 2 hours ago".into()),
            ),
            ("", "", Rollout::Waits("no task yet".into())),
            ("rollback_started", "m-app:2 Failed", Rollout::Waits("rollback_started".into())),
            ("rollback_completed", "m-app:1 Running 1 second ago", Rollout::TakenBack),
        ] {
            assert_eq!(
                judge_rollout(update, tasks, image, "Running"),
                progress,
                "{update} {tasks}"
            );
        }
    }
}
