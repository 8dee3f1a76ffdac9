//! The switch to a release, and the way back, also after an interrupted run.

use std::path::PathBuf;

use super::super::facts::DeployFacts;
use super::super::parts::{daemon_reload, health, health_work, systemctl};
use super::super::step::{Step, Undo, Work};
use super::deployment::Deployment;
use super::journal::Journal;
use super::layout::Layout;
use super::static_files;
use crate::config::Config;
use crate::model::{Effect, Owner, Secret};

/// Switch, restart, ask, mark.
pub(super) fn go_live(deployment: &Deployment) -> Vec<Step> {
    let Deployment { config, layout, new, seconds, .. } = deployment;
    let old = deployment.old.map(str::to_owned);
    let journal = Journal { old: old.clone(), new: (*new).to_owned() };
    let write = |path: PathBuf, content: Secret, mode| {
        Work::Effect(Effect::Write { path, content, owner: Owner::ROOT, mode })
    };
    let switch = Step {
        name: "switch",
        changes: format!("{} -> {}", layout.current.display(), Layout::link(new).display()),
        work: vec![
            write(Journal::path(), journal.render(), 0o600),
            Work::Effect(Effect::Relink {
                path: layout.current.clone(),
                target: Layout::link(new),
            }),
        ],
        undo: back(config, layout, old.as_deref(), deployment.facts, *seconds),
    };
    let restart = Step {
        name: "restart",
        changes: format!("{}: the release {new} is loaded", config.unit()),
        work: vec![daemon_reload(), systemctl(config, "restart")],
        undo: Undo::Kept("done again with the switch back".to_owned()),
    };
    let finish = Step {
        name: "mark complete",
        changes: layout.mark(new).display().to_string(),
        work: vec![
            write(layout.mark(new), Secret::new("live and healthy once\n"), 0o644),
            Work::Effect(Effect::Remove { path: Journal::path() }),
        ],
        undo: Undo::Kept("a mark does no harm".to_owned()),
    };
    vec![switch, restart, health(config, *seconds), finish]
}

fn back(
    config: &Config,
    layout: &Layout,
    old: Option<&str>,
    facts: &DeployFacts,
    seconds: u64,
) -> Undo {
    let forget = Work::Effect(Effect::Remove { path: Journal::path() });
    match old {
        Some(old) => {
            let target = Layout::link(old);
            let text = format!(
                "{} -> {}, restarted; static files collected again",
                layout.current.display(),
                target.display()
            );
            let link = Effect::Relink { path: layout.current.clone(), target };
            let start = [systemctl(config, "restart"), health_work(config, seconds)];
            // The way back is complete, whatever the old release makes of it.
            let mut work = vec![Work::Effect(link), forget];
            work.extend(start.clone());
            // First that it answers; the list of static files is read at a start.
            let again = static_files::again(config, layout, old, facts);
            if !again.is_empty() {
                work.extend(again.into_iter().chain(start));
            }
            Undo::By { text, work }
        }
        None => Undo::By {
            text: format!("{} removed: there was no release before", layout.current.display()),
            work: vec![Work::Effect(Effect::Remove { path: layout.current.clone() }), forget],
        },
    }
}

/// What an interrupted deployment left: back to the release before it. `live` is where `current`
/// points now.
pub fn plan_recovery(
    config: &Config,
    layout: &Layout,
    journal: &Journal,
    live: Option<&str>,
    facts: &DeployFacts,
    seconds: u64,
) -> Step {
    let forget = Work::Effect(Effect::Remove { path: Journal::path() });
    let moved = live == Some(journal.new.as_str());
    let (changes, work) = match (&journal.old, moved) {
        (Some(old), true) => match back(config, layout, Some(old), facts, seconds) {
            Undo::By { text, work } => (text, work),
            Undo::Nothing | Undo::Kept(_) => (String::new(), vec![forget]),
        },
        _ => ("nothing but the note of the interrupted run".to_owned(), vec![forget]),
    };
    Step {
        name: "recover",
        changes,
        work,
        undo: Undo::Kept("the interrupted run is not resumed".to_owned()),
    }
}
