//! The log of one run: everything that its children said, masked.

use std::path::{Path, PathBuf};

use super::guard::perform_one;
use crate::config::Config;
use crate::model::{Effect, Fact, Owner, Secret, Timestamp};
use crate::report::escape;
use crate::sys::Root;

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
        let Some(directory) = self.path.parent() else { return };
        if root.stat(directory).is_absent() {
            let path = directory.to_owned();
            perform_one(root, Effect::MakeDir { path, owner: Owner::ROOT, mode: 0o750 }).ok();
        }
        // Below the log directory of the service it is the service user's, and so must the log be:
        // the next entry is added with that user's rights.
        let Fact::Known(stat) = root.stat(directory) else { return };
        let owner = Owner { uid: stat.uid, gid: stat.gid };
        let (path, content) = (self.path.clone(), Secret::new(entry(title, text)));
        perform_one(root, Effect::Append { path, content, owner, mode: 0o640, cap: CAP }).ok();
    }
}

/// What is read in a terminal: line ends and tabs are kept, other control characters are escaped.
fn entry(title: &str, text: &str) -> String {
    let line = |line: &str| line.split('\t').map(escape).collect::<Vec<_>>().join("\t");
    let lines: Vec<String> = text.trim_end().split('\n').map(line).collect();
    format!("==> {}\n{}\n", escape(title), lines.join("\n"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_child_steers_the_terminal_of_who_reads() {
        assert_eq!(entry("a\nb", "x\ty\n\u{1b}[2Jz\r\n"), "==> a\\x0ab\nx\ty\n\\x1b[2Jz\n");
    }

    #[test]
    fn entries_follow_each_other() {
        let own = tempfile::tempdir().expect("a directory");
        let root = Root::open(own.path()).expect("the root");
        let log = Log { path: "/deploy/1.log".into() };
        log.add(&root, "one", "a");
        log.add(&root, "two", "b");
        let text = root.read(log.path(), 99);
        assert_eq!(text.known().map(Vec::as_slice), Some(&b"==> one\na\n==> two\nb\n"[..]));
    }
}
