//! Which files are meant, what is in them, and how a changed one is written.

use std::cell::RefCell;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::super::{backup, env_repair, evidence, observe_settings, repair};
use super::{FAILED, PROGRAM, REFUSED, Stop, USAGE};
use crate::config::{Config, RUN_DIR, STATE_DIR};
use crate::env::{Application, Context, DoubleEquals};
use crate::model::{
    Action, Effect, Fact, FileKind, Kind, Origin, Owner, Plan, Secret, Seen, Stat, finding,
};
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
        self.read(file)
    }

    /// Reads a file, or standard input for `-`.
    pub fn read(&self, file: Option<&Path>) -> Result<Input, Stop> {
        if file == Some(Path::new("-")) {
            let bytes =
                stdin::read_all(env_repair::ENV_LIMIT).map_err(|why| Stop::new(FAILED, why))?;
            return Ok(Input { name: "-".to_owned(), path: None, bytes, stat: None });
        }
        let path = self.path(file);
        let name = file.unwrap_or(&path).display().to_string();
        match env_repair::observe_env(&self.root, &path) {
            Ok((bytes, stat)) => Ok(Input { name, path: Some(path), bytes, stat: Some(stat) }),
            Err(found) => {
                let refused = found.kind == &finding::ENV_NOT_REGULAR;
                let code = if refused { REFUSED } else { FAILED };
                Err(Stop::new(code, format!("{name}: {}", found.detail)))
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
        let copies = if self.root.is_privileged() {
            self.state_directories(&mut plan);
            backup::plan(&self.root, &self.config, path, (&input.bytes, stat), why, 1)
        } else {
            // The state directory is root's: the copy stands beside the file, under a hidden name.
            vec![self.copy_beside(path, &input.bytes, stat, why)]
        };
        let id = copies.iter().find_map(|action| match &action.effect {
            Effect::Backup { to, .. } => Some(to.clone()),
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
        let id = id.map(|to| match self.root.is_privileged() {
            true => to.extension().unwrap_or_default().to_string_lossy().into_owned(),
            false => to.display().to_string(),
        });
        Ok(id)
    }

    fn copy_beside(&self, path: &Path, bytes: &[u8], stat: &Stat, why: &'static Kind) -> Action {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        let copy = crate::env::backup::Backup::of(&name, bytes, "kept");
        let to = path.with_file_name(format!(".{name}.backup-{}", copy.id));
        let effect = Effect::Backup { path: path.to_owned(), to, seen: Seen::from(stat) };
        Action { why, origin: Origin::Default, group: 1, effect }
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
        let package = Path::new(RUN_DIR);
        // Only root shares files with the other programs.
        let shared = self.root.is_privileged() && self.root.stat(package).known().is_some();
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
                lock::take(&self.root, &package.join("lock"), PATIENCE)
                    .map_err(|why| Stop::new(FAILED, why))?,
            ),
        };
        *held = Some((directory, lock));
        Ok(())
    }

    /// The named files, and the env files below named directories.
    pub fn expand(&self, named: &[PathBuf]) -> Vec<PathBuf> {
        let mut found = Vec::new();
        for file in named {
            let path = self.path(Some(file));
            match self.root.stat(&path) {
                Fact::Known(stat) if stat.kind == FileKind::Directory => {
                    self.walk(file, 0, &mut found);
                }
                _ => found.push(file.clone()),
            }
        }
        found
    }

    fn walk(&self, directory: &Path, depth: usize, found: &mut Vec<PathBuf>) {
        const DEEPEST: usize = 16;
        const MOST: usize = 10_000;
        let Fact::Known(listing) = self.root.list(&self.path(Some(directory)), MOST) else {
            return;
        };
        for name in listing.names {
            let text = name.to_string_lossy().into_owned();
            let path = directory.join(&name);
            let Fact::Known(stat) = self.root.stat(&self.path(Some(&path))) else { continue };
            match stat.kind {
                FileKind::Directory if depth < DEEPEST && !is_foreign(&text) => {
                    self.walk(&path, depth + 1, found);
                }
                FileKind::Regular if is_env_name(&text) && found.len() < MOST => found.push(path),
                _ => {}
            }
        }
    }
}

/// Directories of other tools: what lies there is not the site's.
fn is_foreign(name: &str) -> bool {
    let foreign = [".git", ".hg", ".svn", "node_modules", "venv", ".venv", "site-packages"];
    foreign.contains(&name) || name == "__pycache__" || name == ".tox"
}

/// `.env`, `.env.NAME`, `NAME.env`; copies and editors' leftovers are none.
fn is_env_name(name: &str) -> bool {
    let copy = name.contains(".backup") || name.ends_with('~') || name.ends_with(".bak");
    (name == ".env" || name.starts_with(".env.") || name.ends_with(".env")) && !copy
}
