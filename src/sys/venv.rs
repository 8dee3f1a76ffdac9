//! Looking at a virtual environment that its service user can rewrite.
//!
//! Invariant: bounded in names, bytes per file and bytes in all; regular files only; links are
//! followed only while they stay beneath the directory being read. Nothing here understands what
//! it reads.

use std::path::{Path, PathBuf};

use super::privfs::Root;
use super::reader::Reader;
use crate::model::{
    Chain, DistributionFacts, Entry, Fact, FileKind, RECORD_START, SCRIPT_HEAD, ScriptFacts, Site,
    SiteFacts, SiteOrigin, VenvFacts,
};

/// Names in one directory; an environment of 2 000 distributions has about 6 000.
const MAX_ENTRIES: usize = 50_000;
/// Bytes of a METADATA header; the largest seen has 60 KiB.
const MAX_HEADER: usize = 1 << 20;
/// Bytes of a RECORD; the largest seen has 2 MiB.
const MAX_RECORD: usize = 16 << 20;
/// Bytes of the small files.
const MAX_SMALL: usize = 64 << 10;
/// Bytes of all files together.
const MAX_TOTAL: usize = 256 << 20;
/// Links followed one after the other, as the kernel's own limit.
const MAX_LINKS: usize = 40;

/// The first look at the environment in `path` and the program that the unit starts.
pub fn observe_venv(root: &Root, path: &Path, launcher: &Path) -> VenvFacts {
    let bin = path.join("bin");
    let python = match observe_chain(root, &bin.join("python3")) {
        chain if chain.end.is_absent() && chain.steps.len() == 1 => {
            observe_chain(root, &bin.join("python"))
        }
        chain => chain,
    };
    VenvFacts {
        path: path.to_owned(),
        dir: observe_chain(root, path).end,
        cfg: root.read(&path.join("pyvenv.cfg"), MAX_SMALL as u64),
        python,
        libs: observe_libs(root, &path.join("lib")),
        launcher: observe_script(root, launcher),
    }
}

fn observe_libs(root: &Root, lib: &Path) -> Fact<Vec<String>> {
    let names = Reader::open(root, lib).map_or_else(Fact::from, |reader| entries(&reader));
    names.map(|entries| {
        let names = entries.into_iter().map(|entry| entry.name);
        names.filter(|name| name.starts_with("python")).collect()
    })
}

/// A path and the links behind it. Only names and types are looked at, so the links may lead
/// anywhere.
pub fn observe_chain(root: &Root, path: &Path) -> Chain {
    let mut steps = vec![path.to_owned()];
    let mut here = path.to_owned();
    for _ in 0..MAX_LINKS {
        let stat = root.stat(&here);
        if stat.known().is_none_or(|stat| stat.kind != FileKind::Symlink) {
            return Chain { steps, end: stat };
        }
        match root.link_target(&here) {
            Fact::Known(target) => here = here.parent().unwrap_or(Path::new("/")).join(target),
            Fact::Absent => return Chain { steps, end: Fact::Absent },
            Fact::Unknown(reason) => return Chain { steps, end: Fact::Unknown(reason) },
        }
        steps.push(here.clone());
    }
    Chain { steps, end: Fact::Absent }
}

fn observe_script(root: &Root, path: &Path) -> ScriptFacts {
    let chain = observe_chain(root, path);
    let head = match (path.parent(), path.file_name()) {
        (Some(dir), Some(name)) => match Reader::open(root, dir) {
            Ok(reader) => read_start(&reader, Path::new(name), SCRIPT_HEAD),
            Err(refusal) => refusal.into(),
        },
        _ => Fact::Absent,
    };
    ScriptFacts { path: path.to_owned(), file: chain.end, head }
}

/// The second look: what the directories of the module path hold. `deep` reads every RECORD whole,
/// else its first [`RECORD_START`] bytes.
pub fn observe_sites(root: &Root, sites: &[Site], deep: bool) -> Vec<SiteFacts> {
    let mut budget = MAX_TOTAL;
    sites.iter().map(|site| observe_site(root, site, deep, &mut budget)).collect()
}

fn observe_site(root: &Root, site: &Site, deep: bool, budget: &mut usize) -> SiteFacts {
    let mut facts = SiteFacts {
        site: site.clone(),
        entries: Fact::Absent,
        path_files: Vec::new(),
        distributions: Vec::new(),
    };
    let reader = match Reader::open(root, &site.path) {
        Ok(reader) => reader,
        Err(refusal) => return SiteFacts { entries: refusal.into(), ..facts },
    };
    facts.entries = entries(&reader);
    let names = facts.entries.known().map(Vec::as_slice).unwrap_or_default();
    facts.path_files = path_files(&reader, site, names);
    let look = Look { reader: &reader, origin: site.origin, deep, editables: has_path_file(names) };
    for entry in names {
        facts.distributions.extend(look.distribution(entry, budget));
    }
    facts
}

fn entries(reader: &Reader) -> Fact<Vec<Entry>> {
    match reader.entries(MAX_ENTRIES) {
        Ok(Some(entries)) => Fact::Known(entries),
        Ok(None) => Fact::Unknown(format!("it holds more than {MAX_ENTRIES} names")),
        Err(refusal) => refusal.into(),
    }
}

