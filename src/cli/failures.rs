//! Options of `meats-diagnose failures`.

use std::path::PathBuf;

use clap::Args;

/// Records of failures, the newest first
#[derive(Debug, Default, Args)]
pub struct Failures {
    /// One record in full: its id, the begin of it, or "last"
    pub id: Option<String>,
    /// Only failures since then: 2h, 3d, yesterday, "2026-11-25 14:00"
    #[arg(long, value_name = "WHEN")]
    pub since: Option<String>,
    /// Print one JSON document; with --follow one object a line
    #[arg(long)]
    pub json: bool,
    /// Go on and print each failure as it is recorded
    #[arg(long, short, conflicts_with = "id")]
    pub follow: bool,
    /// Look at the tree below DIR instead of the running system
    #[arg(long, value_name = "DIR")]
    pub root: Option<PathBuf>,
}
