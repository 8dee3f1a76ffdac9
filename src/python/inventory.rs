//! Everything that is installed, as Python would see it.
//!
//! Invariant: directories count in the order of Python's module path and the first distribution of
//! a name wins; what could not be read is in `unknown` and never turns into "not installed".

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use super::Layout;
use super::distribution::{Broken, Distribution, Form, Reading, read_distribution};
use super::pep508::Name;
use super::record::{file_module, is_module_name};
use crate::model::{Entry, Fact, FileKind, Site, SiteFacts, SiteOrigin};

/// One directory of the module path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SiteSummary {
    pub path: PathBuf,
    pub origin: SiteOrigin,
    /// Distributions in it; `Absent` when there is no such directory.
    pub distributions: Fact<usize>,
}

/// Two sets of metadata for one name in one directory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Duplicate {
    pub name: Name,
    pub site: usize,
    pub versions: Vec<String>,
}

/// Everything that is installed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Inventory {
    pub sites: Vec<SiteSummary>,
    pub distributions: BTreeMap<Name, Distribution>,
    /// Top-level names that can be imported, whoever installed them.
    pub modules: BTreeSet<String>,
    pub duplicates: Vec<Duplicate>,
    pub broken: Vec<Broken>,
    /// Names beginning with `~`, left by an interrupted pip: index of the site, name.
    pub leftovers: Vec<(usize, String)>,
    /// What could not be read, and why.
    pub unknown: Vec<String>,
}

impl Inventory {
    /// Reads the directories; `deep` keeps every recorded file for [`Self::probes`].
    pub fn from_facts(layout: &Layout, sites: &[SiteFacts], deep: bool) -> Self {
        let tag = layout.version.map(|version| version.extension_tag());
        let mut inventory = Self::default();
        for (index, facts) in sites.iter().enumerate() {
            let reading = Reading { site: index, deep, tag: tag.as_deref() };
            inventory.add_site(facts, reading);
        }
        inventory
    }

    /// A distribution by its name in normal form.
    pub fn find(&self, name: &str) -> Option<&Distribution> {
        self.distributions.get(&super::parse_name(name)?)
    }

    /// True when nothing stands in the way of saying "not installed".
    pub fn is_complete(&self) -> bool {
        self.unknown.is_empty()
    }

    fn add_site(&mut self, facts: &SiteFacts, reading: Reading<'_>) {
        let entries = match &facts.entries {
            Fact::Known(entries) => entries.as_slice(),
            Fact::Absent => &[],
            Fact::Unknown(reason) => {
                self.unknown.push(format!("{}: {reason}", facts.site.path.display()));
                &[]
            }
        };
        self.modules.extend(entries.iter().filter_map(module_of));
        if facts.site.origin != SiteOrigin::System {
            let left = entries.iter().filter(|entry| entry.name.starts_with('~'));
            self.leftovers.extend(left.map(|entry| (reading.site, entry.name.clone())));
        }
        let count = self.add_distributions(facts, reading);
        self.sites.push(SiteSummary {
            path: facts.site.path.clone(),
            origin: facts.site.origin,
            distributions: facts.entries.clone().map(|_| count),
        });
    }

