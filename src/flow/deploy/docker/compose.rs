//! Compose of this host, and what it says of a set.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::{directory, unusable};
use crate::cli::deploy::DockerPlace;
use crate::config::Config;
use crate::flow::deploy::observe::{Sight, observe};
use crate::model::{Finding, Subject, finding};
use crate::sys::Root;
use crate::sys::exec::{self, Output, Request};

pub(super) fn no_compose() -> Finding {
    let detail = "neither \"docker compose\" nor docker-compose is there";
    Finding::new(&finding::DOC_NO_COMPOSE, Subject::default(), detail)
}

/// Compose, the set, and the host, or what is in the way.
pub(super) fn ready(
    root: &Root,
    place: &DockerPlace,
) -> Result<(Compose, PathBuf, Sight), Vec<Finding>> {
    let sight = observe(root);
    let directory = directory(root, &sight.config, place);
    let mut findings = unusable(root, &directory);
    match compose(root) {
        Some(program) if findings.is_empty() => Ok((program, directory, sight)),
        Some(_) => Err(findings),
        None => {
            findings.push(no_compose());
            Err(findings)
        }
    }
}

pub(super) fn accepted(
    program: &Compose,
    sight: &Sight,
    directory: &Path,
    out: &mut dyn Write,
) -> Result<Option<Finding>, String> {
    let output = exec::run(&program.request(directory, &sight.config, &["config", "-q"]))?;
    if output.success() {
        let path = directory.join("compose.yaml");
        writeln!(out, "ok       {} accepts {}", program.name, path.display()).ok();
        return Ok(None);
    }
    let detail = format!("{}: {}", program.name, sight.mask.text(output.describe().as_bytes()));
    let subject = Subject::file(directory.join("compose.yaml"));
    Ok(Some(Finding::new(&finding::DOC_REJECTED, subject, detail)))
}

/// The compose of this host.
#[derive(Clone, Debug)]
pub(super) struct Compose {
    words: Vec<String>,
    /// Its own version line.
    pub(super) name: String,
}

/// The plugin before the program of its own: Debian 12 has only the latter, 1.29.
pub(super) fn compose(root: &Root) -> Option<Compose> {
    const CANDIDATES: &[&[&str]] = &[&["/usr/bin/docker", "compose"], &["/usr/bin/docker-compose"]];
    CANDIDATES.iter().find_map(|words| {
        let program = words.first()?;
        root.stat(Path::new(program)).known()?;
        let words: Vec<String> = words.iter().map(|w| (*w).to_owned()).collect();
        let mut ask = words.clone();
        ask.push("version".to_owned());
        let output = exec::run(&Request::new(&ask).deadline(Duration::from_secs(20))).ok()?;
        output.success().then(|| Compose { words, name: first_line(&output) })
    })
}

fn first_line(output: &Output) -> String {
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    text.lines().next().unwrap_or_default().trim().to_owned()
}

impl Compose {
    /// Compose for the set in `directory`.
    pub(super) fn argv(&self, directory: &Path, config: &Config) -> Vec<String> {
        let file = directory.join("compose.yaml").display().to_string();
        let mut argv = self.words.clone();
        argv.extend(["-p", config.service.as_str(), "-f", &file].map(str::to_owned));
        argv
    }

    /// Compose with these words, without any variable of the stack.
    pub(super) fn request(&self, directory: &Path, config: &Config, words: &[&str]) -> Request {
        let mut argv = self.argv(directory, config);
        argv.extend(words.iter().map(|w| (*w).to_owned()));
        Request::new(&argv)
            .directory(directory)
            .env("HOME", "/root")
            .deadline(Duration::from_secs(60))
    }
}
