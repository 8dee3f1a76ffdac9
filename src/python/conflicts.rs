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

/// The most needs that are parsed; 300 distributions have about 1 000.
const MAX_NEEDS: usize = 50_000;

/// Every unmet need of the environment's own distributions; Debian checks its packages itself.
pub fn conflicts(inventory: &Inventory, env: &MarkerEnvironment) -> Vec<Conflict> {
    let ours = |d: &&Distribution| {
        inventory.sites.get(d.site).is_some_and(|site| site.origin != SiteOrigin::System)
    };
    let all = inventory.distributions.values().filter(ours);
    all.flat_map(|one| one.requires.iter().map(move |text| (one, text)))
        .filter(|(_, text)| !is_only_for_extra(text))
        .take(MAX_NEEDS)
        .filter_map(|(one, text)| judge(one, text, inventory, env))
        .collect()
}

fn judge(
    one: &Distribution,
    text: &str,
    inventory: &Inventory,
    env: &MarkerEnvironment,
) -> Option<Conflict> {
    let specifier = parse_specifier(text).ok()?;
    let unmet = unmet(&specifier, inventory)?;
    specifier.applies(env, &[]).then(|| Conflict {
        by: one.name.clone(),
        by_version: one.version_text.clone(),
        wanted: specifier.wanted_text(),
        name: specifier.name,
        unmet,
    })
}
