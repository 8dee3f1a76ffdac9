//! `meats-diagnose config`: what is in force, with its origin.

use std::io::Write;

use super::observe_settings;
use crate::config::Config;
use crate::report;
use crate::sys::Root;

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
