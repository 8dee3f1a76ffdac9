//! Where roots are kept, and the locks on them.
//!
//! Everything lies below one directory outside the source tree: `MEATS_CACHE`, else
//! `/var/cache/projectmeats-fixes`.
//!
//! | entry | what |
//! |---|---|
//! | `roots/KEY` | a finished root; never written again |
//! | `roots/KEY.txt` | what KEY stands for |
//! | `work/PID-N` | one machine's copy, console and cgroup name; swept when its owner is gone |
//! | `slots/N` | a lock for each root that may be booted at once |

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use nix::errno::Errno;
use nix::fcntl::{Flock, FlockArg};

/// Roots booted at once, over all processes of this build machine.
const SLOTS: usize = 2;

/// The cache directory, made when missing.
pub fn directory() -> Result<PathBuf> {
    let path = std::env::var_os("MEATS_CACHE")
        .filter(|value| !value.is_empty())
        .map_or_else(|| PathBuf::from("/var/cache/projectmeats-fixes"), PathBuf::from);
    make(&path)?;
    Ok(fs::canonicalize(path)?)
}

/// A directory of the cache, made when missing.
pub fn below(name: &str) -> Result<PathBuf> {
    let path = directory()?.join(name);
    make(&path)?;
    Ok(path)
}

fn make(path: &Path) -> Result<()> {
    fs::create_dir_all(path).with_context(|| format!("cannot make {}", path.display()))
}

/// A lock on a file, held until it is dropped or the process ends.
#[derive(Debug)]
pub struct Lock(#[expect(dead_code, reason = "holding it is its use")] Flock<File>);

impl Lock {
    /// Takes the lock at `path` if nobody has it.
    pub fn attempt(path: &Path) -> Result<Option<Self>> {
        let file = File::options()
            .create(true)
            .truncate(false)
            .write(true)
            .open(path)
            .with_context(|| format!("cannot open the lock {}", path.display()))?;
        match Flock::lock(file, FlockArg::LockExclusiveNonblock) {
            Ok(lock) => Ok(Some(Self(lock))),
            Err((_, Errno::EWOULDBLOCK)) => Ok(None),
            Err((_, errno)) => bail!("cannot lock {}: {errno}", path.display()),
        }
    }

    /// Waits for the lock at `path`.
    pub fn wait(path: &Path, limit: Duration) -> Result<Self> {
        first_of(&[path.to_path_buf()], limit)
    }

    /// Waits for leave to boot a root.
    pub fn slot() -> Result<Self> {
        let directory = below("slots")?;
        let paths: Vec<_> = (0..SLOTS).map(|n| directory.join(n.to_string())).collect();
        first_of(&paths, Duration::from_secs(900)).context("no slot to boot a root in")
    }
}

fn first_of(paths: &[PathBuf], limit: Duration) -> Result<Lock> {
    let begin = Instant::now();
    loop {
        for path in paths {
            if let Some(lock) = Lock::attempt(path)? {
                return Ok(lock);
            }
        }
        if begin.elapsed() > limit {
            bail!("{} still locked after {} s", paths[0].display(), limit.as_secs());
        }
        std::thread::sleep(Duration::from_millis(50));
    }
}
