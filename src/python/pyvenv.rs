//! `pyvenv.cfg`: the file that makes a directory a virtual environment.
//!
//! Invariant: read as CPython's `site.py` reads it: `key = value` lines, keys in any case, the last
//! one counts, anything else is skipped.

use std::path::PathBuf;

/// What the file says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PyvenvCfg {
    /// Directory of the interpreter that the environment was made from.
    pub home: Option<PathBuf>,
    /// Version text: `version` (venv) or `version_info` (virtualenv, uv).
    pub version: Option<String>,
    /// The system's packages are visible too.
    pub system_site_packages: bool,
}

/// Reads the text; never fails, because CPython does not.
pub fn parse_pyvenv(bytes: &[u8]) -> PyvenvCfg {
    let text = String::from_utf8_lossy(bytes);
    let mut cfg = PyvenvCfg::default();
    for (key, value) in text.lines().filter_map(|line| line.split_once('=')) {
        let value = value.trim();
        match key.trim().to_ascii_lowercase().as_str() {
            "home" => cfg.home = Some(PathBuf::from(value)),
            "version" | "version_info" => cfg.version = Some(value.to_owned()),
            "include-system-site-packages" => {
                cfg.system_site_packages = value.eq_ignore_ascii_case("true");
            }
            _ => {}
        }
    }
    cfg
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn check(text: &str, home: Option<&str>, version: Option<&str>, system: bool) {
        let expected = PyvenvCfg {
            home: home.map(PathBuf::from),
            version: version.map(str::to_owned),
            system_site_packages: system,
        };
        assert_eq!(parse_pyvenv(text.as_bytes()), expected, "{text:?}");
    }

    #[test]
    fn reads_what_site_py_reads() {
        let venv = "home = /usr/bin\ninclude-system-site-packages = false\nversion = 3.11.2\n\
                    executable = /usr/bin/python3.11\ncommand = /usr/bin/python3 -m venv /x=y\n";
        check(venv, Some("/usr/bin"), Some("3.11.2"), false);
        check(
            "HOME=/opt/py/bin\r\nversion_info = 3.12.1.final.0\r\n",
            Some("/opt/py/bin"),
            Some("3.12.1.final.0"),
            false,
        );
        check("include-system-site-packages=TRUE", None, None, true);
        check("include-system-site-packages = yes", None, None, false);
        check("", None, None, false);
        check("no equals sign\n= value\n", None, None, false);
    }

    proptest! {
        #[test]
        fn survives_any_bytes(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
            let _ = parse_pyvenv(&bytes);
        }
    }
}
