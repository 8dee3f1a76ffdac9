//! Static files: releases share the directory that they are collected in, so whoever goes back finds
//! those of the other release there, with its list of names (`ManifestStaticFilesStorage`).

use super::super::facts::DeployFacts;
use super::super::parts::{STATIC, as_root, collect, collect_static, inspect};
use super::super::step::{Step, Undo, Work};
use super::deployment::Deployment;
use super::layout::Layout;
use crate::config::Config;

/// The step; a failure brings back those of the release that is live.
pub(super) fn step(deployment: &Deployment, work: Vec<Work>) -> Step {
    let Deployment { config, layout, facts, old, new, .. } = deployment;
    let step = Step { work, ..collect_static(&layout.target(new)) };
    match old {
        Some(old) => Step {
            undo: Undo::By {
                text: format!("those of {old} collected again"),
                work: again(config, layout, old, facts),
            },
            ..step
        },
        None => step,
    }
}

/// A release that was collected before; nothing on a full disk, where a file that is replaced may be
/// lost. `collectstatic` copies what is newer than its copy, so files are made new; code keeps its
/// times, by which releases are put in order and compiled files hold. It is asked for its own settings
/// first, and a failure stops no way back.
pub(super) fn again(
    config: &Config,
    layout: &Layout,
    name: &str,
    facts: &DeployFacts,
) -> Vec<Work> {
    if facts.is_full() {
        return Vec::new();
    }
    let release = layout.release(name).display().to_string();
    let find = ["/usr/bin/find", &release, "-type", "f", "!", "-name", "*.py", "-exec"];
    let touch = ["/usr/bin/touch", "--no-create", "--no-dereference", "--", "{}", "+"];
    let target = layout.target(name);
    let touched = as_root(&[&find[..], &touch].concat(), STATIC);
    let work = vec![inspect(&target, config), touched, collect(&target)];
    vec![Work::Attempt { what: "static files were not collected again", work }]
}
