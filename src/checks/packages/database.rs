//! The database driver and the time zone data: what Django needs beside itself.
//!
//! The module names here are those that Django itself imports.

use super::PackageFacts;
use crate::model::{Finding, Subject, finding};
use crate::python::{Inventory, is_at_least};

pub fn check(facts: PackageFacts<'_>) -> Vec<Finding> {
    let judged = facts.environment.judged();
    if judged.find("django").is_none() || !judged.is_complete() {
        return Vec::new();
    }
    let mut found = Vec::new();
    if facts.context.postgres {
        found.extend(driver(facts, judged));
    }
    found.extend(zones(facts, judged));
    found
}

fn driver(facts: PackageFacts<'_>, judged: &Inventory) -> Option<Finding> {
    let has = |module: &str| judged.modules.contains(module);
    let django = judged.find("django")?;
    let modern = is_at_least(django.version.as_ref(), 4, 2) != Some(false);
    if has("psycopg2") {
        return None;
    }
    let subject = Subject::file(&facts.environment.facts.path);
    if !(modern && has("psycopg")) {
        let note = if has("psycopg") { ", which does not know psycopg 3 yet" } else { "" };
        let detail = format!(
            "DATABASE_URL is for PostgreSQL, but no driver is installed for Django {}{note}",
            django.version_text
        );
        let package = if modern { "psycopg[binary]" } else { "psycopg2-binary" };
        let mut found = Finding::new(&finding::PKG_DRIVER_MISSING, subject, detail).blocking();
        found.commands = facts.pip(&["install", package]);
        return Some(found);
    }
    if has("psycopg_binary") || has("psycopg_c") || !facts.context.libpq.is_absent() {
        return None;
    }
    let detail = "psycopg is installed, but neither its binary part nor the system's libpq.so.5";
    let mut found = Finding::new(&finding::PKG_DRIVER_HALF, subject, detail).blocking();
    found.commands = facts.pip(&["install", "psycopg[binary]"]);
    Some(found)
}

fn zones(facts: PackageFacts<'_>, judged: &Inventory) -> Option<Finding> {
    if !facts.context.zoneinfo.is_absent() || judged.modules.contains("tzdata") {
        return None;
    }
    let detail = "there is no /usr/share/zoneinfo, and tzdata is not installed";
    let subject = Subject::file("/usr/share/zoneinfo");
    Some(
        Finding::new(&finding::PKG_NO_ZONES, subject, detail)
            .command(&["apt", "install", "tzdata"]),
    )
}
