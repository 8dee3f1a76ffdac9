//! Actions in words: the same text in a dry run, in the journal and after `--fix`.

use crate::model::escape_path;
use crate::model::{Effect, Names, Owner};

/// "owner" as `user:group`.
pub fn describe_owner(owner: Owner, names: &dyn Names) -> String {
    format!("{}:{}", names.user(owner.uid), names.group(owner.gid))
}

/// One action, without a verb in front: "owner www-data:www-data -> projectmeats:www-data".
pub fn describe_action(effect: &Effect, names: &dyn Names) -> String {
    let path = escape_path(&effect.path());
    match effect {
        Effect::MakeDir { owner, mode, .. } => {
            format!("{path}: make directory {} {mode:04o}", describe_owner(*owner, names))
        }
        Effect::MakeFile { owner, mode, .. } => {
            format!("{path}: make empty file {} {mode:04o}", describe_owner(*owner, names))
        }
        Effect::SetOwner { owner, from, .. } => format!(
            "{path}: owner {} -> {}",
            describe_owner(*from, names),
            describe_owner(*owner, names)
        ),
        Effect::SetMode { mode, from, .. } => format!("{path}: mode {from:04o} -> {mode:04o}"),
        Effect::MoveAside { to, .. } => {
            format!("{path}: rename to {}", escape_path(std::path::Path::new(to)))
        }
        Effect::Backup { to, .. } => format!("{path}: back up to {}", escape_path(to)),
        Effect::Replace { owner: Some(owner), .. } => {
            format!("{path}: write anew, owner {}", describe_owner(*owner, names))
        }
        Effect::Replace { .. } => format!("{path}: write the repaired content"),
        Effect::Write { .. } => format!("{path}: write"),
        Effect::Create { .. } => format!("{path}: write a new file"),
        Effect::Append { .. } => format!("{path}: append"),
        Effect::Symlink { target, .. } => format!("{path}: link to {}", escape_path(target)),
        Effect::Relink { target, .. } => {
            format!("{path}: switch the link to {}", escape_path(target))
        }
        Effect::Remove { .. } => format!("{path}: remove"),
        Effect::Unmake { .. } => format!("{path}: remove, if it is still empty"),
        Effect::Run { argv, .. } => format!("run {}", super::shell_words(argv)),
    }
}
