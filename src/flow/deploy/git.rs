//! `--from REPOSITORY --ref REF`: the tree of a commit as an archive of root's.
//!
//! Invariant: git runs as the owner of the repository, or as the service user for one elsewhere: the
//! configuration of a repository can name programs to run. It runs as nobody for one of root's that
//! others can change, and as whoever can put another one in its place. What root unpacks was handed
//! over by a pipe, and nobody can exchange it in between.

use std::path::{Path, PathBuf};
use std::time::Duration;

use super::guard::{lock_of, make_root_directories, make_service_directory, perform_one};
use super::log::run_name;
use super::unpack::{NOBODY, owner_of, owner_of_tree};
use crate::config::STATE_DIR;
use crate::model::{Effect, Fact, FileKind, Finding, Owner, Secret, Subject, finding};
use crate::sys::exec::{self, Output, Request};
use crate::sys::{Root, clock};

const GIT: &str = "/usr/bin/git";
/// What was fetched before; the service user's.
const CACHE: &str = "/var/cache/projectmeats-fixes/git";
/// Most bytes of code: more is no code.
const MOST: u64 = 512 << 20;
/// Parts of a repository that name programs, or another repository (gitrepository-layout(5)).
const NAMING: [&str; 8] = [
    "config",
    "config.worktree",
    "commondir",
    "info",
    "info/attributes",
    "objects",
    "objects/info",
    "objects/info/alternates",
];

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
    let bare = without_password(from);
    let shown = bare.as_deref().unwrap_or(from);
    let no =
        |detail: String| Box::new(Finding::new(&finding::DEP_SOURCE, Subject::file(shown), detail));
    if bare.is_some() {
        let why = "it has a password in it, which every user of this host could read; clone it, and \
                   deploy from the clone";
        return Err(no(why.to_owned()));
    }
    if root.stat(Path::new(GIT)).is_absent() {
        return Err(no("git is not installed: apt install git".to_owned()));
    }
    // What is fetched and its name are the same for all.
    let _lock = is_url(from).then(|| lock_of(root, "source-lock")).transpose().map_err(no)?;
    let (directory, owner, name) = if is_url(from) {
        let owner = service.ok_or_else(|| no("the service user does not exist".to_owned()))?;
        bring(root, from, reference, owner).map_err(no)?;
        (PathBuf::from(CACHE), owner, "FETCH_HEAD")
    } else {
        (from.to_owned(), runner(root, from).map_err(no)?, reference)
    };
    let roots = !is_url(from) && root.stat(from).known().is_some_and(|stat| stat.uid == 0);
    let runs = (owner, roots && owner != Owner::ROOT);
    let wanted = format!("{name}^{{commit}}");
    let words = ["rev-parse", "--quiet", "--verify", "--end-of-options", &wanted];
    let output = git(&directory, runs, &words, 60).map_err(no)?;
    let commit = String::from_utf8_lossy(&output.stdout).trim().to_owned();
    if !output.success() || commit.is_empty() || !commit.bytes().all(|b| b.is_ascii_hexdigit()) {
        let others = " (git ran without root's rights, for others can change the repository, or it is \
            no whole one in this directory)";
        let who = if runs.1 { others } else { "" };
        return Err(no(format!("\"{reference}\" names no commit in it{}{who}", said(&output))));
    }
    let packed = git(&directory, runs, &["archive", "--format=tar", &commit], 300).map_err(no)?;
    if !packed.success() || packed.stdout.len() as u64 >= MOST {
        return Err(no(format!("git archive: {}{}", packed.how(), said(&packed))));
    }
    let archive = keep(root, &commit, packed.stdout).map_err(no)?;
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

/// The URL without its login where that has a password, or is as long as a token of a forge.
fn without_password(from: &Path) -> Option<PathBuf> {
    const TOKEN: usize = 20;
    let (scheme, rest) = from.to_str()?.split_once("://")?;
    let (place, path) = rest.split_once('/').unwrap_or((rest, ""));
    let (login, host) = place.rsplit_once('@')?;
    let secret = login.contains(':') || scheme.starts_with("http") && login.len() >= TOKEN;
    secret.then(|| format!("{scheme}://{host}/{path}").into())
}

/// Who runs git in a directory: root only where root alone can change what names programs.
fn runner(root: &Root, from: &Path) -> Result<Owner, String> {
    let stat = match root.stat(from) {
        Fact::Known(stat) => stat,
        Fact::Absent if from.to_string_lossy().contains(['@', ':']) => {
            return Err("it does not exist (write an address as ssh://USER@HOST/PATH)".to_owned());
        }
        Fact::Absent => return Err("it does not exist".to_owned()),
        Fact::Unknown(why) => return Err(why),
    };
    if stat.uid != 0 {
        return Ok(owner_of(root, &stat));
    }
    let inner = from.join(".git");
    let own = match root.stat(&inner) {
        // A bare one.
        Fact::Absent => from.to_owned(),
        Fact::Known(stat) if stat.kind == FileKind::Directory => inner,
        // It leads elsewhere.
        Fact::Known(_) | Fact::Unknown(_) => return Ok(NOBODY),
    };
    let roots = |part: &PathBuf| match root.stat(part) {
        Fact::Absent => true,
        Fact::Known(stat) => stat.is_roots_alone(),
        Fact::Unknown(_) => false,
    };
    let head = own.join("HEAD");
    let mut naming = NAMING.iter().map(|part| own.join(part)).chain([head.clone()]);
    if !naming.all(|part| roots(&part)) || root.stat(&head).known().is_none() {
        return Ok(NOBODY);
    }
    Ok(match root.is_roots_alone(&head) {
        true => Owner::ROOT,
        // Those above may lead to another one.
        false if roots(&from.to_owned()) && roots(&own) => owner_of_tree(root, from),
        false => NOBODY,
    })
}

