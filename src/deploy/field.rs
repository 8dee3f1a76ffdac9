//! The deployment of a host without releases: the code already lies in the working directory, and
//! the running process serves the old one from memory until the restart.

use std::path::Path;

use super::facts::{DeployFacts, check_facts};
use super::health::health_address;
use super::step::{Command, Reads, RunAs, Step, Surroundings, Undo, Work};
use crate::config::Config;
use crate::model::Finding;

/// Seconds for `manage.py` commands that only look.
const LOOK: u64 = 120;
/// Seconds for migrations: long ones are normal, endless ones are not.
const MIGRATE: u64 = 3600;

/// The steps, in order. `in_the_way` are findings that would stop a start; `seconds` is how long the
/// service may take to become healthy.
pub fn plan_field(
    config: &Config,
    facts: &DeployFacts,
    in_the_way: Vec<Finding>,
    seconds: u64,
) -> Vec<Step> {
    let mut preflight = in_the_way;
    for finding in check_facts(config, facts) {
        if !preflight.iter().any(|known| known.kind.id == finding.kind.id) {
            preflight.push(finding);
        }
    }
    vec![
        look("preflight", vec![Work::Judge(preflight)]),
        settings(&config.venv.value, config),
        collect_static(&config.venv.value, config),
        migrate(&config.venv.value, config),
        trial(&config.venv.value, config, seconds),
        restart(config),
        health(config, seconds),
    ]
}

fn look(name: &'static str, work: Vec<Work>) -> Step {
    Step { name, changes: "nothing".to_owned(), work, undo: Undo::Nothing }
}

/// `manage.py` with these words, as the service user.
fn manage(venv: &Path, config: &Config, words: &[&str], seconds: u64, reads: Reads) -> Work {
    let python = venv.join("bin/python").display().to_string();
    let mut argv = vec![python, "manage.py".to_owned()];
    argv.extend(words.iter().map(|w| (*w).to_owned()));
    Work::Command(Command {
        argv,
        directory: config.working_directory.value.clone(),
        run_as: RunAs::Service,
        surroundings: Surroundings::Service,
        seconds,
        reads,
    })
}

fn settings(venv: &Path, config: &Config) -> Step {
    let inspect = Work::Inspect {
        python: venv.join("bin/python"),
        directory: config.working_directory.value.clone(),
        application: config.application.value.clone(),
    };
    look("settings", vec![inspect, manage(venv, config, &["check"], LOOK, Reads::Check)])
}

fn collect_static(venv: &Path, config: &Config) -> Step {
    Step {
        name: "static files",
        changes: "the directory STATIC_ROOT".to_owned(),
        work: vec![manage(venv, config, &["collectstatic", "--noinput"], LOOK, Reads::Static)],
        undo: Undo::Kept("files that the old code does not use do it no harm".to_owned()),
    }
}

fn migrate(venv: &Path, config: &Config) -> Step {
    let words = ["migrate", "--noinput"];
    Step {
        name: "migrate",
        changes: "the database, by the migrations that it lacks".to_owned(),
        work: vec![manage(venv, config, &words, MIGRATE, Reads::Migrations)],
        undo: Undo::Kept("migrations are never reversed without being asked for".to_owned()),
    }
}

fn trial(venv: &Path, config: &Config, seconds: u64) -> Step {
    let work = Work::Trial {
        gunicorn: venv.join("bin/gunicorn"),
        directory: config.working_directory.value.clone(),
        application: config.application.value.clone(),
        seconds,
    };
    look("trial start", vec![work])
}

fn restart(config: &Config) -> Step {
    Step {
        name: "restart",
        changes: format!("{}: the new code is loaded", config.unit()),
        work: vec![systemctl(config, "restart")],
        undo: Undo::Kept(
            "the old code is no longer on this host; deploy with --from to keep a way back"
                .to_owned(),
        ),
    }
}

/// `systemctl VERB` of the service. A restart waits for the graceful stop and the pre-start.
pub(super) fn systemctl(config: &Config, verb: &str) -> Work {
    Work::Command(Command {
        argv: vec!["/usr/bin/systemctl".to_owned(), verb.to_owned(), config.unit()],
        directory: "/".into(),
        run_as: RunAs::Root,
        surroundings: Surroundings::Closed,
        seconds: u64::from(config.graceful_timeout.value) + 120,
        reads: Reads::Nothing,
    })
}

pub(super) fn health(config: &Config, seconds: u64) -> Step {
    let addresses = config.addresses.value.iter().map(|a| health_address(a)).collect();
    let path = config.health_path.value.clone();
    look("health check", vec![Work::Health { addresses, path, seconds }])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::resolve;
    use crate::model::Fact;

    #[test]
    fn what_only_looks_comes_before_what_changes() {
        let (config, _) = resolve(&[]);
        let facts = DeployFacts {
            service: None,
            variables: Fact::Absent,
            manage_py: Fact::Absent,
            gunicorn: Fact::Absent,
            python: Fact::Absent,
            free: Fact::Absent,
            systemd: true,
            live: Ok(()),
        };
        let steps = plan_field(&config, &facts, Vec::new(), 30);
        let names: Vec<_> = steps.iter().map(|s| s.name).collect();
        assert_eq!(
            names,
            [
                "preflight",
                "settings",
                "static files",
                "migrate",
                "trial start",
                "restart",
                "health check"
            ]
        );
        for step in &steps {
            let silent = matches!(step.undo, Undo::Nothing);
            assert_eq!(silent, step.changes == "nothing", "{}", step.name);
        }
        // Code of the application never runs as root.
        let as_root = steps.iter().flat_map(|s| &s.work).filter_map(|work| match work {
            Work::Command(c) if c.run_as == RunAs::Root => Some(c.argv.join(" ")),
            _ => None,
        });
        assert_eq!(
            as_root.collect::<Vec<_>>(),
            ["/usr/bin/systemctl restart projectmeats.service"]
        );
    }
}
