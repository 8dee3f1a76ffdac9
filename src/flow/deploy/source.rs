//! What `--from` names: a directory, an archive.

use std::path::{Path, PathBuf};
use std::time::Duration;

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
    let names = archive_names(from).map_err(no)?;
    let strip = strip_of(&names, &manage).ok_or_else(|| has_no(&manage))?;
    let has = |path: &&PathBuf| names.iter().any(|name| stripped(name, strip) == **path);
    let requirements = candidates.iter().find(has).cloned();
    requirements.map(|r| facts(strip, r)).ok_or_else(|| has_no(Path::new("requirements.txt")))
}

fn archive_names(path: &Path) -> Result<Vec<PathBuf>, String> {
    let file = format!("--file={}", path.display());
    let request = Request::new(&["/usr/bin/tar", "--list", &file])
        .deadline(Duration::from_secs(120))
        .max_output(64 << 20);
    let output = exec::run(&request)?;
    if !output.success() {
        return Err(output.describe());
    }
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    Ok(text.lines().map(|line| line.trim_start_matches("./").into()).collect())
}

/// How many leading directories lie above the project: 0, or 1 as in archives of forges.
fn strip_of(names: &[PathBuf], manage: &Path) -> Option<usize> {
    (0..=1).find(|strip| names.iter().any(|name| stripped(name, *strip) == manage))
}

fn stripped(name: &Path, strip: usize) -> PathBuf {
    name.components().skip(strip).collect()
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
            (&[], None),
        ] {
            let names: Vec<PathBuf> = names.iter().map(PathBuf::from).collect();
            assert_eq!(strip_of(&names, manage), strip, "{names:?}");
        }
    }
}
