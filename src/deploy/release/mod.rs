//! Releases: directories of root's with code and environment, and the link `current` to the one
//! that is live.
//!
//! Invariant: a release is complete once it has been live and healthy; only complete ones are
//! gone back to, and failed ones stay to be looked at until they are pruned.

mod deployment;
mod environment;
mod journal;
mod layout;
mod live;
mod prune;
mod static_files;
mod unpack;

pub use deployment::{Deployment, SourceFacts, SourceKind};
pub use environment::WHEELS;
pub use journal::Journal;
pub use layout::{Layout, Release, is_release_name};
pub use live::plan_recovery;
pub use prune::{Leavings, plan_prune};
pub(super) use unpack::{copy_code, link};

use super::facts::{DeployFacts, check_facts};
use super::parts::{collect, dump, look, migrate, settings, trial};
use super::step::{Step, Work};
use crate::config::Config;
use crate::model::{Fact, Finding, finding};

/// Unpack, build, try, switch, ask, and back if it does not answer.
pub fn plan_release(deployment: &Deployment, source: &SourceFacts) -> Vec<Step> {
    let Deployment { config, layout, new, seconds, .. } = deployment;
    let target = layout.target(new);
    let mut steps = vec![
        plan_preflight(deployment.config, deployment.facts, deployment.in_the_way.clone()),
        unpack::unpack(deployment, source),
    ];
    steps.push(environment::environment(deployment, source));
    steps.push(settings(&target, config));
    steps.push(static_files::step(deployment, vec![collect(&target)]));
    steps.extend(dump(deployment.facts, new));
    steps.extend([migrate(&target), trial(&target, config, *seconds)]);
    steps.extend(live::go_live(deployment));
    steps
}

/// To a complete release, without touching the database.
pub fn plan_rollback(deployment: &Deployment) -> Vec<Step> {
    let Deployment { config, layout, new, seconds, .. } = deployment;
    let target = layout.target(new);
    // It needs one link, and a full disk may be why somebody goes back.
    let facts = DeployFacts { free: Fact::Absent, ..deployment.facts.clone() };
    let mut steps = vec![plan_preflight(config, &facts, deployment.in_the_way.clone())];
    steps.push(settings(&target, config));
    let again = static_files::again(config, layout, new, deployment.facts);
    if !again.is_empty() {
        steps.push(static_files::step(deployment, again));
    }
    steps.push(trial(&target, config, *seconds));
    steps.extend(live::go_live(deployment));
    steps
}

