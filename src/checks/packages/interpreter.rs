//! The environment itself and the Python behind it.

use super::PackageFacts;
use crate::model::{Fact, Finding, Subject, finding};
use crate::python::Interpreter;

pub fn venv_missing(facts: PackageFacts<'_>) -> Vec<Finding> {
    let path = &facts.environment.facts.path;
    let detail = format!("there is no directory \"{}\"", path.display());
    let mut found =
        Finding::new(&finding::PKG_VENV_MISSING, Subject::file(path), detail).blocking();
    found.commands = facts.rebuild();
    vec![found]
}

pub fn check(facts: PackageFacts<'_>) -> Vec<Finding> {
    let venv = &facts.environment.facts;
    let python = venv.python.steps.first().cloned().unwrap_or_default();
    let gone = |detail: String| {
        let mut found =
            Finding::new(&finding::PKG_INTERPRETER_GONE, Subject::file(&python), detail).blocking();
        found.commands = facts.rebuild();
        vec![found]
    };
    match &facts.environment.layout.interpreter {
        Interpreter::Gone { end } => {
            gone(format!("\"{}\" leads to \"{}\", which is gone", python.display(), end.display()))
        }
        Interpreter::Missing => gone(format!("there is no \"{}\"", python.display())),
        Interpreter::Present { .. } => {
            upgraded(facts).or_else(|| no_cfg(facts)).into_iter().collect()
        }
        Interpreter::Unknown(_) => Vec::new(),
    }
}

fn upgraded(facts: PackageFacts<'_>) -> Option<Finding> {
    let environment = facts.environment;
    let old = environment.upgraded_from()?;
    let now = environment.layout.version?;
    let count = environment.left_behind.distributions.len();
    let detail = format!("{count} packages are installed for Python {old}, but Python {now} runs");
    let subject = Subject::file(&environment.facts.path);
    let mut found = Finding::new(&finding::PKG_PYTHON_UPGRADED, subject, detail).blocking();
    for step in environment.facts.python.steps.windows(2) {
        if let [from, to] = step {
            found =
                found.evidence(from.display().to_string(), format!("leads to {}", to.display()));
        }
    }
    found.commands = facts.rebuild();
    Some(found)
}

/// Only an environment that is links to a system Python needs the file: conda's is a Python of its
/// own, and so is a relocatable one.
fn no_cfg(facts: PackageFacts<'_>) -> Option<Finding> {
    let environment = facts.environment;
    if !matches!(environment.layout.cfg, Fact::Absent) || !environment.layout.linked {
        return None;
    }
    let path = &environment.facts.path;
    let subject = Subject::file(path.join("pyvenv.cfg"));
    let detail = "the file does not exist, and bin/python3 is a link to the system's Python";
    let mut found = Finding::new(&finding::PKG_CFG_MISSING, subject, detail).blocking();
    let venv = path.display().to_string();
    found.commands = vec![facts.as_owner(&["python3", "-m", "venv", "--upgrade", &venv])];
    Some(found)
}
