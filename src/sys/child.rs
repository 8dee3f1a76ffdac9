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

use nix::sys::prctl::set_pdeathsig;
use nix::sys::signal::Signal;
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
pub(super) fn starter(program: &str, directory: OsString, owner: Option<Owner>) -> Option<Command> {
    HERE.get()?;
    let mut command = Command::new("/proc/self/exe");
    command.arg0(NAME).arg(std::process::id().to_string());
    command.arg(owner.map(|o| format!("{}:{}", o.uid, o.gid)).unwrap_or_default());
    command.arg(directory).arg(program);
    Some(command)
}

/// `PARENT UID:GID DIRECTORY PROGRAM WORD…`; without user and group it keeps those it has.
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
    use nix::errno::Errno::{EINVAL, ESRCH};
    let number = |text: &str| text.parse::<u32>().map_err(|_| EINVAL);
    let text = |word: &OsString| word.to_str().map(str::to_owned).ok_or(EINVAL);
    close_inherited();
    setsid()?;
    if let Some((uid, gid)) = text(owner)?.split_once(':') {
        let (uid, gid) = (Uid::from_raw(number(uid)?), Gid::from_raw(number(gid)?));
        setgroups(&[])?;
        setresgid(gid, gid, gid)?;
        setresuid(uid, uid, uid)?;
    }
    // After the user: the kernel forgets it with a change of that.
    set_pdeathsig(Signal::SIGKILL)?;
    let parent = text(parent)?.parse().map_err(|_| EINVAL)?;
    if getppid() == Pid::from_raw(parent) { Ok(()) } else { Err(ESRCH) }
}
