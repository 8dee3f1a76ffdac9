//! Requirements files, as pip reads them.
//!
//! Invariant: a set is built from bytes that somebody else has read; which files are still wanted
//! is a value ([`RequirementSet::wanted`]). Addresses, index options and hashes are dropped
//! unread: they may hold passwords.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::pep508::{Name, Specifier, parse_name, parse_specifier};
use crate::model::{Fact, plain_path};

/// One requirement that a file asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Required {
    pub specifier: Specifier,
    pub file: PathBuf,
    /// From 1; the first line of a continued one.
    pub line: usize,
    /// Limits the version if installed, but does not ask for it.
    pub constraint: bool,
}

/// A line or file that could not be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileProblem {
    pub file: PathBuf,
    pub line: Option<usize>,
    pub why: String,
}

/// The requirements of one or more files with everything that they include.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RequirementSet {
    pub required: Vec<Required>,
    pub problems: Vec<FileProblem>,
    /// Included files that nobody has handed in yet.
    pub wanted: Vec<PathBuf>,
}

/// The most files that are followed.
const MAX_FILES: usize = 64;
/// The most requirements that are kept.
const MAX_REQUIRED: usize = 10_000;

/// Reads `tops` and their includes out of `files`. Call again with more files as long as `wanted`
/// is not empty; a file is read once as requirement and once as constraint at most.
pub fn parse_requirements(
    tops: &[PathBuf],
    files: &BTreeMap<PathBuf, Fact<Vec<u8>>>,
) -> RequirementSet {
    let mut set = RequirementSet::default();
    let mut queue: Vec<Include> = tops.iter().map(|path| Include::top(path)).collect();
    let mut next = 0;
    while let Some(include) = queue.get(next).cloned() {
        next += 1;
        match files.get(&include.path) {
            None => set.wanted.push(include.path),
            Some(Fact::Known(bytes)) => {
                for found in set.read_file(&include, &decode(bytes)) {
                    let known = queue.iter().any(|other| other.is_same(&found));
                    if !known && queue.len() < MAX_FILES {
                        queue.push(found);
                    }
                }
            }
            Some(Fact::Absent) => set.problem(&include, "the file does not exist"),
            Some(Fact::Unknown(why)) => set.problem(&include, why),
        }
    }
    set.wanted.sort();
    set.wanted.dedup();
    set
}

/// A file and who asked for it.
#[derive(Clone)]
struct Include {
    path: PathBuf,
    constraint: bool,
    from: Option<(PathBuf, usize)>,
}

impl Include {
    fn top(path: &Path) -> Self {
        Self { path: path.to_owned(), constraint: false, from: None }
    }

    fn is_same(&self, other: &Self) -> bool {
        self.path == other.path && self.constraint == other.constraint
    }
}

impl RequirementSet {
    fn problem(&mut self, include: &Include, why: &str) {
        let problem = match &include.from {
            Some((file, line)) => FileProblem {
                file: file.clone(),
                line: Some(*line),
                why: format!("cannot include \"{}\": {why}", include.path.display()),
            },
            None => FileProblem { file: include.path.clone(), line: None, why: why.to_owned() },
        };
        self.problems.push(problem);
    }

    fn read_file(&mut self, include: &Include, text: &str) -> Vec<Include> {
        let mut includes = Vec::new();
        for (line, text) in logical_lines(text) {
            match parse_line(&text) {
                Line::Nothing => {}
                Line::Include { path, constraint } => includes.push(Include {
                    path: sibling(&include.path, &path),
                    constraint: constraint || include.constraint,
                    from: Some((include.path.clone(), line)),
                }),
                Line::Requirement(specifier) if self.required.len() < MAX_REQUIRED => {
                    self.required.push(Required {
                        specifier: *specifier,
                        file: include.path.clone(),
                        line,
                        constraint: include.constraint,
                    });
                }
                Line::Requirement(_) => {}
                Line::Bad(why) => self.problems.push(FileProblem {
                    file: include.path.clone(),
                    line: Some(line),
                    why: why.to_owned(),
                }),
            }
        }
        includes
    }
}

/// The path of an include.
fn sibling(file: &Path, include: &str) -> PathBuf {
    plain_path(&file.parent().unwrap_or(Path::new("/")).join(include))
}

