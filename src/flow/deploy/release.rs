//! `apply --from`, `rollback`, `releases`.

use std::io::Write;
use std::path::{Path, PathBuf};

use super::carry::{carry_through, show};
use super::end::End;
use super::git;
use super::guard::{lock_unless, make_service_directory, need_root, roots_alone};
use super::log::run_name;
use super::observe::{Sight, observe};
use super::source::observe_source;
use crate::cli::deploy::{Apply, Releases, Rollback};
use crate::config::Config;
use crate::deploy::{
    Deployment, Journal, Layout, Release, Step, WHEELS, is_release_name, plan_recovery,
    plan_release, plan_rollback,
};
use crate::model::{Fact, FileKind, Finding, Owner, Subject, finding};
use crate::report::one_line;
use crate::sys::{Root, clock, systemd};

const MAX_RELEASES: usize = 10_000;
const SMALL: u64 = 64 << 10;

/// Prints a finding that ends the command before anything began.
pub(super) fn refuse(out: &mut dyn Write, finding: &Finding) -> Result<End, String> {
    writeln!(out, "{}", one_line(finding)).map_err(|e| e.to_string())?;
    for line in finding.kind.remedy.lines() {
        writeln!(out, "  {line}").ok();
    }
    writeln!(out, "NOT DEPLOYED. Nothing was begun. exit 1").ok();
    Ok(End::Refused)
}

/// `apply --from`.
pub(super) fn apply_from(
    root: &Root,
    asked: &Apply,
    from: &Path,
    out: &mut dyn Write,
) -> Result<End, String> {
    need_root(root)?;
    let mut sight = observe(root);
    let Some(reference) = &asked.reference else {
        return apply_with(root, &mut sight, asked, from, out);
    };
    with_source(root, from, reference, sight.facts.service, out, |archive, out| {
        apply_with(root, &mut sight, asked, archive, out)
    })
}

/// Does `work` with the tree of a commit, and removes the archive again.
pub(super) fn with_source(
    root: &Root,
    from: &Path,
    reference: &str,
    service: Option<Owner>,
    out: &mut dyn Write,
    work: impl FnOnce(&Path, &mut dyn Write) -> Result<End, String>,
) -> Result<End, String> {
    match git::fetch(root, from, reference, service) {
        Ok(fetched) => {
            writeln!(out, "source: {reference} is commit {}", fetched.commit).ok();
            let end = work(&fetched.archive, out);
            git::discard(root, &fetched);
            end
        }
        Err(finding) => refuse(out, &finding),
    }
}

/// The same on a host that was looked at already.
pub(super) fn apply_with(
    root: &Root,
    sight: &mut Sight,
    asked: &Apply,
    from: &Path,
    out: &mut dyn Write,
) -> Result<End, String> {
    let _lock = lock_unless(root, asked.dry_run)?;
    let prepared = switchable(root, &sight.config)
        .and_then(|layout| roots_alone(root, &layout.releases).map(|()| layout))
        .and_then(|layout| {
            let source = observe_source(root, from, &layout, asked.wheelhouse.as_deref())?;
            Ok((layout, source))
        });
    let (layout, source) = match prepared {
        Ok(both) => both,
        Err(finding) => return refuse(out, &finding),
    };
    // Those of the old release are of no concern to the new one.
    sight.packages.clear();
    let name = match &asked.name {
        Some(name) => name.clone(),
        None => free_name(root, &layout),
    };
    if !root.stat(&layout.release(&name)).is_absent() {
        return Err(format!("the release \"{name}\" exists already; give another --name"));
    }
    let old = live_after_recovery(root, &layout);
    let existing = existing(root, &sight.config, &layout);
    let deployment = Deployment {
        config: &sight.config,
        facts: &sight.facts,
        layout: &layout,
        old: old.as_deref(),
        new: &name,
        in_the_way: in_the_way(sight),
        existing: &existing,
        seconds: asked.timeout,
    };
    let mut steps = recovery(root, sight, &layout, asked.timeout);
    steps.extend(plan_release(&deployment, &source));
    run(root, sight, &steps, &title(&name, &layout, old.as_deref()), asked.dry_run, out)
}

