//! `meats-diagnose bundle`: what somebody who helps needs to know, without a value of the env file.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::round::{Round, look_at_all};
use super::tell::json;
use super::{capture, env_repair, failures, show, show_unit, undo, units};
use crate::cli::diagnose::Bundle;
use crate::model::{Fact, escape};
use crate::report::{self, Document};
use crate::sys::{Root, apply, clock, journal};

/// Lines of the service's journal.
const LINES: usize = 500;

/// Exit status 0 written, 4 written but something could not be looked at.
///
/// # Errors
/// It could not be written.
pub fn main(root: &Root, asked: &Bundle, out: &mut dyn Write) -> Result<u8, String> {
    let round = look_at_all(root);
    let config = &round.facts.config;
    let (admin, _) = units::observe_admin(root, config, &[]);
    let redactor = capture::redactor_of_host(root, config, &admin)?;
    let time = clock::source_date().unwrap_or_else(|| clock::now().secs);
    let documents = documents(root, &round, time);
    let stamp = clock::utc_stamp(time);
    let service = &config.service.value;
    let top = format!("{service}-{stamp}");
    let redact = |text: &str| {
        let lines: Vec<&str> = text.lines().collect();
        redactor.lines(&lines).into_iter().map(|line| line + "\n").collect()
    };
    let bytes = report::pack(&top, &documents, time.unsigned_abs(), &redact)
        .map_err(|error| error.to_string())?;
    let file = asked.file.clone().unwrap_or_else(|| PathBuf::from(format!("{top}.tar.zst")));
    apply::write_private(&file, &bytes)
        .map_err(|why| format!("\"{}\" was not written: {why}", file.display()))?;
    let name = file.display();
    writeln!(out, "{} ({} documents, {} bytes, mode 0600)", name, documents.len(), bytes.len())
        .ok();
    writeln!(out, "Nothing on the host was changed. Values of the env file are masked; look at it")
        .ok();
    let words = [
        "tar".to_owned(),
        "--zstd".to_owned(),
        "-tvf".to_owned(),
        file.to_string_lossy().into_owned(),
    ];
    writeln!(out, "before you send it:\n    {}", report::shell_words(&words)).ok();
    let missing = round.diagnosis.not_checked_count();
    if missing > 0 {
        let more = if root.is_privileged() { "" } else { "; with root there is more in it" };
        writeln!(out, "{missing} checks could not look{more}.").ok();
    }
    Ok(if missing > 0 { 4 } else { 0 })
}

fn documents(root: &Root, round: &Round, time: i64) -> Vec<Document> {
    let document = |name, text| Document { name, text };
    let mut settings = Vec::new();
    show::config(root, None, false, &mut settings).ok();
    let mut unit = Vec::new();
    show_unit::in_force(root, &mut unit);
    let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
    vec![
        document("diagnosis.json", json(root, round, Some(time))),
        document("settings.txt", text(settings)),
        document("unit.txt", text(unit)),
        document("failures.json", pretty(&failures::observe(root))),
        document("repairs.json", pretty(&undo::observe(root))),
        document("journal.txt", journal_text(root, round)),
        document("distributions.txt", distributions(round)),
        document("versions.txt", versions(root, round)),
    ]
}

fn pretty<T: serde::Serialize>(fact: &Fact<T>) -> String {
    match fact {
        Fact::Known(value) => serde_json::to_string_pretty(value).unwrap_or_default(),
        Fact::Absent => "[]".to_owned(),
        Fact::Unknown(why) => serde_json::json!({ "not_looked": why }).to_string(),
    }
}

fn journal_text(root: &Root, round: &Round) -> String {
    if !root.is_system() {
        return "not looked at: this is not the running system".to_owned();
    }
    // Without the values nothing can be masked by value.
    if let Fact::Unknown(why) = root.read(&round.facts.config.env_file, env_repair::ENV_LIMIT) {
        return format!("left out: the env file could not be read ({why}), so no value is masked");
    }
    let names = units::names(root, &round.facts.config.unit());
    let unit = names.first().cloned().unwrap_or_default();
    let (own, about) = (format!("_SYSTEMD_UNIT={unit}"), format!("UNIT={unit}"));
    match journal::query(root, &[&own], &[&about], LINES, Duration::from_secs(10)) {
        Ok(reading) => {
            let line = |l: &journal::Line| {
                let secs = i64::try_from(l.time / 1_000_000).unwrap_or(0);
                format!("{} {}: {}\n", clock::utc_stamp(secs), escape(&l.identifier), l.message)
            };
            let trouble = |t: &String| format!("not read: {t}\n");
            let troubles = reading.troubles.iter().map(trouble);
            troubles.chain(reading.lines.iter().map(line)).collect()
        }
        Err(why) => format!("not looked at: {why}"),
    }
}

fn distributions(round: &Round) -> String {
    let inventory = round.facts.packages.environment.judged();
    let all = inventory.distributions.values();
    all.map(|d| format!("{}=={}\n", d.name, escape(&d.version_text))).collect()
}

fn versions(root: &Root, round: &Round) -> String {
    let platform = &round.facts.packages.context.platform;
    let mut out = format!("meats-diagnose {}\n", env!("CARGO_PKG_VERSION"));
    out.push_str(&format!("kernel {} {}\n", platform.release, platform.machine));
    let python = round.facts.packages.environment.layout.full_version();
    out.push_str(&format!("python {}\n", escape(python.unwrap_or("unknown"))));
    for path in ["/etc/os-release", "/etc/debian_version"] {
        let bytes = root.read(Path::new(path), 64 << 10);
        let text = bytes.known().map(|b| String::from_utf8_lossy(b).into_owned());
        out.push_str(&format!("\n{path}\n{}\n", text.unwrap_or_else(|| "not there".to_owned())));
    }
    out
}
