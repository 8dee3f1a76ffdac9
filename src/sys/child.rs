//! How every child starts: this program once more, called [`NAME`], gives it a session of its own,
//! its user and its end with ours, and becomes it.
//!
//! In a session of its own nobody has a terminal, so the service user's code cannot type into the
//! operator's (`TIOCSTI`). It is not reached by a privilege: whoever calls it by hand runs a program
//! that he could have run himself.

use std::convert::Infallible;
use std::ffi::OsString;
use std::os::unix::process::CommandExt as _;
use std::process::Command;
use std::sync::OnceLock;

use nix::errno::Errno::{EINVAL, ESRCH};
use nix::sys::prctl::set_pdeathsig;
use nix::sys::signal::{SigSet, Signal};
use nix::unistd::{Gid, Pid, Uid, chdir, getppid, setgroups, setresgid, setresuid, setsid};

use super::process::close_inherited;
use crate::model::Owner;

/// The name by which the program is called for it.
pub const NAME: &str = "child";

static HERE: OnceLock<()> = OnceLock::new();

/// Said once by the program that has [`become_program`] under its name.
pub fn is_here() {
    HERE.get_or_init(|| ());
}

/// What starts `program` in `directory`; its words follow. None in a program that is not ours.
pub(super) fn starter(
    program: &str,
    directory: OsString,
    user: Option<(Owner, &[u32])>,
) -> Option<Command> {
    HERE.get()?;
    let mut command = Command::new("/proc/self/exe");
    command.arg0(NAME).arg(std::process::id().to_string());
    command.arg(user.map(|(owner, groups)| spell(owner, groups)).unwrap_or_default());
    command.arg(directory).arg(program);
    Some(command)
}

fn spell(owner: Owner, groups: &[u32]) -> String {
    let further: String = groups.iter().map(|group| format!(":{group}")).collect();
    format!("{}:{}{further}", owner.uid, owner.gid)
}

/// What [`spell`] wrote; None for nothing at all.
fn read(text: &str) -> nix::Result<Option<(Owner, Vec<Gid>)>> {
    if text.is_empty() {
        return Ok(None);
    }
    let numbers: Result<Vec<u32>, _> = text.split(':').map(str::parse).collect();
    match numbers.map_err(|_| EINVAL)?.as_slice() {
        [uid, gid, groups @ ..] => {
            let groups = groups.iter().copied().map(Gid::from_raw).collect();
            Ok(Some((Owner { uid: *uid, gid: *gid }, groups)))
        }
        _ => Err(EINVAL),
    }
}

/// `PARENT UID:GID[:GROUP…] DIRECTORY PROGRAM WORD…`; without user and group it keeps those it has.
///
/// # Errors
/// The program could not be started.
pub fn become_program(mut args: impl Iterator<Item = OsString>) -> Result<Infallible, String> {
    let mut next = || args.next().unwrap_or_default();
    let (parent, owner, directory, program) = (next(), next(), next(), next());
    let named = |what: &OsString, why: std::io::Error| {
        format!("\"{}\" could not be started: {why}", what.to_string_lossy())
    };
    leave(&parent, &owner).map_err(|why| named(&program, why.into()))?;
    chdir(directory.as_os_str()).map_err(|why| named(&directory, why.into()))?;
    let mut command = Command::new(&program);
    Err(named(&program, command.args(args).exec()))
}

fn leave(parent: &OsString, owner: &OsString) -> nix::Result<()> {
    let text = |word: &OsString| word.to_str().map(str::to_owned).ok_or(EINVAL);
    close_inherited();
    setsid()?;
    // Ours outlives its terminal; what it starts has signals as everybody.
    SigSet::empty().thread_set_mask()?;
    if let Some((owner, groups)) = read(&text(owner)?)? {
        let (uid, gid) = (Uid::from_raw(owner.uid), Gid::from_raw(owner.gid));
        setgroups(&groups)?;
        setresgid(gid, gid, gid)?;
        setresuid(uid, uid, uid)?;
    }
    // After the user: the kernel forgets it with a change of that.
    set_pdeathsig(Signal::SIGKILL)?;
    let parent = text(parent)?.parse().map_err(|_| EINVAL)?;
    if getppid() == Pid::from_raw(parent) { Ok(()) } else { Err(ESRCH) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_user_is_read_as_it_was_spelled() {
        let owner = Owner { uid: 998, gid: 33 };
        for groups in [&[][..], &[4, 107]] {
            let gids = groups.iter().copied().map(Gid::from_raw).collect();
            assert_eq!(read(&spell(owner, groups)), Ok(Some((owner, gids))));
        }
        assert_eq!(read(""), Ok(None));
        for wrong in ["0", "0:x", "0:0:", "0:0:-1"] {
            assert_eq!(read(wrong), Err(EINVAL), "{wrong}");
        }
    }
}
