//! The shape of an environment: which interpreter, which Python, which directories.
//!
//! Invariant: told from names and links alone. The interpreter's version is the one in the name
//! where its links end (`python3.11`); a copied interpreter has no such name and then
//! `pyvenv.cfg`, which cannot have changed under it, has the word.

use std::fmt;
use std::path::{Path, PathBuf};

use super::pyvenv::{PyvenvCfg, parse_pyvenv};
use crate::model::{Chain, Fact, FileKind, Site, SiteOrigin, VenvFacts};

/// A Python series, `3.11`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct PythonVersion {
    pub major: u8,
    pub minor: u8,
}

impl fmt::Display for PythonVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.major, self.minor)
    }
}

impl PythonVersion {
    /// `python3.11` → 3.11.
    pub fn from_program(name: &str) -> Option<Self> {
        let (major, minor) = name.strip_prefix("python")?.split_once('.')?;
        Some(Self { major: major.parse().ok()?, minor: minor.parse().ok()? })
    }

    /// `3.11.2`, `3.11.2.final.0`, `3.11` → 3.11.
    pub fn from_full(text: &str) -> Option<Self> {
        let mut parts = text.trim().split('.');
        Some(Self { major: parts.next()?.parse().ok()?, minor: parts.next()?.parse().ok()? })
    }

    /// The tag in the names of extension modules, `cpython-311`.
    pub fn extension_tag(self) -> String {
        format!("cpython-{}{}", self.major, self.minor)
    }
}

/// What runs the environment's programs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Interpreter {
    /// It is there; its version where the name tells it.
    Present { version: Option<PythonVersion> },
    /// `bin/python3` leads to something that is gone.
    Gone { end: PathBuf },
    /// There is no `bin/python3` at all.
    Missing,
    /// It could not be looked at.
    Unknown(String),
}

/// The shape of an environment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Layout {
    pub interpreter: Interpreter,
    pub cfg: Fact<PyvenvCfg>,
    /// The Python that decides which directories count.
    pub version: Option<PythonVersion>,
    /// Directories to list, in the order of Python's module path; other Pythons' last.
    pub sites: Vec<Site>,
    /// The environment is a link farm to a system Python (not a copy, not conda), so that only
    /// `pyvenv.cfg` makes it an environment.
    pub linked: bool,
}

impl Layout {
    /// Reads the shape.
    pub fn from_facts(facts: &VenvFacts) -> Self {
        let cfg = facts.cfg.clone().map(|bytes| parse_pyvenv(&bytes));
        let interpreter = interpreter(&facts.python);
        let libs = lib_versions(facts);
        let version = match &interpreter {
            Interpreter::Present { version: Some(version) } => Some(*version),
            _ => cfg_version(&cfg).or_else(|| libs.first().copied()),
        };
        let linked = facts.python.steps.last().is_some_and(|end| !end.starts_with(&facts.path));
        let mut sites = Vec::new();
        if let Some(version) = version {
            sites.push(venv_site(&facts.path, version, SiteOrigin::Venv));
            sites.extend(system_sites(&cfg, version));
        }
        let others = libs.into_iter().filter(|lib| Some(*lib) != version);
        sites.extend(others.map(|lib| venv_site(&facts.path, lib, SiteOrigin::OtherPython)));
        Self { interpreter, cfg, version, sites, linked }
    }

    /// The interpreter's whole version, if `pyvenv.cfg` has it.
    pub fn full_version(&self) -> Option<&str> {
        self.cfg.known()?.version.as_deref()
    }
}

fn interpreter(python: &Chain) -> Interpreter {
    let end = python.steps.last().cloned().unwrap_or_default();
    match &python.end {
        Fact::Known(stat) if stat.kind == FileKind::Regular => {
            let name = end.file_name().and_then(|name| name.to_str()).unwrap_or_default();
            Interpreter::Present { version: PythonVersion::from_program(name) }
        }
        Fact::Known(_) => Interpreter::Gone { end },
        Fact::Absent if python.steps.len() > 1 => Interpreter::Gone { end },
        Fact::Absent => Interpreter::Missing,
        Fact::Unknown(reason) => Interpreter::Unknown(reason.clone()),
    }
}

/// The series in `lib`, newest first.
fn lib_versions(facts: &VenvFacts) -> Vec<PythonVersion> {
    let names = facts.libs.known().map(Vec::as_slice).unwrap_or_default();
    let mut versions: Vec<_> =
        names.iter().filter_map(|name| PythonVersion::from_program(name)).collect();
    versions.sort_unstable_by(|a, b| b.cmp(a));
    versions.dedup();
    versions
}

fn cfg_version(cfg: &Fact<PyvenvCfg>) -> Option<PythonVersion> {
    PythonVersion::from_full(cfg.known()?.version.as_deref()?)
}

fn venv_site(venv: &Path, version: PythonVersion, origin: SiteOrigin) -> Site {
    Site { path: venv.join(format!("lib/python{version}/site-packages")), origin }
}

