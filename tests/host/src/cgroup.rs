//! A cgroup of its own for each root.
//!
//! systemd-nspawn with `--keep-unit` uses the cgroup that it is started in. Two roots in one see
//! each other's units, and what it makes there stays behind.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result};

/// A cgroup below the unified mount; removed on drop.
#[derive(Debug)]
pub struct Cgroup(PathBuf);

impl Cgroup {
    /// Makes the cgroup `name`.
    pub fn new(name: &str) -> Result<Self> {
        let path = unified()?.join(name);
        fs::create_dir_all(&path).with_context(|| format!("cannot make {}", path.display()))?;
        Ok(Self(path))
    }

    /// A command that joins the cgroup, then becomes systemd-nspawn with the cgroup's name for the
    /// machine: two machines of one name clear each other's directory below /run/systemd/nspawn.
    pub fn nspawn(&self) -> Command {
        let mut command = Command::new("/bin/sh");
        command.args(["-c", "echo $$ >\"$0/cgroup.procs\" && exec \"$@\""]);
        command.arg(&self.0).args(["systemd-nspawn", "--quiet", "--register=no", "--keep-unit"]);
        command.arg("--timezone=off").arg("--machine").args(self.0.file_name());
        command.env("SYSTEMD_NSPAWN_UNIFIED_HIERARCHY", "1");
        command
    }
}

impl Drop for Cgroup {
    fn drop(&mut self) {
        // the kernel needs a moment after the last process
        for _ in 0..40 {
            remove(&self.0);
            if !self.0.exists() {
                return;
            }
            std::thread::sleep(Duration::from_millis(50));
        }
    }
}

/// Removes `path` and the cgroups below it, deepest first, where no process is left.
fn remove(path: &Path) {
    if let Ok(entries) = fs::read_dir(path) {
        let below = entries.flatten().map(|entry| entry.path()).filter(|path| path.is_dir());
        below.for_each(|path| remove(&path));
    }
    let _ = fs::remove_dir(path);
}

fn unified() -> Result<PathBuf> {
    let mounts = fs::read_to_string("/proc/mounts")?;
    mounts
        .lines()
        .map(|line| line.split(' ').collect::<Vec<_>>())
        .find(|fields| fields.get(2) == Some(&"cgroup2"))
        .and_then(|fields| fields.get(1).map(PathBuf::from))
        .context("no cgroup2 is mounted, systemd-nspawn cannot boot a root")
}
