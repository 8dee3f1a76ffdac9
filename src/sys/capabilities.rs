//! What is left of root in a helper that only works on files.

use caps::{CapSet, Capability, CapsHashSet};

/// Owners, modes, other users' files, and the switch to file-system ids.
const KEPT: &[Capability] = &[
    Capability::CAP_CHOWN,
    Capability::CAP_DAC_OVERRIDE,
    Capability::CAP_FOWNER,
    Capability::CAP_SETGID,
    Capability::CAP_SETUID,
];

/// What a helper still has to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Left {
    /// Work on files.
    Files,
    /// Also say which process holds a socket: `/proc/PID/fd` of other users (ptrace(2), access mode
    /// checking).
    FilesAndProcesses,
}

/// Gives up every capability that is not needed for what is left. With no_new_privs a child cannot get
/// them back either (capabilities(7)).
pub fn reduce(left: Left) {
    let held = caps::read(None, CapSet::Permitted).unwrap_or_default();
    let sees = (left == Left::FilesAndProcesses).then_some(Capability::CAP_SYS_PTRACE);
    let kept = KEPT.iter().copied().chain(sees);
    let kept: CapsHashSet = kept.filter(|c| held.contains(c)).collect();
    caps::clear(None, CapSet::Inheritable).ok();
    caps::set(None, CapSet::Effective, &kept).ok();
    caps::set(None, CapSet::Permitted, &kept).ok();
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Capabilities belong to a thread, so the other tests keep theirs.
    #[test]
    fn nothing_but_what_is_needed_is_left() {
        for (left, sees) in [(Left::Files, false), (Left::FilesAndProcesses, true)] {
            let check = move || {
                let held = caps::read(None, CapSet::Permitted).unwrap();
                reduce(left);
                for set in [CapSet::Permitted, CapSet::Effective] {
                    let now = caps::read(None, set).unwrap();
                    let ptrace = Capability::CAP_SYS_PTRACE;
                    let wanted = |c: &Capability| KEPT.contains(c) || sees && *c == ptrace;
                    let expected: CapsHashSet = held.iter().copied().filter(wanted).collect();
                    assert_eq!(now, expected);
                }
                assert!(caps::read(None, CapSet::Inheritable).unwrap().is_empty());
            };
            std::thread::spawn(check).join().unwrap();
        }
    }
}
