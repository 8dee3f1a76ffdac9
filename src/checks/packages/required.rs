//! What is installed against what is asked for, and against each other.

use std::collections::BTreeSet;

use super::{PackageFacts, listed};
use crate::model::{Finding, Kind, Subject, finding};
use crate::python::{self, Required, Shortfall, Unmet};

pub fn check(facts: PackageFacts<'_>) -> Vec<Finding> {
    let mut found = problems(facts);
    let environment = facts.environment;
    let markers = environment.layout.version.and_then(|version| {
        python::environment(version, environment.layout.full_version(), &facts.context.platform)
    });
    let (Some(markers), true) = (markers, environment.judged().is_complete()) else {
        return found;
    };
    let short = python::shortfalls(facts.requirements, environment.judged(), &markers);
    let missing: Vec<_> = short.iter().filter(|s| s.unmet == Unmet::Missing).collect();
    let wrong: Vec<_> = short.iter().filter(|s| s.unmet != Unmet::Missing).collect();
    let serving = facts.context.serving;
    let kind = if serving { &finding::PKG_UNUSED } else { &finding::PKG_MISSING };
    found.extend(asked(facts, kind, "not installed", &missing));
    found.extend(asked(facts, &finding::PKG_VERSION, "another version is installed of", &wrong));
    let told = short.iter().map(|short| short.name.to_string()).collect();
    found.extend(conflicts(facts, &markers, &told));
    found.extend(unpinned(facts));
    found
}

fn problems(facts: PackageFacts<'_>) -> Vec<Finding> {
    let finding = |problem: &python::FileProblem| {
        let subject = match problem.line {
            Some(line) => Subject::line(&problem.file, line),
            None => Subject::file(&problem.file),
        };
        Finding::new(&finding::PKG_REQUIREMENTS, subject, problem.why.clone())
    };
    facts.requirements.problems.iter().take(20).map(finding).collect()
}

fn asked(
    facts: PackageFacts<'_>,
    kind: &'static Kind,
    what: &str,
    short: &[&Shortfall<'_>],
) -> Option<Finding> {
    let first = short.first()?;
    let items: Vec<_> = short.iter().map(|one| (one.name.to_string(), words(one))).collect();
    let subject = Subject::line(&first.required.file, first.required.line);
    let mut found = listed(Finding::new(kind, subject, ""), what, &items);
    found.commands = facts.install(&[]);
    Some(found)
}

fn words(short: &Shortfall<'_>) -> String {
    let Required { file, line, constraint, .. } = short.required;
    let verb = if *constraint { "limits it to" } else { "asks for" };
    let wanted = if short.wanted.is_empty() { "any version" } else { short.wanted.as_str() };
    let through =
        short.through.as_ref().map(|label| format!(" through {label}")).unwrap_or_default();
    let found = match &short.unmet {
        Unmet::Missing => String::new(),
        Unmet::Version { installed } => format!("; {installed} is installed"),
    };
    format!("{}:{line} {verb} {wanted}{through}{found}", file.display())
}

/// Without those that the requirements have told already.
fn conflicts(
    facts: PackageFacts<'_>,
    markers: &python::Markers,
    told: &BTreeSet<String>,
) -> Option<Finding> {
    let items: Vec<_> = python::conflicts(facts.environment.judged(), markers)
        .iter()
        .filter(|one| !told.contains(&one.name.to_string()))
        .map(|one| {
            let unmet = match &one.unmet {
                Unmet::Missing => "which is not installed".to_owned(),
                Unmet::Version { installed } => format!("but {installed} is installed"),
            };
            let by = format!("{} {}", one.by, one.by_version);
            (by, format!("needs {} {}, {unmet}", one.name, one.wanted).replace(" ,", ","))
        })
        .collect();
    let subject = Subject::file(&facts.environment.facts.path);
    let found = Finding::new(&finding::PKG_CONFLICT, subject, "");
    let mut found = (!items.is_empty())
        .then(|| listed(found, "what they need does not fit what is installed", &items))?;
    found.commands = facts.install(&[]);
    Some(found)
}

fn unpinned(facts: PackageFacts<'_>) -> Option<Finding> {
    let items: Vec<_> = python::unpinned(facts.requirements)
        .map(|one| (one.specifier.name.to_string(), format!("{}:{}", one.file.display(), one.line)))
        .collect();
    let (file, line) = python::unpinned(facts.requirements)
        .next()
        .map(|first| (first.file.clone(), first.line))?;
    let found = Finding::new(&finding::PKG_UNPINNED, Subject::line(file, line), "");
    Some(listed(found, "no exact version is asked for of", &items))
}
