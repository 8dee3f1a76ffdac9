//! The last wall, where the kernel has it (landlock(7), Linux 5.13 and newer): after the plan is
//! made, this process can write, make and remove below the directories of the plan only.
//!
//! It does not cover owners and modes; [`super::privfs`] does.

use std::path::PathBuf;

use landlock::{
    ABI, AccessFs, CompatLevel, Compatible, PathBeneath, PathFd, Ruleset, RulesetAttr,
    RulesetCreatedAttr, RulesetStatus,
};

/// Confines every later write of this process and its children. True where the kernel does it.
pub fn confine(directories: &[PathBuf]) -> bool {
    let access = AccessFs::from_write(ABI::V3);
    let confined = || -> Result<RulesetStatus, landlock::RulesetError> {
        let mut ruleset = Ruleset::default()
            .set_compatibility(CompatLevel::BestEffort)
            .handle_access(access)?
            .create()?;
        for directory in directories {
            // What is missing cannot be written either.
            let Ok(handle) = PathFd::new(directory) else { continue };
            ruleset = ruleset.add_rule(PathBeneath::new(handle, access))?;
        }
        Ok(ruleset.restrict_self()?.ruleset)
    };
    confined().is_ok_and(|status| status != RulesetStatus::NotEnforced)
}
