//! Observes what the unit and tree planners need.

use std::path::{Path, PathBuf};

use crate::config::Config;
use crate::model::{Fact, FileKind, Owner, Stat};
use crate::sys::Root;
use crate::sys::ids::Accounts;
use crate::tree::{Entry, Ids, TreeFacts, WantedDir};
use crate::unit::{AdminUnit, DROP_IN, DropIn, UnitFacts};

/// Directories of units, strongest first (systemd.unit(5)); generators' own are not among them.
const UNIT_DIRS: &[&str] = &[
    "/etc/systemd/system.control",
    "/etc/systemd/system",
    "/run/systemd/system",
    "/usr/local/lib/systemd/system",
    "/usr/lib/systemd/system",
];

const UNIT_LIMIT: u64 = 1 << 20;

/// One look per fact.
pub fn observe_unit(root: &Root, config: &Config) -> UnitFacts {
    let accounts = Accounts::observe(root);
    UnitFacts {
        systemd: systemd_version(root),
        admin: admin_unit(root, &config.unit()),
        admin_socket: UNIT_DIRS
            .iter()
            .any(|d| !root.stat(&Path::new(d).join(config.socket_unit())).is_absent()),
        env_file: root.stat(&config.env_file).map(|s| s.kind),
        gunicorn: gunicorn_version(root, &config.venv),
        program: root.stat(&config.venv.join("bin/gunicorn")).known().is_some(),
        user_exists: accounts.find_user(&config.user).is_some(),
        group_exists: accounts.find_gid(&config.group).is_some(),
    }
}

/// The version is part of the name of systemd's private library; no child process is needed.
fn systemd_version(root: &Root) -> Fact<u32> {
    const DIRS: &[&str] = &[
        "/usr/lib/x86_64-linux-gnu/systemd",
        "/usr/lib/aarch64-linux-gnu/systemd",
        "/usr/lib/systemd",
    ];
    for dir in DIRS {
        let Fact::Known(listing) = root.list(Path::new(dir), 4096) else { continue };
        let version = listing.names.iter().find_map(|name| {
            let rest = name.to_str()?.strip_prefix("libsystemd-shared-")?;
            let digits: String = rest.chars().take_while(char::is_ascii_digit).collect();
            digits.parse().ok()
        });
        if let Some(version) = version {
            return Fact::Known(version);
        }
    }
    Fact::Unknown("no libsystemd-shared library was found".to_owned())
}

fn admin_unit(root: &Root, unit: &str) -> AdminUnit {
    for dir in UNIT_DIRS {
        let path = Path::new(dir).join(unit);
        match root.stat(&path) {
            Fact::Absent => continue,
            Fact::Unknown(why) => return AdminUnit::Unreadable { path, why },
            Fact::Known(stat) if stat.kind == FileKind::Symlink => {
                let target = root.link_target(&path);
                if target.known().is_some_and(|t| t == Path::new("/dev/null")) {
                    return AdminUnit::Masked { path };
                }
            }
            Fact::Known(_) => {}
        }
        return match root.read(&path, UNIT_LIMIT) {
            Fact::Known(bytes) if bytes.is_empty() => AdminUnit::Masked { path },
            Fact::Known(bytes) => {
                let drop_ins = drop_ins_before_ours(root, unit);
                AdminUnit::Present { path, bytes, drop_ins }
            }
            // A link that leads nowhere. One to the same name in another unit directory is passed
            // over by systemd; with any other it finds no unit, ours neither.
            Fact::Absent if links_to_itself(root, &path, unit) => continue,
            Fact::Absent => {
                let why = "it is a link that leads nowhere, and hides every other unit of its name";
                AdminUnit::Unreadable { path, why: why.to_owned() }
            }
            Fact::Unknown(why) => AdminUnit::Unreadable { path, why },
        };
    }
    AdminUnit::None
}

fn links_to_itself(root: &Root, path: &Path, unit: &str) -> bool {
    let target = root.link_target(path);
    target.known().is_some_and(|t| UNIT_DIRS.iter().any(|d| *t == Path::new(d).join(unit)))
}

