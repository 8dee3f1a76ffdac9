//! The door to the requirement language (PEP 440, PEP 503, PEP 508).
//!
//! Invariant: the crates behind it never see a text that could make them recurse or grow without
//! bound, they never expand a variable of our environment, and no address (which may hold a
//! password) is kept.

use std::fmt;
use std::str::FromStr;

use pep440_rs::{Operator, Version, VersionSpecifiers};
use pep508_rs::{ExtraName, MarkerEnvironment, MarkerEnvironmentBuilder, MarkerTree};

use super::PythonVersion;

/// A name, valid and normalised as PEP 503 says.
pub type Name = pep508_rs::PackageName;

/// One dependency specifier.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Specifier {
    pub name: Name,
    pub extras: Vec<ExtraName>,
    pub wanted: Wanted,
    pub marker: MarkerTree,
}

/// Which version is asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Wanted {
    /// Any version, or these.
    Versions(VersionSpecifiers),
    /// Whatever stands at an address, which has been forgotten.
    Address,
}

/// The longest specifier that is read.
const MAX_LENGTH: usize = 8192;
/// The deepest nesting of parentheses in a marker; real ones have three.
const MAX_DEPTH: usize = 16;
/// The most `and`s and `or`s in a marker that mixes both, because its decision diagram can double
/// with every second one; the most seen is nine.
const MAX_MIXED: usize = 16;
/// The most of either kind alone.
const MAX_PLAIN: usize = 512;

/// What the machine contributes to markers; the interpreter's version is passed beside it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Platform {
    /// `uname -m`.
    pub machine: String,
    /// `uname -r`.
    pub release: String,
    /// `uname -v`.
    pub version: String,
}

impl Default for Platform {
    fn default() -> Self {
        Self { machine: "x86_64".to_owned(), release: String::new(), version: String::new() }
    }
}

/// The marker environment of CPython `version` on Linux; `full` is the whole version where it is
/// known, else the first of its series is assumed.
pub fn environment(
    version: PythonVersion,
    full: Option<&str>,
    platform: &Platform,
) -> Option<MarkerEnvironment> {
    let short = version.to_string();
    let full = full
        .filter(|text| full_version_of(text, version))
        .map_or_else(|| format!("{short}.0"), str::to_owned);
    MarkerEnvironment::try_from(MarkerEnvironmentBuilder {
        implementation_name: "cpython",
        implementation_version: &full,
        os_name: "posix",
        platform_machine: &platform.machine,
        platform_python_implementation: "CPython",
        platform_release: &platform.release,
        platform_system: "Linux",
        platform_version: &platform.version,
        python_full_version: &full,
        python_version: &short,
        sys_platform: "linux",
    })
    .ok()
}

fn full_version_of(text: &str, version: PythonVersion) -> bool {
    PythonVersion::from_full(text) == Some(version) && Version::from_str(text).is_ok()
}

/// A valid name in its normal form.
pub fn parse_name(text: &str) -> Option<Name> {
    if text.is_empty() || text.len() > 256 { None } else { Name::from_str(text).ok() }
}

/// A version by PEP 440.
pub fn parse_version(text: &str) -> Option<Version> {
    if text.len() > 128 { None } else { Version::from_str(text).ok() }
}

/// One specifier; the reason never repeats the text. It is taken apart here and its parts are
/// handed on, because `Requirement::from_str` panics on names like `a-`.
pub fn parse_specifier(text: &str) -> Result<Specifier, &'static str> {
    if !is_bounded(text) {
        return Err("it is too long or too deeply nested");
    }
    let text = text.trim();
    let is_name = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    let (name, rest) = text.split_at(text.find(|c| !is_name(c)).unwrap_or(text.len()));
    let name = parse_name(name).ok_or("it does not begin with the name of a distribution")?;
    let (extras, rest) = split_extras(rest.trim_start())?;
    let (wanted, marker) = match rest.trim_start().strip_prefix('@') {
        Some(address) => (Wanted::Address, address.split_once(" ;").map(|(_, marker)| marker)),
        None => {
            let (versions, marker) = match rest.split_once(';') {
                Some((versions, marker)) => (versions, Some(marker)),
                None => (rest, None),
            };
            (Wanted::Versions(parse_versions(versions.trim())?), marker)
        }
    };
    let marker = match marker {
        Some(text) => MarkerTree::from_str(text.trim()).map_err(|_| "its marker is not valid")?,
        None => MarkerTree::TRUE,
    };
    Ok(Specifier { name, extras, wanted, marker })
}