/// Whether a release could be made; no code is needed for that.
pub fn plan_preflight(config: &Config, facts: &DeployFacts, in_the_way: Vec<Finding>) -> Step {
    let mut found = in_the_way;
    // The programs are those of the new release, which is not there yet.
    let about_old = |f: &Finding| {
        [&finding::DEP_NO_PROJECT, &finding::DEP_NO_VENV, &finding::SVC_PROGRAM_MISSING]
            .iter()
            .any(|kind| kind.id == f.kind.id)
    };
    found.retain(|f| !about_old(f));
    let facts = check_facts(config, facts);
    found.extend(facts.into_iter().filter(|f| !about_old(f)));
    look("preflight", vec![Work::Judge(found)])
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use super::super::step::{RunAs, Undo};
    use super::*;
    use crate::config::{Source, resolve};
    use crate::model::{Effect, Owner};

    fn config() -> Config {
        let text = "[paths]\nworking_directory = /opt/projectmeats/current/backend\n\
                    venv = /opt/projectmeats/current/venv\n\
                    writable = /opt/projectmeats/shared/backend/media\n";
        let bytes = Fact::Known(text.as_bytes().to_vec());
        resolve(&[Source { path: "/f".into(), bytes }]).0
    }

    fn facts() -> DeployFacts {
        DeployFacts {
            service: Some(Owner { uid: 998, gid: 33 }),
            variables: Fact::Known(Vec::new()),
            manage_py: Fact::Absent,
            gunicorn: Fact::Absent,
            python: Fact::Absent,
            free: Fact::Known(1 << 40),
            pg_dump: false,
            uv: None,
            systemd: true,
            live: Ok(()),
        }
    }

    fn steps(old: Option<&str>) -> Vec<Step> {
        let source = SourceFacts {
            path: "/src".into(),
            kind: SourceKind::Directory,
            strip: 0,
            requirements: "requirements.txt".into(),
            wheelhouse: None,
        };
        with_deployment(old, &facts(), |deployment| plan_release(deployment, &source))
    }

    fn with_deployment(
        old: Option<&str>,
        facts: &DeployFacts,
        plan: impl Fn(&Deployment) -> Vec<Step>,
    ) -> Vec<Step> {
        let config = config();
        let layout = Layout::of_config(&config).expect("a layout");
        let deployment = Deployment {
            config: &config,
            facts,
            layout: &layout,
            old,
            new: "b",
            in_the_way: Vec::new(),
            existing: &[],
            seconds: 5,
        };
        plan(&deployment)
    }

    /// The commands in order, by their last words.
    fn commands(work: &[Work]) -> Vec<String> {
        let command = |work: &Work| match work {
            Work::Command(command) => {
                let last = command.argv.iter().rev().take(2).rev();
                let last = last.cloned().collect::<Vec<_>>().join(" ");
                vec![format!("{} {last}", command.directory.display())]
            }
            // Its own settings come first.
            Work::Attempt { work, .. } => {
                assert!(matches!(work[0], Work::Inspect { .. }));
                commands(work)
            }
            _ => Vec::new(),
        };
        work.iter().flat_map(command).collect()
    }

    #[test]
    fn who_goes_back_finds_its_own_static_files() {
        const TOUCH: &str = "/ {} +";
        let collect =
            |name| format!("/opt/projectmeats/releases/{name}/backend collectstatic --noinput");
        let (old, new) = (collect("a"), collect("b"));
        let restart = "/ restart projectmeats.service";
        let undo = |steps: &[Step], name| {
            let step = steps.iter().find(|step| step.name == name).expect("the step");
            match &step.undo {
                Undo::By { work, .. } => commands(work),
                _ => Vec::new(),
            }
        };
        let back = with_deployment(Some("a"), &facts(), plan_rollback);
        let again = back.iter().find(|step| step.name == "static files").expect("the step");
        assert_eq!(commands(&again.work), [TOUCH, &new]);
        for steps in [back, steps(Some("a"))] {
            // Nothing that runs is touched where nothing of it was changed.
            assert_eq!(undo(&steps, "static files"), [TOUCH, &old]);
            assert_eq!(undo(&steps, "switch"), [restart, TOUCH, &old, restart]);
        }
        assert!(undo(&steps(None), "static files").is_empty());
        // A full disk may be why somebody goes back: the link is enough.
        let full = DeployFacts { free: Fact::Known(1), ..facts() };
        let back = with_deployment(Some("a"), &full, plan_rollback);
        let Some(Work::Judge(found)) = back[0].work.first() else { panic!("no preflight") };
        assert!(found.is_empty() && back.iter().all(|step| step.name != "static files"));
        assert_eq!(undo(&back, "switch"), [restart]);
    }

    #[test]
    fn settings_outside_current_are_refused() {
        let (plain, _) = resolve(&[]);
        assert_eq!(Layout::of_config(&plain).expect_err("no layout").kind.id, "DEP-008");
        assert!(Layout::of_config(&config()).is_ok());
    }

    #[test]
    fn nothing_live_changes_before_the_trial() {
        let names: Vec<_> = steps(Some("a")).iter().map(|s| s.name).collect();
        assert_eq!(
            names,
            [
                "preflight",
                "unpack",
                "venv",
                "settings",
                "static files",
                "migrate",
                "trial start",
                "switch",
                "restart",
                "health check",
                "mark complete"
            ]
        );
    }

    #[test]
    fn the_way_back_is_the_old_release_or_none() {
        for (old, target) in [(Some("a"), Some("releases/a")), (None, None)] {
            let steps = steps(old);
            let switch = steps.iter().find(|s| s.name == "switch").expect("a switch");
            let Undo::By { work, .. } = &switch.undo else { panic!("no way back") };
            let link = work.iter().find_map(|w| match w {
                Work::Effect(Effect::Relink { target, .. }) => Some(target.clone()),
                _ => None,
            });
            assert_eq!(link, target.map(PathBuf::from));
            assert!(work.iter().any(
                |w| matches!(w, Work::Effect(Effect::Remove { path }) if *path == Journal::path())
            ));
        }
    }

    #[test]
    fn code_of_packages_never_runs_as_root() {
        for step in steps(None) {
            for work in &step.work {
                let Work::Command(command) = work else { continue };
                let line = command.argv.join(" ");
                let program = command.argv.first().expect("a program");
                let own = ["rm", "mv", "systemctl"].map(|name| format!("/usr/bin/{name}"));
                assert!(command.run_as == RunAs::Service || own.contains(program), "{line}");
                assert!(program.starts_with('/'), "{line}");
            }
        }
    }

    #[test]
    fn an_interrupted_run_is_taken_back() {
        let config = config();
        let layout = Layout::of_config(&config).expect("a layout");
        let journal = Journal { old: Some("a".into()), new: "b".into() };
        assert_eq!(Journal::parse(journal.render().expose()), Some(journal.clone()));
        assert_eq!(Journal::parse(br#"{"old":"../x","new":"b"}"#), None);
        let links = |live| {
            let step = plan_recovery(&config, &layout, &journal, live, &facts(), 5);
            step.work.iter().filter(|w| matches!(w, Work::Effect(Effect::Relink { .. }))).count()
        };
        assert_eq!((links(Some("b")), links(Some("a")), links(None)), (1, 0, 0));
    }

    #[test]
    fn names() {
        for (name, fine) in [
            ("20261125-0301", true),
            ("v1.2_x", true),
            ("", false),
            ("..", false),
            ("a/b", false),
            ("-x", false),
        ] {
            assert_eq!(is_release_name(name), fine, "{name}");
        }
    }
}
