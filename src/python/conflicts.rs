//! Installed distributions against each other, as `pip check` does it.
//!
//! Invariant: judged without extras, like pip; a `Requires-Dist` that is not PEP 508 is skipped,
//! like pip.

use pep508_rs::MarkerEnvironment;

use super::pep508::{Name, is_only_for_extra, parse_specifier};
use super::satisfy::{Unmet, unmet};
use super::{Distribution, Inventory};
use crate::model::SiteOrigin;

/// One distribution's need that is not met.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Conflict {
    /// Who needs it.
    pub by: Name,
    pub by_version: String,
    /// What is needed.
    pub name: Name,
    /// `>=4.2`, empty for any version.
    pub wanted: String,
    pub unmet: Unmet,
}

/// Every unmet need of the environment's own distributions; Debian checks its packages itself.
pub fn conflicts(inventory: &Inventory, env: &MarkerEnvironment) -> Vec<Conflict> {
    let ours = |d: &&Distribution| {
        inventory.sites.get(d.site).is_some_and(|site| site.origin != SiteOrigin::System)
    };
    inventory.distributions.values().filter(ours).flat_map(|d| needs(d, inventory, env)).collect()
}

fn needs(one: &Distribution, inventory: &Inventory, env: &MarkerEnvironment) -> Vec<Conflict> {
    one.requires
        .iter()
        .filter(|text| !is_only_for_extra(text))
        .filter_map(|text| parse_specifier(text).ok())
        .filter_map(|specifier| Some((unmet(&specifier, inventory)?, specifier)))
        .filter(|(_, specifier)| specifier.applies(env, &[]))
        .map(|(unmet, specifier)| Conflict {
            by: one.name.clone(),
            by_version: one.version_text.clone(),
            name: specifier.name.clone(),
            wanted: specifier.wanted_text(),
            unmet,
        })
        .collect()
}
