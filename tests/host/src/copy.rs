//! A private, writable copy of a cached root.
//!
//! An overlay where the kernel gives one, else a real copy. The directory's name begins with its
//! owner's process id; the first copy of a process takes away those whose owner died without
//! dropping them.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Once;
use std::sync::atomic::{AtomicUsize, Ordering};

use anyhow::Result;
use nix::mount::{MntFlags, MsFlags, mount, umount2};

use crate::{cache, machine, recipe};

/// One machine's files; removed on drop.
#[derive(Debug)]
pub struct Copy {
    directory: PathBuf,
}

impl Copy {
    /// A copy of the finished root at `lower`.
    pub fn of(lower: &Path) -> Result<Self> {
        static SWEPT: Once = Once::new();
        static COUNT: AtomicUsize = AtomicUsize::new(0);
        SWEPT.call_once(sweep);
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let name = format!("{}-{number}", std::process::id());
        let directory = cache::below(&format!("work/{name}"))?;
        let copy = Self { directory };
        copy.fill(lower)?;
        Ok(copy)
    }

    /// The tree itself.
    pub fn root(&self) -> PathBuf {
        self.directory.join("root")
    }

    /// Where console output and process ids are kept.
    pub fn directory(&self) -> &Path {
        &self.directory
    }

    /// A name for this machine that no other has.
    pub fn name(&self) -> String {
        name(&self.directory)
    }

    fn fill(&self, lower: &Path) -> Result<()> {
        let part = |name: &str| -> Result<PathBuf> {
            let path = self.directory.join(name);
            fs::create_dir_all(&path)?;
            Ok(path)
        };
        let (root, upper, work) = (part("root")?, part("upper")?, part("work")?);
        let options = format!(
            "lowerdir={},upperdir={},workdir={}",
            lower.display(),
            upper.display(),
            work.display()
        );
        let none = MsFlags::empty();
        if mount(Some("overlay"), &root, Some("overlay"), none, Some(options.as_str())).is_ok() {
            return Ok(());
        }
        fs::remove_dir(&root)?;
        recipe::clone_tree(lower, &root)
    }
}

impl Drop for Copy {
    fn drop(&mut self) {
        discard(&self.directory);
    }
}

/// The name of the machine whose files are in `directory`.
pub fn name(directory: &Path) -> String {
    format!("meats-{}", directory.file_name().unwrap_or_default().to_string_lossy())
}

/// Removes what owners that no longer live have left: their machines, mounts and directories.
fn sweep() {
    let Ok(work) = cache::below("work") else { return };
    let Ok(entries) = fs::read_dir(work) else { return };
    for entry in entries.flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        let owner = name.split('-').next().unwrap_or_default();
        if !Path::new("/proc").join(owner).exists() {
            machine::end_leftover(&entry.path());
            discard(&entry.path());
        }
    }
}

/// Best effort: what cannot be removed now is swept later.
fn discard(directory: &Path) {
    let root = directory.join("root");
    let _ = umount2(&root, MntFlags::MNT_DETACH);
    // never descend into an overlay that is still there: its changes are in `upper` anyway
    let _ = fs::remove_dir_all(directory);
}
