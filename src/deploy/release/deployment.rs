//! What a deployment begins with.

use std::path::PathBuf;

use super::super::facts::DeployFacts;
use super::layout::Layout;
use crate::config::Config;
use crate::model::Finding;

/// What `--from` names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SourceKind {
    Directory,
    Archive,
}

/// The new code as found.
#[derive(Clone, Debug)]
pub struct SourceFacts {
    pub path: PathBuf,
    pub kind: SourceKind,
    /// Leading directories of an archive that are cut off.
    pub strip: usize,
    /// The requirements file within it, relative.
    pub requirements: PathBuf,
    /// Wheels to install from; then nothing is fetched.
    pub wheelhouse: Option<PathBuf>,
}

/// What one deployment has at hand.
#[derive(Debug)]
pub struct Deployment<'a> {
    pub config: &'a Config,
    pub facts: &'a DeployFacts,
    pub layout: &'a Layout,
    /// The release that is live now.
    pub old: Option<&'a str>,
    pub new: &'a str,
    pub in_the_way: Vec<Finding>,
    /// Directories of the tree that exist already.
    pub existing: &'a [PathBuf],
    pub seconds: u64,
}
