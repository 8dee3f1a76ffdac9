//! The only place where a plan becomes real: one match over [`Effect`].
//!
//! Invariant: actions run in the order of the plan; the first failure stops its group, not the
//! others; what was done is reported as exactly as what was not.

use std::path::PathBuf;
use std::time::Duration;

use super::exec::{self, Request};
use super::privfs::{Refusal, Root};
use crate::model::{Action, Effect, Owner, Plan};

/// What became of one action.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    Done,
    /// Not done; the text says why.
    Failed(String),
    /// An earlier action of its group failed.
    Skipped,
}

/// One action with what became of it.
#[derive(Clone, Debug)]
pub struct Applied {
    pub action: Action,
    pub outcome: Outcome,
}

/// Applies a plan. Nothing is undone on failure: each effect is whole or absent.
pub fn apply(root: &Root, plan: &Plan) -> Vec<Applied> {
    let mut stopped = Vec::new();
    plan.actions
        .iter()
        .map(|action| {
            let outcome = if stopped.contains(&action.group) {
                Outcome::Skipped
            } else {
                match perform(root, &action.effect) {
                    Ok(()) => Outcome::Done,
                    Err(why) => {
                        stopped.push(action.group);
                        Outcome::Failed(why)
                    }
                }
            };
            Applied { action: action.clone(), outcome }
        })
        .collect()
}

/// Applies a plan of which all must be done.
///
/// # Errors
/// The object that failed first, and why.
pub fn apply_all(root: &Root, plan: &Plan) -> Result<(), String> {
    match first_failure(&apply(root, plan)) {
        Some((path, why)) => Err(format!("\"{}\": {why}", path.display())),
        None => Ok(()),
    }
}

/// The first action that failed: the object and why.
pub fn first_failure(applied: &[Applied]) -> Option<(PathBuf, &str)> {
    applied.iter().find_map(|a| match &a.outcome {
        Outcome::Failed(why) => Some((a.action.effect.path(), why.as_str())),
        Outcome::Done | Outcome::Skipped => None,
    })
}

fn perform(root: &Root, effect: &Effect) -> Result<(), String> {
    let result = match effect {
        Effect::MakeDir { path, owner, mode } => root.make_dir(path, *owner, *mode),
        Effect::MakeFile { path, owner, mode } => root.make_file(path, *owner, *mode),
        Effect::SetOwner { path, owner, seen, .. } => root.set_owner(path, *owner, *seen),
        Effect::SetMode { path, mode, seen, .. } => root.set_mode(path, *mode, *seen),
        Effect::MoveAside { path, to, seen } => root.move_aside(path, to, *seen),
        Effect::Backup { path, to, seen } => root.back_up(path, to, *seen),
        Effect::Replace { path, content, seen, owner, mode } => {
            root.replace(path, content.expose(), Some(*seen), *owner, *mode)
        }
        Effect::Write { path, content, owner, mode } => {
            root.replace(path, content.expose(), None, Some(*owner), Some(*mode))
        }
        Effect::Create { path, content, mode } => root.create_new(path, content, *mode),
        Effect::Append { path, content, owner, mode, cap } => {
            root.append(path, content.expose(), *owner, *mode, *cap)
        }
        Effect::Symlink { path, target } => root.symlink(path, target),
        Effect::Relink { path, target } => root.relink(path, target),
        Effect::Remove { path } => root.remove(path),
        Effect::Unmake { path, seen } => root.unmake(path, *seen),
        Effect::Run { argv, seconds } => return run(argv, *seconds),
    };
    result.map_err(|refusal: Refusal| refusal.to_string())
}

fn run(argv: &[String], seconds: u64) -> Result<(), String> {
    let output = exec::run(&Request::new(argv).deadline(Duration::from_secs(seconds)))?;
    if output.success() { Ok(()) } else { Err(output.describe()) }
}

/// Writes a file that the user named on the command line, whole or not at all; in a directory
/// that others can write, too, no link of theirs is followed.
///
/// # Errors
/// Why it could not be written.
pub fn write_output(path: &std::path::Path, content: &[u8]) -> Result<(), String> {
    write_named(path, content, 0o644)
}

/// As [`write_output`], for nobody else to read.
///
/// # Errors
/// As [`write_output`].
pub fn write_private(path: &std::path::Path, content: &[u8]) -> Result<(), String> {
    write_named(path, content, 0o600)
}

fn write_named(path: &std::path::Path, content: &[u8], mode: u32) -> Result<(), String> {
    let path = std::path::absolute(path).map_err(|error| error.to_string())?;
    let root = Root::open(std::path::Path::new("/")).map_err(|refusal| refusal.to_string())?;
    let owner =
        Owner { uid: nix::unistd::geteuid().as_raw(), gid: nix::unistd::getegid().as_raw() };
    root.replace(&path, content, None, Some(owner), Some(mode)).map_err(|r| r.to_string())
}
