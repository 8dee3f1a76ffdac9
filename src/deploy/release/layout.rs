//! Where releases live: `APP_DIR/releases`, and the link `APP_DIR/current` to the live one. The
//! settings point into the link, so that the units never change with a release.

use std::path::{Path, PathBuf};

use super::super::parts::Target;
use crate::config::Config;
use crate::model::{Finding, Subject, finding};

/// The file that marks a complete release.
pub(super) const COMPLETE: &str = ".complete";

/// Where releases live, and which parts of one the settings point into.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Layout {
    /// `APP_DIR/releases`.
    pub releases: PathBuf,
    /// `APP_DIR/current`.
    pub current: PathBuf,
    /// `APP_DIR/shared`: what outlives a release, at the same place in its tree.
    pub shared: PathBuf,
    /// The project directory within a release, `backend`.
    pub project: PathBuf,
    /// The environment within a release, `venv`.
    pub venv: PathBuf,
}

impl Layout {
    /// The layout of the settings.
    ///
    /// # Errors
    /// The settings do not point into `current`; the finding says what to set.
    pub fn of_config(config: &Config) -> Result<Self, Box<Finding>> {
        let app = &config.app_dir.value;
        let current = app.join("current");
        let inside = |path: &Path| path.strip_prefix(&current).ok().map(Path::to_owned);
        match (inside(&config.working_directory), inside(&config.venv)) {
            (Some(project), Some(venv)) if project != venv => Ok(Self {
                releases: app.join("releases"),
                current,
                shared: app.join("shared"),
                project,
                venv,
            }),
            _ => Err(Box::new(not_the_layout(config, &current))),
        }
    }

    /// The directory of a release.
    pub fn release(&self, name: &str) -> PathBuf {
        self.releases.join(name)
    }

    /// The mark of a complete one.
    pub fn mark(&self, name: &str) -> PathBuf {
        self.release(name).join(COMPLETE)
    }

    pub(super) fn target(&self, name: &str) -> Target {
        let release = self.release(name);
        Target { directory: release.join(&self.project), venv: release.join(&self.venv) }
    }

    /// What the link holds: relative, so that it stays beneath the directory of the application.
    pub(super) fn link(name: &str) -> PathBuf {
        Path::new("releases").join(name)
    }
}

fn not_the_layout(config: &Config, current: &Path) -> Finding {
    let app = config.app_dir.display();
    let detail = format!(
        "working_directory and venv do not lie below \"{}\"; set in [paths]: \
         working_directory = {app}/current/backend, venv = {app}/current/venv, \
         writable = {app}/shared/backend/media {app}/shared/backend/staticfiles",
        current.display()
    );
    Finding::new(&finding::DEP_LAYOUT, Subject::file(crate::config::FILE), detail)
}

/// A release as found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Release {
    pub name: String,
    pub complete: bool,
    /// `current` points at it.
    pub live: bool,
    /// A process of the service still runs from it.
    pub in_use: bool,
}

/// True for a name that is one plain directory entry.
pub fn is_release_name(name: &str) -> bool {
    let plain = |b: u8| b.is_ascii_alphanumeric() || b"._-".contains(&b);
    !name.is_empty()
        && name.len() <= 100
        && !name.starts_with(['.', '-'])
        && name.bytes().all(plain)
}
