//! One distribution, from the files of its metadata directory.
//!
//! Invariant: a distribution exists when its metadata says who it is. What its files look like is
//! told separately, so that "metadata without files" and "files without metadata" stay two states.

use std::collections::BTreeSet;

use pep440_rs::Version;

use super::metadata::{Metadata, parse_metadata};
use super::pep508::{Name, parse_version};
use super::record::{extension_tag, import_name, is_module_name, record_paths, top_level_names};
use crate::model::{DistributionFacts, Fact, RECORD_START};

/// How it was installed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// `*.dist-info`, what pip and uv write.
    DistInfo,
    /// `*.egg-info`, a directory or a file: setuptools of old, Debian, a source tree.
    EggInfo,
    /// `*.egg-link`: a pointer to a source tree, made by `setup.py develop`.
    EggLink,
}

impl Form {
    /// Told by the name of the entry.
    pub fn of(entry: &str) -> Option<Self> {
        let forms = [
            (".dist-info", Self::DistInfo),
            (".egg-info", Self::EggInfo),
            (".egg-link", Self::EggLink),
        ];
        forms.into_iter().find(|(suffix, _)| entry.ends_with(suffix)).map(|(_, form)| form)
    }
}

/// One installed distribution.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Distribution {
    pub name: Name,
    /// As written in the metadata.
    pub version_text: String,
    /// The same by PEP 440; `None` for a version of the old kind.
    pub version: Option<Version>,
    pub requires: Vec<String>,
    /// Names that it can be imported by. In a shallow look, of a distribution without
    /// `top_level.txt`, those in the first [`RECORD_START`] bytes of its RECORD.
    pub imports: BTreeSet<String>,
    pub form: Form,
    pub editable: bool,
    /// The name of its metadata in the site directory.
    pub entry: String,
    /// Index into [`Inventory::sites`](super::Inventory::sites).
    pub site: usize,
    /// One recorded file of each top-level name, or all of them when a deep look is wanted.
    pub(super) witnesses: Vec<String>,
    /// Modules that were built for another Python only.
    pub foreign: Vec<String>,
}

/// Metadata that says not even who it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Broken {
    pub entry: String,
    pub site: usize,
    pub why: &'static str,
}

/// The files of a RECORD that are kept at most in a deep look.
const MAX_FILES: usize = 200_000;

/// What a deep look or a shallow one needs to know besides the facts.
#[derive(Clone, Copy, Debug)]
pub struct Reading<'a> {
    pub site: usize,
    pub deep: bool,
    /// `cpython-311`: the interpreter's own tag for extension modules.
    pub tag: Option<&'a str>,
}

/// Reads one metadata directory. `Unknown` when it could not be looked at.
pub fn read_distribution(
    facts: &DistributionFacts,
    reading: Reading<'_>,
) -> Fact<Result<Distribution, Broken>> {
    let Some(form) = Form::of(&facts.entry) else { return Fact::Absent };
    let broken =
        |why| Fact::Known(Err(Broken { entry: facts.entry.clone(), site: reading.site, why }));
    match &facts.metadata {
        Fact::Unknown(reason) => Fact::Unknown(reason.clone()),
        Fact::Absent => broken("its METADATA is missing"),
        Fact::Known(bytes) => match parse_metadata(bytes) {
            Ok(metadata) => Fact::Known(Ok(assemble(facts, form, metadata, reading))),
            Err(why) => broken(why),
        },
    }
}

fn assemble(
    facts: &DistributionFacts,
    form: Form,
    metadata: Metadata,
    reading: Reading<'_>,
) -> Distribution {
    let listed = facts.top_level.known().map(|bytes| top_level_names(bytes));
    let files = read_files(facts, reading);
    Distribution {
        version: parse_version(&metadata.version),
        name: metadata.name,
        version_text: metadata.version,
        requires: metadata.requires,
        imports: listed.unwrap_or(files.imports),
        form,
        editable: files.editable || is_editable(&facts.direct_url),
        entry: facts.entry.clone(),
        site: reading.site,
        witnesses: files.witnesses,
        foreign: files.foreign,
    }
}

/// `direct_url.json` of an editable install (PEP 610); only this one word of it is of interest, and
/// the address in it may hold a password.
fn is_editable(direct_url: &Fact<Vec<u8>>) -> bool {
    #[derive(serde::Deserialize)]
    struct DirectUrl {
        dir_info: Option<DirInfo>,
    }
    #[derive(serde::Deserialize)]
    struct DirInfo {
        #[serde(default)]
        editable: bool,
    }
    direct_url
        .known()
        .and_then(|bytes| serde_json::from_slice::<DirectUrl>(bytes).ok())
        .and_then(|url| url.dir_info)
        .is_some_and(|info| info.editable)
}