    fn add_distributions(&mut self, facts: &SiteFacts, reading: Reading<'_>) -> usize {
        let mut here: BTreeMap<Name, Vec<Distribution>> = BTreeMap::new();
        let ours = facts.site.origin != SiteOrigin::System;
        for one in facts.distributions.iter().filter(|d| !d.entry.starts_with(['~', '-'])) {
            match read_distribution(one, reading) {
                Fact::Known(Ok(found)) => here.entry(found.name.clone()).or_default().push(found),
                Fact::Known(Err(broken)) if ours && Form::of(&one.entry) != Some(Form::EggLink) => {
                    self.broken.push(broken);
                }
                Fact::Known(Err(_)) | Fact::Absent => {}
                Fact::Unknown(reason) => {
                    let path = facts.site.path.join(&one.entry);
                    self.unknown.push(format!("{}: {reason}", path.display()));
                }
            }
        }
        let count = here.len();
        for (name, found) in here {
            if found.len() > 1 && ours {
                let versions = found.iter().map(|d| d.version_text.clone()).collect();
                self.duplicates.push(Duplicate {
                    name: name.clone(),
                    site: reading.site,
                    versions,
                });
            }
            // Python takes the first of a directory in no particular order: nothing better is known.
            let Some(mut best) = found.into_iter().max_by(|a, b| a.version.cmp(&b.version)) else {
                continue;
            };
            best.editable |= facts.site.origin == SiteOrigin::PathFile;
            self.distributions.entry(name).or_insert(best);
        }
        count
    }
}

/// The name that an entry of a site directory can be imported by.
fn module_of(entry: &Entry) -> Option<String> {
    let name = match entry.kind {
        FileKind::Directory | FileKind::Symlink if is_module_name(&entry.name) => {
            Some(entry.name.as_str())
        }
        _ => file_module(&entry.name).filter(|name| is_module_name(name)),
    };
    name.map(str::to_owned)
}

/// The most directories that `.pth` files may add.
const MAX_PATH_SITES: usize = 64;

/// The directories that `.pth` files add to the module path, as `site.py` reads them: `import`
/// lines and comments are no directories.
pub fn path_file_sites(sites: &[SiteFacts]) -> Vec<Site> {
    let mut found: Vec<Site> = Vec::new();
    for facts in sites.iter().filter(|facts| facts.site.origin == SiteOrigin::Venv) {
        let files = facts.path_files.iter().filter_map(|(_, bytes)| bytes.known());
        for line in files.flat_map(|bytes| path_lines(bytes)) {
            let path = facts.site.path.join(line);
            let known = sites.iter().any(|other| other.site.path == path)
                || found.iter().any(|other| other.path == path);
            if !known && found.len() < MAX_PATH_SITES {
                found.push(Site { path, origin: SiteOrigin::PathFile });
            }
        }
    }
    found
}

