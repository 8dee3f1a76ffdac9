//! The file-system ids with which names are made in a directory that is not root's alone.

use nix::errno::Errno;
use nix::unistd::{Gid, Uid, setfsgid, setfsuid};

use super::Root;
use super::refusal::{Refusal, Result};
use super::walk::Place;
use crate::model::Owner;

/// In force until dropped. The kernel takes the capabilities that override permissions away from a
/// process whose file-system user is not root, so what follows is what that user could do.
pub(super) struct Ids {
    /// Who acts, if it is not root itself.
    pub acting: Option<Owner>,
}

impl Ids {
    /// In a trusted directory nothing is switched. `wanted` is who the new object is for; root's
    /// own objects are made there by the owner of the directory.
    pub fn of(root: &Root, place: &Place, wanted: Owner) -> Result<Self> {
        let acting = if wanted.uid == 0 { place.owner } else { wanted };
        if place.trusted || !root.is_privileged() || acting.uid == 0 {
            return Ok(Self { acting: None });
        }
        let ids = Self { acting: Some(acting) };
        setfsgid(Gid::from_raw(acting.gid));
        setfsuid(Uid::from_raw(acting.uid));
        // setfsuid(2) reports no failure: asking for an id that does not exist tells what is in force.
        let (uid, gid) = (setfsuid(Uid::from_raw(u32::MAX)), setfsgid(Gid::from_raw(u32::MAX)));
        if (uid.as_raw(), gid.as_raw()) == (acting.uid, acting.gid) {
            Ok(ids)
        } else {
            Err(Refusal::Os(Errno::EPERM))
        }
    }
}

impl Drop for Ids {
    fn drop(&mut self) {
        if self.acting.is_some() {
            setfsuid(Uid::from_raw(0));
            setfsgid(Gid::from_raw(0));
        }
    }
}

/// Runs `change` as a member of `group`: the kernel keeps the set-group-ID bit of a directory only
/// for members (chmod(2)), and CAP_FSETID is given up.
pub(super) fn as_member<T>(group: u32, change: impl FnOnce() -> T) -> T {
    let before = setfsgid(Gid::from_raw(group));
    let result = change();
    setfsgid(before);
    result
}
