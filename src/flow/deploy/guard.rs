//! What stands before every change: root's rights, root's own directories, one deployment at a time.

use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::config::STATE_DIR;
use crate::model::{Effect, Finding, Origin, Owner, Plan, Subject, finding};
use crate::sys::apply::apply_all;
use crate::sys::{Root, lock};

const LOCK_WAIT: Duration = Duration::from_secs(2);

/// Code of the application runs as the service user, and only root can become that.
pub(super) fn need_root(root: &Root) -> Result<(), String> {
    if root.is_privileged() { Ok(()) } else { Err("only root can do this; use sudo".to_owned()) }
}

/// One deployment at a time. Not the lock of pre-start: the restart runs that.
pub(super) fn take_lock(root: &Root) -> Result<lock::Lock, String> {
    lock_of(root, "lock")
}

/// A lock in the directory of deployments.
pub(super) fn lock_of(root: &Root, name: &str) -> Result<lock::Lock, String> {
    let directory = Path::new(STATE_DIR).join("deploy");
    make_root_directories(root, &[PathBuf::from(STATE_DIR), directory.clone()])?;
    lock::take(root, &directory.join(name), LOCK_WAIT)
}

/// The same, before the host is looked at: what a plan is made of must still be so when it is carried
/// out.
pub(super) fn lock_unless(root: &Root, dry_run: bool) -> Result<Option<lock::Lock>, String> {
    (!dry_run).then(|| take_lock(root)).transpose()
}

/// A directory of the service user's in a cache of root's.
pub(super) fn make_service_directory(root: &Root, path: &Path, owner: Owner) -> Result<(), String> {
    let mut plan = Plan::default();
    let above = path.parent().map(|p| (p.to_owned(), Owner::ROOT));
    for (path, owner) in above.into_iter().chain([(path.to_owned(), owner)]) {
        if root.stat(&path).is_absent() {
            let effect = Effect::MakeDir { path, owner, mode: 0o755 };
            plan.push(&finding::DEP_CHILD, Origin::Default, effect);
        }
    }
    apply_all(root, &plan)
}

/// Makes missing directories of root's, 0700.
pub(super) fn make_root_directories(root: &Root, paths: &[PathBuf]) -> Result<(), String> {
    let mut plan = Plan::default();
    for path in paths.iter().filter(|path| root.stat(path).is_absent()) {
        let effect = Effect::MakeDir { path: path.clone(), owner: Owner::ROOT, mode: 0o700 };
        plan.push(&finding::DEP_CHILD, Origin::Default, effect);
    }
    apply_all(root, &plan)
}

/// One effect by itself.
pub(super) fn perform_one(root: &Root, effect: Effect) -> Result<(), String> {
    let mut plan = Plan::default();
    plan.push(&finding::DEP_CHILD, Origin::Default, effect);
    apply_all(root, &plan)
}

/// Releases are root's alone, with the directory that holds them: nobody else may exchange one under
/// its hands.
pub(super) fn roots_alone(root: &Root, directory: &Path) -> Result<(), Box<Finding>> {
    match root.changeable_by(directory) {
        None => Ok(()),
        Some(part) => {
            let detail =
                "it can be changed by somebody other than root, and root makes releases there";
            Err(Box::new(Finding::new(&finding::DEP_NOT_ROOTS, Subject::file(part), detail)))
        }
    }
}