/// Drop-ins that systemd applies before ours: by name, whatever the directory; of equal names the
/// strongest directory's.
fn drop_ins_before_ours(root: &Root, unit: &str) -> Vec<DropIn> {
    let mut found: Vec<(std::ffi::OsString, PathBuf)> = Vec::new();
    for dir in UNIT_DIRS {
        let dir = Path::new(dir).join(format!("{unit}.d"));
        let Fact::Known(listing) = root.list(&dir, 1024) else { continue };
        for name in listing.names {
            let conf = name.as_encoded_bytes().ends_with(b".conf");
            if conf && name.as_os_str() < DROP_IN && !found.iter().any(|(n, _)| *n == name) {
                found.push((name.clone(), dir.join(name)));
            }
        }
    }
    found.sort();
    let read = |(_, path): (_, PathBuf)| match root.read(&path, UNIT_LIMIT) {
        Fact::Known(bytes) => Some(DropIn { path, bytes }),
        Fact::Absent | Fact::Unknown(_) => None,
    };
    found.into_iter().filter_map(read).collect()
}

/// From the name of gunicorn's metadata directory.
fn gunicorn_version(root: &Root, venv: &Path) -> Fact<(u32, u32)> {
    let lib = venv.join("lib");
    let Fact::Known(pythons) = root.list(&lib, 64) else { return Fact::Absent };
    for python in pythons.names {
        let Fact::Known(listing) = root.list(&lib.join(python).join("site-packages"), 20_000)
        else {
            continue;
        };
        let version = listing.names.iter().find_map(|name| {
            let version = name.to_str()?.strip_prefix("gunicorn-")?.strip_suffix(".dist-info")?;
            let mut parts = version.split('.').map(|p| p.parse().ok());
            Some((parts.next()??, parts.next().flatten().unwrap_or(0)))
        });
        if let Some(version) = version {
            return Fact::Known(version);
        }
    }
    Fact::Absent
}

/// The numeric ids of the service, or None when the user or the group is missing.
pub fn observe_ids(root: &Root, config: &Config) -> Option<Ids> {
    let accounts = Accounts::observe(root);
    let user = accounts.find_user(&config.user)?;
    let gid = accounts.find_gid(&config.group)?;
    // A group of the user's own name reads the env file; without one, its primary group.
    let env_gid = accounts.find_gid(&user.name).unwrap_or(user.gid);
    Some(Ids { service: Owner { uid: user.uid, gid }, env_gid })
}

/// The log tree and the directories that the service needs.
pub fn observe_tree(root: &Root, config: &Config, ids: Ids) -> TreeFacts {
    let (log_entries, truncated) = log_entries(root, config);
    let mut directories = vec![wanted(root, &config.runtime_dir, 0o755, false)];
    directories.extend(config.writable.iter().map(|path| wanted(root, path, 0o775, true)));
    TreeFacts {
        ids,
        log_dir: wanted(root, &config.log_dir, 0o775, false),
        log_entries,
        truncated,
        log_files: config.log_files.iter().map(|name| config.log_file(name)).collect(),
        directories,
    }
}

fn log_entries(root: &Root, config: &Config) -> (Vec<Entry>, bool) {
    let limit = usize::try_from(config.max_entries.value).unwrap_or(usize::MAX);
    let Fact::Known(listing) = root.list(&config.log_dir, limit) else {
        return (Vec::new(), false);
    };
    let entry = |name| {
        let path = config.log_dir.join(name);
        let stat: Fact<Stat> = root.stat(&path);
        Entry { path, stat }
    };
    let mut names = listing.names;
    if listing.truncated {
        // Those that must exist are looked at by name.
        names.extend(config.log_files.iter().map(Into::into));
        names.sort();
        names.dedup();
    }
    let entries = names.into_iter().map(entry).filter(|e| !e.stat.is_absent());
    (entries.collect(), listing.truncated)
}

fn wanted(root: &Root, path: &Path, mode: u32, optional: bool) -> WantedDir {
    let stat = root.stat(path);
    let mut missing_parents = Vec::new();
    if stat.is_absent() {
        let above = path.ancestors().skip(1).take_while(|p| root.stat(p).is_absent());
        missing_parents = above.map(Path::to_owned).collect();
        missing_parents.reverse();
    }
    WantedDir { entry: Entry { path: path.to_owned(), stat }, missing_parents, mode, optional }
}
