//! Trees and archives become root's.
//!
//! Invariant: root reads no tree and no archive that somebody else can change: its owner packs it or
//! hands it over, so a link leads nobody farther than its owner comes. Archives are unpacked without
//! the right to make devices.

use std::path::Path;
use std::time::Duration;

use super::guard::perform_one;
use super::worker::{Done, Failure, Part, Worker};
use crate::deploy::Unpack;
use crate::model::{Effect, Fact, FileKind, Owner, Stat};
use crate::sys::Root;
use crate::sys::exec::{self, Output, Request};
use crate::sys::ids::Accounts;

/// Most bytes of a tree, and of one file of an archive.
const MOST: &str = "--fsize=4294967296";
const SECONDS: u64 = 600;
/// Whose right to read is everybody's.
pub(super) const NOBODY: Owner = Owner { uid: 65534, gid: 65534 };

impl Worker<'_> {
    pub(super) fn unpack(&mut self, unpack: &Unpack) -> Done {
        let Some(packed) = &unpack.packed else { return self.extract(unpack, &unpack.from) };
        let remove = || perform_one(self.root, Effect::Remove { path: packed.clone() });
        // A killed run left it.
        remove()?;
        let done = self.pack(unpack, packed).and_then(|()| self.extract(unpack, packed));
        remove()?;
        done
    }

    fn pack(&self, unpack: &Unpack, packed: &Path) -> Result<(), Failure> {
        let from = unpack.from.display();
        // First, for what is exchanged afterwards is then read with no more than these rights.
        let owner = owner_of_tree(self.root, &unpack.from);
        let stat = self.root.stat(&unpack.from);
        let mut words;
        if stat.known().is_some_and(|stat| stat.kind == FileKind::Directory) {
            words = vec!["/usr/bin/tar".to_owned(), "--create".to_owned()];
            words.extend(["--file=-".to_owned(), format!("--directory={from}")]);
            words.extend(unpack.without.iter().map(|pattern| format!("--exclude={pattern}")));
            words.push(".".to_owned());
        } else {
            words = vec!["/usr/bin/cat".to_owned(), "--".to_owned(), from.to_string()];
        }
        self.limited(&words, |request| request.owner(owner).into_file(packed))
    }

    fn extract(&self, unpack: &Unpack, packed: &Path) -> Done {
        let to = unpack.to.display().to_string();
        let mut words: Vec<String> =
            ["/usr/bin/setpriv", "--bounding-set=-mknod", "--", "/usr/bin/tar", "--extract"]
                .map(str::to_owned)
                .to_vec();
        words.extend([format!("--file={}", packed.display()), format!("--directory={to}")]);
        words.push(format!("--strip-components={}", unpack.strip));
        words.extend(unpack.without.iter().map(|pattern| format!("--exclude={pattern}")));
        words.extend(["--no-same-owner", "--no-same-permissions"].map(str::to_owned));
        words.extend((!unpack.times).then(|| "--touch".to_owned()));
        self.limited(&words, |request| request)?;
        let plain = ["!", "-type", "f", "!", "-type", "d", "!", "-type", "l", "-delete"];
        let pipes = [&["/usr/bin/find", &to, "-xdev"], &plain[..]].concat();
        let modes = ["/usr/bin/chmod", "--recursive", "u+rwX,go+rX,go-w,ug-s", "--", &to];
        for words in [&pipes[..], &modes] {
            self.limited(words, |request| request)?;
        }
        places_are_plain(self.root, unpack)?;
        Ok(Part { note: None, changed: true })
    }

    fn limited(
        &self,
        words: &[impl AsRef<str>],
        how: impl FnOnce(Request) -> Request,
    ) -> Result<(), Failure> {
        let words: Vec<&str> = words.iter().map(AsRef::as_ref).collect();
        let argv = [&["/usr/bin/prlimit", MOST, "--"], &words[..]].concat();
        let request = Request::new(&argv).deadline(Duration::from_secs(SECONDS));
        let output = exec::run(&how(request))?;
        self.record(&words.join(" "), &output);
        match output.success() {
            true => Ok(()),
            false => Err(Failure { why: why(&words, &output), ..self.failure(&output) }),
        }
    }
}

fn why(words: &[&str], output: &Output) -> String {
    let how = output.how();
    let program = words.iter().rfind(|word| word.starts_with("/usr/bin/")).unwrap_or(&"");
    match how.as_str() {
        // SIGXFSZ.
        "killed by signal 25" => format!("{program}: more than 4 GiB"),
        _ => format!("{program}: {how}"),
    }
}

/// Whose rights are enough to read a tree, and not more than those of whoever can change where it is.
pub(super) fn owner_of_tree(root: &Root, tree: &Path) -> Owner {
    let (stat, guarded) = root.stat_guarded(tree);
    match stat {
        // Root put it there, and there is nothing in it that could lead elsewhere.
        Fact::Known(stat) if guarded && stat.kind == FileKind::Regular => Owner::ROOT,
        Fact::Known(stat) if stat.uid != 0 => owner_of(root, &stat),
        Fact::Known(stat) if guarded && stat.kind == FileKind::Directory => Owner::ROOT,
        _ => tree.ancestors().skip(1).find_map(|above| other(root, above)).unwrap_or(Owner::ROOT),
    }
}

