//! METADATA and PKG-INFO: the header of a distribution.
//!
//! Invariant: only the header counts; the description below the first blank line is never read.
//! Source of the rules: the core metadata specification of the Python packaging guide.

use std::borrow::Cow;

use super::pep508::{Name, parse_name};

/// At most this many `Requires-Dist` lines of one distribution are kept; the largest seen has about
/// 700.
const MAX_REQUIRES: usize = 4096;

/// The fields that are of use here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Metadata {
    /// Normalised as PEP 503 says.
    pub name: Name,
    /// As written.
    pub version: String,
    /// `Requires-Dist` as written, or the unnamed equivalent that old setuptools wrote.
    pub requires: Vec<String>,
}

/// Reads the header. Fails, with the reason, when there is no usable name or version.
pub fn parse_metadata(bytes: &[u8]) -> Result<Metadata, &'static str> {
    let mut name = None;
    let mut version = None;
    let mut requires = Vec::new();
    // Valid text, which is nearly all there is, is checked much faster than it is replaced.
    let text = match std::str::from_utf8(bytes) {
        Ok(text) => Cow::Borrowed(text),
        Err(_) => String::from_utf8_lossy(bytes),
    };
    for (key, value) in header_fields(&text) {
        if key.eq_ignore_ascii_case("name") {
            name = name.or(Some(value));
        } else if key.eq_ignore_ascii_case("version") {
            version = version.or(Some(value));
        } else if key.eq_ignore_ascii_case("requires-dist") && requires.len() < MAX_REQUIRES {
            requires.push(value.to_owned());
        }
    }
    let name = name.ok_or("it has no Name field")?;
    let name = parse_name(name).ok_or("its Name field is not a valid name")?;
    let version = version.ok_or("it has no Version field")?;
    if version.is_empty() || version.len() > 128 || version.contains(char::is_control) {
        return Err("its Version field is not a version");
    }
    Ok(Metadata { name, version: version.to_owned(), requires })
}

/// `Key: value` lines up to the first blank line; continuation lines, which none of the fields
/// above may have, are skipped.
fn header_fields(text: &str) -> impl Iterator<Item = (&str, &str)> {
    text.lines()
        .take_while(|line| !line.is_empty())
        .filter(|line| !line.starts_with([' ', '\t']))
        .filter_map(|line| line.split_once(':'))
        .map(|(key, value)| (key, value.trim()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn check(text: &str, expected: Result<(&str, &str, &[&str]), &'static str>) {
        let found =
            parse_metadata(text.as_bytes()).map(|m| (m.name.to_string(), m.version, m.requires));
        let expected = expected.map(|(name, version, requires)| {
            let requires: Vec<_> = requires.iter().map(|one| (*one).to_owned()).collect();
            (name.to_owned(), version.to_owned(), requires)
        });
        assert_eq!(found, expected, "{text:?}");
    }

    #[test]
    fn reads_the_header_only() {
        check(
            "Metadata-Version: 2.1\nName: Django\nVersion: 4.2.7\n",
            Ok(("django", "4.2.7", &[])),
        );
        check(
            "Name: Zope.Interface_x\r\nVersion: 1\r\nRequires-Dist: a>=1\r\nRequires-Dist: b ; extra == 'c'\r\n\r\nName: other\r\nRequires-Dist: d\r\n",
            Ok(("zope-interface-x", "1", &["a>=1", "b ; extra == 'c'"])),
        );
        check("Name: a\nSummary: x\n  Version: 9\nVersion: 2\n", Ok(("a", "2", &[])));
        check("name:a\nVERSION:2", Ok(("a", "2", &[])));
    }

    #[test]
    fn says_what_is_missing() {
        check("", Err("it has no Name field"));
        check("Version: 1\n", Err("it has no Name field"));
        check("Name: a\n\nVersion: 1\n", Err("it has no Version field"));
        check("Name: ../../etc\nVersion: 1\n", Err("its Name field is not a valid name"));
        check("Name: a\nVersion: 1\u{1b}[31m\n", Err("its Version field is not a version"));
    }

    proptest! {
        #[test]
        fn survives_any_bytes(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
            let _ = parse_metadata(&bytes);
        }
    }
}