/// Bytes as text by their byte order mark; PowerShell's `>` writes UTF-16.
fn decode(bytes: &[u8]) -> String {
    let utf16 = |bytes: &[u8], unit: fn([u8; 2]) -> u16| {
        let units = bytes.chunks_exact(2).filter_map(|pair| pair.try_into().ok()).map(unit);
        char::decode_utf16(units).map(|c| c.unwrap_or(char::REPLACEMENT_CHARACTER)).collect()
    };
    match bytes {
        [0xFF, 0xFE, rest @ ..] => utf16(rest, u16::from_le_bytes),
        [0xFE, 0xFF, rest @ ..] => utf16(rest, u16::from_be_bytes),
        [0xEF, 0xBB, 0xBF, rest @ ..] => String::from_utf8_lossy(rest).into_owned(),
        _ => String::from_utf8_lossy(bytes).into_owned(),
    }
}

/// Lines with their number; a backslash at the end joins, comments are cut as pip cuts them.
fn logical_lines(text: &str) -> Vec<(usize, String)> {
    let mut lines = Vec::new();
    let mut open: Option<(usize, String)> = None;
    for (index, line) in text.lines().enumerate() {
        let comment = line.trim_start().starts_with('#');
        let (body, continued) = match line.strip_suffix('\\') {
            Some(body) if !comment => (body, true),
            _ => (line, false),
        };
        let (number, mut joined) = open.take().unwrap_or((index + 1, String::new()));
        if !comment {
            joined.push_str(body);
        }
        if continued {
            open = Some((number, joined));
        } else {
            lines.push((number, joined));
        }
    }
    lines.extend(open);
    lines.into_iter().map(|(number, line)| (number, without_comment(&line).to_owned())).collect()
}

fn without_comment(line: &str) -> &str {
    let starts = |index: usize| {
        index == 0 || line.get(..index).is_some_and(|l| l.ends_with(char::is_whitespace))
    };
    let cut = line.match_indices('#').map(|(index, _)| index).find(|index| starts(*index));
    cut.and_then(|index| line.get(..index)).unwrap_or(line).trim()
}

enum Line {
    Nothing,
    Include { path: String, constraint: bool },
    Requirement(Box<Specifier>),
    Bad(&'static str),
}

fn parse_line(line: &str) -> Line {
    if line.is_empty() {
        return Line::Nothing;
    }
    for (option, constraint) in
        [("-r", false), ("--requirement", false), ("-c", true), ("--constraint", true)]
    {
        if let Some(path) = option_value(line, option) {
            // What is fetched is not on this host.
            if path.contains("://") {
                return Line::Nothing;
            }
            return Line::Include { path: path.to_owned(), constraint };
        }
    }
    let editable = option_value(line, "-e").or_else(|| option_value(line, "--editable"));
    match editable {
        Some(target) => named_address(target),
        None if line.starts_with('-') => Line::Nothing,
        None => parse_requirement(without_options(line)),
    }
}

/// The value of `-r FILE`, `-rFILE`, `--requirement FILE` or `--requirement=FILE`.
fn option_value<'a>(line: &'a str, option: &str) -> Option<&'a str> {
    let rest = line.strip_prefix(option)?;
    let glued = !option.starts_with("--") && !rest.is_empty();
    let value = match rest.strip_prefix('=') {
        Some(value) => value,
        None if glued || rest.starts_with(char::is_whitespace) => rest,
        None => return None,
    };
    Some(value.trim().trim_matches(['"', '\'']))
}

/// A requirement without `--hash=…` and other options of its own.
fn without_options(line: &str) -> &str {
    line.split_once(" --").map_or(line, |(before, _)| before).trim_end()
}

fn parse_requirement(text: &str) -> Line {
    match parse_specifier(text) {
        Ok(specifier) => Line::Requirement(Box::new(specifier)),
        Err(_) if is_address(text) => named_address(text),
        Err(why) => Line::Bad(why),
    }
}

fn is_address(text: &str) -> bool {
    let path = text.split(';').next().unwrap_or(text).trim_end();
    text.starts_with(['/', '.'])
        || path.contains('/')
        || path.ends_with(".whl")
        || path.ends_with(".tar.gz")
        || path.ends_with(".zip")
}

