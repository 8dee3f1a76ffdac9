//! The env file's part of a repair: evidence, plan, backup.

use super::repair::{Referenced, observe_env};
use crate::config::Config;
use crate::model::Plan;
use crate::sys::Root;

/// Plans the repair of the env file; a file that systemd would refuse blocks the start.
pub fn plan(root: &Root, config: &Config, referenced: &Referenced) -> Plan {
    let mut plan = Plan::default();
    match observe_env(root, &config.env_file) {
        Ok(_) => {}
        Err(mut finding) => {
            finding.blocks_start = referenced.ours && !referenced.others;
            plan.findings.push(*finding);
        }
    }
    plan
}
