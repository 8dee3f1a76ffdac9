//! `meats-deploy docker`: the set of files, and compose that runs it.
//!
//! Invariant: compose and the engine run as root, so they read only what nobody but root can change,
//! and get no variable but those of the stack.

mod compose;
mod migrate;
mod set;
mod stack;
mod swarm;
mod watch;

use std::io::Write;
use std::path::{Path, PathBuf};

use super::carry::carry_to;
use super::end::End;
use super::observe::Sight;
use crate::cli::deploy::{Docker, DockerPlace};
use crate::config::Config;
use crate::deploy::Step;
use crate::deploy::docker::Stack;
use crate::flow::docker_set;
use crate::model::{Finding, Subject, finding};
use crate::report::one_line;
use crate::sys::Root;

/// Files that compose needs before anything is built.
const FILES: &[&str] =
    &["compose.yaml", "stack.yaml", "nginx.conf", "db-entry.sh", "context/Dockerfile"];

/// Runs one of the commands.
pub(super) fn main(root: &Root, asked: &Docker, out: &mut dyn Write) -> Result<End, String> {
    match asked {
        Docker::Init(asked) => set::init(root, asked, out),
        Docker::Check(place) => stack::check(root, place, out),
        Docker::Up(asked) => stack::up(root, asked, out),
        Docker::Down(asked) => stack::down(root, asked, out),
        Docker::Status(asked) => stack::status(root, asked, out),
        Docker::Migrate(asked) => migrate::main(root, asked, out),
        Docker::Watch(asked) => watch::watch(root, asked, out),
        Docker::Logs(asked) => stack::logs(root, asked, out),
    }
}

/// What keeps a deployment on the host from beginning: visitors reach the stack.
pub(super) fn away(root: &Root) -> Option<Finding> {
    let note = migrate::note(root)?;
    let detail = "visitors reach it by this site; new code goes there by docker up --from";
    Some(Finding::new(&finding::DOC_AWAY, Subject::file(note.site), detail))
}

/// The directory asked for.
fn directory(root: &Root, config: &Config, place: &DockerPlace) -> PathBuf {
    place.dir.clone().unwrap_or_else(|| docker_set::directory(root, config))
}

fn not_roots(part: &Path) -> Finding {
    let detail = "it is not a directory that only root can change";
    Finding::new(&finding::DOC_PLACE, Subject::file(part), detail)
}

/// What keeps a command from beginning.
fn refused(out: &mut dyn Write, findings: &[Finding]) -> Result<End, String> {
    tell(out, findings);
    Ok(End::Refused)
}

/// Carries out steps with what the containers get; the host's own service is not judged. After a
/// failure the addresses `asked` say what is live.
fn carry_stack(
    root: &Root,
    sight: Sight,
    stack: Stack,
    steps: &[Step],
    title: &str,
    asked: &[String],
    out: &mut dyn Write,
) -> Result<End, String> {
    let (assessed, packages) = (Vec::new(), Vec::new());
    let sight = Sight { assessed, packages, stack: stack.variables, ..sight };
    carry_to(root, &sight, steps, title, asked, out)
}

/// Prints findings; true when one is an error.
fn tell(out: &mut dyn Write, findings: &[Finding]) -> bool {
    for finding in findings {
        writeln!(out, "{:7}  {}", finding.kind.severity.word(), one_line(finding)).ok();
    }
    findings.iter().any(|f| f.kind.severity == crate::model::Severity::Error)
}

/// What keeps root from starting the set in this directory.
fn unusable(root: &Root, directory: &Path) -> Vec<Finding> {
    let mut findings: Vec<Finding> =
        root.changeable_by(directory).map(|part| not_roots(&part)).into_iter().collect();
    for name in FILES {
        let path = directory.join(name);
        if root.stat(&path).is_absent() {
            let detail = "it does not exist";
            findings.push(Finding::new(&finding::DOC_MISSING, Subject::file(path), detail));
        }
    }
    findings
}