/// A path or address asks for a distribution only where it names one: `#egg=NAME`, a wheel.
fn named_address(text: &str) -> Line {
    let egg = text.split_once("#egg=").or_else(|| text.split_once("&egg=")).map(|(_, rest)| rest);
    let wheel = || {
        let file = text.split([';', ' ', '#']).next()?.rsplit('/').next()?;
        file.strip_suffix(".whl")?.split('-').next()
    };
    let name = egg.and_then(|rest| rest.split(['&', '[', ' ', ';']).next()).or_else(wheel);
    match name.and_then(parse_name).map(|name: Name| parse_specifier(&format!("{name} @ -"))) {
        Some(Ok(specifier)) => Line::Requirement(Box::new(specifier)),
        _ => Line::Nothing,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn parse(files: &[(&str, &[u8])]) -> RequirementSet {
        let map = files
            .iter()
            .map(|(path, bytes)| (PathBuf::from(path), Fact::Known(bytes.to_vec())))
            .collect();
        parse_requirements(&[PathBuf::from("/app/r.txt")], &map)
    }

    fn check(text: &str, expected: &[&str]) {
        let set = parse(&[("/app/r.txt", text.as_bytes())]);
        let found: Vec<_> = set
            .required
            .iter()
            .map(|r| format!("{}:{}{}", r.line, r.specifier, r.specifier.wanted_text()))
            .collect();
        assert_eq!(found, expected, "{text:?}");
        assert_eq!(set.problems, [], "{text:?}");
    }

    #[test]
    fn reads_what_pip_reads() {
        check("# comment\n\nDjango==4.2.7  # web\n", &["3:django==4.2.7"]);
        check("psycopg[binary]>=3.1,<4\r\n", &["1:psycopg[binary]>=3.1, <4"]);
        check(
            "a==1 \\\n    --hash=sha256:aa \\\n    --hash=sha256:bb\nb==2\n",
            &["1:a==1", "4:b==2"],
        );
        check("--index-url https://user:pw@host/simple\n-i x\n--no-binary :all:\na\n", &["4:a"]);
        check(
            "-e ./here\n-e git+https://h/x.git#egg=Some_App\n./wheels/foo_bar-1.0-py3-none-any.whl\n",
            &["2:some-app", "3:foo-bar"],
        );
        check("https://host/a.tar.gz\n/abs/dir\nlibs/foo\n-c https://host/c.txt\n", &[]);
        check("a @ git+https://tok:secret@host/x.git@v1\n", &["1:a"]);
        check("a==1 #egg\n", &["1:a==1"]);
        check("a; python_version < '3.8'", &["1:a"]);
        check("a~=1.0 --config-settings x=y", &["1:a~=1.0"]);
        check("\u{feff}a==1\n", &["1:a==1"]);
    }

    #[test]
    fn utf_16_of_powershell() {
        let mut bytes = vec![0xFF, 0xFE];
        bytes.extend("a==1\r\nb==2\r\n".encode_utf16().flat_map(u16::to_le_bytes));
        let set = parse(&[("/app/r.txt", &bytes)]);
        assert_eq!(set.required.len(), 2);
    }

    #[test]
    fn bad_lines_are_told_and_skipped() {
        let set = parse(&[("/app/r.txt", b"good==1\n<<<<<<< HEAD\nDjango=4\nfine\n")]);
        assert_eq!(set.required.len(), 2);
        assert_eq!(set.problems.iter().filter_map(|p| p.line).collect::<Vec<_>>(), [2, 3]);
    }

    #[test]
    fn includes_are_wanted_then_read() {
        let top: &[u8] = b"-r base.txt\n-c ../limits.txt\n--requirement=r.txt\nx\n";
        let first = parse(&[("/app/r.txt", top)]);
        assert_eq!(first.wanted, [PathBuf::from("/app/base.txt"), PathBuf::from("/limits.txt")]);
        let all = parse(&[
            ("/app/r.txt", top),
            ("/app/base.txt", b"y"),
            ("/limits.txt", b"z<2\n-r more.txt"),
            ("/more.txt", b"w"),
        ]);
        let found: Vec<_> =
            all.required.iter().map(|r| (r.specifier.name.to_string(), r.constraint)).collect();
        let expected =
            [("x", false), ("y", false), ("z", true), ("w", true)].map(|(n, c)| (n.to_owned(), c));
        assert_eq!(found, expected);
        assert!(all.wanted.is_empty());
    }

    #[test]
    fn a_missing_file_is_a_problem_of_the_line_that_asks() {
        let files = [
            (PathBuf::from("/app/r.txt"), Fact::Known(b"\n-r gone.txt".to_vec())),
            (PathBuf::from("/app/gone.txt"), Fact::Absent),
        ];
        let set = parse_requirements(&[PathBuf::from("/app/r.txt")], &files.into());
        assert_eq!(
            (set.problems[0].file.to_str(), set.problems[0].line),
            (Some("/app/r.txt"), Some(2))
        );
    }

    proptest! {
        #[test]
        fn survives_any_bytes(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
            let _ = parse(&[("/app/r.txt", &bytes)]);
        }

        #[test]
        fn survives_odd_lines(text in "[-a-z=\\\\#\\[\\];@ \n'\"/.<>~!0-9&]{0,200}") {
            let _ = parse(&[("/app/r.txt", text.as_bytes())]);
        }
    }
}
