//! Symbolic links and descriptors that a user names, for commands that only read.
//!
//! Invariant: only links that root or the caller made are followed here; what is beyond others' links
//! the safe walk decides. So root is never led by a link to what its maker could not read.

use std::collections::VecDeque;
use std::ffi::{OsStr, OsString};
use std::path::{Component, Path, PathBuf};

use crate::model::FileKind;
use crate::sys::Root;

/// As many as the kernel follows.
const MOST: usize = 40;

/// The absolute path with such links spelled out. What cannot be seen stays as it is written.
pub fn resolve(root: &Root, path: &Path) -> PathBuf {
    let mut pending = names(path);
    let mut real = PathBuf::from("/");
    let mut followed = 0;
    while let Some(name) = pending.pop_front() {
        if name == ".." {
            real.pop();
            continue;
        }
        let here = real.join(&name);
        match target(root, &here) {
            Some(target) if followed < MOST => {
                followed += 1;
                if target.is_absolute() {
                    real = PathBuf::from("/");
                }
                for name in names(&target).into_iter().rev() {
                    pending.push_front(name);
                }
            }
            _ => real = here,
        }
    }
    real
}

fn target(root: &Root, path: &Path) -> Option<PathBuf> {
    let stat = root.stat(path);
    let ours = stat.known().is_some_and(|s| s.kind == FileKind::Symlink && root.is_callers(s));
    if ours { root.link_target(path).known().cloned() } else { None }
}

fn names(path: &Path) -> VecDeque<OsString> {
    let name = |part: Component<'_>| match part {
        Component::Normal(name) => Some(name.to_owned()),
        Component::ParentDir => Some(OsString::from("..")),
        _ => None,
    };
    path.components().filter_map(name).collect()
}

/// The number of an open descriptor that is named by its path: `<(...)` of a shell is one.
pub fn descriptor(path: &Path) -> Option<u32> {
    if path == Path::new("/dev/stdin") {
        return Some(0);
    }
    let below = |directory: &str| path.strip_prefix(directory).ok();
    let name = below("/dev/fd").or_else(|| below("/proc/self/fd"))?;
    OsStr::to_str(name.as_os_str())?.parse().ok()
}

#[cfg(test)]
#[expect(clippy::disallowed_methods, reason = "a test lays out its own directory")]
mod tests {
    use std::fs;
    use std::os::unix::fs::symlink;

    use super::*;

    #[test]
    fn links_are_spelled_out() {
        let dir = tempfile::tempdir().unwrap();
        for name in ["shared", "releases/5"] {
            fs::create_dir_all(dir.path().join(name)).unwrap();
        }
        for (target, name) in [
            ("releases/5", "current"),
            ("../../shared/site.env", "releases/5/.env"),
            ("/shared", "absolute"),
            ("round", "round"),
        ] {
            symlink(target, dir.path().join(name)).unwrap();
        }
        let root = Root::open(dir.path()).unwrap();
        for (path, expected) in [
            ("/current/.env", "/shared/site.env"),
            ("/absolute/x/../y", "/shared/y"),
            ("/current/../4", "/releases/4"),
            ("/none/x", "/none/x"),
            ("/round/x", "/round/x"),
        ] {
            assert_eq!(resolve(&root, Path::new(path)), Path::new(expected), "{path}");
        }
    }

    #[test]
    fn descriptors_are_known_by_their_paths() {
        for (path, number) in [
            ("/dev/stdin", Some(0)),
            ("/dev/fd/63", Some(63)),
            ("/proc/self/fd/3", Some(3)),
            ("/dev/fd/x", None),
            ("/dev/fd/3/x", None),
            ("/dev/fd", None),
            ("fd/3", None),
        ] {
            assert_eq!(descriptor(Path::new(path)), number, "{path}");
        }
    }
}