/// What a RECORD tells.
#[derive(Default)]
struct Files {
    imports: BTreeSet<String>,
    witnesses: Vec<String>,
    foreign: Vec<String>,
    editable: bool,
    /// The top-level name that is being read has one.
    has_witness: bool,
    /// Its witness is the best one, and only extension modules are of interest any more.
    is_settled: bool,
}

fn read_files(facts: &DistributionFacts, reading: Reading<'_>) -> Files {
    let mut files = Files::default();
    let mut usable = BTreeSet::new();
    let mut foreign = BTreeSet::new();
    let mut top = String::new();
    let bytes = facts.record.known().map(Vec::as_slice).unwrap_or_default();
    let cut = !reading.deep && bytes.len() >= RECORD_START;
    for path in record_paths(bytes, cut).take(MAX_FILES) {
        let is_new = !is_below(&path, &top);
        // Most lines say nothing new: the rest of a package whose first file is known.
        if files.is_settled && !is_new && !path.ends_with('o') {
            continue;
        }
        sort_extension(&path, reading.tag, &mut usable, &mut foreign);
        if is_new {
            let first = path.split('/').next().unwrap_or(&path);
            top.clear();
            top.push_str(first);
            files.editable |= first.starts_with("__editable__");
            files.imports.extend(import_name(&path).map(str::to_owned));
        }
        files.add_witness(&path, is_new, reading.deep);
        let is_first = |file: &String| file.strip_prefix(&top) == Some("/__init__.py");
        files.is_settled = !reading.deep && files.witnesses.last().is_some_and(is_first);
    }
    // Where the list was cut, the module's other builds may stand beyond the cut.
    let is_last = |module: &String| cut && Some(module) == foreign.last();
    files.foreign =
        foreign.difference(&usable).filter(|module| !is_last(module)).cloned().collect();
    files
}

fn is_below(path: &str, top: &str) -> bool {
    path.strip_prefix(top).is_some_and(|rest| rest.starts_with('/'))
}

/// Witnesses of a shallow look are one for each top-level name, and not of more names than this.
const MAX_WITNESSES: usize = 16;

impl Files {
    fn add_witness(&mut self, path: &str, is_new: bool, deep: bool) {
        self.has_witness &= !is_new;
        let better = self.has_witness
            && path.ends_with("/__init__.py")
            && self.witnesses.last().is_some_and(|best| is_better(path, best));
        let wanted = deep || better || !self.has_witness && self.witnesses.len() < MAX_WITNESSES;
        if !wanted || !is_witness(path) {
            return;
        }
        if better && !deep {
            self.witnesses.pop();
        }
        self.witnesses.push(path.to_owned());
        self.has_witness = true;
    }
}

/// A file that must be there if the distribution is: code inside the site directory.
fn is_witness(path: &str) -> bool {
    let code = path.ends_with(".py") || path.ends_with(".so");
    let top = path.split('/').next().unwrap_or(path);
    code && !path.split('/').any(|part| part == ".." || part.is_empty())
        && (import_name(path).is_some() || is_module_name(top))
}

/// `x/__init__.py` is asked for before any other file: images made small lose tests, not that.
fn is_better(path: &str, best: &str) -> bool {
    path.ends_with("/__init__.py") && (!best.ends_with("/__init__.py") || path.len() < best.len())
}

fn sort_extension(
    path: &str,
    tag: Option<&str>,
    usable: &mut BTreeSet<String>,
    foreign: &mut BTreeSet<String>,
) {
    let (Some(tag), true) = (tag, path.ends_with(".so")) else { return };
    let name = path.rsplit('/').next().unwrap_or(path);
    let stem = path.len() - name.len() + name.find('.').unwrap_or(name.len());
    let module = path.get(..stem).unwrap_or(path).to_owned();
    match extension_tag(path) {
        Some(built) if !is_built_for(built, tag) => foreign.insert(module),
        _ => usable.insert(module),
    };
}

