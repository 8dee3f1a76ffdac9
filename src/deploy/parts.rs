//! Steps that deployments of both layouts are made of.

use std::path::{Path, PathBuf};

use super::database::DatabaseUrl;
use super::facts::DeployFacts;
use super::health::health_address;
use super::step::{Command, Reads, RunAs, Step, Surroundings, Undo, Work};
use crate::config::{Config, STATE_DIR};

/// Seconds for `manage.py` commands that only look.
const LOOK: u64 = 120;
/// Seconds for `collectstatic`, which may compress, or send to another host.
pub(super) const STATIC: u64 = 1800;
/// Seconds for migrations: long ones are normal, endless ones are not.
const MIGRATE: u64 = 3600;

/// The code that is deployed: its project directory and its environment.
#[derive(Clone, Debug)]
pub(super) struct Target {
    pub(super) directory: PathBuf,
    pub(super) venv: PathBuf,
}

impl Target {
    /// Where the settings say that the service runs from.
    pub(super) fn of_config(config: &Config) -> Self {
        Self { directory: config.working_directory.value.clone(), venv: config.venv.value.clone() }
    }

    /// `manage.py` with these words, as the service user.
    fn manage(&self, words: &[&str], seconds: u64, reads: Reads) -> Work {
        let python = self.venv.join("bin/python").display().to_string();
        let mut argv = vec![python, "manage.py".to_owned()];
        argv.extend(words.iter().map(|w| (*w).to_owned()));
        Work::Command(Command {
            argv,
            directory: self.directory.clone(),
            run_as: RunAs::Service,
            surroundings: Surroundings::Service,
            seconds,
            reads,
        })
    }
}

/// A step that changes nothing.
pub(super) fn look(name: &'static str, work: Vec<Work>) -> Step {
    Step { name, changes: "nothing".to_owned(), work, undo: Undo::Nothing }
}

/// The application is loaded and asked; Django's own check.
pub(super) fn settings(target: &Target, config: &Config) -> Step {
    let check = target.manage(&["check"], LOOK, Reads::Check);
    look("settings", vec![inspect(target, config), check])
}

pub(super) fn inspect(target: &Target, config: &Config) -> Work {
    Work::Inspect {
        python: target.venv.join("bin/python"),
        directory: target.directory.clone(),
        application: config.application.value.clone(),
    }
}

/// `collectstatic` by itself.
pub(super) fn collect(target: &Target) -> Work {
    target.manage(&["collectstatic", "--noinput"], STATIC, Reads::Static)
}

/// `collectstatic`.
pub(super) fn collect_static(target: &Target) -> Step {
    Step {
        name: "static files",
        changes: "the directory STATIC_ROOT".to_owned(),
        work: vec![collect(target)],
        undo: Undo::Kept("files that the old code does not use do it no harm".to_owned()),
    }
}

/// A dump before migrations: where DATABASE_URL is PostgreSQL's and pg_dump is installed. None
/// otherwise; SQLite files and servers of other kinds are not dumped.
pub(super) fn dump(facts: &DeployFacts, run: &str) -> Option<Step> {
    let url = DatabaseUrl::of(facts.variables.known()?)?;
    if !url.is_postgres() || !facts.pg_dump {
        return None;
    }
    let to = Path::new(STATE_DIR).join(format!("deploy/{run}.dump"));
    Some(Step {
        name: "database dump",
        changes: format!("{}, if migrations are pending", to.display()),
        work: vec![Work::Dump { to }],
        undo: Undo::Kept(
            "pg_restore brings back what was there; later rows would be lost".to_owned(),
        ),
    })
}

/// `migrate`.
pub(super) fn migrate(target: &Target) -> Step {
    Step {
        name: "migrate",
        changes: "the database, by the migrations that it lacks".to_owned(),
        work: vec![target.manage(&["migrate", "--noinput"], MIGRATE, Reads::Migrations)],
        undo: Undo::Kept("migrations are never reversed without being asked for".to_owned()),
    }
}

/// A start beside the running service.
pub(super) fn trial(target: &Target, config: &Config, seconds: u64) -> Step {
    let work = Work::Trial {
        gunicorn: target.venv.join("bin/gunicorn"),
        directory: target.directory.clone(),
        application: config.application.value.clone(),
        seconds,
    };
    look("trial start", vec![work])
}

/// `systemctl VERB` of the service. A restart waits for the graceful stop and the pre-start.
pub(super) fn systemctl(config: &Config, verb: &str) -> Work {
    let argv = ["/usr/bin/systemctl", verb, &config.unit()];
    as_root(&argv, u64::from(config.graceful_timeout.value) + 120)
}

/// `enable` or `disable` of a unit that is not the service, with its start or stop.
pub(super) fn switch_now(unit: &str, verb: &str) -> Work {
    as_root(&["/usr/bin/systemctl", verb, "--now", unit], 60)
}

/// systemd reads the files of units anew, and the generator its settings.
pub(super) fn daemon_reload() -> Work {
    as_root(&["/usr/bin/systemctl", "daemon-reload"], 120)
}

/// A program of the system, as root, with a closed environment.
pub(super) fn as_root(argv: &[impl AsRef<str>], seconds: u64) -> Work {
    Work::Command(Command {
        argv: argv.iter().map(|word| word.as_ref().to_owned()).collect(),
        directory: "/".into(),
        run_as: RunAs::Root,
        surroundings: Surroundings::Closed,
        seconds,
        reads: Reads::Nothing,
    })
}

/// The question that counts: the listener that visitors reach.
pub(super) fn health_work(config: &Config, seconds: u64) -> Work {
    let addresses = config.addresses.value.iter().map(|a| health_address(a)).collect();
    Work::Health { addresses, path: config.health_path.value.clone(), seconds }
}

/// [`health_work`] as a step.
pub(super) fn health(config: &Config, seconds: u64) -> Step {
    look("health check", vec![health_work(config, seconds)])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Fact, Secret};

    #[test]
    fn only_a_database_that_can_be_dumped_is() {
        for (url, pg_dump, dumped) in [
            ("postgres://u:p@h/d", true, true),
            ("postgres://u:p@h/d", false, false),
            ("sqlite:////x/d", true, false),
            ("nonsense", true, false),
        ] {
            let variables = vec![("DATABASE_URL".to_owned(), Secret::new(url))];
            let facts = DeployFacts {
                variables: Fact::Known(variables),
                pg_dump,
                ..DeployFacts::default()
            };
            assert_eq!(dump(&facts, "x").is_some(), dumped, "{url}");
        }
    }
}
