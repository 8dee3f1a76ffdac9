//! The last wall, where the kernel has it (landlock(7), Linux 5.13 and newer): after the plan is
//! made, this process can write, make and remove below the directories of the plan only.
//!
//! It does not cover owners and modes; [`super::privfs`] does.

use std::path::PathBuf;

use landlock::{
    ABI, AccessFs, CompatLevel, Compatible, PathBeneath, PathFd, Ruleset, RulesetAttr,
    RulesetCreatedAttr, RulesetStatus,
};

/// Confines every later write of this process and its children; a file may be named too. True
/// where the kernel does it.
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

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    /// The wall is one of a thread, so the other tests do not stand behind it.
    #[test]
    fn only_the_named_directories_can_be_written() {
        let dir = tempfile::tempdir().unwrap();
        let (inside, outside) = (dir.path().join("in"), dir.path().join("out"));
        for path in [&inside, &outside] {
            fs::create_dir(path).unwrap();
            fs::write(path.join("old"), "old").unwrap();
        }
        let walled = std::thread::spawn(move || {
            let named = [inside.clone(), PathBuf::from("/dev/null")];
            assert!(confine(&named), "this kernel has no Landlock");
            fs::write("/dev/null", "x").unwrap();
            fs::write(inside.join("new"), "new").unwrap();
            fs::rename(inside.join("new"), inside.join("old")).unwrap();
            let refused = |r: std::io::Result<()>| r.unwrap_err().raw_os_error();
            let eacces = Some(nix::errno::Errno::EACCES as i32);
            assert_eq!(refused(fs::write(outside.join("new"), "new")), eacces);
            assert_eq!(refused(fs::write(outside.join("old"), "new")), eacces);
            assert_eq!(refused(fs::remove_file(outside.join("old"))), eacces);
            assert_eq!(fs::read(outside.join("old")).unwrap(), b"old");
        });
        walled.join().unwrap();
    }
}
