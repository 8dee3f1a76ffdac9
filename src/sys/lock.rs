//! One writer at a time: pre-start, `--fix`, `meats-env set` and `meats-deploy` share one lock.

use std::fs::OpenOptions;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::time::Duration;

use nix::fcntl::{Flock, FlockArg, OFlag};

use super::clock::{Deadline, pause};

/// Held until dropped; the kernel lets go when the holder dies.
#[derive(Debug)]
pub struct Lock {
    _flock: Flock<std::fs::File>,
}

/// Takes the lock file at `path` (in a directory of root's), waiting at most `limit`.
///
/// # Errors
/// The text says who could not be waited for.
pub fn take(path: &Path, limit: Duration) -> Result<Lock, String> {
    let name = path.display();
    let mut file = OpenOptions::new()
        .create(true)
        .truncate(false)
        .write(true)
        .mode(0o600)
        .custom_flags((OFlag::O_NOFOLLOW | OFlag::O_NONBLOCK | OFlag::O_CLOEXEC).bits())
        .open(path)
        .map_err(|error| format!("lock file \"{name}\": {error}"))?;
    let deadline = Deadline::after(limit);
    loop {
        match Flock::lock(file, FlockArg::LockExclusiveNonblock) {
            Ok(flock) => return Ok(Lock { _flock: flock }),
            Err((_, errno)) if deadline.passed() => {
                return Err(format!(
                    "another program of this package holds \"{name}\" ({})",
                    errno.desc()
                ));
            }
            Err((back, _)) => {
                file = back;
                pause(Duration::from_millis(10));
            }
        }
    }
}