/// The directories of the base installation, in the order of Debian's `site.py`; those of other
/// distributions' Pythons are a subset.
fn system_sites(cfg: &Fact<PyvenvCfg>, version: PythonVersion) -> Vec<Site> {
    let home = cfg.known().filter(|cfg| cfg.system_site_packages).and_then(|cfg| cfg.home.as_ref());
    let Some(prefix) = home.filter(|home| home.is_absolute()).and_then(|home| home.parent()) else {
        return Vec::new();
    };
    [
        format!("lib/python{version}/site-packages"),
        format!("local/lib/python{version}/dist-packages"),
        "lib/python3/dist-packages".to_owned(),
        format!("lib/python{version}/dist-packages"),
    ]
    .iter()
    .map(|dir| Site { path: prefix.join(dir), origin: SiteOrigin::System })
    .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{ScriptFacts, Stat, Timestamp};

    fn regular() -> Fact<Stat> {
        let time = Timestamp::default();
        Fact::Known(Stat {
            kind: FileKind::Regular,
            uid: 0,
            gid: 0,
            mode: 0o755,
            links: 1,
            size: 1,
            dev: 1,
            ino: 1,
            ctime: time,
            mtime: time,
        })
    }

    fn facts(cfg: &str, steps: &[&str], end: Fact<Stat>, libs: &[&str]) -> VenvFacts {
        VenvFacts {
            path: PathBuf::from("/v"),
            dir: regular(),
            cfg: Fact::Known(cfg.as_bytes().to_vec()),
            python: Chain { steps: steps.iter().map(PathBuf::from).collect(), end },
            libs: Fact::Known(libs.iter().map(|name| (*name).to_owned()).collect()),
            launcher: ScriptFacts {
                path: PathBuf::from("/v/bin/gunicorn"),
                file: Fact::Absent,
                head: Fact::Absent,
            },
        }
    }

    fn check(facts: &VenvFacts, version: Option<(u8, u8)>, sites: &[(&str, SiteOrigin)]) {
        let layout = Layout::from_facts(facts);
        assert_eq!(layout.version.map(|v| (v.major, v.minor)), version);
        let found: Vec<_> =
            layout.sites.iter().map(|s| (s.path.to_str().expect("utf-8"), s.origin)).collect();
        assert_eq!(found, sites);
    }

    #[test]
    fn the_interpreter_decides() {
        let ours = ("/v/lib/python3.11/site-packages", SiteOrigin::Venv);
        let chain = ["/v/bin/python3", "/usr/bin/python3", "/usr/bin/python3.11"];
        check(
            &facts("version = 3.11.2", &chain, regular(), &["python3.11"]),
            Some((3, 11)),
            &[ours],
        );
        // A Debian release upgrade: the link leads to another Python now.
        let upgraded = ["/v/bin/python3", "/usr/bin/python3", "/usr/bin/python3.13"];
        check(
            &facts("version = 3.11.2", &upgraded, regular(), &["python3.11", "python3"]),
            Some((3, 13)),
            &[
                ("/v/lib/python3.13/site-packages", SiteOrigin::Venv),
                ("/v/lib/python3.11/site-packages", SiteOrigin::OtherPython),
            ],
        );
        // A copied interpreter has no telling name, a gone one none at all.
        check(
            &facts("version_info = 3.11.2", &["/v/bin/python3"], regular(), &[]),
            Some((3, 11)),
            &[ours],
        );
        check(&facts("", &chain, Fact::Absent, &["python3.11"]), Some((3, 11)), &[ours]);
        check(&facts("", &["/v/bin/python3"], Fact::Absent, &[]), None, &[]);
    }

    #[test]
    fn the_system_is_visible_only_when_asked() {
        let chain = ["/v/bin/python3", "/usr/bin/python3.11"];
        let cfg = "home = /usr/bin\ninclude-system-site-packages = true\nversion = 3.11.2";
        check(
            &facts(cfg, &chain, regular(), &["python3.11"]),
            Some((3, 11)),
            &[
                ("/v/lib/python3.11/site-packages", SiteOrigin::Venv),
                ("/usr/lib/python3.11/site-packages", SiteOrigin::System),
                ("/usr/local/lib/python3.11/dist-packages", SiteOrigin::System),
                ("/usr/lib/python3/dist-packages", SiteOrigin::System),
                ("/usr/lib/python3.11/dist-packages", SiteOrigin::System),
            ],
        );
    }

    #[test]
    fn the_state_of_the_interpreter() {
        let state =
            |steps: &[&str], end| Layout::from_facts(&facts("", steps, end, &[])).interpreter;
        let gone = state(&["/v/bin/python3", "/usr/bin/python3.9"], Fact::Absent);
        assert_eq!(gone, Interpreter::Gone { end: PathBuf::from("/usr/bin/python3.9") });
        assert_eq!(state(&["/v/bin/python3"], Fact::Absent), Interpreter::Missing);
        let unknown = state(&["/v/bin/python3"], Fact::Unknown("permission denied".to_owned()));
        assert_eq!(unknown, Interpreter::Unknown("permission denied".to_owned()));
    }

    #[test]
    fn version_texts() {
        for (text, expected) in [
            ("3.11.2", Some((3, 11))),
            ("3.12.1.final.0", Some((3, 12))),
            ("3", None),
            ("x.y", None),
        ] {
            assert_eq!(
                PythonVersion::from_full(text).map(|v| (v.major, v.minor)),
                expected,
                "{text}"
            );
        }
        for (name, expected) in [
            ("python3.11", Some((3, 11))),
            ("python3", None),
            ("python3.11-config", None),
            ("pypy3.9", None),
        ] {
            assert_eq!(
                PythonVersion::from_program(name).map(|v| (v.major, v.minor)),
                expected,
                "{name}"
            );
        }
    }
}
