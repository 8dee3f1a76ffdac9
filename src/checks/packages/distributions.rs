//! What is installed, by itself: files gone, broken or doubled metadata, leftovers, foreign code.

use super::{PackageFacts, listed};
use crate::model::{Finding, Kind, Subject, finding};
use crate::python::Inventory;

pub fn check(facts: PackageFacts<'_>) -> Vec<Finding> {
    let judged = facts.environment.judged();
    let upgraded = facts.environment.upgraded_from().is_some();
    let mut found = Vec::new();
    if !upgraded {
        found.extend(files_gone(facts));
        found.extend(foreign(facts));
    }
    found.extend(broken(facts, judged));
    found.extend(duplicates(facts, judged));
    found.extend(leftovers(facts, judged));
    found
}

fn group(
    facts: PackageFacts<'_>,
    kind: &'static Kind,
    what: &str,
    items: &[(String, String)],
) -> Option<Finding> {
    let subject = Subject::file(&facts.environment.facts.path);
    (!items.is_empty()).then(|| listed(Finding::new(kind, subject, ""), what, items))
}

/// pip takes only names from the requirements: names in the environment are the service user's.
fn reinstall(facts: PackageFacts<'_>) -> Vec<Vec<String>> {
    let mut commands = facts.install(&[]);
    if let Some(last) = commands.last_mut() {
        last.push("--force-reinstall".to_owned());
    }
    commands
}

fn files_gone(facts: PackageFacts<'_>) -> Option<Finding> {
    let items: Vec<_> = facts
        .environment
        .absent
        .iter()
        .map(|one| {
            let files = one.files.join(", ");
            let text =
                format!("{} of {} files looked for are missing: {files}", one.count, one.looked);
            (format!("{} {}", one.name, one.version), text)
        })
        .collect();
    let mut found = group(facts, &finding::PKG_FILES_GONE, "files are missing of", &items)?;
    found.commands = reinstall(facts);
    Some(found)
}

fn foreign(facts: PackageFacts<'_>) -> Option<Finding> {
    let all = facts.environment.inventory.distributions.values();
    let items: Vec<_> = all
        .filter(|one| !one.foreign.is_empty())
        .map(|one| {
            let modules: Vec<_> = one.foreign.iter().take(5).map(String::as_str).collect();
            (format!("{} {}", one.name, one.version_text), modules.join(", "))
        })
        .collect();
    let mut found =
        group(facts, &finding::PKG_FOREIGN, "modules are compiled for another Python in", &items)?;
    found.commands = reinstall(facts);
    Some(found)
}

fn broken(facts: PackageFacts<'_>, judged: &Inventory) -> Option<Finding> {
    let items: Vec<_> = judged
        .broken
        .iter()
        .map(|one| (format!("\"{}\"", one.entry), place(judged, one.site, one.why)))
        .collect();
    group(facts, &finding::PKG_METADATA, "the metadata cannot be used of", &items)
}

fn duplicates(facts: PackageFacts<'_>, judged: &Inventory) -> Option<Finding> {
    let items: Vec<_> = judged
        .duplicates
        .iter()
        .map(|one| {
            let versions = format!("versions {}", one.versions.join(" and "));
            (one.name.to_string(), place(judged, one.site, &versions))
        })
        .collect();
    group(facts, &finding::PKG_DUPLICATE, "two sets of metadata for", &items)
}

fn leftovers(facts: PackageFacts<'_>, judged: &Inventory) -> Option<Finding> {
    let items: Vec<_> = judged
        .leftovers
        .iter()
        .map(|(site, name)| (format!("\"{name}\""), place(judged, *site, "left by pip")))
        .collect();
    group(facts, &finding::PKG_LEFTOVER, "an interrupted pip left", &items)
}

fn place(judged: &Inventory, site: usize, text: &str) -> String {
    match judged.sites.get(site) {
        Some(site) => format!("{text}, in {}", site.path.display()),
        None => text.to_owned(),
    }
}
