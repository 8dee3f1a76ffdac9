//! One writer at a time: pre-start, `--fix`, `meats-env set` and `meats-deploy` share one lock.
//!
//! The kernel lets go when the holder dies, so nothing is left behind. Without the lock (a holder
//! that hangs, a directory that is not root's alone) a start goes on: every write is whole and
//! re-checked by itself.

use std::path::Path;
use std::time::Duration;

use nix::errno::Errno;
use nix::fcntl::{Flock, FlockArg};

use super::Root;
use super::clock::{Deadline, pause};

/// Held until dropped.
#[derive(Debug)]
pub struct Lock {
    _flock: Flock<std::fs::File>,
}

/// Takes the lock file at `path`, waiting at most `limit`. A missing directory is made; one that
/// others can write is refused, because they could hold the lock for ever.
///
/// # Errors
/// The text says why it could not be taken.
pub fn take(root: &Root, path: &Path, limit: Duration) -> Result<Lock, String> {
    let name = path.display();
    let file = root.lock_file(path).map_err(|why| format!("lock file \"{name}\": {why}"))?;
    wait(file, limit).map_err(|errno| {
        format!("another program of this package holds \"{name}\" ({})", errno.desc())
    })
}

/// Locks a directory, for a user who has no lock file: only those who write files there by this
/// program ask for it. None where it is not to be had: the writes are re-checked by themselves.
pub fn take_directory(root: &Root, path: &Path, limit: Duration) -> Option<Lock> {
    wait(root.open_directory(path).ok()?, limit).ok()
}

fn wait(mut file: std::fs::File, limit: Duration) -> Result<Lock, Errno> {
    let deadline = Deadline::after(limit);
    loop {
        match Flock::lock(file, FlockArg::LockExclusiveNonblock) {
            Ok(flock) => return Ok(Lock { _flock: flock }),
            Err((_, errno)) if errno != Errno::EWOULDBLOCK || deadline.passed() => {
                return Err(errno);
            }
            Err((back, _)) => {
                file = back;
                pause(Duration::from_millis(10));
            }
        }
    }
}
