//! The drop-in beside an administrator's own unit: only what is missing.
//!
//! The helpers run first and always: his `ExecStartPre=` lines follow ours, and paths and files
//! without a dash get one, because a missing one would keep every command, ours too, from running.

use std::path::Path;

use super::WALL;
use super::facts::UnitFacts;
use super::file::UnitFile;
use super::plan::header;
use crate::config::{CAPTURE, Config, PRE_START};
use crate::model::{Fact, FileKind};

/// The text, and whether the unit already runs our helper by itself.
pub(super) fn drop_in(config: &Config, facts: &UnitFacts, unit: &UnitFile, path: &Path) -> String {
    let about = format!("what \"{}\" lacks", path.display());
    let mut lines = vec!["[Service]".to_owned()];
    environment_files(&mut lines, config, facts, unit);
    dashed(&mut lines, unit, "ReadWritePaths");
    dashed(&mut lines, unit, "ReadOnlyPaths");
    dashed(&mut lines, unit, "InaccessiblePaths");
    wall(&mut lines, unit);
    pre_start(&mut lines, unit);
    if !unit.list("Service", "ExecStopPost").iter().any(|l| l.contains(CAPTURE)) {
        lines.push(format!("ExecStopPost=-+{CAPTURE}"));
    }
    if unit.last("Service", "NotifyAccess").is_none() {
        lines.push("# lets pre-start show its status line".to_owned());
        lines.push("NotifyAccess=exec".to_owned());
    }
    let restart_sec = unit.last("Service", "RestartSec");
    if restart_sec.is_none_or(str::is_empty) {
        lines.push(format!("RestartSec={}", config.restart_sec.value));
    }
    if unit.list("Unit", "OnFailure").is_empty() {
        lines.push(String::new());
        lines.push("[Unit]".to_owned());
        lines.push("OnFailure=projectmeats-capture@%n.service".to_owned());
    }
    header(config, &about) + &lines.join("\n") + "\n"
}

/// Names every env file again, with a dash: without it a missing or unreadable file stops the unit
/// before pre-start could repair it. A special file is left out: opening a FIFO blocks PID 1.
fn environment_files(lines: &mut Vec<String>, config: &Config, facts: &UnitFacts, unit: &UnitFile) {
    let files = unit.list("Service", "EnvironmentFile");
    let ours = config.env_file.value.to_string_lossy();
    let special = match &facts.env_file {
        Fact::Known(FileKind::Regular | FileKind::Symlink) | Fact::Absent | Fact::Unknown(_) => {
            false
        }
        Fact::Known(_) => true,
    };
    let bad = |f: &&&str| !f.starts_with('-') || (special && f.trim_start_matches('-') == ours);
    if files.iter().find(bad).is_none() {
        return;
    }
    lines.push("# with a dash, so that pre-start runs and says what is wrong".to_owned());
    lines.push("EnvironmentFile=".to_owned());
    for file in files {
        let path = file.trim_start_matches('-');
        if special && path == ours {
            lines.push(format!("# {path} is no regular file: reading it could block systemd"));
        } else {
            lines.push(format!("EnvironmentFile=-{path}"));
        }
    }
}

/// Names the paths of a sandbox list again, each with a dash.
fn dashed(lines: &mut Vec<String>, unit: &UnitFile, key: &str) {
    let values = unit.list("Service", key);
    let words: Vec<&str> = values.iter().flat_map(|v| v.split_whitespace()).collect();
    let path_of = |w: &str| w.trim_start_matches(['-', '+']).to_owned();
    // A quoted path may hold blanks: such a list is left as it is.
    let quoted = values.iter().any(|v| v.contains(['"', '\'']));
    if quoted || words.iter().all(|w| w.starts_with('-')) {
        return;
    }
    lines.push(format!("# {key}= with a dash: a missing path fails every command (226/NAMESPACE)"));
    lines.push(format!("{key}="));
    for word in words {
        let prefix = if word.trim_start_matches('-').starts_with('+') { "-+" } else { "-" };
        lines.push(format!("{key}={prefix}{}", path_of(word)));
    }
}

/// The wall, without what the administrator sets on purpose.
fn wall(lines: &mut Vec<String>, unit: &UnitFile) {
    let set = unit.list("Service", "Environment").join(" ");
    let meant = |name: &str| {
        set.split_whitespace()
            .any(|w| w.trim_start_matches(['"', '\'']).starts_with(&format!("{name}=")))
    };
    let names: Vec<&str> = WALL.iter().copied().filter(|name| !meant(name)).collect();
    lines.push("# what the env file must not bring to a command that root runs".to_owned());
    lines.push(format!("UnsetEnvironment={}", names.join(" ")));
}

fn pre_start(lines: &mut Vec<String>, unit: &UnitFile) {
    let commands = unit.list("Service", "ExecStartPre");
    if commands.iter().any(|c| c.contains(PRE_START)) {
        return;
    }
    if !commands.is_empty() {
        lines.push("# first ours, then those of the unit".to_owned());
        lines.push("ExecStartPre=".to_owned());
    }
    lines.push(format!("ExecStartPre=+{PRE_START}"));
    lines.extend(commands.iter().map(|c| format!("ExecStartPre={c}")));
}
