//! `meats-deploy`: observe, plan the steps, carry them out, undo on failure.
//!
//! Invariant: nothing is changed but by a step of the printed plan, and code of the application runs
//! as the service user only.
//!
//! Exit status: 0 live, 1 not deployed and what was live still is, 2 wrong usage, 3 nothing healthy
//! is live, 4 could not begin.

mod apply;
mod carry;
mod containers;
mod docker;
mod end;
mod fresh;
mod git;
mod guard;
mod log;
mod mask;
mod observe;
mod postgres;
mod progress;
mod prune;
mod release;
mod rollout;
mod room;
mod run;
mod setup;
mod source;
mod transfer;
mod unpack;
mod web;
mod worker;

use std::ffi::OsString;
use std::io::Write;
use std::path::Path;
use std::process::ExitCode;

use clap::Parser as _;
use end::{End, PROGRAM};

use crate::cli::deploy::{Deploy, Verb};
use crate::sys::Root;

/// Runs the command; relative paths count from `directory`. Progress and results go to `out`, errors to `err`.
pub fn main(
    args: impl Iterator<Item = OsString>,
    directory: Option<&Path>,
    out: &mut dyn Write,
    err: &mut dyn Write,
) -> ExitCode {
    let asked = match Deploy::try_parse_from(args) {
        Ok(asked) => asked.from_directory(directory),
        Err(error) => {
            let to: &mut dyn Write = if error.use_stderr() { err } else { out };
            write!(to, "{}", error.render()).ok();
            return ExitCode::from(u8::try_from(error.exit_code()).unwrap_or(2));
        }
    };
    crate::sys::process::settle();
    let end = Root::open(Path::new("/"))
        .map_err(|why| format!("\"/\": {why}"))
        .and_then(|root| dispatch(&root, &asked.verb, out));
    match end {
        Ok(end) => end.into(),
        Err(why) => {
            writeln!(err, "{PROGRAM}: {why}").ok();
            End::NotBegun.into()
        }
    }
}

fn dispatch(root: &Root, verb: &Verb, out: &mut dyn Write) -> Result<End, String> {
    match verb {
        Verb::Check(asked) => apply::check(root, asked, out),
        Verb::Setup(asked) => setup::setup(root, asked, out),
        Verb::Apply(asked) => apply::apply(root, asked, out),
        Verb::Rollback(asked) => release::rollback(root, asked, out),
        Verb::Releases(asked) => release::releases(root, asked, out),
        Verb::Prune(asked) => prune::prune(root, asked, out),
        Verb::Docker(asked) => docker::main(root, asked, out),
    }
}
