//! The stack as it runs: `docker check`, `up`, `down`, `status`, `logs`.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::compose::{Compose, accepted, compose, no_compose, ready};
use super::set::{stack_of, stale};
use super::{away, carry_stack, directory, refused, swarm, tell, unusable};
use crate::cli::deploy::{DockerDown, DockerInit, DockerLogs, DockerPlace, DockerStatus, DockerUp};
use crate::config::Config;
use crate::deploy::docker::{ContainerState, Stack, Up, WATCH_TIMER, plan_rollout, plan_up};
use crate::deploy::{Layout, health_address};
use crate::flow::deploy::carry::show;
use crate::flow::deploy::containers::{container_state, word};
use crate::flow::deploy::end::End;
use crate::flow::deploy::guard::{lock_unless, need_root};
use crate::flow::deploy::log::run_name;
use crate::flow::deploy::observe::{Sight, observe};
use crate::flow::deploy::unpack::owner_of_tree;
use crate::flow::docker_set;
use crate::flow::environment::addresses;
use crate::model::{Finding, Owner, Secret, Subject, finding};
use crate::report::escape;
use crate::sys::exec::{self, Request};
use crate::sys::{Root, clock};

/// Looks whether the set is whole, root's alone, and accepted by compose itself.
pub(super) fn check(root: &Root, place: &DockerPlace, out: &mut dyn Write) -> Result<End, String> {
    need_root(root)?;
    let sight = observe(root);
    let directory = directory(root, &sight.config, place);
    let mut findings = unusable(root, &directory);
    if findings.is_empty() {
        match compose(root) {
            None => findings.push(no_compose()),
            Some(program) => findings.extend(accepted(&program, &sight, &directory, out)?),
        }
    }
    if tell(out, &findings) { Ok(End::Refused) } else { Ok(End::Good) }
}

/// Builds and starts the stack.
pub(super) fn up(root: &Root, asked: &DockerUp, out: &mut dyn Write) -> Result<End, String> {
    need_root(root)?;
    let _lock = lock_unless(root, asked.dry_run)?;
    let (program, directory, sight) = match ready(root, &asked.place) {
        Ok(ready) => ready,
        Err(findings) => return refused(out, &findings),
    };
    // Images and address are in the written file; only the values are planned anew.
    let (stack, findings) = match stack_of(root, &sight, &DockerInit::default()) {
        Ok(both) => both,
        Err(finding) => return refused(out, &[*finding]),
    };
    if let Some(finding) = stale(root, &directory, &stack) {
        return refused(out, &[finding]);
    }
    let mut start =
        match planned(root, &sight, &program, directory, &stack, asked.from.as_deref(), findings) {
            Ok(start) => {
                Up { seconds: asked.timeout, wheelhouse: asked.wheelhouse.clone(), ..start }
            }
            Err(finding) => return refused(out, &[*finding]),
        };
    let steps = if asked.swarm {
        match swarm::ready(root) {
            Ok(found) => {
                start.findings.extend(found);
                let listen = docker_set::listen(root, &start.directory);
                plan_rollout(&start, &run_name(clock::now()), &listen)
            }
            Err(finding) => return refused(out, &[*finding]),
        }
    } else {
        plan_up(&start)
    };
    if asked.dry_run {
        return show(&steps, out);
    }
    let asked = if sight.facts.live.is_ok() {
        addresses(&sight.config)
    } else {
        vec![health_address(&docker_set::listen(root, &start.directory))]
    };
    let title = format!("docker up, {}", program.name);
    carry_stack(root, sight, stack, &steps, &title, &asked, out)
}

/// What starting needs, of this host.
///
/// # Errors
/// There are no requirements to build an image from.
pub(super) fn planned(
    root: &Root,
    sight: &Sight,
    program: &Compose,
    directory: PathBuf,
    stack: &Stack,
    from: Option<&Path>,
    findings: Vec<Finding>,
) -> Result<Up, Box<Finding>> {
    let code = match from {
        Some(from) => project_in(root, &sight.config, from)?,
        None => sight.config.working_directory.value.clone(),
    };
    let requirements = requirements(root, &code)
        .map_err(|why| Finding::new(&finding::DEP_SOURCE, Subject::file(&code), why))?;
    Ok(Up {
        compose: program.argv(&directory, &sight.config),
        project: stack.project.clone(),
        directory,
        code,
        requirements,
        python: stack.venv.join("bin/python").display().to_string(),
        database: stack.database.is_some(),
        health_path: stack.health_path.clone(),
        findings,
        directories: missing_directories(root, stack),
        shared: shared(&sight.config),
        mounted: mounted(&sight.config, stack),
        wheelhouse: None,
        seconds: 120,
    })
}

/// What the containers write, where it is missing, with the directories above it.
fn missing_directories(root: &Root, stack: &Stack) -> Vec<(PathBuf, Owner)> {
    let mut missing = Vec::new();
    for leaf in std::iter::once(&stack.log_dir).chain(&stack.writable) {
        let absent = leaf.ancestors().take_while(|path| root.stat(path).is_absent());
        let mut absent: Vec<_> = absent.map(Path::to_owned).collect();
        absent.reverse();
        for path in absent {
            let owner = if path == *leaf { stack.owner } else { Owner::ROOT };
            if !missing.iter().any(|(known, _)| *known == path) {
                missing.push((path, owner));
            }
        }
    }
    missing
}

