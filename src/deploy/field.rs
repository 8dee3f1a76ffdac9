//! The deployment of a host without releases: the code already lies in the working directory, and
//! the running process serves the old one from memory until the restart.

use super::facts::{DeployFacts, check_facts};
use super::parts::{
    Target, collect_static, dump, health, look, migrate, settings, systemctl, trial,
};
use super::step::{Step, Undo, Work};
use crate::config::Config;
use crate::model::Finding;

/// The steps, in order. `in_the_way` are findings that would stop a start; `run` names this run's
/// dump; `seconds` is how long the
/// service may take to become healthy.
pub fn plan_field(
    config: &Config,
    facts: &DeployFacts,
    in_the_way: Vec<Finding>,
    run: &str,
    seconds: u64,
) -> Vec<Step> {
    let mut preflight = in_the_way;
    for finding in check_facts(config, facts) {
        if !preflight.iter().any(|known| known.kind.id == finding.kind.id) {
            preflight.push(finding);
        }
    }
    let target = Target::of_config(config);
    let mut steps = vec![look("preflight", vec![Work::Judge(preflight)])];
    steps.extend([settings(&target, config), collect_static(&target)]);
    steps.extend(dump(facts, run));
    steps.extend([
        migrate(&target),
        trial(&target, config, seconds),
        restart(config),
        health(config, seconds),
    ]);
    steps
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

#[cfg(test)]
mod tests {
    use super::super::step::RunAs;
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
            pg_dump: false,
            uv: None,
            systemd: true,
            live: Ok(()),
        };
        let steps = plan_field(&config, &facts, Vec::new(), "x", 30);
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
