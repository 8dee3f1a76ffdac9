//! An environment as found: the answers of all looks together.
//!
//! Invariant: plain data; `flow::venv` fills it, the checks read it.

use super::{Absent, Interpreter, Inventory, Layout, PythonVersion};
use crate::model::{Chain, Fact, SiteOrigin, VenvFacts};

/// An environment as found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Environment {
    pub facts: VenvFacts,
    pub layout: Layout,
    /// The interpreter that the launcher's first line names, where it names one.
    pub shebang: Option<Chain>,
    /// What Python would see.
    pub inventory: Inventory,
    /// What lies in the directories of other Pythons.
    pub left_behind: Inventory,
    /// Distributions with recorded files that are missing.
    pub absent: Vec<Absent>,
}

impl Environment {
    /// The Python that the packages were installed for, when another one runs now and sees none of
    /// them.
    pub fn upgraded_from(&self) -> Option<PythonVersion> {
        let Interpreter::Present { version: Some(now) } = &self.layout.interpreter else {
            return None;
        };
        let seen = self.inventory.find("gunicorn").is_some();
        let site = self.left_behind.sites.get(self.left_behind.find("gunicorn")?.site)?;
        let name = site.path.parent()?.file_name()?.to_str()?;
        PythonVersion::from_program(name).filter(|old| !seen && old != now)
    }

    /// The packages to judge: after an upgrade those that were left behind, so that one cause is
    /// not told as fifty missing packages.
    pub fn judged(&self) -> &Inventory {
        if self.upgraded_from().is_some() { &self.left_behind } else { &self.inventory }
    }

    /// What could not be looked at, in words; empty when everything could.
    pub fn unseen(&self) -> Vec<String> {
        let mut unseen = self.inventory.unknown.clone();
        let mut add = |what: &str, reason: &str| unseen.push(format!("{what}: {reason}"));
        if let Fact::Unknown(reason) = &self.facts.dir {
            add(&self.facts.path.display().to_string(), reason);
        }
        if let Interpreter::Unknown(reason) = &self.layout.interpreter {
            add("bin/python3", reason);
        }
        if let Fact::Unknown(reason) = &self.facts.launcher.file {
            add(&self.facts.launcher.path.display().to_string(), reason);
        }
        unseen
    }

    /// The directories of Python's module path, with what each holds.
    pub fn sites(&self) -> impl Iterator<Item = &super::SiteSummary> {
        self.inventory.sites.iter().filter(|site| site.origin != SiteOrigin::OtherPython)
    }
}
