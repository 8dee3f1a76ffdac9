//! Everything about the environment in four looks, each of which names what the next one reads.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use crate::model::{Fact, SiteOrigin};
use crate::python::{self, Environment, Inventory, Layout, RequirementSet, Shebang};
use crate::sys::{self, Root};

/// Looks at the environment in `path`; `launcher` is the program that the unit starts. `deep` asks
/// for the existence of every recorded file instead of one for each module.
pub fn observe(root: &Root, path: &Path, launcher: &Path, deep: bool) -> Environment {
    let facts = sys::venv::observe_venv(root, path, launcher);
    let layout = Layout::from_facts(&facts);
    let shebang = match facts.launcher.head.known().map(|head| python::parse_shebang(head)) {
        Some(Shebang::Interpreter(program)) => Some(sys::venv::observe_chain(root, &program)),
        _ => None,
    };
    let mut sites = sys::venv::observe_sites(root, &layout.sites, deep);
    sites.extend(sys::venv::observe_sites(root, &python::path_file_sites(&sites), deep));
    let (others, mut sites): (Vec<_>, Vec<_>) =
        sites.into_iter().partition(|facts| facts.site.origin == SiteOrigin::OtherPython);
    sites.sort_by_key(|facts| facts.site.origin);
    let inventory = Inventory::from_facts(&layout, &sites, deep);
    let left_behind = Inventory::from_facts(&layout, &others, false);
    let paths: Vec<_> = inventory.sites.iter().map(|site| site.path.clone()).collect();
    let present = sys::venv::observe_presence(root, &paths, &inventory.probes());
    let absent = inventory.absent(&present);
    Environment { facts, layout, shebang, inventory, left_behind, absent }
}

/// Bytes of one requirements file.
const MAX_REQUIREMENTS: u64 = 1 << 20;
/// How deep includes are followed.
const MAX_DEPTH: usize = 16;

/// Reads requirements files and all that they include.
pub fn observe_requirements(root: &Root, tops: &[PathBuf]) -> RequirementSet {
    let mut files: BTreeMap<PathBuf, Fact<Vec<u8>>> = BTreeMap::new();
    let mut set = python::parse_requirements(tops, &files);
    for _ in 0..MAX_DEPTH {
        if set.wanted.is_empty() {
            break;
        }
        for path in set.wanted {
            let read = root.read(&path, MAX_REQUIREMENTS);
            files.insert(path, read);
        }
        set = python::parse_requirements(tops, &files);
    }
    set
}
