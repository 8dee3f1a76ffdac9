//! The move of a running service into the stack, and back.
//!
//! What counts is moved while nobody changes it and no visitor is refused: the web server in front
//! sends new requests into a waiting room, old ones end, the database is copied and compared, then
//! the room is led to the new place. Until the note says otherwise the old place is untouched, and
//! every failure leads back to it.

use std::path::PathBuf;

use super::super::database::Role;
use super::super::health::health_address;
use super::super::parts::{as_root, daemon_reload, health_work, look, switch_now, systemctl};
use super::super::step::{DatabaseCopy, Reads, Side, Step, Undo, Work};
use super::WATCH_TIMER;
use super::moved::{Moved, Phase, away_settings};
use super::up::{Up, build, compose_work, containers, context, database, step};
use super::upstream::listens_at;
use crate::config::Config;
use crate::model::{Effect, Owner, Secret};

/// What a move needs to know.
#[derive(Debug)]
pub struct Move<'a> {
    pub config: &'a Config,
    pub up: &'a Up,
    /// The database, if it is one that lives on this host or in the stack.
    pub database: Option<Role>,
    /// Name of this run, for dumps and for the database that is put aside.
    pub run: &'a str,
    pub note: &'a Moved,
    /// The site that leads into the waiting room, and the one that leads to the stack.
    pub to_room: &'a str,
    pub to_stack: &'a str,
    /// The site on the host itself.
    pub to_host: &'a str,
    /// systemd has a socket for the service.
    pub socket: bool,
    pub seconds: u64,
}

/// Longest that requests of the old way may take; the application's own limit is in the settings.
const DRAIN: u64 = 30;

/// Into the stack.
pub fn plan_there(m: &Move) -> Vec<Step> {
    let up = m.up;
    let mut steps = vec![preflight(m), context(up), build(up)];
    if let Some(database) = database(up) {
        steps.extend([database, copy(m, Side::Host, Side::Stack, "first copy", true)]);
    }
    steps.extend(rehearsal(m));
    steps.push(leave(m));
    let mut last = Vec::new();
    last.extend(m.database.is_some().then(|| Work::Copy(data(m, Side::Host, Side::Stack, false))));
    last.extend(start_app(m));
    steps.push(Step {
        name: "last copy",
        changes: "the database of the stack: what the host's has now".to_owned(),
        work: last,
        undo: Undo::Kept("the host's own database is what counts".to_owned()),
    });
    let mut switch = vec![note(m, Phase::Away)];
    switch.extend(site(m, m.to_stack));
    switch.extend([Work::Lead { to: m.note.stack.clone() }, reload()]);
    steps.push(Step {
        name: "switch",
        changes: format!("{}: visitors reach the stack", m.note.site.display()),
        work: switch,
        undo: Undo::Kept("what visitors changed in the stack meanwhile stays there".to_owned()),
    });
    steps.extend(visitors(m));
    steps.push(stay_away(m));
    steps
}

/// The code in its containers with a copy of the data, while visitors reach the host's own.
fn rehearsal(m: &Move) -> Vec<Step> {
    let up = m.up;
    let python = up.python.as_str();
    let manage = |last: &[&str], reads| {
        let run = [&["run", "--rm", "-T", "migrate", python, "manage.py"], last].concat();
        compose_work(up, &run, 600, reads)
    };
    let mut start = containers(up, &["app", "web"]);
    start.work.push(published(m));
    vec![
        // The code that runs and the data belong together: a move is no deployment.
        look("migrations", vec![manage(&["migrate", "--check"], Reads::Nothing)]),
        start,
    ]
}

/// From here on requests wait, and the host's own service ends when its last one is served.
fn leave(m: &Move) -> Step {
    // What takes time and needs no waiting comes first.
    let mut work = stop_app(m);
    work.extend([note(m, Phase::Leaving), Work::Hold { port: m.note.room }]);
    work.extend(site(m, m.to_room));
    work.push(reload());
    work.extend(units(m, "stop"));
    Step {
        name: "requests wait",
        changes: format!("{}, and {} ends", m.note.site.display(), m.config.unit()),
        work,
        undo: Undo::By {
            text: "visitors reach the host's own service".to_owned(),
            work: host_again(m),
        },
    }
}

/// The host's own service is what visitors reach, whether it is well or not. Also what follows an
/// interrupted move.
pub fn host_again(m: &Move) -> Vec<Work> {
    let mut work = start_host(m);
    work.extend(lead_to_host(m));
    work.push(health_work(m.config, m.seconds));
    work
}

fn start_host(m: &Move) -> Vec<Work> {
    let (settings, _) = away_settings();
    let mut work = vec![Work::Effect(Effect::Remove { path: settings }), daemon_reload()];
    if m.note.enabled {
        work.push(systemctl(m.config, "enable"));
    }
    work.extend(units(m, "start"));
    work
}

fn lead_to_host(m: &Move) -> Vec<Work> {
    let first = m.config.addresses.value.first().map(|a| health_address(a)).unwrap_or_default();
    let mut work = site(m, m.to_host);
    // Before the first visitor: whoever finds a note later must not lead them away again.
    work.push(Work::Effect(Effect::Remove { path: Moved::path() }));
    work.extend([Work::Lead { to: first }, reload()]);
    work
}

