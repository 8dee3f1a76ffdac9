//! The drop-in beside an administrator's own unit: only what is missing.
//!
//! The helpers run first and always: his `ExecStartPre=` lines follow ours, and paths and files
//! without a dash get one, because a missing one would keep every command, ours too, from running.

use std::path::Path;

use super::WALL;
use super::emitted::header;
use super::facts::UnitFacts;
use super::file::UnitFile;
use super::words::raw_words;
use crate::config::{CAPTURE, Config, PRE_START};
use crate::model::FileKind;

/// Lists of paths whose entries may have a dash, each with its older name (systemd.exec(5)).
const PATH_LISTS: &[&[&str]] = &[
    &["ReadWritePaths", "ReadWriteDirectories"],
    &["ReadOnlyPaths", "ReadOnlyDirectories"],
    &["InaccessiblePaths", "InaccessibleDirectories"],
    &["ExecPaths"],
    &["NoExecPaths"],
];

/// The text of the drop-in.
pub(super) fn drop_in(config: &Config, facts: &UnitFacts, unit: &UnitFile, path: &Path) -> String {
    let about = format!("what \"{}\" lacks", path.display());
    let mut lines = vec!["[Service]".to_owned()];
    environment_files(&mut lines, facts, unit);
    working_directory(&mut lines, unit);
    for names in PATH_LISTS {
        dashed(&mut lines, unit, names);
    }
    wall(&mut lines, &facts.admin.in_force().unwrap_or_default());
    pre_start(&mut lines, unit);
    if !unit.list("Service", "ExecStopPost").iter().any(|l| l.contains(CAPTURE)) {
        lines.push(format!("ExecStopPost=-+{CAPTURE}"));
    }
    if unit.last("Service", "NotifyAccess").is_none_or(str::is_empty) {
        lines.push("# lets pre-start show its status line".to_owned());
        lines.push("NotifyAccess=exec".to_owned());
    }
    let mut of_unit = Vec::new();
    if unit.last("Service", "RestartSec").is_none_or(str::is_empty) {
        lines.push(format!("RestartSec={}", config.restart_sec.value));
        start_limit(&mut of_unit, config, unit);
    }
    if !unit.list("Unit", "OnFailure").iter().any(|units| units.contains(CAPTURE_UNIT)) {
        of_unit.push(format!("OnFailure={CAPTURE_UNIT}%n.service"));
    }
    if !of_unit.is_empty() {
        lines.extend([String::new(), "[Unit]".to_owned()]);
        lines.append(&mut of_unit);
    }
    header(config, &about) + &lines.join("\n") + "\n"
}

/// systemd's own limit, five starts in ten seconds, is never met with such a pause.
fn start_limit(lines: &mut Vec<String>, config: &Config, unit: &UnitFile) {
    // Before systemd 230 the limit stood in [Service], under another name.
    let names = ["StartLimitIntervalSec", "StartLimitInterval", "StartLimitBurst"];
    let set = |section: &str| names.iter().any(|name| unit.last(section, name).is_some());
    let restarts = unit.last("Service", "Restart").is_some_and(|when| !["", "no"].contains(&when));
    if restarts && !set("Unit") && !set("Service") {
        lines.push("# systemd's own limit would not be reached with that pause".to_owned());
        lines.push(format!("StartLimitIntervalSec={}", config.start_limit_interval_sec.value));
        lines.push(format!("StartLimitBurst={}", config.start_limit_burst.value));
    }
}

/// The template that records failures in which no command of the unit runs.
const CAPTURE_UNIT: &str = "projectmeats-capture@";

/// Names every env file again, with a dash: without it a missing or unreadable file stops the unit
/// before pre-start could repair it. A special file is left out: opening a FIFO blocks PID 1.
fn environment_files(lines: &mut Vec<String>, facts: &UnitFacts, unit: &UnitFile) {
    let special = |file: &str| {
        let seen = facts.env_file(Path::new(file.trim_start_matches('-')))?;
        let kind = *seen.behind.known()?;
        (kind != FileKind::Regular).then_some(kind)
    };
    let files = unit.list("Service", "EnvironmentFile");
    if files.iter().all(|f| f.starts_with('-') && special(f).is_none()) {
        return;
    }
    lines.push("# with a dash, so that pre-start runs and says what is wrong".to_owned());
    lines.push("EnvironmentFile=".to_owned());
    for file in files {
        let path = file.trim_start_matches('-');
        match special(file) {
            Some(kind) => {
                lines.push(format!("# {path} is a {}: reading it could block systemd", kind.word()))
            }
            None => lines.push(format!("EnvironmentFile=-{path}")),
        }
    }
}

/// A missing directory would end every command with 200/CHDIR.
fn working_directory(lines: &mut Vec<String>, unit: &UnitFile) {
    let set = unit.last("Service", "WorkingDirectory");
    if let Some(directory) = set.filter(|directory| directory.starts_with(['/', '%', '~'])) {
        lines.push("# with a dash: a missing directory fails every command (200/CHDIR)".to_owned());
        lines.push(format!("WorkingDirectory=-{directory}"));
    }
}

/// Names the paths of a sandbox list again, each with a dash.
fn dashed(lines: &mut Vec<String>, unit: &UnitFile, names: &[&str]) {
    let values = unit.list_of("Service", names);
    let words: Vec<_> = values.iter().flat_map(|v| raw_words(v)).collect();
    let Some(key) = names.first().filter(|_| !words.iter().all(|w| w.has_dash())) else {
        return;
    };
    lines.push(format!("# {key}= with a dash: a missing path fails every command (226/NAMESPACE)"));
    lines.push(format!("{key}="));
    for word in words {
        lines.push(format!("{key}={}", word.dashed()));
    }
}

/// The wall, without what the administrator sets on purpose.
fn wall(lines: &mut Vec<String>, unit: &UnitFile) {
    let set: Vec<String> = unit
        .list("Service", "Environment")
        .into_iter()
        .chain(unit.list("Service", "PassEnvironment"))
        .flat_map(raw_words)
        .map(|w| w.text())
        .collect();
    let meant = |name: &&str| set.iter().any(|w| w.split('=').next() == Some(*name));
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
    // In a root of its own the service has no such program, and "+" lifts nothing of that.
    let jail = ["RootDirectory", "RootImage"].iter();
    let jail = jail.filter_map(|key| unit.last("Service", key)).any(|value| !value.is_empty());
    lines.push(format!("ExecStartPre={}+{PRE_START}", if jail { "-" } else { "" }));
    lines.extend(commands.iter().map(|c| format!("ExecStartPre={c}")));
}
