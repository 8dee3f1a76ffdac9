//! Docker's Swarm on this host: is it there, and what of the stack's promises it keeps.

use std::io::Write;

use crate::flow::deploy::containers::{container_ids, docker};
use crate::flow::deploy::end::End;
use crate::flow::settings::observe_settings;
use crate::model::{Finding, Subject, finding};
use crate::report::escape;
use crate::sys::Root;

const DAEMON: &str = "/etc/docker/daemon.json";
const LIMIT: u64 = 1 << 20;

/// What should be known before a stack is handed over.
///
/// # Errors
/// There is no manager to hand it to, or compose has the stack.
pub(super) fn ready(root: &Root) -> Result<Vec<Finding>, Box<Finding>> {
    let state = docker(&["info", "--format", "{{.Swarm.ControlAvailable}}"]);
    if state.as_deref().map(str::trim) != Ok("true") {
        let detail = state.err().unwrap_or_else(|| "docker info says so".to_owned());
        return Err(Box::new(Finding::new(&finding::DOC_NO_SWARM, Subject::default(), detail)));
    }
    let config = observe_settings(root).0;
    if container_ids(&config.service).is_ok_and(|ids| !ids.is_empty()) {
        let detail = "docker ps --all shows them";
        return Err(Box::new(Finding::new(&finding::DOC_BY_COMPOSE, Subject::default(), detail)));
    }
    let daemon = root.read(DAEMON.as_ref(), LIMIT);
    let settings: Option<serde_json::Value> =
        daemon.known().and_then(|bytes| serde_json::from_slice(bytes).ok());
    let forbids = settings.is_some_and(|all| {
        all.get("no-new-privileges").and_then(serde_json::Value::as_bool) == Some(true)
    });
    let told = || {
        let subject = Subject::file(DAEMON);
        Finding::new(&finding::DOC_SWARM_PRIVILEGES, subject, "it does not say no-new-privileges")
    };
    Ok((!forbids).then(told).into_iter().collect())
}

/// Removes the services of the stack; volumes stay.
pub(super) fn down(root: &Root, out: &mut dyn Write) -> Result<End, String> {
    let (config, _) = observe_settings(root);
    let said = docker(&["stack", "rm", config.service.as_str()])?;
    for line in said.lines() {
        writeln!(out, "{}", escape(line)).ok();
    }
    Ok(End::Good)
}
