//! `meats-diagnose config` and `meats-diagnose unit`: what is in force, with its origin.

use std::io::Write;

use super::{observe_settings, observe_unit};
use crate::config::Config;
use crate::report;
use crate::sys::Root;
use crate::unit::{AdminUnit, Emitted, plan_unit};

/// Every setting, or the value of one.
///
/// # Errors
/// The setting does not exist.
pub fn config(
    root: &Root,
    get: Option<&str>,
    json: bool,
    out: &mut dyn Write,
) -> Result<(), String> {
    let (config, findings) = observe_settings(root);
    if let Some(wanted) = get {
        let named = |e: &&crate::config::Entry| {
            format!("{}.{}", e.key.section, e.key.name) == wanted || e.key.name == wanted
        };
        let entry = config.entries.iter().find(named);
        let entry =
            entry.ok_or_else(|| format!("no setting is called \"{}\"", report::escape(wanted)))?;
        writeln!(out, "{}", entry.value).ok();
        return Ok(());
    }
    if json {
        let entries: Vec<serde_json::Value> = config
            .entries
            .iter()
            .map(|e| {
                serde_json::json!({
                    "section": e.key.section,
                    "name": e.key.name,
                    "value": e.value,
                    "origin": e.origin.to_string(),
                })
            })
            .collect();
        let document = serde_json::json!({
            "schema": "projectmeats.config/1.0",
            "settings": entries,
            "findings": findings.iter().map(report::one_line).collect::<Vec<_>>(),
            "complete": true,
        });
        writeln!(out, "{document:#}").ok();
        return Ok(());
    }
    text(&config, out);
    for finding in &findings {
        writeln!(out, "# {}", report::one_line(finding)).ok();
    }
    Ok(())
}

fn text(config: &Config, out: &mut dyn Write) {
    let mut section = "";
    for entry in &config.entries {
        if entry.key.section != section {
            let gap = if section.is_empty() { "" } else { "\n" };
            section = entry.key.section;
            writeln!(out, "{gap}[{section}]").ok();
        }
        writeln!(out, "# {}", entry.origin).ok();
        writeln!(out, "{} = {}", entry.key.name, entry.value).ok();
    }
}

/// What the generator emits here, and which unit of the administrator's stands beside it.
///
/// # Errors
/// None; the signature is that of its neighbour.
pub fn unit(root: &Root, export: bool, out: &mut dyn Write) -> Result<(), String> {
    let (config, _) = observe_settings(root);
    let mut facts = observe_unit(root, &config);
    if export {
        facts.admin = AdminUnit::None;
    } else {
        match &facts.admin {
            AdminUnit::None => {}
            AdminUnit::Masked { path } => {
                writeln!(out, "# masked by {}: nothing is emitted", path.display()).ok();
            }
            AdminUnit::Unreadable { path, why } => {
                writeln!(out, "# {} could not be read: {why}", path.display()).ok();
            }
            AdminUnit::Present { path, bytes, .. } => {
                writeln!(out, "==> {} (the administrator's) <==", path.display()).ok();
                writeln!(out, "{}", printable(bytes)).ok();
            }
        }
    }
    let (emitted, findings) = plan_unit(&config, &facts);
    for finding in findings {
        writeln!(out, "# {}", report::one_line(&finding)).ok();
    }
    for item in emitted {
        match item {
            Emitted::File { path, text } => {
                writeln!(out, "==> {} (generated) <==\n{text}", path.display()).ok();
            }
            Emitted::Link { path, target } => {
                writeln!(out, "==> {} -> {} (generated) <==", path.display(), target.display())
                    .ok();
            }
        }
    }
    Ok(())
}

/// A unit file is text with lines; nothing else in it reaches the terminal.
fn printable(bytes: &[u8]) -> String {
    let text = String::from_utf8_lossy(bytes);
    text.lines().map(report::escape).collect::<Vec<_>>().join("\n")
}
