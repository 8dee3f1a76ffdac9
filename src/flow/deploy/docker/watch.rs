//! `docker watch`: one look at the stack, and help for what is ill.

use std::io::Write;

use crate::cli::deploy::DockerWatch;
use crate::deploy::docker::{FORMAT, parse_seen, plan_watch};
use crate::flow::deploy::containers::{container_ids, docker};
use crate::flow::deploy::end::End;
use crate::flow::deploy::guard::{need_root, take_lock};
use crate::flow::settings::observe_settings;
use crate::sys::{Root, clock};

/// Good when all is well or too young to be judged; refused when something was restarted.
pub(super) fn watch(root: &Root, asked: &DockerWatch, out: &mut dyn Write) -> Result<End, String> {
    need_root(root)?;
    let (config, _) = observe_settings(root);
    // What a deployment stops for a moment is not ill.
    let Ok(_lock) = take_lock(root) else {
        writeln!(out, "a deployment is running").ok();
        return Ok(End::Good);
    };
    let ids = container_ids(&config.service)?;
    if ids.is_empty() {
        writeln!(out, "no container of {}", config.service.value).ok();
        return Ok(End::Good);
    }
    let mut words = vec!["inspect", "--format", FORMAT];
    words.extend(ids.iter().map(String::as_str));
    let now = clock::now().secs;
    let seen: Vec<_> = docker(&words)?.lines().filter_map(|line| parse_seen(line, now)).collect();
    let plan = plan_watch(&seen, asked.patience);
    for (container, help) in &plan {
        let service = &container.service;
        writeln!(out, "{service} is {}: {}", container.state.word(), help.verb()).ok();
        docker(&[help.verb(), &container.id])?;
    }
    Ok(if plan.is_empty() { End::Good } else { End::Refused })
}
