//! Which files are meant, what is in them, and how a changed one is written.

use std::cell::RefCell;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::super::backup::Shelf;
use super::super::{backup, env_repair, evidence, observe_ids, observe_settings, repair};
use super::{FAILED, PROGRAM, REFUSED, Stop, USAGE, links};
use crate::config::{Config, LOCK, STATE_DIR};
use crate::env::{Application, Context, DoubleEquals};
use crate::model::{
    Action, Effect, Fact, FileKind, Kind, Origin, Owner, Plan, Secret, Seen, Stat, finding,
};
use crate::report;
use crate::sys::apply::first_failure;
use crate::sys::{Root, lock, stdin};

/// How long another writer is waited for.
const PATIENCE: Duration = Duration::from_secs(10);

/// What every command needs.
pub struct Session {
    pub root: Root,
    pub config: Config,
    here: PathBuf,
    /// The lock of the last change, and of which directory it is: none for the one of the package.
    held: RefCell<Option<(Option<PathBuf>, Option<lock::Lock>)>>,
}

/// A file that was read.
pub struct Input {
    /// As the user named it.
    pub name: String,
    /// `None` for standard input.
    pub path: Option<PathBuf>,
    pub bytes: Vec<u8>,
    pub stat: Option<Stat>,
}

impl Session {
    pub fn open(root: Option<&Path>, here: &Path) -> Result<Self, Stop> {
        let path = root.unwrap_or(Path::new("/"));
        let opened = Root::open(path)
            .map_err(|why| Stop::new(USAGE, format!("\"{}\": {why}", path.display())))?;
        let (config, _) = observe_settings(&opened);
        let here = if root.is_some() { PathBuf::from("/") } else { here.to_owned() };
        Ok(Self { root: opened, config, here, held: RefCell::default() })
    }

    /// The file that is meant, absolute.
    pub fn path(&self, file: Option<&Path>) -> PathBuf {
        match file {
            Some(file) => self.here.join(file),
            None => self.config.env_file.value.clone(),
        }
    }

    /// Reads a file that is to be changed: from here on no other program of this package changes
    /// it, so an edit during a start waits instead of being refused.
    pub fn read_to_change(&self, file: Option<&Path>) -> Result<Input, Stop> {
        if file != Some(Path::new("-")) {
            self.hold(&self.path(file))?;
        }
        self.read_strictly(file)
    }

    /// Reads a file that could be changed, or standard input for `-`: a regular file with one name,
    /// itself and not by a link.
    pub fn read_strictly(&self, file: Option<&Path>) -> Result<Input, Stop> {
        if file == Some(Path::new("-")) {
            return self.read(file);
        }
        let path = self.path(file);
        let name = file.unwrap_or(&path).display().to_string();
        match env_repair::observe_env(&self.root, &path) {
            Ok((bytes, stat)) => Ok(Input { name, path: Some(path), bytes, stat: Some(stat) }),
            Err(found) => {
                let refused = found.kind == &finding::ENV_NOT_REGULAR;
                let code = if refused { REFUSED } else { FAILED };
                let advice = if refused { self.advice(&path) } else { String::new() };
                Err(Stop::new(code, format!("{name}: {}{advice}", found.detail)))
            }
        }
    }

    /// What to do about a file that is not edited as it is.
    fn advice(&self, path: &Path) -> String {
        let shown =
            |path: &Path, more: &str| report::shell_words(&[format!("{}{more}", path.display())]);
        match self.root.stat(path).known().map(|stat| stat.kind) {
            Some(_) if links::descriptor(path).is_some() => "; name - instead".to_owned(),
            Some(FileKind::Symlink) => {
                format!("; name its target: {}", shown(&links::resolve(&self.root, path), ""))
            }
            Some(FileKind::Regular) => {
                let (file, new) = (shown(path, ""), shown(path, ".new"));
                format!("; make it a file of its own: cp -p {file} {new} && mv {new} {file}")
            }
            _ => String::new(),
        }
    }

