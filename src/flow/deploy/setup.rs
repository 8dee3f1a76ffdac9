//! `setup`: a fresh host up to the first answer through nginx.
//!
//! Three accounts, each observed anew: the host, the first release, the web server.

use std::io::Write;
use std::path::Path;
use std::time::Duration;

use super::carry::carry_through;
use super::end::End;
use super::guard::{need_root, take_lock};
use super::observe::{Sight, ask, observe};
use super::postgres;
use super::release::{apply_with, interrupted, live_release, refuse, with_source};
use super::source::observe_source;
use crate::cli::deploy::{Apply, Setup};
use crate::config::{Config, Source, resolve};
use crate::deploy::{
    DatabaseUrl, HostFacts, Layout, Role, SiteFacts, Step, Wanted, plan_host, plan_site,
    render_settings, render_steps, settings_file, site_files,
};
use crate::model::{Fact, Finding};
use crate::sys::Root;

const SITE_LIMIT: u64 = 1 << 20;

/// Runs it.
pub(super) fn setup(root: &Root, asked: &Setup, out: &mut dyn Write) -> Result<End, String> {
    need_root(root)?;
    let wanted = Wanted {
        hosts: asked.host.clone(),
        port: asked.port,
        install: asked.install,
        web: !asked.no_web,
    };
    let mut sight = observe(root);
    let Some(reference) = &asked.reference else {
        return prepare(root, &mut sight, asked, &asked.from, &wanted, out);
    };
    with_source(root, &asked.from, reference, sight.facts.service, out, |archive, out| {
        prepare(root, &mut sight, asked, archive, &wanted, out)
    })
}

/// With the source at hand.
fn prepare(
    root: &Root,
    sight: &mut Sight,
    asked: &Setup,
    from: &Path,
    wanted: &Wanted,
    out: &mut dyn Write,
) -> Result<End, String> {
    let facts = observe_host(root, sight, wanted)?;
    let in_the_way = super::guard::roots_alone(root, &sight.config.app_dir.join("releases")).err();
    // A missing directory is made; only one that somebody else can change is in the way.
    let mut in_the_way: Vec<Finding> = in_the_way.map(|finding| *finding).into_iter().collect();
    in_the_way.extend(bad_source(root, &sight.config, asked, from));
    let steps = plan_host(&sight.config, &facts, wanted, in_the_way);
    if asked.dry_run {
        return dry_run(root, sight, asked, from, wanted, &steps, out);
    }
    {
        let _lock = take_lock(root)?;
        let end = carry_through(root, sight, &steps, "1. the host", out)?;
        if end != End::Good {
            return Ok(end);
        }
    }
    let mut sight = observe(root);
    writeln!(out).map_err(|e| e.to_string())?;
    match running(root, &sight) {
        Some(name) => {
            writeln!(out, "2. the release {name} is live and healthy; another one: meats-deploy apply --from SOURCE").ok();
        }
        None => {
            let end = apply_with(root, &mut sight, &first(asked), from, out)?;
            if end != End::Good {
                return Ok(end);
            }
        }
    }
    if asked.no_web { Ok(End::Good) } else { web(root, asked, wanted, out) }
}

/// A source that cannot be deployed is told before the host is touched.
fn bad_source(root: &Root, config: &Config, asked: &Setup, from: &Path) -> Option<Finding> {
    let layout = Layout::of_config(config).or_else(|_| Layout::of_config(&planned(config))).ok()?;
    let seen = observe_source(root, from, &layout, asked.wheelhouse.as_deref());
    seen.err().map(|finding| *finding)
}

/// The live release, if it answers and no run was interrupted on the way to it.
fn running(root: &Root, sight: &Sight) -> Option<String> {
    if interrupted(root).is_some() {
        return None;
    }
    let layout = Layout::of_config(&sight.config).ok()?;
    live_release(root, &layout).filter(|_| sight.facts.live.is_ok())
}

fn first(asked: &Setup) -> Apply {
    Apply {
        from: Some(asked.from.clone()),
        reference: None,
        name: asked.name.clone(),
        wheelhouse: asked.wheelhouse.clone(),
        dry_run: asked.dry_run,
        timeout: asked.timeout,
    }
}

