//! The code of a release: root's, readable by all, linked to what outlives it.

use std::path::{Path, PathBuf};

use super::super::parts::as_root;
use super::super::step::{Step, Undo, Unpack, Work};
use super::deployment::{Deployment, SourceFacts, SourceKind};
use super::layout::COMPLETE;
use crate::config::STATE_DIR;
use crate::model::{Effect, Owner};

const UNPACK: u64 = 600;

pub(super) fn unpack(deployment: &Deployment, source: &SourceFacts) -> Step {
    let Deployment { layout, new, .. } = deployment;
    let release = layout.release(new);
    let mut work = Vec::new();
    let mut make = |path: &Path| {
        if !deployment.existing.iter().any(|known| known == path) {
            let path = path.to_owned();
            work.push(Work::Effect(Effect::MakeDir { path, owner: Owner::ROOT, mode: 0o755 }));
        }
    };
    make(&layout.releases);
    make(&release);
    work.push(copy(deployment, source));
    work.extend(shared(deployment));
    Step {
        name: "unpack",
        changes: format!("{}: the code, root's, readable by all", release.display()),
        work,
        undo: Undo::Kept(format!(
            "{} stays to be looked at; meats-deploy prune removes it",
            release.display()
        )),
    }
}

/// What is never part of a release: history, caches, other environments, local data and secrets.
const LEFT_OUT: &[&str] = &[
    ".git",
    "__pycache__",
    "*.pyc",
    "venv",
    ".venv",
    "node_modules",
    "*.sqlite3",
    ".env",
    ".env.*",
    COMPLETE,
];

fn left_out() -> Vec<String> {
    LEFT_OUT.iter().map(|name| (*name).to_owned()).collect()
}

fn copy(deployment: &Deployment, source: &SourceFacts) -> Work {
    let Deployment { config, layout, new, .. } = deployment;
    let within = |path: &PathBuf| path.strip_prefix(&layout.shared).ok().map(Path::to_owned);
    let mut places: Vec<PathBuf> = config.writable.iter().filter_map(within).collect();
    places.push(layout.venv.clone());
    let (from, to) = (&source.path, layout.release(new));
    match source.kind {
        SourceKind::Archive => Work::Unpack(Unpack {
            from: from.clone(),
            // One of a commit is root's already.
            packed: (!from.starts_with(STATE_DIR)).then(|| packed(new, "code")),
            to,
            strip: source.strip,
            without: left_out(),
            times: false,
            places,
        }),
        SourceKind::Directory => copy_code(from, &packed(new, "code"), &to, places, &[]),
    }
}

/// Where root keeps an archive for a moment.
pub(super) fn packed(release: &str, what: &str) -> PathBuf {
    Path::new(STATE_DIR).join(format!("deploy/{release}-{what}.tar"))
}

/// Copies code by way of the archive `packed`: without history, caches, local data and secrets.
/// `places`, below `to`, are those that [`link`] makes afterwards; of the directories `emptied`, below
/// `from`, nothing but themselves comes along.
pub(in super::super) fn copy_code(
    from: &Path,
    packed: &Path,
    to: &Path,
    places: Vec<PathBuf>,
    emptied: &[PathBuf],
) -> Work {
    let mut without = left_out();
    // Members are called "./NAME", and `*` is also what lies deeper.
    without.extend(emptied.iter().map(|path| format!("./{}/*", path.display())));
    Work::Unpack(Unpack {
        from: from.to_owned(),
        packed: Some(packed.to_owned()),
        to: to.to_owned(),
        strip: 0,
        without,
        times: false,
        places,
    })
}

/// Copies a tree as it is.
pub(super) fn copy_tree(from: &Path, packed: PathBuf, to: &Path) -> Work {
    Work::Unpack(Unpack {
        from: from.to_owned(),
        packed: Some(packed),
        to: to.to_owned(),
        strip: 0,
        without: Vec::new(),
        times: true,
        places: Vec::new(),
    })
}

/// Removes what is there, whatever it is, and follows no link.
pub(super) fn clear(path: &Path) -> Work {
    let text = path.display().to_string();
    as_root(&["/usr/bin/rm", "--recursive", "--force", "--one-file-system", "--", &text], UNPACK)
}

/// Links from the release to what outlives it: every writable directory below `shared`.
fn shared(deployment: &Deployment) -> Vec<Work> {
    let Deployment { config, layout, new, .. } = deployment;
    let mut work = Vec::new();
    let mut made: Vec<PathBuf> = deployment.existing.to_vec();
    let service = deployment.facts.service.unwrap_or(Owner::ROOT);
    for path in config.writable.iter() {
        let Ok(within) = path.strip_prefix(&layout.shared) else { continue };
        let mut above: Vec<&Path> =
            path.ancestors().take_while(|p| p.starts_with(&layout.shared)).collect();
        above.reverse();
        for directory in above {
            if !made.iter().any(|known| known == directory) {
                let last = directory == path;
                let (owner, mode) = if last { (service, 0o775) } else { (Owner::ROOT, 0o755) };
                let path = directory.to_owned();
                work.push(Work::Effect(Effect::MakeDir { path: path.clone(), owner, mode }));
                made.push(path);
            }
        }
        work.extend(link(layout.release(new).join(within), path));
    }
    work
}

/// A link in code to what outlives it. An empty directory of the same name came with the code, or
/// nothing did.
pub(in super::super) fn link(at: PathBuf, target: &Path) -> Vec<Work> {
    let away = clear(&at);
    vec![away, Work::Effect(Effect::Symlink { path: at, target: target.to_owned() })]
}