/// The layout of the settings, where nothing but a link is at the place of the link.
fn switchable(root: &Root, config: &Config) -> Result<Layout, Box<Finding>> {
    let layout = Layout::of_config(config)?;
    match root.stat(&layout.current) {
        Fact::Known(stat) if stat.kind != FileKind::Symlink => {
            let kind = stat.kind.word();
            let detail = format!(
                "it is a {kind}, not a link; move it into releases and link to it, or deploy it in place"
            );
            let subject = Subject::file(layout.current);
            Err(Box::new(Finding::new(&finding::DEP_LAYOUT, subject, detail)))
        }
        _ => Ok(layout),
    }
}

/// Date and time; with a number when two runs fall into one second.
fn free_name(root: &Root, layout: &Layout) -> String {
    let base = run_name(clock::now());
    let numbered = (2..100).map(|number| format!("{base}-{number}"));
    let mut names = std::iter::once(base.clone()).chain(numbered);
    names.find(|name| root.stat(&layout.release(name)).is_absent()).unwrap_or(base)
}

/// `rollback`.
pub(super) fn rollback(root: &Root, asked: &Rollback, out: &mut dyn Write) -> Result<End, String> {
    need_root(root)?;
    let _lock = lock_unless(root, asked.dry_run)?;
    if let Some(finding) = super::docker::away(root) {
        return refuse(out, &finding);
    }
    let mut sight = observe(root);
    sight.packages.clear();
    let layout = match switchable(root, &sight.config) {
        Ok(layout) => layout,
        Err(finding) => return refuse(out, &finding),
    };
    let old = live_after_recovery(root, &layout);
    let mut steps = recovery(root, &sight, &layout, asked.timeout);
    // To take an interrupted run back is a way back already.
    if asked.release.is_some() || old == live_release(root, &layout) {
        let found = observe_releases(root, &sight.config, &layout)?;
        let target = target(&found, asked.release.as_deref(), old.as_deref());
        let alone = |name: String| roots_alone(root, &layout.release(&name)).map(|()| name);
        let name = match target.and_then(alone) {
            Ok(name) => name,
            Err(finding) => return refuse(out, &finding),
        };
        let deployment = Deployment {
            config: &sight.config,
            facts: &sight.facts,
            layout: &layout,
            old: old.as_deref(),
            new: &name,
            in_the_way: in_the_way(&sight),
            existing: &[],
            seconds: asked.timeout,
        };
        steps.extend(plan_rollback(&deployment));
        let title = title(&name, &layout, old.as_deref());
        return run(root, &sight, &steps, &title, asked.dry_run, out);
    }
    run(root, &sight, &steps, "the interrupted run is taken back", asked.dry_run, out)
}

/// The release asked for, or the newest complete one before the live one; `found` has them in the
/// order in which they were made.
fn target(
    found: &[Release],
    asked: Option<&str>,
    live: Option<&str>,
) -> Result<String, Box<Finding>> {
    let no = |detail: String| {
        Box::new(Finding::new(&finding::DEP_NO_RELEASE, Subject::default(), detail))
    };
    match asked {
        Some(name) => match found.iter().find(|r| r.name == name) {
            Some(release) if release.complete => Ok(release.name.clone()),
            Some(_) => Err(no(format!("\"{name}\" has never been live and healthy"))),
            None => Err(no(format!("there is no release \"{name}\""))),
        },
        None => found
            .iter()
            .take_while(|r| Some(r.name.as_str()) != live)
            .filter(|r| r.complete)
            .last()
            .map(|r| r.name.clone())
            .ok_or_else(|| no("no complete release is older than the live one".to_owned())),
    }
}