/// Fetches one commit of another host's repository.
fn bring(root: &Root, from: &Path, reference: &str, owner: Owner) -> Result<(), String> {
    let cache = Path::new(CACHE);
    make_service_directory(root, cache, owner)?;
    // Nobody else fetches now, and what a killed git left would stop every other one.
    let left = ["/usr/bin/find", CACHE, "-name", "*.lock", "-delete"];
    exec::run(&Request::new(&left).owner(owner))?;
    let output = git(cache, (owner, false), &["init", "--quiet", "--bare"], 60)?;
    if !output.success() {
        return Err(output.describe());
    }
    let url = from.display().to_string();
    let words = ["fetch", "--quiet", "--depth=1", "--no-tags", "--force", "--", &url, reference];
    let output = git(cache, (owner, false), &words, 600)?;
    if output.success() {
        return Ok(());
    }
    let cause = crate::deploy::cause_of(&String::from_utf8_lossy(&output.stderr));
    let cause = cause.map(|cause| format!("; {cause}")).unwrap_or_default();
    Err(format!("git fetch: {}{}{cause}", output.how(), said(&output)))
}

/// `strange`: the repository is root's, and git would not read it for anybody else.
fn git(
    directory: &Path,
    (owner, strange): (Owner, bool),
    words: &[&str],
    seconds: u64,
) -> Result<Output, String> {
    let place = directory.display().to_string();
    let mut argv = vec![GIT, "-C", &place];
    if strange {
        argv.extend(["-c", "safe.directory=*"]);
    }
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
    let fatal = text.lines().find(|line| line.starts_with("fatal: "));
    let line = fatal.or_else(|| text.lines().rev().find(|line| !line.trim().is_empty()));
    line.map(|line| format!(": {}", line.trim())).unwrap_or_default()
}

fn keep(root: &Root, commit: &str, content: Vec<u8>) -> Result<PathBuf, String> {
    let directory = Path::new(STATE_DIR).join("deploy");
    make_root_directories(root, &[PathBuf::from(STATE_DIR), directory.clone()])?;
    let path = directory.join(format!("source-{}-{commit}.tar", run_name(clock::now())));
    let (owner, content) = (Owner::ROOT, Secret::new(content));
    perform_one(root, Effect::Write { path: path.clone(), content, owner, mode: 0o600 })?;
    Ok(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_with_a_secret_is_known_and_shown_without_it() {
        for (address, bare) in [
            ("https://deploy:glpat-SECRET@git.example/x.git", Some("https://git.example/x.git")),
            ("https://ghp_0123456789abcdefghij@git.example/x", Some("https://git.example/x")),
            ("ssh://git:pw@git.example/x@y", Some("ssh://git.example/x@y")),
            ("https://name@git.example/x.git", None),
            ("ssh://git@git.example:22/x.git", None),
            ("https://git.example:8443/@x:y", None),
            ("/srv/a:b@c", None),
        ] {
            assert_eq!(without_password(Path::new(address)), bare.map(PathBuf::from), "{address}");
        }
    }

    #[test]
    #[allow(clippy::disallowed_methods, reason = "a test lays out its own directory")]
    fn git_is_not_roots_where_others_name_programs() {
        let own = tempfile::tempdir().expect("a directory");
        let root = Root::open(own.path()).expect("the root");
        let stat = root.stat(Path::new("/"));
        if stat.known().is_none_or(|stat| stat.uid != 0) {
            return;
        }
        let make = |path: &str, kind: u32| {
            let owner = Owner::ROOT;
            let content = Secret::new(Vec::new());
            let effect = match kind {
                0o644 | 0o664 => Effect::Write { path: path.into(), content, owner, mode: kind },
                mode => Effect::MakeDir { path: path.into(), owner, mode },
            };
            perform_one(&root, effect).expect(path);
        };
        for (repository, config, directory) in
            [("/a", 0o644, 0o755), ("/b", 0o664, 0o755), ("/c", 0o644, 0o775)]
        {
            make(repository, 0o755);
            make(&format!("{repository}/.git"), directory);
            make(&format!("{repository}/.git/HEAD"), 0o644);
            make(&format!("{repository}/.git/config"), config);
        }
        // Whoever owns the directory above may exchange the repository, and gets no more than he has.
        let owner = Owner { uid: 61_000, gid: 61_000 };
        perform_one(&root, Effect::MakeDir { path: "/home".into(), owner, mode: 0o755 })
            .expect("/home");
        std::fs::create_dir_all(own.path().join("home/d/.git")).expect("a directory");
        std::fs::write(own.path().join("home/d/.git/HEAD"), "").expect("a file");
        make("/link", 0o755);
        make("/link/.git", 0o644);
        let runner = |place: &str| runner(&root, Path::new(place));
        assert_eq!(runner("/a"), Ok(Owner::ROOT));
        for place in ["/b", "/c", "/link", "/a/.git/refs", "/"] {
            assert_ne!(runner(place), Ok(Owner::ROOT), "{place}");
        }
        assert_eq!(runner("/b"), Ok(NOBODY));
        assert_eq!(runner("/home/d"), Ok(Owner { uid: 61_000, ..NOBODY }));
    }
}
