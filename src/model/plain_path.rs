//! Paths by their names alone.

use std::path::{Component, Path, PathBuf};

/// `a/../b` is `b`: a path without `.` and `..`, by its names alone, as the safe walk does.
pub fn plain_path(path: &Path) -> PathBuf {
    let mut plain = PathBuf::new();
    for part in path.components() {
        match part {
            Component::ParentDir => {
                plain.pop();
            }
            Component::CurDir => {}
            other => plain.push(other),
        }
    }
    plain
}