/// `cpython-311-x86_64-linux-gnu` is for `cpython-311`, `cpython-311t` and `cpython-3` are not.
fn is_built_for(built: &str, tag: &str) -> bool {
    built.strip_prefix(tag).is_some_and(|rest| rest.is_empty() || rest.starts_with('-'))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn known(text: &str) -> Fact<Vec<u8>> {
        Fact::Known(text.as_bytes().to_vec())
    }

    fn facts(entry: &str, record: &str) -> DistributionFacts {
        DistributionFacts {
            entry: entry.to_owned(),
            metadata: known("Name: A.b\nVersion: 1.0\nRequires-Dist: c\n"),
            top_level: Fact::Absent,
            record: known(record),
            direct_url: Fact::Absent,
        }
    }

    fn read(facts: &DistributionFacts, deep: bool) -> Distribution {
        let reading = Reading { site: 0, deep, tag: Some("cpython-311") };
        match read_distribution(facts, reading) {
            Fact::Known(Ok(distribution)) => distribution,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn one_witness_for_each_top_level_name() {
        let record = "../../../bin/a,,\na/.gitignore,,\na/LICENSE,,\na/alpha.py,,\na/__init__.py,,\na/sub/__init__.py,,\n\
                      a/__pycache__/x.pyc,,\nb.py,,\nA_b-1.0.dist-info/METADATA,,\nscripts-x/y.py,,\n";
        let found = read(&facts("A_b-1.0.dist-info", record), false);
        assert_eq!(found.witnesses, ["a/__init__.py", "b.py"]);
        assert_eq!(found.imports.iter().collect::<Vec<_>>(), ["a", "b"]);
        assert_eq!((found.name.to_string().as_str(), found.requires.len()), ("a-b", 1));
        let deep = read(&facts("A_b-1.0.dist-info", record), true);
        assert_eq!(deep.witnesses, ["a/alpha.py", "a/__init__.py", "a/sub/__init__.py", "b.py"]);
    }

    #[test]
    fn extension_modules_of_another_python() {
        for (record, expected) in [
            ("a/x.cpython-310-x86_64-linux-gnu.so,,\n", vec!["a/x"]),
            ("a/x.cpython-311-x86_64-linux-gnu.so,,\n", vec![]),
            (
                "a/x.cpython-310-x86_64-linux-gnu.so,,\na/x.cpython-311-x86_64-linux-gnu.so,,\n",
                vec![],
            ),
            ("a/x.cpython-310.so,,\na/x.abi3.so,,\n", vec![]),
            ("a/x.abi3.so,,\na/y.so,,\na.libs/libz.so.1,,\n", vec![]),
            ("a/x.cpython-311t-x86_64-linux-gnu.so,,\n", vec!["a/x"]),
        ] {
            assert_eq!(read(&facts("a.dist-info", record), false).foreign, expected, "{record}");
        }
    }

    #[test]
    fn editable_installs() {
        let finder = facts("e.dist-info", "__editable___e_finder.py,,\n__editable__.e-1.pth,,\n");
        let mut url = facts("e.dist-info", "e.pth,,\n");
        url.direct_url = known("{\"dir_info\": {\"editable\": true}, \"url\": \"file:///src\"}");
        let mut plain = facts("e.dist-info", "e/__init__.py,,\n");
        plain.direct_url = known("{\"dir_info\": {}, \"url\": \"file:///src\"}");
        assert!(read(&finder, false).editable && read(&finder, false).witnesses.is_empty());
        assert!(read(&url, false).editable);
        assert!(!read(&plain, false).editable);
    }

    #[test]
    fn broken_and_unseen_metadata_differ() {
        let reading = Reading { site: 0, deep: false, tag: None };
        let mut facts = facts("a-1.dist-info", "");
        facts.metadata = Fact::Absent;
        assert!(matches!(read_distribution(&facts, reading), Fact::Known(Err(_))));
        facts.metadata = Fact::Unknown("permission denied".to_owned());
        assert_eq!(
            read_distribution(&facts, reading),
            Fact::Unknown("permission denied".to_owned())
        );
    }

    #[test]
    fn top_level_wins_over_the_record() {
        let mut facts = facts("a-1.dist-info", "yaml/__init__.py,,\n_yaml/__init__.py,,\nyam");
        facts.top_level = known("yaml\n");
        let found = read(&facts, false);
        assert_eq!(found.imports.iter().collect::<Vec<_>>(), ["yaml"]);
        assert_eq!(found.witnesses, ["yaml/__init__.py", "_yaml/__init__.py"]);
    }

    proptest! {
        #[test]
        fn survives_any_record(bytes in prop::collection::vec(any::<u8>(), 0..400), deep: bool) {
            let mut facts = facts("a.dist-info", "");
            facts.record = Fact::Known(bytes.clone());
            facts.direct_url = Fact::Known(bytes.clone());
            facts.top_level = Fact::Known(bytes);
            let _ = read(&facts, deep);
        }
    }
}