fn path_lines(bytes: &[u8]) -> Vec<String> {
    let text = String::from_utf8_lossy(bytes);
    text.lines()
        .map(str::trim_end)
        .filter(|line| !line.is_empty() && !line.starts_with('#') && line.len() < 4096)
        .filter(|line| !line.starts_with("import ") && !line.starts_with("import\t"))
        .filter(|line| !line.contains(char::is_control))
        .map(str::to_owned)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::DistributionFacts;
    use crate::python::{Interpreter, PythonVersion};

    fn layout() -> Layout {
        Layout {
            interpreter: Interpreter::Present { version: None },
            cfg: Fact::Absent,
            version: Some(PythonVersion { major: 3, minor: 11 }),
            sites: Vec::new(),
            linked: true,
        }
    }

    fn distribution(entry: &str, name: &str, version: &str) -> DistributionFacts {
        DistributionFacts {
            entry: entry.to_owned(),
            metadata: Fact::Known(format!("Name: {name}\nVersion: {version}\n").into_bytes()),
            top_level: Fact::Absent,
            record: Fact::Known(format!("{name}/__init__.py,,\n").into_bytes()),
            direct_url: Fact::Absent,
        }
    }

    fn site(
        path: &str,
        origin: SiteOrigin,
        distributions: Vec<DistributionFacts>,
        dirs: &[&str],
    ) -> SiteFacts {
        let entry = |name: &&str| Entry { name: (*name).to_owned(), kind: FileKind::Directory };
        SiteFacts {
            site: Site { path: PathBuf::from(path), origin },
            entries: Fact::Known(dirs.iter().map(entry).collect()),
            path_files: Vec::new(),
            distributions,
        }
    }

    #[test]
    fn the_first_directory_wins() {
        let venv = site("/v", SiteOrigin::Venv, vec![distribution("a-2.dist-info", "a", "2")], &[]);
        let system = site(
            "/s",
            SiteOrigin::System,
            vec![distribution("a-1.egg-info", "a", "1"), distribution("b-1.egg-info", "B", "1")],
            &[],
        );
        let found = Inventory::from_facts(&layout(), &[venv, system], false);
        let all: Vec<_> = found
            .distributions
            .values()
            .map(|d| (d.name.to_string(), d.version_text.as_str(), d.site))
            .collect();
        assert_eq!(all, [("a".to_owned(), "2", 0), ("b".to_owned(), "1", 1)]);
        assert!(found.duplicates.is_empty());
        assert_eq!(found.probes(), [(0, "a/__init__.py".to_owned())]);
    }

    #[test]
    fn duplicates_and_leftovers_of_one_directory() {
        let both = vec![
            distribution("a-10.0.dist-info", "a", "10.0"),
            distribution("a-9.0.dist-info", "a", "9.0"),
            distribution("~b-1.dist-info", "b", "1"),
        ];
        let found = Inventory::from_facts(
            &layout(),
            &[site("/v", SiteOrigin::Venv, both, &["~b", "c"])],
            false,
        );
        assert_eq!(found.duplicates.len(), 1);
        assert_eq!(found.find("a").map(|d| d.version_text.as_str()), Some("10.0"));
        assert_eq!(found.leftovers, [(0, "~b".to_owned())]);
        assert!(found.find("b").is_none() && found.modules.contains("c"));
    }

    #[test]
    fn unseen_is_not_absent() {
        let mut unseen = distribution("a-1.dist-info", "a", "1");
        unseen.metadata = Fact::Unknown("permission denied".to_owned());
        let found = Inventory::from_facts(
            &layout(),
            &[site("/v", SiteOrigin::Venv, vec![unseen], &[])],
            false,
        );
        assert_eq!(found.unknown, ["/v/a-1.dist-info: permission denied"]);
        assert!(!found.is_complete() && found.broken.is_empty());
    }

    #[test]
    fn answers_are_matched_to_distributions() {
        let both =
            vec![distribution("a-1.dist-info", "a", "1"), distribution("b-1.dist-info", "b", "1")];
        let found =
            Inventory::from_facts(&layout(), &[site("/v", SiteOrigin::Venv, both, &[])], false);
        let absent = found.absent(&[Some(true), Some(false)]);
        assert_eq!(absent.iter().map(|a| a.name.to_string()).collect::<Vec<_>>(), ["b"]);
        assert!(found.absent(&[None, Some(true)]).is_empty());
    }

    #[test]
    fn gunicorn_is_compared_by_version() {
        for (version, expected) in [
            ("20.0.4", Some(true)),
            ("19.10.0", Some(false)),
            ("23.0.0", Some(true)),
            ("weird", None),
        ] {
            let one = vec![distribution("gunicorn.dist-info", "gunicorn", version)];
            let found =
                Inventory::from_facts(&layout(), &[site("/v", SiteOrigin::Venv, one, &[])], false);
            let version_found = found.find("gunicorn").and_then(|d| d.version.as_ref());
            let newer = crate::python::is_at_least(version_found, 20, 0);
            assert_eq!(newer, expected, "{version}");
        }
    }

    #[test]
    fn path_files_add_directories_once() {
        let mut venv = site("/v", SiteOrigin::Venv, Vec::new(), &[]);
        let text = "# comment\nimport os; os.exit()\n/src/app\n../rel\n/src/app\n\n/v\n";
        venv.path_files = vec![("e.pth".to_owned(), Fact::Known(text.as_bytes().to_vec()))];
        let found: Vec<_> = path_file_sites(&[venv]).into_iter().map(|site| site.path).collect();
        assert_eq!(found, [PathBuf::from("/src/app"), PathBuf::from("/v/../rel")]);
    }
}
