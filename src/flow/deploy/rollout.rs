//! Waits for services of Docker's Swarm.

use super::containers::docker;
use super::worker::{Ask, Done, Failure, Part, SHOWN, Worker};
use crate::deploy::docker::{Rollout, judge_rollout};

const UPDATE: &str = "{{with .UpdateStatus}}{{.State}}{{end}}";
const TASKS: &str = "{{.Image}} {{.CurrentState}}";
const ERRORS: &str = "{{.Name}}: {{.CurrentState}} {{.Error}}";

impl Worker<'_> {
    /// Until those that run once have ended well and the others are healthy, each with this image.
    pub(super) fn rollout(
        &mut self,
        project: &str,
        image: &str,
        once: &[String],
        lasting: &[String],
        seconds: u64,
    ) -> Done {
        let ended = once.iter().map(|name| (name, Some(image), "Complete"));
        let running = lasting.iter().map(|name| {
            // Only the application has an image of this deployment.
            (name, (name == "app").then_some(image), "Running")
        });
        for (name, image, state) in ended.chain(running) {
            let service = format!("{project}_{name}");
            let asked = self.poll(seconds, || {
                match observe(&service, image, state).map_err(Ask::Again)? {
                    Rollout::Done => Ok(()),
                    Rollout::Waits(why) => Err(Ask::Again(format!("{service}: {why}"))),
                    Rollout::TakenBack => Err(Ask::Over),
                }
            });
            let why = match asked {
                Ok(()) => continue,
                Err(Ask::Again(why)) => why,
                Err(Ask::Over) => {
                    format!("{service} did not become healthy; Swarm has put the former one back")
                }
            };
            return Err(Failure { why, lines: self.errors(&service) });
        }
        Ok(Part { note: Some(format!("{} healthy", lasting.join(", "))), changed: true })
    }

    fn errors(&self, service: &str) -> Vec<String> {
        let said = docker(&["service", "ps", "--no-trunc", "--format", ERRORS, service]);
        let text = self.mask.text(said.unwrap_or_default().as_bytes());
        text.lines().take(SHOWN).map(str::to_owned).collect()
    }
}

fn observe(service: &str, image: Option<&str>, state: &str) -> Result<Rollout, String> {
    // The update of one that runs once says nothing.
    let update = match state {
        "Running" => docker(&["service", "inspect", "--format", UPDATE, service])?,
        _ => String::new(),
    };
    let tasks = docker(&["service", "ps", "--no-trunc", "--format", TASKS, service])?;
    Ok(judge_rollout(update.trim(), &tasks, image, state))
}
