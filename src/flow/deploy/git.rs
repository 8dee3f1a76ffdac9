//! `--from REPOSITORY --ref REF`: the tree of a commit as an archive of root's.
//!
//! Invariant: git runs as the owner of the repository, or as the service user for one elsewhere: the
//! configuration of a repository can name programs to run. What root unpacks was handed over by a
//! pipe, and nobody can exchange it in between.

use std::path::{Path, PathBuf};
use std::time::Duration;

use super::guard::{make_root_directories, make_service_directory, perform_one};
use super::log::run_name;
use crate::config::STATE_DIR;
use crate::model::{Effect, Fact, Finding, Owner, Secret, Subject, finding};
use crate::sys::exec::{self, Output, Request};
use crate::sys::{Root, clock};

const GIT: &str = "/usr/bin/git";
/// What was fetched before; the service user's.
const CACHE: &str = "/var/cache/projectmeats-fixes/git";
/// Most bytes of code: more is no code.
const MOST: u64 = 512 << 20;

/// A commit's tree.
#[derive(Debug)]
pub(super) struct Fetched {
    pub(super) archive: PathBuf,
    pub(super) commit: String,
}

/// Resolves and packs it.
///
/// # Errors
/// What git said, as a finding about the source.
pub(super) fn fetch(
    root: &Root,
    from: &Path,
    reference: &str,
    service: Option<Owner>,
) -> Result<Fetched, Box<Finding>> {
    let no =
        |detail: String| Box::new(Finding::new(&finding::DEP_SOURCE, Subject::file(from), detail));
    if root.stat(Path::new(GIT)).is_absent() {
        return Err(no("git is not installed: apt install git".to_owned()));
    }
    let (directory, owner, name) = if is_url(from) {
        let owner = service.ok_or_else(|| no("the service user does not exist".to_owned()))?;
        bring(root, from, reference, owner).map_err(no)?;
        (PathBuf::from(CACHE), owner, "FETCH_HEAD")
    } else {
        let Fact::Known(stat) = root.stat(from) else {
            return Err(no("it does not exist".to_owned()));
        };
        (from.to_owned(), Owner { uid: stat.uid, gid: stat.gid }, reference)
    };
    let wanted = format!("{name}^{{commit}}");
    let words = ["rev-parse", "--quiet", "--verify", "--end-of-options", &wanted];
    let output = git(&directory, owner, &words, 60).map_err(no)?;
    let commit = String::from_utf8_lossy(&output.stdout).trim().to_owned();
    if !output.success() || commit.is_empty() || !commit.bytes().all(|b| b.is_ascii_hexdigit()) {
        return Err(no(format!("\"{reference}\" names no commit in it{}", said(&output))));
    }
    let packed = git(&directory, owner, &["archive", "--format=tar", &commit], 300).map_err(no)?;
    if !packed.success() || packed.stdout.len() as u64 >= MOST {
        return Err(no(format!("git archive: {}{}", packed.how(), said(&packed))));
    }
    let archive = keep(root, packed.stdout).map_err(no)?;
    Ok(Fetched { archive, commit })
}

/// Removes the archive again. What is left lies in root's own directory.
pub(super) fn discard(root: &Root, fetched: &Fetched) {
    perform_one(root, Effect::Remove { path: fetched.archive.clone() }).ok();
}

/// True for what git fetches from elsewhere.
pub(super) fn is_url(from: &Path) -> bool {
    from.to_str().is_some_and(|text| text.contains("://"))
}

/// Fetches one commit of another host's repository.
fn bring(root: &Root, from: &Path, reference: &str, owner: Owner) -> Result<(), String> {
    let cache = Path::new(CACHE);
    make_service_directory(root, cache, owner)?;
    let output = git(cache, owner, &["init", "--quiet", "--bare"], 60)?;
    if !output.success() {
        return Err(output.describe());
    }
    let url = from.display().to_string();
    let words = ["fetch", "--quiet", "--depth=1", "--no-tags", "--force", "--", &url, reference];
    let output = git(cache, owner, &words, 600)?;
    if output.success() {
        return Ok(());
    }
    let cause = crate::deploy::cause_of(&String::from_utf8_lossy(&output.stderr));
    let cause = cause.map(|cause| format!("; {cause}")).unwrap_or_default();
    Err(format!("git fetch: {}{}{cause}", output.how(), said(&output)))
}

fn git(directory: &Path, owner: Owner, words: &[&str], seconds: u64) -> Result<Output, String> {
    let place = directory.display().to_string();
    let mut argv = vec![GIT, "-C", &place];
    argv.extend(words);
    let request = Request::new(&argv)
        .owner(owner)
        .env("GIT_TERMINAL_PROMPT", "0")
        .max_output(MOST)
        .deadline(Duration::from_secs(seconds));
    exec::run(&request)
}

fn said(output: &Output) -> String {
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    let line = text.lines().rev().find(|line| !line.trim().is_empty());
    line.map(|line| format!(": {}", line.trim())).unwrap_or_default()
}

fn keep(root: &Root, content: Vec<u8>) -> Result<PathBuf, String> {
    let directory = Path::new(STATE_DIR).join("deploy");
    make_root_directories(root, &[PathBuf::from(STATE_DIR), directory.clone()])?;
    let path = directory.join(format!("source-{}.tar", run_name(clock::now())));
    let (owner, content) = (Owner::ROOT, Secret::new(content));
    perform_one(root, Effect::Write { path: path.clone(), content, owner, mode: 0o600 })?;
    Ok(path)
}