/// What containers get from the host within the project directory.
fn mounted(config: &Config, stack: &Stack) -> Vec<PathBuf> {
    let within = |path: &PathBuf| {
        let within = path.strip_prefix(&config.working_directory.value).ok()?;
        (within != Path::new("")).then(|| within.to_owned())
    };
    stack.writable.iter().filter_map(within).collect()
}

/// With releases, uploads lie beside them, and code leads there by links.
fn shared(config: &Config) -> Vec<(PathBuf, PathBuf)> {
    let Ok(layout) = Layout::of_config(config) else { return Vec::new() };
    let project = layout.shared.join(&layout.project);
    let within =
        |path: &PathBuf| Some((path.strip_prefix(&project).ok()?.to_owned(), path.clone()));
    config.writable.iter().filter_map(within).collect()
}

/// The project directory of a checkout: it is called as on the host, or is the checkout itself.
fn project_in(root: &Root, config: &Config, from: &Path) -> Result<PathBuf, Box<Finding>> {
    let name = config.working_directory.file_name().unwrap_or_default();
    let places = [from.join(name), from.to_owned()];
    let has = |place: &PathBuf| root.stat(&place.join("manage.py")).known().is_some();
    places.into_iter().find(has).ok_or_else(|| {
        let detail = "it has no manage.py";
        Box::new(Finding::new(&finding::DEP_SOURCE, Subject::file(from), detail))
    })
}

/// What is to be installed, as far as whoever can change the tree may read it.
fn requirements(root: &Root, code: &Path) -> Result<Secret, String> {
    const MOST: u64 = 1 << 20;
    let above = code.parent().unwrap_or(code);
    let mut places = [above, code].map(|place| place.join("requirements.txt")).into_iter();
    let there = places.find(|path| root.stat(path).known().is_some());
    let there = there.ok_or("there is no requirements.txt in it or above it")?;
    let request = Request::new(&["/usr/bin/cat", "--", &there.display().to_string()]);
    let output = exec::run(&request.owner(owner_of_tree(root, &there)).max_output(MOST))?;
    match output.success() && (output.stdout.len() as u64) < MOST {
        true => Ok(Secret::new(output.stdout)),
        false => Err(output.describe()),
    }
}

/// Stops the stack and removes its containers; volumes stay.
pub(super) fn down(root: &Root, asked: &DockerDown, out: &mut dyn Write) -> Result<End, String> {
    need_root(root)?;
    if let Some(finding) = away(root) {
        return refused(out, &[finding]);
    }
    // Whoever stops a stack does not want it to be started again.
    exec::run(&Request::new(&["/usr/bin/systemctl", "disable", "--now", WATCH_TIMER]))?;
    if asked.swarm {
        return swarm::down(root, out);
    }
    let mut words = vec!["down"];
    if asked.keep_containers {
        words = vec!["stop"];
    }
    pass_on(root, &asked.place, &words, out)
}

/// State of every service; good when all are healthy.
pub(super) fn status(
    root: &Root,
    asked: &DockerStatus,
    out: &mut dyn Write,
) -> Result<End, String> {
    need_root(root)?;
    let sight = observe(root);
    let directory = directory(root, &sight.config, &asked.place);
    let Some(file) = docker_set::compose_file(root, &directory) else {
        return refused(out, &unusable(root, &directory));
    };
    let has_database = file.lines().any(|line| line == "  db:");
    let names = ["db", "app", "web"].into_iter().filter(|name| has_database || *name != "db");
    let states = names
        .map(|name| Ok((name, container_state(&sight.config.service, name)?)))
        .collect::<Result<Vec<_>, String>>()?;
    let all = states.iter().all(|(_, state)| *state == Some(ContainerState::Healthy));
    if asked.json {
        let services: Vec<_> = states
            .iter()
            .map(|(name, state)| serde_json::json!({ "name": name, "state": word(*state) }))
            .collect();
        let text = serde_json::json!({
            "schema": "projectmeats.docker-status/1.0",
            "healthy": all,
            "visitors": if docker_set::note(root).known().is_some() { "stack" } else { "host" },
            "services": services,
        });
        writeln!(out, "{text}").map_err(|e| e.to_string())?;
    } else {
        for (name, state) in states {
            writeln!(out, "{name:4}  {}", word(state)).map_err(|e| e.to_string())?;
        }
    }
    Ok(if all { End::Good } else { End::Refused })
}

/// The last lines of the containers' output.
pub(super) fn logs(root: &Root, asked: &DockerLogs, out: &mut dyn Write) -> Result<End, String> {
    let tail = format!("--tail={}", asked.lines);
    let mut words = vec!["logs", "--no-color", &tail];
    words.extend(asked.service.as_deref());
    pass_on(root, &asked.place, &words, out)
}

/// Runs compose and passes its output on, masked.
fn pass_on(
    root: &Root,
    place: &DockerPlace,
    words: &[&str],
    out: &mut dyn Write,
) -> Result<End, String> {
    need_root(root)?;
    let (program, directory, sight) = match ready(root, place) {
        Ok(ready) => ready,
        Err(findings) => return refused(out, &findings),
    };
    let request = program.request(&directory, &sight.config, words);
    let output = exec::run(&request.deadline(Duration::from_secs(300)))?;
    for bytes in [&output.stdout, &output.stderr] {
        for line in sight.mask.text(bytes).lines() {
            writeln!(out, "{}", escape(line)).map_err(|e| e.to_string())?;
        }
    }
    Ok(if output.success() { End::Good } else { End::Refused })
}