fn path_files(reader: &Reader, site: &Site, entries: &[Entry]) -> Vec<(String, Fact<Vec<u8>>)> {
    if site.origin != SiteOrigin::Venv {
        return Vec::new();
    }
    let files = entries.iter().filter(|entry| entry.name.ends_with(".pth")).take(64);
    files.map(|e| (e.name.clone(), read_whole(reader, Path::new(&e.name), MAX_SMALL))).collect()
}

/// An editable install needs a `.pth` file, so without one nobody is asked whether it is editable.
fn has_path_file(names: &[Entry]) -> bool {
    names.iter().any(|entry| entry.name.ends_with(".pth"))
}

/// How a directory's distributions are looked at.
struct Look<'a> {
    reader: &'a Reader,
    origin: SiteOrigin,
    deep: bool,
    editables: bool,
}

impl Look<'_> {
    fn distribution(&self, entry: &Entry, budget: &mut usize) -> Option<DistributionFacts> {
        let name = entry.name.as_str();
        let modern = name.ends_with(".dist-info");
        if !(modern || name.ends_with(".egg-info") || name.ends_with(".egg-link")) {
            return None;
        }
        if *budget == 0 {
            return Some(beyond_budget(name));
        }
        let inside = |file: &str| PathBuf::from(format!("{name}/{file}"));
        let header = match (modern, entry.kind) {
            (true, _) => inside("METADATA"),
            (false, FileKind::Regular) => PathBuf::from(name),
            (false, _) => inside("PKG-INFO"),
        };
        let mut facts = DistributionFacts {
            entry: name.to_owned(),
            metadata: read(self.reader, &header, MAX_HEADER, end_of_header),
            top_level: Fact::Absent,
            record: Fact::Absent,
            direct_url: Fact::Absent,
        };
        let ours = matches!(self.origin, SiteOrigin::Venv | SiteOrigin::PathFile);
        if ours && entry.kind != FileKind::Regular {
            facts.top_level = read_whole(self.reader, &inside("top_level.txt"), MAX_SMALL);
        }
        if ours && modern {
            facts.record = match self.deep {
                true => read_whole(self.reader, &inside("RECORD"), MAX_RECORD),
                false => read_start(self.reader, &inside("RECORD"), RECORD_START),
            };
        }
        if ours && modern && self.editables {
            facts.direct_url = read_whole(self.reader, &inside("direct_url.json"), MAX_SMALL);
        }
        *budget = budget.saturating_sub(size(&facts));
        Some(facts)
    }
}

fn beyond_budget(entry: &str) -> DistributionFacts {
    let unseen = || Fact::Unknown("the limit of bytes for one environment is reached".to_owned());
    DistributionFacts {
        entry: entry.to_owned(),
        metadata: unseen(),
        top_level: unseen(),
        record: unseen(),
        direct_url: unseen(),
    }
}

fn size(facts: &DistributionFacts) -> usize {
    [&facts.metadata, &facts.top_level, &facts.record, &facts.direct_url]
        .iter()
        .filter_map(|fact| fact.known())
        .map(Vec::len)
        .sum()
}

/// The header of METADATA ends at the first blank line; descriptions can be long.
fn end_of_header(bytes: &[u8]) -> Option<usize> {
    let unix = memchr::memmem::find(bytes, b"\n\n").map(|at| at + 2);
    // With carriage returns it ends at another mark, which may come first.
    let head = bytes.get(..unix.unwrap_or(bytes.len())).unwrap_or(bytes);
    let dos = memchr::memmem::find(head, b"\r\n\r\n").map(|at| at + 4);
    dos.or(unix)
}

fn read(
    reader: &Reader,
    name: &Path,
    limit: usize,
    enough: impl Fn(&[u8]) -> Option<usize>,
) -> Fact<Vec<u8>> {
    match reader.read_until(name, limit, enough) {
        Ok(bytes) => Fact::Known(bytes),
        Err(refusal) => refusal.into(),
    }
}

fn read_whole(reader: &Reader, name: &Path, limit: usize) -> Fact<Vec<u8>> {
    read(reader, name, limit, |_| None)
}

/// At most `limit` bytes of a file of any size.
fn read_start(reader: &Reader, name: &Path, limit: usize) -> Fact<Vec<u8>> {
    read(reader, name, limit, |bytes| (bytes.len() >= limit).then_some(limit))
}

/// Whether each file exists, in the order asked: directory of the module path, path below it.
/// `None` where it could not be seen.
pub fn observe_presence(
    root: &Root,
    sites: &[PathBuf],
    probes: &[(usize, String)],
) -> Vec<Option<bool>> {
    let readers: Vec<_> = sites.iter().map(|path| Reader::open(root, path).ok()).collect();
    let look = |(site, file): &(usize, String)| {
        let reader = readers.get(*site)?.as_ref()?;
        match reader.exists(Path::new(file)) {
            Fact::Known(()) => Some(true),
            Fact::Absent => Some(false),
            Fact::Unknown(_) => None,
        }
    };
    probes.iter().map(look).collect()
}
