//! What `--from` names: a directory, an archive.

use std::path::{Path, PathBuf};
use std::time::Duration;

use super::unpack::owner_of_tree;
use crate::deploy::{Layout, SourceFacts, SourceKind};
use crate::model::{Fact, FileKind, Finding, Subject, finding};
use crate::sys::Root;
use crate::sys::exec::{self, Request};

/// What `--from` names: where the project is in it, and its requirements.
pub(super) fn observe_source(
    root: &Root,
    from: &Path,
    layout: &Layout,
    wheelhouse: Option<&Path>,
) -> Result<SourceFacts, Box<Finding>> {
    let no =
        |detail: String| Box::new(Finding::new(&finding::DEP_SOURCE, Subject::file(from), detail));
    let kind = match root.stat(from) {
        Fact::Known(stat) if stat.kind == FileKind::Directory => SourceKind::Directory,
        Fact::Known(stat) if stat.kind == FileKind::Regular => SourceKind::Archive,
        Fact::Known(stat) => return Err(no(format!("it is a {}", stat.kind.word()))),
        Fact::Absent => return Err(no("it does not exist".to_owned())),
        Fact::Unknown(why) => return Err(no(why)),
    };
    let manage = layout.project.join("manage.py");
    let candidates = [PathBuf::from("requirements.txt"), layout.project.join("requirements.txt")];
    let facts = |strip, requirements| SourceFacts {
        path: from.to_owned(),
        kind,
        strip,
        requirements,
        wheelhouse: wheelhouse.map(Path::to_owned),
    };
    let has_no = |what: &Path| no(format!("it has no {}", what.display()));
    if kind == SourceKind::Directory {
        let has = |path: &Path| root.stat(&from.join(path)).known().is_some();
        if !has(&manage) {
            return Err(has_no(&manage));
        }
        let requirements = candidates.iter().find(|path| has(path)).cloned();
        return requirements
            .map(|r| facts(0, r))
            .ok_or_else(|| has_no(Path::new("requirements.txt")));
    }
    let names = archive_names(root, from).map_err(no)?;
    let strip = strip_of(&names, &manage).ok_or_else(|| has_no(&manage))?;
    let has = |path: &&PathBuf| names.iter().any(|name| stripped(name, strip) == **path);
    let requirements = candidates.iter().find(has).cloned();
    requirements.map(|r| facts(strip, r)).ok_or_else(|| has_no(Path::new("requirements.txt")))
}

fn archive_names(root: &Root, path: &Path) -> Result<Vec<PathBuf>, String> {
    let file = format!("--file={}", path.display());
    let owner = owner_of_tree(root, path);
    let request = Request::new(&["/usr/bin/tar", "--list", &file])
        .owner(owner)
        .deadline(Duration::from_secs(120))
        .max_output(64 << 20);
    let output = exec::run(&request)?;
    if !output.success() {
        // tar's last line says only that it gives up.
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        let first = said.lines().next().unwrap_or_default();
        let whose = match owner.uid {
            0 => String::new(),
            uid => format!(" (read with the rights of user {uid}, who can change its place)"),
        };
        return Err(format!("{first}{whose}"));
    }
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    Ok(text.lines().map(PathBuf::from).collect())
}

/// How many leading directories lie above the project: 0, or 1 as in archives of forges. To tar a "."
/// in front is one, too.
fn strip_of(names: &[PathBuf], manage: &Path) -> Option<usize> {
    let most = |name: &Path| if name.starts_with(".") { 2 } else { 1 };
    let fits = |name: &PathBuf, strip| strip <= most(name) && stripped(name, strip) == manage;
    (0..=2).find(|strip| names.iter().any(|name| fits(name, *strip)))
}

fn stripped(name: &Path, strip: usize) -> PathBuf {
    // Where nothing is cut off, a "." changes nothing.
    let skipped = if strip == 0 && name.starts_with(".") { 1 } else { strip };
    name.components().skip(skipped).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn leading_directories() {
        let manage = Path::new("backend/manage.py");
        for (names, strip) in [
            (&["backend/manage.py"][..], Some(0)),
            (&["meats-1.0/", "meats-1.0/backend/manage.py"], Some(1)),
            (&["a/b/backend/manage.py"], None),
            (&["./", "./backend/manage.py"], Some(0)),
            (&["./a/backend/manage.py"], Some(2)),
            (&["./a/b/backend/manage.py"], None),
            (&[], None),
        ] {
            let names: Vec<PathBuf> = names.iter().map(PathBuf::from).collect();
            assert_eq!(strip_of(&names, manage), strip, "{names:?}");
        }
    }
}
