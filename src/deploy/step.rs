//! What a deployment consists of.

use std::path::PathBuf;

use super::database::Role;
use crate::model::{Effect, Finding};

/// One step: a name for the progress line, its work in order, and the way back.
#[derive(Clone, Debug)]
pub struct Step {
    pub name: &'static str,
    /// What it changes on the host, in words; "nothing" is a promise.
    pub changes: String,
    pub work: Vec<Work>,
    pub undo: Undo,
}

/// The way back from a step.
#[derive(Clone, Debug)]
pub enum Undo {
    /// There is nothing to take back.
    Nothing,
    /// This work takes it back; the text says so in the plan.
    By { text: String, work: Vec<Work> },
    /// It stays; the text says what that means.
    Kept(String),
}

/// One piece of work. The list is closed: the flow is one match over it.
#[derive(Clone, Debug)]
pub enum Work {
    /// Findings about the host; an error among them ends the deployment here.
    Judge(Vec<Finding>),
    /// A change of the file system, by the writer.
    Effect(Effect),
    /// A child process; any exit status but 0 is a failure.
    Command(Command),
    /// Copies a tree, or unpacks an archive.
    Unpack(Unpack),
    /// Loads the application as the service would and asks it about itself ([`super::INSPECT`]).
    Inspect { python: PathBuf, directory: PathBuf, application: String },
    /// Dumps the PostgreSQL database of the service into this new file of root's, if the inspection
    /// before found migrations that are pending.
    Dump { to: PathBuf },
    /// What need not succeed: a failure is a note, behind these words.
    Attempt { what: &'static str, work: Vec<Work> },
    /// Starts the application on a spare port of this host, as the service user, and asks it.
    Trial { gunicorn: PathBuf, directory: PathBuf, application: String, seconds: u64 },
    /// Waits until every service of the stack has a container that its own check calls healthy.
    Containers { compose: Vec<String>, project: String, services: Vec<String>, seconds: u64 },
    /// Starts a container of the service; beside one that runs a second, and ends the old one when
    /// the new one is healthy.
    Exchange { compose: Vec<String>, project: String, service: String, seconds: u64 },
    /// Asks the stack's web server where compose says that it listens.
    Published { compose: Vec<String>, path: String, seconds: u64 },
    /// Copies a database to the other server, compares it row by row, and puts it into its place.
    Copy(DatabaseCopy),
    /// Opens a waiting room for requests at this port of the host.
    Hold { port: u16 },
    /// Leads who waits, and who still comes, to this address; nothing when no room is open.
    Lead { to: String },
    /// nginx takes its new configuration; done when the last request of the old one is served, at
    /// most so long, and a room that leads somewhere is empty.
    ReloadWeb { seconds: u64 },
    /// Waits until the services of a stack in Docker's Swarm have come so far; fails when one was
    /// taken back.
    Rollout {
        project: String,
        image: String,
        once: Vec<String>,
        lasting: Vec<String>,
        seconds: u64,
    },
    /// Makes the env file, with fresh secrets, for these host names and this database.
    EnvFile { hosts: Vec<String>, database: Role },
    /// Makes role and database of PostgreSQL through its local socket, as far as they are missing;
    /// the password is that of the env file.
    Role(Role),
    /// Asks every address of the service until it is healthy, at most so long.
    Health { addresses: Vec<String>, path: String, seconds: u64 },
}

/// A child process, without anything secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Command {
    pub argv: Vec<String>,
    pub directory: PathBuf,
    pub run_as: RunAs,
    pub surroundings: Surroundings,
    pub seconds: u64,
    pub reads: Reads,
}

/// A tree on its way into a directory of root's: root's there, readable by all, without set-id bits
/// and devices.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unpack {
    pub from: PathBuf,
    /// `from` is a directory: its owner packs it, and root keeps it in this file meanwhile.
    pub packed: Option<PathBuf>,
    pub to: PathBuf,
    /// Leading directories that are cut off.
    pub strip: usize,
    /// Names that are left out, as patterns of tar(1).
    pub without: Vec<String>,
    /// Files keep their times.
    pub times: bool,
    /// Places below `to` that root will make: no link may lie on the way there.
    pub places: Vec<PathBuf>,
}

/// A database on its way from one server to the other.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DatabaseCopy {
    pub from: Side,
    pub to: Side,
    /// The compose project of the stack.
    pub project: String,
    pub database: Role,
    /// Names the dump, and a database that is put aside.
    pub run: String,
    /// One with tables that is in the place is put aside under another name, else dropped.
    pub keep: bool,
}

/// Where a server of PostgreSQL runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    Host,
    Stack,
}

impl Side {
    /// In words.
    pub fn word(self) -> &'static str {
        match self {
            Self::Host => "the host",
            Self::Stack => "the stack",
        }
    }
}

/// Who a child runs as.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RunAs {
    Root,
    /// User and group of the service. Code of the application never runs as anybody else.
    Service,
}

/// The environment of a child.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Surroundings {
    /// `PATH` and a locale, nothing else.
    Closed,
    /// What systemd gives the service: the variables of the env file, the settings module.
    Service,
    /// The variables of the stack: compose hands them to the containers by name.
    Stack,
}

