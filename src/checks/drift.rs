//! What a repair would change: the planners' own answer.

use std::path::Path;

use super::{Check, Facts, Verdict, settings};
use crate::model::{Finding, Repair, finding};

/// Log tree, runtime directories, access to the env file.
pub const TREES: Check = Check {
    kinds: || {
        vec![
            &finding::LOG_OWNER,
            &finding::LOG_MODE,
            &finding::LOG_MISSING,
            &finding::LOG_REFUSED,
            &finding::LOG_LIMIT,
            &finding::ENV_ACCESS,
            &finding::ENV_CREDENTIAL,
            &finding::ENV_MISSING,
            &finding::ENV_NOT_REGULAR,
            &finding::ENV_UNREADABLE,
        ]
    },
    run: trees,
};

fn trees(facts: &Facts) -> Verdict {
    Verdict::of(&facts.trees_seen, "root", |()| {
        settings::planned(facts, &(TREES.kinds)()).into_iter().map(|f| remedied(facts, f)).collect()
    })
}

/// A log by one of the names of the settings; all others are the service user's choice.
fn is_log(facts: &Facts, path: &Path) -> bool {
    facts.config.log_files.iter().any(|name| facts.config.log_file(name) == path)
}

/// What lies where a log should is moved, as it is and without being followed, to where only root
/// can look; the log is then made anew.
fn moved_away(facts: &Facts, finding: Finding, path: &Path) -> Finding {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let to = format!("/root/{name}.refused");
    finding
        .command(&["mv", "--backup=numbered", "-T", &path.to_string_lossy(), &to])
        .command(&["meats-diagnose", "--fix"])
        .command(&["systemctl", "restart", &facts.config.service.value])
}

/// Root touches nothing there: a person has to look. What lies in the directory has names that the
/// service user chose, so only the directory is named.
fn remedied(facts: &Facts, finding: Finding) -> Finding {
    if !finding.commands.is_empty() || finding.repair == Repair::Automatic {
        return finding;
    }
    if let Some(path) = finding.subject.path.clone().filter(|p| is_log(facts, p)) {
        return moved_away(facts, finding, &path);
    }
    let near = |dir: &&std::path::PathBuf| {
        finding.subject.path.as_ref().is_some_and(|p| p.starts_with(dir))
    };
    let config = &facts.config;
    let known = [&config.log_dir.value, &config.runtime_dir.value, &config.app_dir.value];
    let place = known.into_iter().find(near).cloned();
    let place = place.or_else(|| config.env_file.parent().map(Into::into)).unwrap_or_default();
    finding.command(&["ls", "-la", &place.to_string_lossy()])
}