/// What each of the three would do, with the settings that the first one writes.
fn dry_run(
    root: &Root,
    sight: &mut Sight,
    asked: &Setup,
    from: &Path,
    wanted: &Wanted,
    steps: &[Step],
    out: &mut dyn Write,
) -> Result<End, String> {
    write!(out, "1. the host\n{}\n2. the first release\n", render_steps(steps))
        .map_err(|e| e.to_string())?;
    if Layout::of_config(&sight.config).is_err() {
        sight.config = planned(&sight.config);
    }
    let end = apply_with(root, sight, &first(asked), from, out)?;
    if end != End::Good || asked.no_web {
        return Ok(end);
    }
    match plan_site(
        &sight.config,
        &observe_site(root, &sight.config, wanted),
        wanted,
        asked.timeout,
    ) {
        Ok(steps) => {
            write!(out, "\n3. the web server\n{}", render_steps(&steps))
                .map_err(|e| e.to_string())?;
            Ok(End::Good)
        }
        Err(finding) => refuse(out, &finding),
    }
}

/// The settings as they will be; everything but the paths is as it is.
fn planned(config: &Config) -> Config {
    let bytes = Fact::Known(render_settings(config).into_bytes());
    let (paths, _) = resolve(&[Source { path: settings_file(), bytes }]);
    Config {
        working_directory: paths.working_directory,
        venv: paths.venv,
        writable: paths.writable,
        requirements: paths.requirements,
        ..config.clone()
    }
}

fn web(root: &Root, asked: &Setup, wanted: &Wanted, out: &mut dyn Write) -> Result<End, String> {
    let sight = observe(root);
    let site = observe_site(root, &sight.config, wanted);
    let steps = match plan_site(&sight.config, &site, wanted, asked.timeout) {
        Ok(steps) => steps,
        Err(finding) => return refuse(out, &finding),
    };
    let name = wanted.hosts.first().map_or("localhost", String::as_str);
    if steps.is_empty() {
        writeln!(out, "3. the web server: nothing to do").ok();
        return Ok(End::Good);
    }
    let _lock = take_lock(root)?;
    writeln!(out).ok();
    let end = carry_through(root, &sight, &steps, "3. the web server", out)?;
    if end == End::Good {
        let path = sight.config.health_path.value.as_str();
        writeln!(out, "The site answers: http://{name}:{}{path}", wanted.port).ok();
    }
    Ok(end)
}

fn observe_site(root: &Root, config: &Config, wanted: &Wanted) -> SiteFacts {
    let (file, link) = site_files(config);
    let host = wanted.hosts.first().map_or("localhost", String::as_str);
    let address = format!("127.0.0.1:{}", wanted.port);
    let limit = Duration::from_secs(u64::from(config.health_timeout_sec.value));
    SiteFacts {
        answers: ask(&address, &config.health_path, host, limit).is_ok(),
        text: root.read(&file, SITE_LIMIT),
        enabled: !root.stat(&link).is_absent(),
    }
}

fn observe_host(root: &Root, sight: &Sight, wanted: &Wanted) -> Result<HostFacts, String> {
    let config = &sight.config;
    let there = |path: &Path| !root.stat(path).is_absent();
    let env_file = there(&config.env_file);
    let database = if env_file { used_here(sight) } else { Some(Role::of_config(config)) };
    let packages = missing_packages(root, wanted, database.is_some());
    let mut facts = HostFacts {
        packages,
        user: sight.facts.service.is_some(),
        app_dir: there(&config.app_dir),
        env_file,
        project: there(&config.working_directory.join("manage.py")),
        database,
        role_known: false,
        database_known: false,
    };
    if let Some(database) = facts.database.as_ref().filter(|_| postgres::is_installed(root)) {
        (facts.role_known, facts.database_known) = postgres::known(root, database)?;
    }
    Ok(facts)
}

/// Role and database that the env file names, if they are of this host's PostgreSQL.
fn used_here(sight: &Sight) -> Option<Role> {
    let url = DatabaseUrl::of(sight.facts.variables.known()?)?;
    let local = url.is_postgres() && url.is_local() && !url.user.is_empty();
    local.then_some(Role { role: url.user, name: url.name })
}

fn missing_packages(root: &Root, wanted: &Wanted, database: bool) -> Vec<&'static str> {
    let mut missing = Vec::new();
    if !has_venv_module(root) {
        missing.push("python3-venv");
    }
    if database && !postgres::is_installed(root) {
        missing.push("postgresql");
    }
    if wanted.web && root.stat(Path::new("/usr/sbin/nginx")).is_absent() {
        missing.push("nginx");
    }
    missing
}

/// Debian keeps the module of `python3 -m venv` in a package of its own.
fn has_venv_module(root: &Root) -> bool {
    const MOST: usize = 10_000;
    let Fact::Known(listing) = root.list(Path::new("/usr/lib"), MOST) else { return false };
    let python = |name: &&std::ffi::OsString| name.as_encoded_bytes().starts_with(b"python3.");
    let mut found = listing.names.iter().filter(python);
    found.any(|name| !root.stat(&Path::new("/usr/lib").join(name).join("ensurepip")).is_absent())
}
