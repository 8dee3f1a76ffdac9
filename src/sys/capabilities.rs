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

/// Gives up every capability that file work does not need. With no_new_privs a child cannot get
/// them back either (capabilities(7)).
pub fn reduce() {
    let held = caps::read(None, CapSet::Permitted).unwrap_or_default();
    let kept: CapsHashSet = KEPT.iter().copied().filter(|c| held.contains(c)).collect();
    caps::clear(None, CapSet::Inheritable).ok();
    caps::set(None, CapSet::Effective, &kept).ok();
    caps::set(None, CapSet::Permitted, &kept).ok();
}