fn split_extras(text: &str) -> Result<(Vec<ExtraName>, &str), &'static str> {
    let Some(inside) = text.strip_prefix('[') else { return Ok((Vec::new(), text)) };
    let (list, rest) = inside.split_once(']').ok_or("a bracket is not closed")?;
    let names = list.split(',').map(str::trim).filter(|name| !name.is_empty());
    let extras: Result<_, _> = names.map(ExtraName::from_str).collect();
    Ok((extras.map_err(|_| "an extra is not a valid name")?, rest))
}

/// `>=1,<2`, also in the parentheses that older metadata has.
fn parse_versions(text: &str) -> Result<VersionSpecifiers, &'static str> {
    let bare = text.strip_prefix('(').and_then(|t| t.strip_suffix(')')).unwrap_or(text).trim();
    let bare = bare.strip_suffix(',').unwrap_or(bare);
    VersionSpecifiers::from_str(bare).map_err(|_| "its version is not valid by PEP 440")
}

impl Specifier {
    /// The marker holds.
    pub fn applies(&self, env: &MarkerEnvironment, extras: &[ExtraName]) -> bool {
        self.marker.evaluate(env, extras)
    }

    /// An installed version satisfies it; an address fixes no version.
    pub fn is_satisfied(&self, version: &Version) -> bool {
        match &self.wanted {
            Wanted::Versions(wanted) => wanted.contains(version),
            Wanted::Address => true,
        }
    }

    /// Only one version will do.
    pub fn is_pinned(&self) -> bool {
        match &self.wanted {
            Wanted::Address => true,
            Wanted::Versions(wanted) => wanted
                .iter()
                .any(|one| matches!(one.operator(), Operator::Equal | Operator::ExactEqual)),
        }
    }

    /// The version part as text, `>=4.2, <5`; empty when any version will do.
    pub fn wanted_text(&self) -> String {
        match &self.wanted {
            Wanted::Versions(wanted) => wanted.to_string(),
            Wanted::Address => String::new(),
        }
    }
}

/// Name and extras: `psycopg[binary]`.
impl fmt::Display for Specifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.name)?;
        if self.extras.is_empty() {
            return Ok(());
        }
        let extras: Vec<_> = self.extras.iter().map(ToString::to_string).collect();
        write!(f, "[{}]", extras.join(","))
    }
}

/// A `Requires-Dist` that counts only when an extra is asked for, told without parsing: most lines
/// of big distributions are of this kind.
pub fn is_only_for_extra(text: &str) -> bool {
    text.split_once(';').is_some_and(|(_, marker)| {
        !marker.contains(" or ") && !marker.contains("!=") && extra_is_compared(marker)
    })
}

fn extra_is_compared(marker: &str) -> bool {
    marker.split("extra").skip(1).any(|rest| rest.trim_start().starts_with("=="))
}

/// At least `major.minor`; `None` when the version is not known.
pub fn is_at_least(version: Option<&Version>, major: u64, minor: u64) -> Option<bool> {
    version.map(|version| *version >= Version::new([major, minor]))
}

