//! The program that the unit starts: the three texts of status 203/EXEC, and gunicorn's age.

use std::path::Path;

use super::PackageFacts;
use crate::model::{Fact, FileKind, Finding, Owner, Stat, Subject, finding};
use crate::python::{Distribution, Interpreter, Shebang, is_at_least, parse_shebang};

/// Reinstalling writes the script anew.
const AGAIN: &[&str] = &["install", "--force-reinstall", "--no-deps", "gunicorn"];

pub fn check(facts: PackageFacts<'_>) -> Vec<Finding> {
    let launcher = &facts.environment.facts.launcher;
    let mut found: Vec<Finding> = match &launcher.file {
        Fact::Absent => vec![missing(facts)],
        Fact::Known(stat) if !is_executable(stat, facts.context.runs_as) => {
            vec![not_executable(facts, stat)]
        }
        Fact::Known(_) => shebang_gone(facts).or_else(|| not_ours(facts)).into_iter().collect(),
        Fact::Unknown(_) => Vec::new(),
    };
    if let Some(gunicorn) = facts.environment.judged().find("gunicorn") {
        found.extend(pkg_resources(facts, gunicorn));
        found.extend(old(facts, gunicorn));
    }
    found
}

fn missing(facts: PackageFacts<'_>) -> Finding {
    let path = &facts.environment.facts.launcher.path;
    let judged = facts.environment.judged();
    let (detail, commands) = match judged.find("gunicorn") {
        Some(found) => (
            format!(
                "\"{}\" does not exist, although gunicorn {} is installed",
                path.display(),
                found.version_text
            ),
            facts.pip(AGAIN),
        ),
        None => {
            (format!("\"{}\" does not exist", path.display()), facts.pip(&["install", "gunicorn"]))
        }
    };
    let mut found =
        Finding::new(&finding::PKG_GUNICORN_MISSING, Subject::file(path), detail).blocking();
    found.commands = commands;
    found
}

/// By the class of the user. Which groups it is in is not known here, so the group's bit counts
/// unless the group is root's. Without its ids any execute bit will do.
fn is_executable(stat: &Stat, runs_as: Option<Owner>) -> bool {
    let bits = match runs_as {
        None => 0o111,
        Some(owner) if owner.uid == 0 => 0o111,
        Some(owner) if owner.uid == stat.uid => 0o100,
        Some(owner) if owner.gid != stat.gid && stat.gid == 0 => 0o001,
        Some(_) => 0o011,
    };
    stat.kind == FileKind::Regular && stat.mode & bits != 0
}

fn not_executable(facts: PackageFacts<'_>, stat: &Stat) -> Finding {
    let path = &facts.environment.facts.launcher.path;
    let subject = Subject::file(path);
    let user = &facts.context.user;
    if stat.kind != FileKind::Regular {
        let detail = format!("\"{}\" is a {}", path.display(), stat.kind.word());
        return Finding::new(&finding::PKG_NOT_EXECUTABLE, subject, detail).blocking();
    }
    let detail = format!(
        "\"{}\" has mode {:o}, owner {} and group {}: {user} may not execute it",
        path.display(),
        stat.mode,
        stat.uid,
        stat.gid
    );
    let path = path.display().to_string();
    let mut found = Finding::new(&finding::PKG_NOT_EXECUTABLE, subject, detail).blocking();
    found.commands = vec![facts.as_owner(&["chmod", "755", &path])];
    found
}

/// Not told again when the environment's own interpreter is known to be gone.
fn shebang_gone(facts: PackageFacts<'_>) -> Option<Finding> {
    let chain = facts.environment.shebang.as_ref()?;
    let own = facts.environment.facts.python.steps.last() == chain.steps.last();
    let told = matches!(facts.environment.layout.interpreter, Interpreter::Gone { .. }) && own;
    if !chain.end.is_absent() || told {
        return None;
    }
    let path = &facts.environment.facts.launcher.path;
    let program = chain.steps.first()?;
    let detail =
        format!("the first line of \"{}\" names an interpreter that is gone", path.display());
    let mut found = Finding::new(&finding::PKG_SHEBANG_GONE, Subject::line(path, 1), detail)
        .evidence(path.display().to_string(), format!("#!{}", program.display()))
        .blocking();
    found.commands = facts.pip(AGAIN);
    Some(found)
}

/// A script without a first line, or with the system's Python in it, which does not see what the
/// environment has.
fn not_ours(facts: PackageFacts<'_>) -> Option<Finding> {
    let environment = facts.environment;
    if !matches!(environment.layout.interpreter, Interpreter::Present { .. }) {
        return None;
    }
    let launcher = &environment.facts.launcher;
    let head = launcher.head.known()?;
    let system = environment.layout.cfg.known().is_some_and(|cfg| cfg.system_site_packages);
    let named = environment.shebang.as_ref().and_then(|chain| chain.steps.first());
    let why = match (parse_shebang(head), named) {
        (Shebang::None, _) if !head.starts_with(b"\x7fELF") => {
            if head.is_empty() {
                "is empty"
            } else {
                "has no first line that names an interpreter"
            }
        }
        (Shebang::Interpreter(_), Some(program)) if is_system(program) && !system => {
            "is run by the system's Python"
        }
        _ => return None,
    };
    let detail = format!("\"{}\" {why}", launcher.path.display());
    let subject = Subject::line(&launcher.path, 1);
    let mut found = Finding::new(&finding::PKG_SCRIPT, subject, detail).blocking();
    found.commands = facts.pip(AGAIN);
    Some(found)
}

fn is_system(program: &Path) -> bool {
    let python = program.file_name().is_some_and(|n| n.as_encoded_bytes().starts_with(b"python"));
    python && ["/usr/bin", "/bin"].iter().any(|dir| program.parent() == Some(Path::new(dir)))
}

fn pkg_resources(facts: PackageFacts<'_>, gunicorn: &Distribution) -> Option<Finding> {
    let judged = facts.environment.judged();
    let needs = is_at_least(gunicorn.version.as_ref(), 21, 0) == Some(false);
    if !needs || judged.modules.contains("pkg_resources") || !judged.is_complete() {
        return None;
    }
    let setuptools = match judged.find("setuptools") {
        Some(found) => format!("setuptools {} no longer has it", found.version_text),
        None => "setuptools is not installed".to_owned(),
    };
    let detail = format!("gunicorn {} needs pkg_resources; {setuptools}", gunicorn.version_text);
    let subject = Subject::file(&facts.environment.facts.launcher.path);
    let mut found = Finding::new(&finding::PKG_PKG_RESOURCES, subject, detail).blocking();
    found.commands = facts.pip(&["install", "setuptools<82"]);
    Some(found)
}

fn old(facts: PackageFacts<'_>, gunicorn: &Distribution) -> Option<Finding> {
    if is_at_least(gunicorn.version.as_ref(), 20, 0)? {
        return None;
    }
    let detail = format!("gunicorn {} is installed", gunicorn.version_text);
    let subject = Subject::file(&facts.environment.facts.launcher.path);
    Some(Finding::new(&finding::PKG_GUNICORN_OLD, subject, detail))
}
