//! `docker migrate`: where the service runs, and the move to the other place.

use std::ffi::OsString;
use std::io::Write;
use std::path::{Path, PathBuf};

use super::compose::ready;
use super::set::{stack_of, stale};
use super::stack::planned;
use super::{carry_stack, tell};
use crate::checks::INCLUDED;
use crate::cli::deploy::{DockerInit, DockerMigrate};
use crate::config::Config;
use crate::deploy::docker::{
    Move, Moved, Phase, Stack, Up, host_again, pass_to, plan_back, plan_there, stack_again,
};
use crate::deploy::{Role, Step, Undo, health_address};
use crate::flow::deploy::carry::show;
use crate::flow::deploy::end::End;
use crate::flow::deploy::guard::{lock_unless, need_root};
use crate::flow::deploy::log::run_name;
use crate::flow::deploy::observe::Sight;
use crate::flow::docker_set::{self, FILE_LIMIT};
use crate::flow::environment::addresses;
use crate::model::{Fact, Finding, Subject, finding, plain_path};
use crate::sys::{Root, clock, http, systemd};

const MAX_SITES: usize = 1000;

/// Runs it.
pub(super) fn main(root: &Root, asked: &DockerMigrate, out: &mut dyn Write) -> Result<End, String> {
    need_root(root)?;
    let _lock = lock_unless(root, asked.dry_run)?;
    let (program, directory, sight) = match ready(root, &asked.place) {
        Ok(ready) => ready,
        Err(findings) => return not_moved(out, &findings),
    };
    let (stack, findings) = match stack_of(root, &sight, &DockerInit::default()) {
        Ok(both) => both,
        Err(finding) => return not_moved(out, &[*finding]),
    };
    // The way back starts no container anew.
    if let Some(finding) = stale(root, &directory, &stack).filter(|_| !asked.back) {
        return not_moved(out, &[finding]);
    }
    let site = match observe_site(root, &sight.config, &directory) {
        Ok(site) => site,
        Err(finding) => return not_moved(out, &[*finding]),
    };
    let up = match planned(root, &sight, &program, directory, &stack, None, findings) {
        Ok(up) => Up { seconds: asked.timeout, wheelhouse: asked.wheelhouse.clone(), ..up },
        Err(finding) => return not_moved(out, &[*finding]),
    };
    let room = http::spare_port()?;
    let steps = match steps(&sight, &stack, &up, &site, room, asked) {
        Ok(steps) => steps,
        Err(finding) => return not_moved(out, &[*finding]),
    };
    if asked.dry_run {
        return show(&steps, out);
    }
    let title = if asked.back { "docker migrate --back" } else { "docker migrate" };
    let addresses = site.asked(&sight.config);
    carry_stack(root, sight, stack, &steps, title, &addresses, out)
}

fn not_moved(out: &mut dyn Write, findings: &[Finding]) -> Result<End, String> {
    tell(out, findings);
    for line in findings.iter().flat_map(|finding| finding.kind.remedy.lines()) {
        writeln!(out, "  {line}").ok();
    }
    writeln!(out, "NOT MOVED. Nothing was begun. exit 1").ok();
    Ok(End::Refused)
}

/// The note of a service that is in its stack, or on the way.
pub(super) fn note(root: &Root) -> Option<Moved> {
    docker_set::note(root).known().cloned()
}

/// The site of nginx that leads to the service.
struct Site {
    path: PathBuf,
    text: String,
    stack: String,
    note: Option<Moved>,
}

impl Site {
    /// Its text when the service runs on the host itself: exactly that from before, unless somebody
    /// edited the site meanwhile.
    fn to_host(&self, config: &Config) -> String {
        let Some(note) = &self.note else { return self.text.clone() };
        let leads = [self.stack.clone(), note.room_address()];
        if leads.iter().any(|lead| self.led(config, &note.before, lead) == self.text) {
            return note.before.clone();
        }
        let first = addresses(config).into_iter().next().unwrap_or_default();
        pass_to(&self.text, &leads, &first).unwrap_or_else(|| self.text.clone())
    }

    fn led(&self, config: &Config, text: &str, to: &str) -> String {
        pass_to(text, &addresses(config), to).unwrap_or_else(|| text.to_owned())
    }

    /// What is asked after a failure.
    fn asked(&self, config: &Config) -> Vec<String> {
        let stack = || vec![self.stack.clone()];
        match (crate::deploy::docker::listens_at(&self.text), self.note.as_ref().map(|n| n.phase)) {
            (Some(address), _) => vec![address],
            (None, Some(Phase::Away | Phase::Returning)) => stack(),
            (None, _) => addresses(config),
        }
    }
}

fn observe_site(root: &Root, config: &Config, set: &Path) -> Result<Site, Box<Finding>> {
    let stack = health_address(&docker_set::listen(root, set));
    if let Some(note) = note(root) {
        let text = read(root, &note.site).unwrap_or_else(|| note.before.clone());
        return Ok(Site {
            path: note.site.clone(),
            text,
            stack: note.stack.clone(),
            note: Some(note),
        });
    }
    let leads = |(_, text): &(PathBuf, String)| pass_to(text, &addresses(config), "x").is_some();
    let mut found: Vec<_> = sites(root).into_iter().filter(leads).collect();
    match (found.pop(), found.is_empty()) {
        (Some((path, text)), true) => Ok(Site { path, text, stack, note: None }),
        (one, _) => {
            let detail = match one {
                None => format!("none passes to {}", addresses(config).join(" or ")),
                Some((path, _)) => format!("{} and another one do", path.display()),
            };
            let subject = Subject::file("/etc/nginx/sites-enabled");
            Err(Box::new(Finding::new(&finding::DOC_NO_SITE, subject, detail)))
        }
    }
}

