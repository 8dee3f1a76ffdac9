//! Directories that a look has walked to.
//!
//! Only those are kept whose every directory above can be changed by root alone: nobody else can
//! put another one in their place meanwhile. Whether others can change what is in them is kept with
//! them, as it was judged.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use super::walk::Place;

/// More than a look at one service needs; each holds a descriptor.
const MOST: usize = 32;

/// Paths and the places that a name in them has. Nothing is kept unless it is [`Memory::in_use`].
#[derive(Debug, Default)]
pub(super) struct Memory(Option<Mutex<Vec<(PathBuf, Place)>>>);

impl Memory {
    pub fn in_use() -> Self {
        Self(Some(Mutex::default()))
    }

    /// Where `name` lives in the directory, if that was walked to.
    pub fn place(&self, directory: &Path, name: &OsStr) -> Option<Place> {
        let walked = self.0.as_ref()?.lock().ok()?;
        let (_, kept) =
            walked.iter().find(|(path, _)| path.as_os_str() == directory.as_os_str())?;
        Some(Place { dir: Arc::clone(&kept.dir), name: name.to_owned(), ..*kept })
    }

    pub fn keep(&self, directory: &Path, place: &Place) {
        let Some(Ok(mut walked)) = self.0.as_ref().map(Mutex::lock) else { return };
        // A process may be another one the next time.
        let stays = place.bound && !directory.starts_with("/proc");
        if stays && walked.len() < MOST {
            let (dir, name) = (Arc::clone(&place.dir), place.name.clone());
            walked.push((directory.to_owned(), Place { dir, name, ..*place }));
        }
    }

    /// What was judged may be so no longer.
    pub fn forget(&self) {
        if let Some(Ok(mut walked)) = self.0.as_ref().map(Mutex::lock) {
            walked.clear();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::PermissionsExt;

    use super::super::Root;
    use super::*;
    use crate::model::Owner;

    /// `directory/x` in a fresh tree, and the tree with another `directory` in its place.
    fn looked_twice(root: &Root, at: &Path, directory: &str) -> bool {
        let file = Path::new("/").join(directory).join("x");
        fs::create_dir_all(at.join(directory)).unwrap();
        fs::write(at.join(directory).join("x"), "").unwrap();
        assert!(root.lstat(&file).is_ok());
        fs::rename(at.join(directory), at.join("aside")).unwrap();
        fs::create_dir_all(at.join(directory)).unwrap();
        root.lstat(&file).is_ok()
    }

    #[test]
    fn what_root_alone_can_move_is_remembered_until_a_change() {
        let dir = tempfile::tempdir().unwrap();
        let root = Root::open_for_a_look(dir.path()).unwrap();
        assert!(looked_twice(&root, dir.path(), "d"), "it was walked to again");
        let Owner { uid, gid } =
            root.lstat(Path::new("/d")).map(|s| Owner { uid: s.uid, gid: s.gid }).unwrap();
        root.make_file(Path::new("/new"), Owner { uid, gid }, 0o644).unwrap();
        assert!(root.lstat(Path::new("/d/x")).is_err(), "a change was made and nothing forgotten");
    }

    #[test]
    fn what_others_can_move_is_walked_to_again() {
        let dir = tempfile::tempdir().unwrap();
        let open = dir.path().join("open");
        fs::create_dir(&open).unwrap();
        fs::set_permissions(&open, fs::Permissions::from_mode(0o777)).unwrap();
        let root = Root::open_for_a_look(dir.path()).unwrap();
        assert!(!looked_twice(&root, dir.path(), "open/d"));
    }

    #[test]
    fn another_handle_remembers_nothing() {
        let dir = tempfile::tempdir().unwrap();
        let root = Root::open(dir.path()).unwrap();
        assert!(!looked_twice(&root, dir.path(), "d"));
    }
}
