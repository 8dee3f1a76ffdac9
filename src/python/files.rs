//! Which files a look at existence is worth, and what it says.
//!
//! Invariant: only files inside a site directory are asked for, each by a path that begins with
//! that directory and has no `..`.

use std::collections::BTreeMap;

use super::pep508::Name;
use super::{Form, Inventory};
use crate::model::SiteOrigin;

/// A distribution of which recorded files are missing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Absent {
    pub name: Name,
    pub version: String,
    /// Paths below the site directory, the first few.
    pub files: Vec<String>,
    /// How many are missing.
    pub count: usize,
    /// How many were looked for.
    pub looked: usize,
}

/// Missing files that are named at most.
const NAMED: usize = 5;

impl Inventory {
    /// The files to look for, by site: index of the site, path below it. Debian moves files of its
    /// own packages, so the system's directories are left out, and so are source trees.
    pub fn probes(&self) -> Vec<(usize, String)> {
        self.probed().flat_map(|d| d.witnesses.iter().map(|file| (d.site, file.clone()))).collect()
    }

    /// Judges the answers to [`Self::probes`]: `present` has one for each, in the same order;
    /// `None` where it could not be seen.
    pub fn absent(&self, present: &[Option<bool>]) -> Vec<Absent> {
        let mut answers = present.iter();
        let mut absent = BTreeMap::new();
        for distribution in self.probed() {
            let missing: Vec<_> = distribution
                .witnesses
                .iter()
                .zip(answers.by_ref().take(distribution.witnesses.len()))
                .filter(|(_, present)| **present == Some(false))
                .map(|(file, _)| file.clone())
                .collect();
            if !missing.is_empty() {
                let found = Absent {
                    name: distribution.name.clone(),
                    version: distribution.version_text.clone(),
                    count: missing.len(),
                    looked: distribution.witnesses.len(),
                    files: missing.into_iter().take(NAMED).collect(),
                };
                absent.insert(distribution.name.clone(), found);
            }
        }
        absent.into_values().collect()
    }

    fn probed(&self) -> impl Iterator<Item = &super::Distribution> {
        self.distributions.values().filter(|d| {
            d.form == Form::DistInfo
                && self.sites.get(d.site).is_some_and(|site| site.origin != SiteOrigin::System)
        })
    }
}
