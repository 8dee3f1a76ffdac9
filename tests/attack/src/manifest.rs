//! What a root looks like: a line per object, so that two looks can be compared.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs::{self, Metadata};
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

/// The service's own trees and what this package keeps for itself.
pub const OWN: &[&str] = &[
    "/etc/projectmeats",
    "/opt/projectmeats",
    "/run/projectmeats",
    "/run/projectmeats-fixes",
    "/var/lib/projectmeats-fixes",
    "/var/log/projectmeats",
];
/// Not of a disk, or the runner's own.
const SKIP: &[&str] = &["/bout", "/dev", "/proc", "/run/bout", "/run/host", "/sys"];

/// Digests of files that were not touched since.
#[derive(Debug, Default)]
pub struct Digests(BTreeMap<(u64, u64), (i64, i64, String)>);

/// Path → type, mode, owner, links, size, target or digest, attributes. All of it, outside the
/// service's own trees.
pub type Manifest = BTreeMap<PathBuf, String>;

/// Looks at everything.
pub fn take(digests: &mut Digests) -> Manifest {
    let mut manifest = Manifest::new();
    below(Path::new("/"), digests, &mut manifest);
    manifest
}

/// Looks at one object and all that is below it.
pub fn below(top: &Path, digests: &mut Digests, manifest: &mut Manifest) {
    let mut pending = vec![top.to_owned()];
    while let Some(path) = pending.pop() {
        // before the look: a file system of the user's there may never answer
        if OWN.iter().chain(SKIP).any(|own| path == Path::new(own)) {
            continue;
        }
        let Ok(meta) = fs::symlink_metadata(&path) else { continue };
        if meta.is_dir() {
            let entries = fs::read_dir(&path).into_iter().flatten().flatten();
            pending.extend(entries.map(|e| e.path()));
        }
        manifest.insert(path.clone(), line(&path, &meta, digests));
    }
}

fn line(path: &Path, meta: &Metadata, digests: &mut Digests) -> String {
    let kind = meta.file_type();
    let mut line = format!("{:o} {}:{}", meta.mode(), meta.uid(), meta.gid());
    if kind.is_symlink() {
        write!(line, " -> {:?}", fs::read_link(path).unwrap_or_default()).unwrap();
    } else if kind.is_file() {
        write!(line, " links {} size {} ", meta.nlink(), meta.size()).unwrap();
        line.push_str(&digests.of(path, meta));
    } else if kind.is_char_device() || kind.is_block_device() {
        write!(line, " device {}", meta.rdev()).unwrap();
    }
    if let Ok(names) = xattr::list(path) {
        for name in names.filter(|n| !n.as_encoded_bytes().starts_with(b"trusted.overlay.")) {
            write!(line, " {name:?}={:?}", xattr::get(path, &name).ok().flatten()).unwrap();
        }
    }
    line
}

impl Digests {
    fn of(&mut self, path: &Path, meta: &Metadata) -> String {
        let stamp = (meta.ctime(), meta.ctime_nsec());
        let key = (meta.dev(), meta.ino());
        if let Some((secs, nanos, digest)) = self.0.get(&key) {
            if (*secs, *nanos) == stamp {
                return digest.clone();
            }
        }
        let bytes = fs::read(path).unwrap_or_default();
        let digest = Sha256::digest(&bytes).iter().fold(String::new(), |mut text, byte| {
            write!(text, "{byte:02x}").unwrap();
            text
        });
        self.0.insert(key, (stamp.0, stamp.1, digest.clone()));
        digest
    }
}

/// What differs, a line each.
pub fn differences(before: &Manifest, after: &Manifest) -> Vec<String> {
    let paths: std::collections::BTreeSet<_> = before.keys().chain(after.keys()).collect();
    let told = |line: Option<&String>| line.map_or("absent", String::as_str).to_owned();
    let differs = |path: &&&PathBuf| before.get(**path) != after.get(**path);
    let differing = paths.iter().filter(differs);
    differing
        .map(|p| format!("{p:?}: {} => {}", told(before.get(*p)), told(after.get(*p))))
        .collect()
}