    /// Reads a file by whatever links of the caller's or root's, or standard input for `-`, or a
    /// descriptor that was handed over.
    pub fn read(&self, file: Option<&Path>) -> Result<Input, Stop> {
        const LIMIT: u64 = env_repair::ENV_LIMIT;
        let path = self.path(file);
        let name = file.unwrap_or(&path).display().to_string();
        let handed = match file {
            Some(file) if file == Path::new("-") => Some(0),
            Some(_) if self.root.is_system() => links::descriptor(&path),
            _ => None,
        };
        if let Some(number) = handed {
            let bytes = stdin::read_descriptor(number, LIMIT);
            let bytes = bytes.map_err(|why| Stop::new(FAILED, why))?;
            return Ok(Input { name, path: None, bytes, stat: None });
        }
        let real = links::resolve(&self.root, &path);
        let kind = self.root.stat(&real).known().map(|stat| stat.kind);
        if let Some(kind) = kind.filter(|k| !matches!(k, FileKind::Regular | FileKind::Symlink)) {
            let word = kind.word();
            let text = format!(
                "{name}: it is a {word}; name - and hand its content over on standard input"
            );
            return Err(Stop::new(REFUSED, text));
        }
        match self.root.read_with_stat(&real, LIMIT) {
            Fact::Known((bytes, stat)) => {
                Ok(Input { name, path: Some(path), bytes, stat: Some(stat) })
            }
            Fact::Absent => Err(Stop::new(FAILED, format!("{name}: there is no such file"))),
            Fact::Unknown(why) => {
                let code = if kind == Some(FileKind::Symlink) { REFUSED } else { FAILED };
                Err(Stop::new(code, format!("{name}: {why}")))
            }
        }
    }

    /// True for the file that the settings name.
    pub fn is_service_file(&self, path: Option<&Path>) -> bool {
        path.is_some_and(|path| *path == *self.config.env_file.value)
    }

    /// What a judgement needs. Evidence about the key in use belongs to the service's file only.
    pub fn context(&self, input: &Input, complete: bool) -> Context {
        let service = self.is_service_file(input.path.as_deref());
        let evidence = match (&input.stat, service && self.root.is_privileged()) {
            (Some(stat), true) => evidence::observe(&self.root, &self.config, &input.bytes, stat),
            _ => Default::default(),
        };
        let double_equals = match (service, self.config.double_equals.as_str()) {
            (true, "strip") => DoubleEquals::Strip,
            (true, "keep") => DoubleEquals::Keep,
            _ => DoubleEquals::Auto,
        };
        Context {
            path: input.path.clone().unwrap_or_default(),
            double_equals,
            evidence,
            application: Some(Application { complete: complete || service }),
        }
    }

    /// Writes new content over a file that was read, after a backup. Gives the id of the backup.
    pub fn replace(
        &self,
        input: &Input,
        content: Secret,
        why: &'static Kind,
    ) -> Result<Option<String>, Stop> {
        let (Some(path), Some(stat)) = (&input.path, &input.stat) else {
            return Err(Stop::new(USAGE, "standard input cannot be changed"));
        };
        self.hold(path)?;
        let mut plan = Plan::default();
        if self.root.is_privileged() {
            self.state_directories(&mut plan);
        }
        let shelf = self.shelf(path);
        let read = (input.bytes.as_slice(), stat);
        let copies = backup::plan(&self.root, &self.config, (&shelf, path), read, why, 1);
        let id = copies.iter().find_map(|action| match &action.effect {
            Effect::Backup { to, .. } => Some(to.extension()?.to_string_lossy().into_owned()),
            _ => None,
        });
        plan.actions.extend(copies);
        plan.actions.push(Action {
            why,
            origin: Origin::Default,
            group: 1,
            effect: Effect::Replace {
                path: path.clone(),
                content,
                seen: Seen::from(stat),
                owner: None,
                mode: None,
            },
        });
        self.perform(&plan)?;
        Ok(id)
    }

    /// Writes a file that does not exist: the service's for root and the service's group, another for
    /// whoever writes it.
    pub fn write_new(&self, path: &Path, content: Secret, why: &'static Kind) -> Result<(), Stop> {
        let service = self.is_service_file(Some(path)) && self.root.is_privileged();
        let group = observe_ids(&self.root, &self.config).map(|ids| ids.env_gid);
        let path = path.to_owned();
        let effect = match (service, group) {
            (true, Some(gid)) => {
                Effect::Write { path, content, owner: Owner { uid: 0, gid }, mode: 0o640 }
            }
            _ => Effect::Create { path, content: content.into_exposed(), mode: 0o600 },
        };
        let mut plan = Plan::default();
        plan.push(why, Origin::Default, effect);
        self.perform(&plan)
    }

    /// Where the backups of a file are: the state directory is root's.
    pub fn shelf(&self, path: &Path) -> Shelf {
        match self.root.is_privileged() {
            true => Shelf::of_root(&self.config, path),
            false => Shelf::beside(path),
        }
    }

    fn state_directories(&self, plan: &mut Plan) {
        for path in [PathBuf::from(STATE_DIR), backup::directory()] {
            if self.root.stat(&path).is_absent() {
                plan.actions.push(Action {
                    why: &finding::LOG_MISSING,
                    origin: Origin::Default,
                    group: 1,
                    effect: Effect::MakeDir { path, owner: Owner::ROOT, mode: 0o700 },
                });
            }
        }
    }