/// `releases`.
pub(super) fn releases(root: &Root, asked: &Releases, out: &mut dyn Write) -> Result<End, String> {
    let sight = observe(root);
    let (found, none) = match Layout::of_config(&sight.config) {
        Ok(layout) => {
            let none = format!("no release in {}", layout.releases.display());
            (observe_releases(root, &sight.config, &layout)?, none)
        }
        Err(finding) => (Vec::new(), format!("no release: {}", finding.detail)),
    };
    if asked.json {
        let list: Vec<_> = found
            .iter()
            .map(|r| serde_json::json!({ "name": r.name, "complete": r.complete, "live": r.live, "in_use": r.in_use }))
            .collect();
        let text = serde_json::json!({ "schema": "projectmeats.releases/1.0", "releases": list });
        writeln!(out, "{text}").map_err(|e| e.to_string())?;
        return Ok(End::Good);
    }
    for release in &found {
        let state = match (release.live, release.complete) {
            (true, true) => "live",
            (true, false) => "live, not seen healthy yet",
            (false, true) => "complete",
            (false, false) => "never healthy",
        };
        writeln!(out, "{}  {state}", release.name).map_err(|e| e.to_string())?;
    }
    if found.is_empty() {
        writeln!(out, "{none}").ok();
    }
    Ok(End::Good)
}

pub(super) fn run(
    root: &Root,
    sight: &Sight,
    steps: &[Step],
    title: &str,
    dry_run: bool,
    out: &mut dyn Write,
) -> Result<End, String> {
    if dry_run {
        return show(steps, out);
    }
    make_wheels(root, sight)?;
    carry_through(root, sight, steps, title, out)
}

/// The wheel cache is the service user's: packages are built there.
fn make_wheels(root: &Root, sight: &Sight) -> Result<(), String> {
    let Some(owner) = sight.facts.service else { return Ok(()) };
    make_service_directory(root, Path::new(WHEELS), owner)
}

fn title(name: &str, layout: &Layout, old: Option<&str>) -> String {
    let old = old.map_or_else(|| "no release is live".to_owned(), |o| format!("live now: {o}"));
    format!("deploy {name} -> {}, {old}", layout.current.display())
}

fn in_the_way(sight: &Sight) -> Vec<Finding> {
    sight.assessed.iter().filter(|f| f.blocks_start).cloned().collect()
}

/// Directories of the tree that are there already.
fn existing(root: &Root, config: &Config, layout: &Layout) -> Vec<PathBuf> {
    let shared = config.writable.iter().filter(|path| path.starts_with(&layout.shared));
    let mut paths: Vec<PathBuf> = shared.flat_map(|p| p.ancestors().map(Path::to_owned)).collect();
    paths.push(layout.releases.clone());
    paths.retain(|path| root.stat(path).known().is_some());
    paths
}

/// The release that `current` names.
pub(super) fn live_release(root: &Root, layout: &Layout) -> Option<String> {
    let target = root.link_target(&layout.current);
    let name = target.known()?.file_name()?.to_str()?.to_owned();
    is_release_name(&name).then_some(name)
}

/// The same, once an interrupted run is taken back: what was live before it.
fn live_after_recovery(root: &Root, layout: &Layout) -> Option<String> {
    let live = live_release(root, layout);
    match journal(root) {
        Some(journal) if live.as_deref() == Some(&journal.new) => journal.old,
        _ => live,
    }
}

fn journal(root: &Root) -> Option<Journal> {
    let bytes = root.read(&Journal::path(), SMALL);
    bytes.known().and_then(|bytes| Journal::parse(bytes))
}

/// What says that a run was interrupted between the switch and its end.
pub(super) fn interrupted(root: &Root) -> Option<Finding> {
    let journal = journal(root)?;
    let old = journal.old.map_or_else(|| "none".to_owned(), |old| format!("\"{old}\""));
    let detail = format!("\"{}\" was being put in the place of {old}", journal.new);
    Some(Finding::new(&finding::DEP_INTERRUPTED, Subject::file(Journal::path()), detail))
}

fn recovery(root: &Root, sight: &Sight, layout: &Layout, seconds: u64) -> Vec<Step> {
    let Some(journal) = journal(root) else { return Vec::new() };
    let live = live_release(root, layout);
    vec![plan_recovery(&sight.config, layout, &journal, live.as_deref(), &sight.facts, seconds)]
}

