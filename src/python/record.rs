//! RECORD and `top_level.txt`: the files of a distribution and the names it can be imported by.
//!
//! Invariant: import names come from files, never from the distribution's name (facts: a
//! distribution and its modules may share no letter).

use std::borrow::Cow;
use std::collections::BTreeSet;

/// The paths of a RECORD, in its order, as far as it is UTF-8; an unfinished last line is left out
/// when `cut` is set.
pub fn record_paths(bytes: &[u8], cut: bool) -> impl Iterator<Item = Cow<'_, str>> {
    let valid = match std::str::from_utf8(bytes) {
        Ok(text) => text,
        Err(error) => bytes
            .get(..error.valid_up_to())
            .and_then(|valid| std::str::from_utf8(valid).ok())
            .unwrap_or_default(),
    };
    let text = if cut { valid.rsplit_once('\n').map_or("", |(whole, _)| whole) } else { valid };
    text.lines().map(first_field).filter(|path| !path.is_empty())
}

/// The first field of a line of comma-separated values.
fn first_field(line: &str) -> Cow<'_, str> {
    let Some(quoted) = line.strip_prefix('"') else {
        return Cow::Borrowed(line.split(',').next().unwrap_or(line));
    };
    let mut field = String::new();
    let mut rest = quoted.chars().peekable();
    while let Some(c) = rest.next() {
        if c != '"' {
            field.push(c);
        } else if rest.next_if_eq(&'"').is_some() {
            field.push('"');
        } else {
            break;
        }
    }
    Cow::Owned(field)
}

/// The module or package at the top of a RECORD path.
pub fn import_name(path: &str) -> Option<&str> {
    let first = path.split('/').next().unwrap_or(path);
    let module = if first.len() == path.len() { file_module(first) } else { Some(first) };
    module.filter(|name| is_module_name(name))
}

/// The names in `top_level.txt`; what is not a name (a stray path) is left out.
pub fn top_level_names(bytes: &[u8]) -> BTreeSet<String> {
    let text = String::from_utf8_lossy(bytes);
    text.lines().map(str::trim).filter(|name| is_module_name(name)).map(str::to_owned).collect()
}

/// The module that a file makes: `x.py`, `x.so`, `x.abi3.so`, `x.cpython-311-….so` → `x`.
pub fn file_module(file: &str) -> Option<&str> {
    let (stem, _) = file.split_once('.')?;
    (file.ends_with(".py") || file.ends_with(".so")).then_some(stem)
}

/// A name that `import` could take, and not one of the helpers that installers leave.
pub fn is_module_name(name: &str) -> bool {
    let mut chars = name.chars();
    chars.next().is_some_and(|c| c == '_' || c.is_alphabetic())
        && chars.all(|c| c == '_' || c.is_alphanumeric())
        && name != "__pycache__"
        && !name.starts_with("__editable__")
        && name.len() <= 128
}

/// The Python that an extension module was built for: `cpython-311` of `x.cpython-311-….so`.
pub fn extension_tag(path: &str) -> Option<&str> {
    let file = path.rsplit('/').next().unwrap_or(path);
    let middle = file.strip_suffix(".so")?.split_once('.')?.1;
    middle.starts_with("cpython-").then_some(middle)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn check_names(record: &str, expected: &[&str]) {
        let paths: Vec<_> = record_paths(record.as_bytes(), false).collect();
        let found: BTreeSet<_> = paths.iter().filter_map(|path| import_name(path)).collect();
        assert_eq!(found.into_iter().collect::<Vec<_>>(), expected, "{record:?}");
    }

    #[test]
    fn import_names_come_from_the_files() {
        check_names(
            "django_filters/__init__.py,sha256=x,10\ndjango_filter-23.3.dist-info/RECORD,,\n",
            &["django_filters"],
        );
        check_names("decouple.py,,\n__pycache__/decouple.cpython-311.pyc,,\n", &["decouple"]);
        check_names(
            "_cffi_backend.cpython-311-x86_64-linux-gnu.so,,\ncffi/api.py,,\n",
            &["_cffi_backend", "cffi"],
        );
        check_names("rpds/rpds.abi3.so,,\nyaml.abi3.so,,\n", &["rpds", "yaml"]);
        check_names(
            "../../../bin/black,,\nblack/__init__.py,,\nblib2to3/a.py,,\n",
            &["black", "blib2to3"],
        );
        check_names(
            "pillow.libs/libjpeg.so.62,,\nPIL/Image.py,,\nx.data/purelib/y.py,,\n",
            &["PIL"],
        );
        check_names("__editable___edi_finder.py,,\n__editable__.edi.pth,,\n", &[]);
        check_names("\"a,b/c.py\",,\n\"odd\"\"name.py\",,\nok.py,,\n", &["ok"]);
        check_names("types_x-stubs/__init__.pyi,,\nLICENSE,,\n/abs/x.py,,\n", &[]);
    }

    #[test]
    fn a_cut_record_loses_its_last_line() {
        let paths = |bytes, cut| record_paths(bytes, cut).collect::<Vec<_>>();
        assert_eq!(paths(b"a.py,,\nb/c", true), ["a.py"]);
        assert_eq!(paths(b"a.py,,\nb/c", false), ["a.py", "b/c"]);
        assert!(paths(b"a.p", true).is_empty());
    }

    #[test]
    fn extension_tags() {
        for (path, expected) in [
            ("PIL/_imaging.cpython-311-x86_64-linux-gnu.so", Some("cpython-311-x86_64-linux-gnu")),
            ("x/y.abi3.so", None),
            ("x/y.so", None),
            ("pillow.libs/libjpeg-1.cpython-3.so.62", None),
            ("a.cpython-311.pyc", None),
        ] {
            assert_eq!(extension_tag(path), expected, "{path}");
        }
    }

    #[test]
    fn top_level_skips_what_is_no_name() {
        let names = top_level_names(b"_yaml\nyaml\n\n../evil\nsrc/x\n");
        assert_eq!(names.into_iter().collect::<Vec<_>>(), ["_yaml", "yaml"]);
    }

    proptest! {
        #[test]
        fn survives_any_bytes(bytes in prop::collection::vec(any::<u8>(), 0..400), cut: bool) {
            let _ = top_level_names(&bytes);
            for path in record_paths(&bytes, cut) {
                let _ = (import_name(&path), extension_tag(&path));
            }
        }
    }
}