    /// Applies a plan; the first thing that failed ends the command.
    pub fn perform(&self, plan: &Plan) -> Result<(), Stop> {
        let applied = repair::perform(&self.root, PROGRAM, plan);
        match first_failure(&applied) {
            None => Ok(()),
            Some((path, why)) => {
                let after = if self.is_untouched(plan) { "; the file is as it was" } else { "" };
                Err(Stop::new(FAILED, format!("{}: {why}{after}", path.display())))
            }
        }
    }

    /// What the plan replaces is still what was read: looked at, not believed.
    fn is_untouched(&self, plan: &Plan) -> bool {
        plan.actions.iter().any(|action| match &action.effect {
            Effect::Replace { path, seen, .. } => {
                self.root.stat(path).known().is_some_and(|now| Seen::from(now) == *seen)
            }
            _ => false,
        })
    }

    /// One writer at a time: from here on no other program of this package changes the file.
    fn hold(&self, file: &Path) -> Result<(), Stop> {
        // Only root shares files with the other programs; whoever is first makes the lock.
        let runs = self.root.stat(Path::new("/run")).known().is_some();
        let shared = self.root.is_privileged() && runs;
        let directory = file.parent().filter(|_| !shared).map(Path::to_owned);
        let mut held = self.held.borrow_mut();
        if held.as_ref().is_some_and(|(of, _)| *of == directory) {
            return Ok(());
        }
        // Two locks at once could wait for each other.
        drop(held.take());
        let lock = match &directory {
            Some(directory) => lock::take_directory(&self.root, directory, PATIENCE),
            None => Some(
                lock::take(&self.root, Path::new(LOCK), PATIENCE)
                    .map_err(|why| Stop::new(FAILED, why))?,
            ),
        };
        *held = Some((directory, lock));
        Ok(())
    }

    /// The named files, and the env files below named directories.
    pub fn expand(&self, named: &[PathBuf]) -> Vec<Named> {
        let mut found = Vec::new();
        for file in named {
            let real = links::resolve(&self.root, &self.path(Some(file)));
            let is_directory = |stat: &Stat| stat.kind == FileKind::Directory;
            if file == Path::new("-") || !self.root.stat(&real).known().is_some_and(is_directory) {
                found.push(Named::File(file.clone()));
                continue;
            }
            let before = found.len();
            self.walk((file, &real), 0, &mut found);
            if found.len() == before {
                found.push(Named::Empty(file.clone()));
            }
        }
        found
    }

    /// Looks below a directory, by the name that the user knows and the path that it has.
    fn walk(&self, (shown, real): (&Path, &Path), depth: usize, found: &mut Vec<Named>) {
        const DEEPEST: usize = 16;
        const MOST: usize = 10_000;
        let unseen = |why: String| Named::Unseen(shown.to_owned(), why);
        let listing = match self.root.list(real, MOST) {
            Fact::Known(listing) => listing,
            Fact::Absent => return,
            Fact::Unknown(why) => {
                found.push(unseen(why));
                return;
            }
        };
        for name in listing.names {
            let text = name.to_string_lossy().into_owned();
            let (shown, real) = (shown.join(&name), real.join(&name));
            let kind = match self.root.stat(&real) {
                Fact::Known(stat) => stat.kind,
                Fact::Absent => continue,
                // What cannot be seen here is told when it is read.
                Fact::Unknown(_) => FileKind::Regular,
            };
            match kind {
                FileKind::Directory if is_foreign(&text) => {}
                FileKind::Directory if depth == DEEPEST => {
                    found.push(Named::Unseen(shown, "it lies too deep".to_owned()));
                }
                FileKind::Directory => self.walk((&shown, &real), depth + 1, found),
                FileKind::Regular | FileKind::Symlink if is_env_name(&text) => {
                    found.push(Named::File(shown));
                }
                _ => {}
            }
        }
        if listing.truncated {
            found.push(unseen(format!("it has more than {MOST} entries")));
        }
    }
}

/// What a word of the command line stands for.
#[derive(Debug)]
pub enum Named {
    File(PathBuf),
    /// A directory that has no env file.
    Empty(PathBuf),
    /// A directory that was not searched, and why.
    Unseen(PathBuf, String),
}

/// What is said of [`Named::Empty`].
pub const NO_ENV_FILE: &str = "no env file found";

/// Directories of other tools: what lies there is not the site's.
fn is_foreign(name: &str) -> bool {
    let foreign = [".git", ".hg", ".svn", "node_modules", "venv", ".venv", "site-packages"];
    foreign.contains(&name) || name == "__pycache__" || name == ".tox"
}

/// `.env`, `.env.NAME`, `NAME.env`; copies, editors' leftovers and templates are none.
fn is_env_name(name: &str) -> bool {
    let copy = name.contains(".backup") || name.ends_with('~') || name.ends_with(".bak");
    let template =
        [".example", ".sample", ".template", ".dist"].iter().any(|end| name.ends_with(end));
    (name == ".env" || name.starts_with(".env.") || name.ends_with(".env")) && !copy && !template
}