/// Files that nginx of Debian includes, links followed, each once.
fn sites(root: &Root) -> Vec<(PathBuf, String)> {
    let mut paths = Vec::new();
    for (directory, suffix) in INCLUDED {
        let directory = Path::new(directory);
        let Fact::Known(listing) = root.list(directory, MAX_SITES) else { continue };
        let wanted = |name: &OsString| name.to_string_lossy().ends_with(*suffix);
        for name in listing.names.into_iter().filter(wanted) {
            let path = directory.join(name);
            let target = root.link_target(&path);
            let target = target.known().map(|target| plain_path(&directory.join(target)));
            paths.push(target.unwrap_or(path));
        }
    }
    paths.sort();
    paths.dedup();
    paths.into_iter().filter_map(|path| Some((path.clone(), read(root, &path)?))).collect()
}

fn read(root: &Root, path: &Path) -> Option<String> {
    let bytes = root.read(path, FILE_LIMIT);
    bytes.known().and_then(|bytes| String::from_utf8(bytes.clone()).ok())
}

/// The steps, or what is in the way; first what an interrupted move left. `room` is a port that
/// nobody has.
fn steps(
    sight: &Sight,
    stack: &Stack,
    up: &Up,
    site: &Site,
    room: u16,
    asked: &DockerMigrate,
) -> Result<Vec<Step>, Box<Finding>> {
    let config = &sight.config;
    let phase = site.note.as_ref().map(|note| note.phase);
    let no = |kind, detail: &str| {
        Err(Box::new(Finding::new(kind, Subject::file(site.path.clone()), detail)))
    };
    match (phase, asked.back) {
        (Some(Phase::Away), false) => {
            return no(&finding::DOC_AWAY, "it leads to the stack already");
        }
        (None, true) => return no(&finding::DOC_NOT_AWAY, "it leads to the host's own service"),
        _ => {}
    }
    let (run, to_host) = (run_name(clock::now()), site.to_host(config));
    let unit = |name: &str, property: &str| {
        let shown = systemd::properties(name, &[property]).ok();
        shown.and_then(|mut shown| shown.remove(property)).unwrap_or_default()
    };
    let enabled = unit(&config.unit(), "UnitFileState") == "enabled";
    let before = site.note.as_ref();
    let note = Moved {
        phase: phase.unwrap_or(Phase::Leaving),
        site: site.path.clone(),
        before: to_host.clone(),
        stack: site.stack.clone(),
        room,
        enabled: before.map_or(enabled, |note| note.enabled),
    };
    let database = stack.database.as_ref();
    let database = database.map(|d| Role { role: d.role.clone(), name: d.name.clone() });
    let (to_room, to_stack) =
        (site.led(config, &to_host, &note.room_address()), site.led(config, &to_host, &site.stack));
    let m = Move {
        config,
        up,
        database,
        run: &run,
        note: &note,
        to_room: &to_room,
        to_stack: &to_stack,
        to_host: &to_host,
        socket: unit(&config.socket_unit(), "LoadState") == "loaded",
        seconds: asked.timeout,
    };
    Ok(match (phase, asked.back) {
        (None, _) => plan_there(&m),
        (Some(Phase::Leaving), true) => vec![recover(host_again(&m), "the host's own service")],
        (Some(Phase::Leaving), false) => {
            let mut steps = vec![recover(host_again(&m), "the host's own service")];
            steps.extend(plan_there(&m));
            steps
        }
        (Some(Phase::Returning), false) => vec![recover(stack_again(&m), "the stack")],
        (Some(Phase::Returning), true) => {
            let mut steps = vec![recover(stack_again(&m), "the stack")];
            steps.extend(plan_back(&m));
            steps
        }
        (Some(Phase::Away), _) => plan_back(&m),
    })
}

/// What an interrupted move left is taken back.
fn recover(work: Vec<crate::deploy::Work>, who: &str) -> Step {
    Step {
        name: "recover",
        changes: format!("visitors reach {who} again, as before the interrupted move"),
        work,
        undo: Undo::Kept("the interrupted move is not resumed".to_owned()),
    }
}

#[cfg(test)]
#[expect(clippy::disallowed_methods, reason = "a test lays out its own root")]
mod tests {
    use super::*;

    #[test]
    fn sites_are_what_nginx_includes() {
        let dir = tempfile::tempdir().expect("a directory");
        for place in ["conf.d", "sites-available", "sites-enabled"] {
            std::fs::create_dir_all(dir.path().join("etc/nginx").join(place)).expect("made");
        }
        for file in ["conf.d/a.conf", "conf.d/a.conf.bak", "sites-available/b", "sites-enabled/c"] {
            std::fs::write(dir.path().join("etc/nginx").join(file), file).expect("written");
        }
        let link = dir.path().join("etc/nginx/sites-enabled/b");
        std::os::unix::fs::symlink("../sites-available/b", link).expect("a link");
        let root = Root::open(dir.path()).expect("a root");
        let texts: Vec<String> = sites(&root).into_iter().map(|(_, text)| text).collect();
        assert_eq!(texts, ["conf.d/a.conf", "sites-available/b", "sites-enabled/c"]);
    }
}
