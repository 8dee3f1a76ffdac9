//! Requirements against what is installed.
//!
//! Invariant: a marker that is false asks for nothing; an extra asks for exactly those
//! `Requires-Dist` that are true with it and false without it.

use std::collections::BTreeSet;

use pep508_rs::{ExtraName, MarkerEnvironment};

use super::pep508::{Name, Specifier, parse_specifier};
use super::{Inventory, Required, RequirementSet};

/// What is wrong with one requirement.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Unmet {
    /// No distribution of that name.
    Missing,
    /// Another version is installed.
    Version { installed: String },
}

/// One requirement that is not met.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shortfall<'a> {
    /// The line that asks, itself or through an extra.
    pub required: &'a Required,
    /// The distribution that is missing or wrong.
    pub name: Name,
    /// `>=4.2,<5`, empty for any version.
    pub wanted: String,
    /// `psycopg[binary]` when an extra asks.
    pub through: Option<String>,
    pub unmet: Unmet,
}

/// Every requirement that is not met, in the order of the files.
pub fn shortfalls<'a>(
    set: &'a RequirementSet,
    inventory: &Inventory,
    env: &MarkerEnvironment,
) -> Vec<Shortfall<'a>> {
    let mut found = Vec::new();
    let mut seen = BTreeSet::new();
    for required in &set.required {
        let specifier = &required.specifier;
        if !specifier.applies(env, &[]) {
            continue;
        }
        let judge = Judge { required, inventory, env };
        match unmet(specifier, inventory) {
            Some(Unmet::Missing) if required.constraint => {}
            Some(unmet) => found.push(judge.shortfall(specifier, None, unmet)),
            None if required.constraint => {}
            None => judge.extras(specifier, &mut seen, &mut found),
        }
    }
    found
}

/// Requirements (not constraints) whose version is free to change with the next installation.
pub fn unpinned(set: &RequirementSet) -> impl Iterator<Item = &Required> {
    set.required.iter().filter(|required| !required.constraint && !required.specifier.is_pinned())
}

/// Compares one specifier with what is installed. A version of the old kind satisfies everything,
/// because nothing can be said about it.
pub(super) fn unmet(specifier: &Specifier, inventory: &Inventory) -> Option<Unmet> {
    let Some(found) = inventory.distributions.get(&specifier.name) else {
        return Some(Unmet::Missing);
    };
    let version = found.version.as_ref()?;
    (!specifier.is_satisfied(version))
        .then(|| Unmet::Version { installed: found.version_text.clone() })
}

/// The most `name[extra]` that are followed.
const MAX_EXTRAS: usize = 1000;

struct Judge<'a, 'b> {
    required: &'a Required,
    inventory: &'b Inventory,
    env: &'b MarkerEnvironment,
}

impl<'a> Judge<'a, '_> {
    fn shortfall(
        &self,
        specifier: &Specifier,
        through: Option<String>,
        unmet: Unmet,
    ) -> Shortfall<'a> {
        let name = specifier.name.clone();
        Shortfall { required: self.required, name, wanted: specifier.wanted_text(), through, unmet }
    }

    /// Follows the extras of an installed distribution; each is followed once in a whole run.
    fn extras(
        &self,
        specifier: &Specifier,
        seen: &mut BTreeSet<String>,
        found: &mut Vec<Shortfall<'a>>,
    ) {
        let mut pending = vec![specifier.clone()];
        while let Some(specifier) = pending.pop() {
            let label = specifier.to_string();
            let Some(installed) = self.inventory.distributions.get(&specifier.name) else {
                continue;
            };
            if specifier.extras.is_empty() || seen.len() > MAX_EXTRAS || !seen.insert(label.clone())
            {
                continue;
            }
            for asked in asked_by_extras(&installed.requires, &specifier.extras, self.env) {
                match unmet(&asked, self.inventory) {
                    Some(unmet) => found.push(self.shortfall(&asked, Some(label.clone()), unmet)),
                    None => pending.push(asked),
                }
            }
        }
    }
}

fn asked_by_extras(
    requires: &[String],
    extras: &[ExtraName],
    env: &MarkerEnvironment,
) -> Vec<Specifier> {
    requires
        .iter()
        .filter(|text| text.contains("extra"))
        .filter_map(|text| parse_specifier(text).ok())
        .filter(|one| one.applies(env, extras) && !one.applies(env, &[]))
        .collect()
}