/// Whose an object is, with a group of that user: the object may have inherited another one.
pub(super) fn owner_of(root: &Root, stat: &Stat) -> Owner {
    let accounts = Accounts::observe(root);
    let gid = match accounts.by_uid(stat.uid) {
        Some(user) if accounts.supplementary(&user.name).contains(&stat.gid) => stat.gid,
        Some(user) => user.gid,
        None => NOBODY.gid,
    };
    Owner { uid: stat.uid, gid }
}

/// Who besides root decides what lies in a directory; names in a sticky one are their owners'.
fn other(root: &Root, directory: &Path) -> Option<Owner> {
    match root.stat(directory) {
        Fact::Known(stat) if stat.uid != 0 => Some(owner_of(root, &stat)),
        Fact::Known(stat) if stat.kind == FileKind::Directory => {
            (stat.mode & 0o022 != 0 && stat.mode & 0o1000 == 0).then_some(NOBODY)
        }
        _ => Some(NOBODY),
    }
}

/// Root's own links are followed, and those of an archive are root's once they are unpacked.
fn places_are_plain(root: &Root, unpack: &Unpack) -> Result<(), String> {
    for place in &unpack.places {
        let mut above: Vec<&Path> = place.ancestors().skip(1).collect();
        above.reverse();
        for within in above {
            let at = unpack.to.join(within);
            match root.stat(&at) {
                Fact::Known(stat) if stat.kind == FileKind::Directory => {}
                Fact::Absent => break,
                _ => return Err(format!("\"{}\" must be a directory", at.display())),
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;
    use std::path::PathBuf;

    use super::*;
    use crate::model::Secret;

    #[test]
    fn whose_rights_read_a_tree() {
        let root = Root::open(Path::new("/")).expect("the root");
        let own = tempfile::tempdir().expect("a directory");
        let stat = root.stat(own.path());
        let stat = stat.known().expect("it is there");
        let me = owner_of(&root, stat);
        symlink("/usr", own.path().join("link")).expect("a link");
        for (path, owner) in [
            (Path::new("/usr"), Owner::ROOT),
            // Root's link in a directory that another user can change is no reason to be root.
            (own.path(), if me.uid == 0 { Owner::ROOT } else { me }),
            (&own.path().join("link/bin"), if me.uid == 0 { NOBODY } else { me }),
        ] {
            assert_eq!(owner_of_tree(&root, path), owner, "{path:?}");
        }
    }

    #[test]
    fn a_group_is_inherited_by_a_directory_and_not_by_its_owner() {
        let own = tempfile::tempdir().expect("a directory");
        let root = Root::open(own.path()).expect("the root");
        let stat = root.stat(Path::new("/"));
        let stat = stat.known().expect("it is there");
        let write = |path: &str, text: &str| {
            let owner = Owner { uid: stat.uid, gid: stat.gid };
            let content = Secret::new(text);
            perform_one(&root, Effect::Write { path: path.into(), content, owner, mode: 0o644 })
                .ok();
        };
        let etc = Owner { uid: stat.uid, gid: stat.gid };
        perform_one(&root, Effect::MakeDir { path: "/etc".into(), owner: etc, mode: 0o755 }).ok();
        write("/etc/passwd", "alice:x:61000:61000::/:/bin/sh\n");
        write("/etc/group", "alice:x:61000:\nshadow:x:42:\ndev:x:43:bob,alice\n");
        let of = |uid, gid| owner_of(&root, &Stat { uid, gid, ..*stat }).gid;
        assert_eq!(of(61000, 61000), 61000);
        assert_eq!(of(61000, 42), 61000);
        assert_eq!(of(61000, 43), 43);
        assert_eq!(of(61001, 42), NOBODY.gid);
    }

    #[test]
    fn no_link_of_an_archive_leads_root_away() {
        let own = tempfile::tempdir().expect("a directory");
        let root = Root::open(own.path()).expect("the root");
        let backend = Effect::MakeDir { path: "/backend".into(), owner: Owner::ROOT, mode: 0o755 };
        // It is there even where only root may give it to root.
        perform_one(&root, backend).ok();
        symlink("/etc", own.path().join("away")).expect("a link");
        let fine = |place: &str| {
            let unpack = Unpack {
                from: "/f".into(),
                packed: None,
                to: "/".into(),
                strip: 0,
                without: Vec::new(),
                times: false,
                places: vec![PathBuf::from(place)],
            };
            places_are_plain(&root, &unpack).is_ok()
        };
        assert!(fine("backend/media") && fine("none/media") && fine("away"));
        assert!(!fine("away/media"));
    }
}
