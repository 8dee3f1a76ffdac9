//! Containers of the stack: their state, and the address that it is published at.

use std::time::Duration;

use super::worker::{Ask, Done, Failure, Part, Worker};
use crate::deploy::docker::{ContainerState, parse_container_state};
use crate::deploy::health_address;
use crate::sys::clock::pause;
use crate::sys::exec::{self, Output, Request};

/// Longer than the web server of the stack keeps an address.
const RESOLVED: Duration = Duration::from_secs(3);

/// Longest that compose may take to start containers, and to answer a question.
const START: Duration = Duration::from_secs(300);
const ASK: Duration = Duration::from_secs(30);

impl Worker<'_> {
    /// Waits until the containers of these services are healthy.
    pub(super) fn containers(
        &mut self,
        compose: &[String],
        project: &str,
        services: &[String],
        seconds: u64,
    ) -> Done {
        for service in services {
            let asked = self.poll(seconds, || match container_state(project, service) {
                Ok(Some(ContainerState::Healthy)) => Ok(()),
                Ok(state) => {
                    Err(Ask::Again(format!("the container of {service} is {}", word(state))))
                }
                Err(why) => Err(Ask::Again(why)),
            });
            if let Err(Ask::Again(why)) = asked {
                let output = self.compose(compose, &["logs", "--tail=20", service], ASK)?;
                return Err(Failure { why, lines: self.shown(&output.stdout) });
            }
        }
        Ok(Part::looked(format!("{} healthy", services.join(", "))))
    }

    /// Two for a moment: the web server finds the new one by its name before the old one goes. A new
    /// one that does not become healthy goes again, and the old one serves on.
    pub(super) fn exchange(
        &mut self,
        compose: &[String],
        project: &str,
        service: &str,
        seconds: u64,
    ) -> Done {
        let Ok(old) = container_id(project, service) else {
            self.bring(compose, &["--no-deps", service])?;
            return Ok(Part { note: None, changed: true });
        };
        // What an interrupted exchange left is not the new one.
        for left in ps(project, &["--filter", &of_service(service), "--quiet"])?.lines() {
            if left != old {
                docker(&["rm", "--force", left])?;
            }
        }
        let scale = format!("{service}=2");
        self.bring(compose, &["--no-deps", "--no-recreate", "--scale", &scale, service])?;
        let all = ps(project, &["--filter", &of_service(service), "--quiet"])?;
        let new = all.lines().find(|id| *id != old).map(str::to_owned);
        let new = new.ok_or_else(|| "compose started no second container".to_owned())?;
        let health = ["inspect", "--format", "{{.State.Health.Status}} {{.RestartCount}}", &new];
        let asked = self.poll(seconds, || match docker(&health) {
            Ok(said) if said.starts_with("healthy ") => Ok(()),
            // It ended, or is ill: more of the same will come.
            Ok(said) if said.trim() != "starting 0" => Err(Ask::Over),
            Ok(said) => Err(Ask::Again(said)),
            Err(why) => Err(Ask::Again(why)),
        });
        if asked.is_err() {
            let lines = self.output_of(&new);
            docker(&["rm", "--force", &new])?;
            let why =
                format!("the new container of {service} is not healthy; the old one serves on");
            return Err(Failure { why, lines });
        }
        pause(RESOLVED);
        docker(&["stop", &old])?;
        docker(&["rm", &old])?;
        Ok(Part { note: Some(format!("{service} exchanged")), changed: true })
    }

    fn bring(&self, compose: &[String], words: &[&str]) -> Result<(), Failure> {
        let output = self.compose(compose, &[&["up", "-d"], words].concat(), START)?;
        if output.success() { Ok(()) } else { Err(self.failure(&output)) }
    }

    /// Compose with these words and the variables of the stack; what it said is in the log.
    fn compose(
        &self,
        compose: &[String],
        words: &[&str],
        limit: Duration,
    ) -> Result<Output, String> {
        let mut argv = compose.to_vec();
        argv.extend(words.iter().map(|word| (*word).to_owned()));
        let request = self.hand_over(Request::new(&argv)).deadline(limit);
        let output = exec::run(&request)?;
        self.record(&argv.join(" "), &output);
        Ok(output)
    }

    fn output_of(&self, id: &str) -> Vec<String> {
        let argv = ["/usr/bin/docker", "logs", "--tail=20", id];
        let Ok(output) = exec::run(&Request::new(&argv).env("HOME", "/root")) else {
            return Vec::new();
        };
        self.shown(&[output.stdout, output.stderr].concat())
    }

    /// Asks the stack where it is published.
    pub(super) fn published(&mut self, compose: &[String], path: &str, seconds: u64) -> Done {
        let output = self.compose(compose, &["port", "web", "8080"], ASK)?;
        let address = health_address(self.mask.text(&output.stdout).trim());
        self.health(&[address], path, seconds)
    }
}

/// What the engine says of the newest container of a service; asked by label, since names differ
/// between versions of compose.
pub(super) fn container_state(
    project: &str,
    service: &str,
) -> Result<Option<ContainerState>, String> {
    let output = ps(project, &["--filter", &of_service(service), "--format", "{{.Status}}"])?;
    Ok(parse_container_state(&output))
}

/// The container of a service that runs now.
pub(super) fn container_id(project: &str, service: &str) -> Result<String, String> {
    let output =
        ps(project, &["--filter", &of_service(service), "--filter", "status=running", "--quiet"])?;
    // Newest first; the oldest is the one that serves.
    let id = output.lines().last().map(str::to_owned);
    id.ok_or_else(|| format!("the container of {service} does not run"))
}

/// All containers of the stack but those of single commands.
pub(super) fn container_ids(project: &str) -> Result<Vec<String>, String> {
    Ok(ps(project, &["--quiet"])?.lines().map(str::to_owned).collect())
}

fn of_service(service: &str) -> String {
    format!("label=com.docker.compose.service={service}")
}

fn ps(project: &str, words: &[&str]) -> Result<String, String> {
    let project = format!("label=com.docker.compose.project={project}");
    let mut argv = vec!["ps", "--all", "--no-trunc", "--filter", &project];
    argv.extend(["--filter", "label=com.docker.compose.oneoff=False"]);
    argv.extend(words);
    docker(&argv)
}

/// The engine's client with these words; its standard output.
pub(super) fn docker(words: &[&str]) -> Result<String, String> {
    let argv = [&["/usr/bin/docker"], words].concat();
    let request = Request::new(&argv).env("HOME", "/root").deadline(Duration::from_secs(60));
    let output = exec::run(&request)?;
    if output.success() {
        Ok(String::from_utf8_lossy(&output.stdout).into_owned())
    } else {
        Err(output.describe())
    }
}

/// A state in a word.
pub(super) fn word(state: Option<ContainerState>) -> &'static str {
    state.map_or("not there", ContainerState::word)
}