/// The stack is what visitors reach. Also what follows an interrupted way back.
pub fn stack_again(m: &Move) -> Vec<Work> {
    let mut work = start_app(m);
    work.extend(site(m, m.to_stack));
    work.extend([Work::Lead { to: m.note.stack.clone() }, reload()]);
    work.extend(units(m, "stop"));
    work.extend(stay_away(m).work);
    work.push(note(m, Phase::Away));
    work
}

/// Back to the host itself.
pub fn plan_back(m: &Move) -> Vec<Step> {
    let mut steps = vec![
        preflight(m),
        look(
            "trial start",
            vec![Work::Trial {
                gunicorn: m.config.venv.join("bin/gunicorn"),
                directory: m.config.working_directory.value.clone(),
                application: m.config.application.value.clone(),
                seconds: m.seconds,
            }],
        ),
    ];
    let mut wait = vec![note(m, Phase::Returning), Work::Hold { port: m.note.room }];
    wait.extend(site(m, m.to_room));
    wait.push(reload());
    wait.extend(stop_app(m));
    steps.push(Step {
        name: "requests wait",
        changes: format!("{}, and the container app ends", m.note.site.display()),
        work: wait,
        undo: Undo::By { text: "visitors reach the stack".to_owned(), work: stack_again(m) },
    });
    if m.database.is_some() {
        steps.push(copy(m, Side::Stack, Side::Host, "copy", true));
    }
    let mut switch = start_host(m);
    switch.push(health_work(m.config, m.seconds));
    switch.extend(lead_to_host(m));
    steps.push(Step {
        name: "switch",
        changes: format!(
            "{} starts, {}: visitors reach it",
            m.config.unit(),
            m.note.site.display()
        ),
        work: switch,
        undo: Undo::Kept("the stack is led to again".to_owned()),
    });
    steps.extend(visitors(m));
    let mut end = step(
        m.up,
        "stack",
        "the containers are removed; volumes stay",
        &["down"],
        300,
        Reads::Nothing,
    );
    end.work.insert(0, switch_now(WATCH_TIMER, "disable"));
    steps.push(end);
    steps
}

/// What is asked last: the way that visitors come.
fn visitors(m: &Move) -> Option<Step> {
    let address = listens_at(m.to_host)?;
    let path = m.config.health_path.value.clone();
    Some(look(
        "ask the site",
        vec![Work::Health { addresses: vec![address], path, seconds: m.seconds }],
    ))
}

/// After a boot the stack is there, and the host's own service is not.
fn stay_away(m: &Move) -> Step {
    let (path, text) = away_settings();
    let content = Secret::new(text);
    let mut work =
        vec![Work::Effect(Effect::Write { path, content, owner: Owner::ROOT, mode: 0o644 })];
    if m.note.enabled {
        work.push(systemctl(m.config, "disable"));
    }
    work.extend([daemon_reload(), switch_now(WATCH_TIMER, "enable")]);
    Step {
        name: "next boot",
        changes: format!("{} is not started at boot; the stack is", m.config.unit()),
        work,
        undo: Undo::Kept("taken back with the rest".to_owned()),
    }
}

fn copy(m: &Move, from: Side, to: Side, name: &'static str, keep: bool) -> Step {
    let aside = if keep { "; one with tables is put aside" } else { "" };
    Step {
        name,
        changes: format!("the database of {}{aside}", to.word()),
        work: vec![Work::Copy(data(m, from, to, keep))],
        undo: Undo::Kept(format!("the database of {} is what counts", from.word())),
    }
}

fn data(m: &Move, from: Side, to: Side, keep: bool) -> DatabaseCopy {
    DatabaseCopy {
        from,
        to,
        project: m.up.project.clone(),
        database: m.database.clone().unwrap_or_else(|| Role::of_config(m.config)),
        run: m.run.to_owned(),
        keep,
    }
}

fn stop_app(m: &Move) -> Vec<Work> {
    vec![compose_work(m.up, &["stop", "app"], 120, Reads::Nothing)]
}

fn start_app(m: &Move) -> Vec<Work> {
    vec![compose_work(m.up, &["start", "app"], 120, Reads::Nothing), published(m)]
}

fn published(m: &Move) -> Work {
    Work::Published {
        compose: m.up.compose.clone(),
        path: m.up.health_path.clone(),
        seconds: m.up.seconds,
    }
}

fn note(m: &Move, phase: Phase) -> Work {
    let content = m.note.at(phase);
    Work::Effect(Effect::Write { path: Moved::path(), content, owner: Owner::ROOT, mode: 0o600 })
}

/// The site with this text, tested.
fn site(m: &Move, text: &str) -> Vec<Work> {
    let path: PathBuf = m.note.site.clone();
    let content = Secret::new(text);
    vec![
        Work::Effect(Effect::Write { path, content, owner: Owner::ROOT, mode: 0o644 }),
        nginx_test(),
    ]
}

fn reload() -> Work {
    Work::ReloadWeb { seconds: DRAIN }
}

fn preflight(m: &Move) -> Step {
    look("preflight", vec![Work::Judge(m.up.findings.clone()), nginx_test()])
}

fn nginx_test() -> Work {
    as_root(&["/usr/sbin/nginx", "-t"], 60)
}

/// The socket before the service: a connection would start it again.
fn units(m: &Move, verb: &str) -> Vec<Work> {
    let socket = m.config.socket_unit();
    let mut work = Vec::new();
    if m.socket {
        work.push(as_root(&["/usr/bin/systemctl", verb, &socket], 60));
    }
    work.push(systemctl(m.config, verb));
    work
}

#[cfg(test)]
mod tests;
