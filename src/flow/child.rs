//! The way into a child: `child PARENT UID:GID DIRECTORY PROGRAM WORD…`, which only `sys::exec` calls.

use std::ffi::OsString;
use std::io::Write;
use std::process::ExitCode;

use crate::sys::child;

pub use child::is_here;

/// Becomes the program; what comes back is a failure, 127 as a shell has it.
pub fn main(args: impl Iterator<Item = OsString>, err: &mut dyn Write) -> ExitCode {
    let Err(why) = child::become_program(args);
    writeln!(err, "{why}").ok();
    ExitCode::from(127)
}
