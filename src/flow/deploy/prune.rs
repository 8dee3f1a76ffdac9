//! `prune`: what deployments leave behind.

use std::io::Write;
use std::path::{Path, PathBuf};

use super::end::End;
use super::guard::{lock_unless, need_root, roots_alone};
use super::observe::observe;
use super::release::{interrupted, observe_releases, refuse, run};
use crate::cli::deploy::Prune;
use crate::config::{Config, STATE_DIR};
use crate::deploy::{Layout, Leavings, plan_prune};
use crate::model::Fact;
use crate::sys::Root;

const MOST: usize = 10_000;

/// Removes old releases where there are any, old dumps and old logs.
pub(super) fn prune(root: &Root, asked: &Prune, out: &mut dyn Write) -> Result<End, String> {
    need_root(root)?;
    let _lock = lock_unless(root, asked.dry_run)?;
    let mut sight = observe(root);
    if let Some(finding) = interrupted(root) {
        return refuse(out, &finding);
    }
    // A host without releases still has dumps and logs.
    let layout = Layout::of_config(&sight.config).ok();
    if let Some(layout) = &layout {
        if let Err(finding) = roots_alone(root, &layout.releases) {
            return refuse(out, &finding);
        }
    }
    sight.packages.clear();
    let found = layout.as_ref().map(|layout| observe_releases(root, &sight.config, layout));
    let found = found.transpose()?;
    let leavings = observe_leavings(root, &sight.config);
    let steps = plan_prune(layout.as_ref(), &found.unwrap_or_default(), &leavings, asked.keep);
    if steps.is_empty() {
        writeln!(out, "nothing to remove").ok();
        return Ok(End::Good);
    }
    run(root, &sight, &steps, "prune", asked.dry_run, out)
}

fn observe_leavings(root: &Root, config: &Config) -> Leavings {
    let state = Path::new(STATE_DIR).join("deploy");
    Leavings {
        dumps: newest_first(root, &state, ".dump"),
        logs: newest_first(root, &config.log_dir.join("deploy"), ".log"),
        packed: newest_first(root, &state, ".tar"),
    }
}

/// Files of a directory whose names end so, by the time of their last change.
fn newest_first(root: &Root, directory: &Path, ending: &str) -> Vec<PathBuf> {
    let Fact::Known(listing) = root.list(directory, MOST) else { return Vec::new() };
    let names = listing.names.iter().filter_map(|name| name.to_str());
    let paths = names.filter(|name| name.ends_with(ending)).map(|name| directory.join(name));
    let mut dated: Vec<_> = paths
        .filter_map(|path| {
            let mtime = root.stat(&path).known()?.mtime;
            Some(((mtime.secs, path.clone()), path))
        })
        .collect();
    dated.sort_by(|(a, _), (b, _)| b.cmp(a));
    dated.into_iter().map(|(_, path)| path).collect()
}
