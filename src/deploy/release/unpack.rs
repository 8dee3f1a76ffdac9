//! The code of a release: root's, readable by all, linked to what outlives it.

use std::path::{Path, PathBuf};

use super::super::parts::as_root;
use super::super::step::{Step, Undo, Work};
use super::deployment::{Deployment, SourceFacts, SourceKind};
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
    work.extend(copy(source, &release, new));
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
];

fn copy(source: &SourceFacts, release: &Path, name: &str) -> Vec<Work> {
    match source.kind {
        SourceKind::Archive => extract(&source.path, release, source.strip),
        SourceKind::Directory => {
            let packed = Path::new(STATE_DIR).join(format!("deploy/{name}.tar"));
            copy_code(&source.path, &packed, release)
        }
    }
}

/// Copies code by way of the archive `packed`: without history, caches, local data and secrets.
pub(in super::super) fn copy_code(from: &Path, packed: &Path, to: &Path) -> Vec<Work> {
    let mut words = vec!["/usr/bin/tar".to_owned(), "--create".to_owned()];
    words.push(format!("--file={}", packed.display()));
    words.push(format!("--directory={}", from.display()));
    words.extend(LEFT_OUT.iter().map(|pattern| format!("--exclude={pattern}")));
    words.push(".".to_owned());
    let mut work = vec![as_root(&words, UNPACK)];
    work.extend(extract(packed, to, 0));
    work.push(Work::Effect(Effect::Remove { path: packed.to_owned() }));
    work
}

/// Unpacks as root's, readable by all, without set-id bits.
fn extract(packed: &Path, to: &Path, strip: usize) -> Vec<Work> {
    let words = [
        "/usr/bin/tar".to_owned(),
        "--extract".to_owned(),
        format!("--file={}", packed.display()),
        format!("--directory={}", to.display()),
        format!("--strip-components={strip}"),
        "--no-same-owner".to_owned(),
        "--no-same-permissions".to_owned(),
        "--touch".to_owned(),
    ];
    let to = to.display().to_string();
    let modes = ["/usr/bin/chmod", "--recursive", "u+rwX,go+rX,go-w,ug-s", &to];
    vec![as_root(&words, UNPACK), as_root(&modes, UNPACK)]
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
    let text = at.display().to_string();
    let away = ["/usr/bin/rm", "--recursive", "--force", "--one-file-system", &text];
    vec![
        as_root(&away, UNPACK),
        Work::Effect(Effect::Symlink { path: at, target: target.to_owned() }),
    ]
}