fn is_bounded(text: &str) -> bool {
    let depth = text
        .bytes()
        .scan(0_usize, |depth, byte| {
            match byte {
                b'(' => *depth += 1,
                b')' => *depth = depth.saturating_sub(1),
                _ => {}
            }
            Some(*depth)
        })
        .max()
        .unwrap_or(0);
    let separates = |c: char| !(c.is_alphanumeric() || c == '_');
    let words = |wanted: &str| text.split(separates).filter(|word| *word == wanted).count();
    let (ands, ors) = (words("and"), words("or"));
    let most = if ands > 0 && ors > 0 { MAX_MIXED } else { MAX_PLAIN };
    text.len() <= MAX_LENGTH && depth <= MAX_DEPTH && ands + ors <= most
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn names_are_normalised() {
        for (text, expected) in [
            ("Django", Some("django")),
            ("zope.interface", Some("zope-interface")),
            ("a-_.b", Some("a-b")),
            ("typing_extensions", Some("typing-extensions")),
            ("", None),
            ("-x", None),
            ("a/b", None),
            ("a\u{1b}[1m", None),
        ] {
            assert_eq!(parse_name(text).map(|n| n.to_string()).as_deref(), expected, "{text:?}");
        }
    }

    #[test]
    fn versions_by_pep_440() {
        for (specifier, version, expected) in [
            ("a==4.2.7", "4.2.7", true),
            ("a==4.2", "4.2.0", true),
            ("a==4.2.*", "4.2.16", true),
            ("a~=4.2.1", "4.3", false),
            ("a>=4,<5", "5.0a1", false),
            ("a>=4", "5.0rc1", true),
            ("a==1.0", "1.0+cpu", true),
            ("a!=1.5,>1", "1.5.post1", true),
            ("a @ https://user:pw@host/a.zip", "0", true),
            ("a", "0.dev1", true),
        ] {
            let parsed = parse_specifier(specifier).expect(specifier);
            let version = parse_version(version).expect(version);
            assert_eq!(parsed.is_satisfied(&version), expected, "{specifier} {version}");
        }
    }

    #[test]
    fn addresses_are_forgotten() {
        let parsed = parse_specifier("a[x] @ https://user:hunter2@host/a.zip").expect("valid");
        assert!(!format!("{parsed} {parsed:?}").contains("hunter2"));
    }

    #[test]
    fn hostile_markers_are_not_parsed() {
        let pairs = |n: usize| {
            let pair = |i| format!("(extra == 'a{i}' and extra == 'b{i}')");
            format!("a ; {}", (0..n).map(pair).collect::<Vec<_>>().join(" or "))
        };
        assert!(parse_specifier(&format!("a ; {}", "(".repeat(100_000))).is_err());
        assert!(parse_specifier(&format!("a ; {}os_name == 'x'", "(".repeat(1000))).is_err());
        assert!(parse_specifier(&pairs(60)).is_err());
        assert!(parse_specifier(&pairs(60).replace(' ', "")).is_err());
        assert!(parse_specifier(&pairs(8)).is_ok());
    }

    #[test]
    fn extras_are_told_without_parsing() {
        for (text, expected) in [
            ("black>=1 ; extra == 'dev'", true),
            ("black>=1 ; python_version < '3.9' and extra==\"dev\"", true),
            ("tzdata ; sys_platform == 'win32'", false),
            ("a ; extra == 'x' or os_name == 'posix'", false),
            ("a ; extra != 'x'", false),
            ("extra == 'x'", false),
        ] {
            assert_eq!(is_only_for_extra(text), expected, "{text}");
        }
    }

    #[test]
    fn markers_see_the_interpreter_of_the_venv() {
        let version = PythonVersion { major: 3, minor: 11 };
        for (full, marker, expected) in [
            (Some("3.11.7"), "python_full_version >= '3.11.5'", true),
            (Some("3.9.1"), "python_full_version == '3.11.0'", true),
            (None, "python_version == '3.11'", true),
            (Some("3.11.7"), "sys_platform == 'win32'", false),
            (Some("3.11.2.final.0"), "platform_machine == 'x86_64'", true),
            (None, "implementation_name == 'cpython' and platform_system == 'Linux'", true),
        ] {
            let env = environment(version, full, &Platform::default()).expect("environment");
            let parsed = parse_specifier(&format!("a ; {marker}")).expect(marker);
            assert_eq!(parsed.applies(&env, &[]), expected, "{full:?} {marker}");
        }
    }

    proptest! {
        #[test]
        fn survives_any_text(text in "\\PC{0,120}", marker in "[a-z_ ()'=<>!~.0-9,;\\[\\]@-]{0,120}") {
            for text in [text.clone(), format!("a{marker}"), format!("a ; {marker}")] {
                let _ = (parse_specifier(&text), parse_name(&text), parse_version(&text));
                let _ = is_only_for_extra(&text);
            }
        }
    }
}