/// The releases in the order in which they were made, whatever they are called: what they were
/// unpacked from gave them no times.
///
/// # Errors
/// Whoever asks may not look there, or cannot.
pub(super) fn observe_releases(
    root: &Root,
    config: &Config,
    layout: &Layout,
) -> Result<Vec<Release>, String> {
    let listing = match root.list(&layout.releases, MAX_RELEASES) {
        Fact::Known(listing) => listing,
        Fact::Absent => return Ok(Vec::new()),
        Fact::Unknown(why) => return Err(format!("\"{}\": {why}", layout.releases.display())),
    };
    let live = live_release(root, layout);
    let running = running_release(root, config, layout);
    let names =
        listing.names.iter().filter_map(|name| name.to_str()).filter(|n| is_release_name(n));
    let mut found: Vec<Release> = names
        .map(|name| Release {
            name: name.to_owned(),
            complete: root.stat(&layout.mark(name)).known().is_some(),
            live: live.as_deref() == Some(name),
            in_use: running.as_deref() == Some(name),
        })
        .collect();
    let made = |name: &str| {
        let code = layout.release(name).join(&layout.project).join("manage.py");
        root.stat(&code).known().map(|stat| stat.mtime.secs)
    };
    found.sort_by_cached_key(|release| (made(&release.name), release.name.clone()));
    Ok(found)
}

/// The release in whose directory the main process of the service is.
fn running_release(root: &Root, config: &Config, layout: &Layout) -> Option<String> {
    let shown = systemd::properties(&config.unit(), &["MainPID"]).ok()?;
    let pid: u32 = shown.get("MainPID")?.parse().ok().filter(|pid| *pid > 0)?;
    let target = root.link_target(Path::new(&format!("/proc/{pid}/cwd")));
    let within = target.known()?.strip_prefix(&layout.releases).ok()?.to_owned();
    within.iter().next()?.to_str().map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;
    use crate::config::{Source, resolve};

    #[test]
    fn only_a_link_is_switched_and_only_a_directory_has_releases() {
        let text = "[paths]\nworking_directory = /opt/projectmeats/current/backend\n\
                    venv = /opt/projectmeats/current/venv\n";
        let bytes = Fact::Known(text.as_bytes().to_vec());
        let (config, _) = resolve(&[Source { path: "/f".into(), bytes }]);
        let layout = Layout::of_config(&config).expect("a layout");
        let own = tempfile::tempdir().expect("a directory");
        let root = Root::open(own.path()).expect("the root");
        let named = |name| {
            let mut builder = tempfile::Builder::new();
            builder.prefix(name).rand_bytes(0);
            builder
        };
        let opt = named("opt").tempdir_in(own.path()).expect("a directory");
        let app = named("projectmeats").tempdir_in(opt.path()).expect("a directory");
        let seen = || observe_releases(&root, &config, &layout).map(|found| found.len());
        let fine = || switchable(&root, &config).map_err(|f| f.kind.id);
        assert_eq!((seen(), fine()), (Ok(0), Ok(layout.clone())));
        {
            let _place = named("current").tempdir_in(app.path()).expect("a directory");
            assert_eq!(fine(), Err("DEP-008"));
        }
        symlink("releases/a", app.path().join("current")).expect("a link");
        assert_eq!(fine(), Ok(layout.clone()));
        // What cannot be looked at is not empty.
        let other = tempfile::tempdir().expect("a directory");
        symlink("opt", other.path().join("opt")).expect("a link");
        let root = Root::open(other.path()).expect("the root");
        assert!(observe_releases(&root, &config, &layout).is_err());
    }

    #[test]
    fn only_complete_releases_are_gone_back_to() {
        let release = |name: &str, complete| Release {
            name: name.into(),
            complete,
            live: false,
            in_use: false,
        };
        let found =
            [release("1", true), release("2", false), release("30", true), release("4", true)];
        let name = |asked, live| target(&found, asked, live).map_err(|f| f.kind.id);
        assert_eq!(name(None, Some("30")), Ok("1".to_owned()));
        assert_eq!(name(None, Some("4")), Ok("30".to_owned()));
        assert_eq!(name(None, None), Ok("4".to_owned()));
        assert_eq!(name(None, Some("1")), Err("DEP-012"));
        assert_eq!(name(Some("4"), Some("30")), Ok("4".to_owned()));
        assert_eq!(name(Some("2"), Some("30")), Err("DEP-012"));
        assert_eq!(name(Some("9"), Some("30")), Err("DEP-012"));
    }
}