/// What the output of a child says for the progress line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reads {
    Nothing,
    /// `manage.py check`.
    Check,
    /// `manage.py migrate`.
    Migrations,
    /// `manage.py collectstatic`.
    Static,
    /// `pip install`.
    Packages,
}

/// The plan as text: every step with what it changes and how that is undone.
pub fn render_steps(steps: &[Step]) -> String {
    let mut text = String::new();
    for (number, step) in steps.iter().enumerate() {
        text.push_str(&format!("{:2}/{}  {}\n", number + 1, steps.len(), step.name));
        text.push_str(&format!("      changes  {}\n", step.changes));
        let undo = match &step.undo {
            Undo::Nothing => "not needed".to_owned(),
            Undo::By { text, .. } => text.clone(),
            Undo::Kept(why) => format!("not undone: {why}"),
        };
        text.push_str(&format!("      undo     {undo}\n"));
        for work in &step.work {
            if let Some(line) = describe(work) {
                text.push_str(&format!("      does     {line}\n"));
            }
        }
    }
    text
}

fn describe(work: &Work) -> Option<String> {
    Some(match work {
        Work::Judge(_) => return None,
        Work::Effect(effect) => match effect {
            Effect::Relink { path, target } | Effect::Symlink { path, target } => {
                format!("link {} -> {}", path.display(), target.display())
            }
            Effect::Remove { path } => format!("remove {}", path.display()),
            Effect::MakeDir { path, .. } => format!("make directory {}", path.display()),
            other => format!("write {}", other.path().display()),
        },
        Work::Command(command) => {
            let who = match command.run_as {
                RunAs::Root => "root",
                RunAs::Service => "the service user",
            };
            format!("run as {who}: {}", command.argv.join(" "))
        }
        Work::Unpack(unpack) => {
            let (from, to) = (unpack.from.display(), unpack.to.display());
            match unpack.packed {
                Some(_) => format!("run as the owner of {from}: tar --create; unpack it in {to}"),
                None => format!("unpack {from} in {to}"),
            }
        }
        Work::Inspect { application, .. } => {
            format!(
                "load {application} as the service user and look at its settings and migrations"
            )
        }
        Work::Attempt { work, .. } => {
            let lines: Vec<String> = work.iter().filter_map(describe).collect();
            format!("try to {}", lines.join("; "))
        }
        Work::Dump { to } => {
            format!(
                "run as the service user, if migrations are pending: pg_dump, into {} of root's",
                to.display()
            )
        }
        Work::Trial { application, .. } => {
            format!("start {application} on a spare port as the service user, ask it, stop it")
        }
        Work::Containers { services, seconds, .. } => {
            format!("wait until {} are healthy, at most {seconds} s", services.join(" and "))
        }
        Work::Exchange { service, seconds, .. } => format!(
            "start a container of {service}; beside a running one a second, and end that when the new \
             one is healthy, at most {seconds} s"
        ),
        Work::Published { path, seconds, .. } => {
            format!("ask the published port of web for {path}, at most {seconds} s")
        }
        Work::Copy(copy) => format!(
            "dump {} of {}, restore it beside in {}, compare every row, exchange",
            copy.database.name,
            copy.from.word(),
            copy.to.word()
        ),
        Work::Hold { port } => format!("listen at 127.0.0.1:{port} and answer nobody yet"),
        Work::Lead { to } => format!("answer whoever waits by {to}"),
        Work::ReloadWeb { seconds } => {
            format!("reload nginx, wait for its last request of before, at most {seconds} s")
        }
        Work::Rollout { lasting, seconds, .. } => format!(
            "wait until Swarm has {} healthy or takes it back, at most {seconds} s",
            lasting.join(" and ")
        ),
        Work::EnvFile { hosts, .. } => {
            format!("run as root: meats-env generate, ALLOWED_HOSTS for {}", hosts.join(" and "))
        }
        Work::Role(Role { role, name }) => {
            format!(
                "run as postgres: psql: create role {role}, create database {name} owner {role}"
            )
        }
        Work::Health { addresses, path, seconds } => {
            format!("ask {} for {path}, at most {seconds} s", addresses.join(" and "))
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_plan_says_what_changes_and_how_back() {
        let steps = [
            Step {
                name: "migrate",
                changes: "the database".into(),
                work: vec![Work::Command(Command {
                    argv: vec!["/v/bin/python".into(), "manage.py".into(), "migrate".into()],
                    directory: "/b".into(),
                    run_as: RunAs::Service,
                    surroundings: Surroundings::Service,
                    seconds: 1,
                    reads: Reads::Migrations,
                })],
                undo: Undo::Kept("the tables keep their new shape".into()),
            },
            Step { name: "health", changes: "nothing".into(), work: vec![], undo: Undo::Nothing },
        ];
        let text = render_steps(&steps);
        assert!(text.contains(" 1/2  migrate\n      changes  the database\n"), "{text}");
        assert!(text.contains("undo     not undone: the tables keep their new shape"), "{text}");
        assert!(
            text.contains("run as the service user: /v/bin/python manage.py migrate"),
            "{text}"
        );
        assert!(text.contains(" 2/2  health\n      changes  nothing\n      undo     not needed"));
    }
}
