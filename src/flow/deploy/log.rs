//! The log of one run: everything that its children said, masked.

use std::path::{Path, PathBuf};

use crate::config::Config;
use crate::model::{Effect, Origin, Owner, Plan, Secret, Timestamp, finding};
use crate::sys::Root;
use crate::sys::apply::{Outcome, apply};

/// Most bytes of one log; children's outputs are bounded already.
const CAP: u64 = 64 << 20;

/// A log file below the log directory of the service.
#[derive(Debug)]
pub(super) struct Log {
    path: PathBuf,
}

/// A name for the run that begins now: date and time, UTC.
pub(super) fn run_name(now: Timestamp) -> String {
    let time = jiff::Timestamp::from_second(now.secs).unwrap_or_default();
    time.strftime("%Y%m%d-%H%M%S").to_string()
}

impl Log {
    /// `LOG_DIR/deploy/YYYYMMDD-HHMMSS.log`, UTC. Nothing is made before the first entry.
    pub(super) fn new(config: &Config, now: Timestamp) -> Self {
        let name = format!("{}.log", run_name(now));
        Self { path: config.log_dir.join("deploy").join(name) }
    }

    /// Where it lies.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Adds an entry. A log that cannot be written never stops a deployment.
    pub(super) fn add(&self, root: &Root, title: &str, text: &str) {
        let mut plan = Plan::default();
        let mut push = |effect| plan.push(&finding::DEP_CHILD, Origin::Default, effect);
        if let Some(dir) = self.path.parent() {
            if root.stat(dir).is_absent() {
                push(Effect::MakeDir { path: dir.to_owned(), owner: Owner::ROOT, mode: 0o750 });
            }
        }
        let content = Secret::new(format!("==> {title}\n{}\n", text.trim_end()));
        let path = self.path.clone();
        push(Effect::Append { path, content, owner: Owner::ROOT, mode: 0o640, cap: CAP });
        let _written = apply(root, &plan).iter().all(|a| a.outcome == Outcome::Done);
    }
}
