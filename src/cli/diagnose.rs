//! Options of meats-diagnose.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};

use crate::model::finding;

/// When to use colours.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Color {
    /// On a terminal, unless NO_COLOR is set or TERM is dumb
    #[default]
    Auto,
    Always,
    Never,
}

/// Under `-h`, which fits one screen; `--help` has every option.
const SHORT: &str = "\
Exit status:
  0 healthy   1 warnings   2 usage   3 broken   4 could not check everything";

const AFTER: &str = "\
Exit status:
  0 healthy   1 warnings   2 usage   3 broken   4 could not check everything

Examples:
  meats-diagnose                    what is wrong, and what to do first
  meats-diagnose --fix              show the repairs, ask, apply, check again
  meats-diagnose explain LOG-001    all about one finding, offline
  meats-diagnose failures           why the service died";

/// Tell what is wrong with the service, why, and what to do; repair it on request
#[derive(Debug, Parser)]
#[command(name = "meats-diagnose", version, max_term_width = 80)]
// An option in front of a command would be that of the diagnosis, and do nothing.
#[command(args_conflicts_with_subcommands = true)]
#[command(after_help = SHORT, after_long_help = AFTER)]
pub struct Cli {
    #[command(flatten)]
    pub check: Check,
    #[command(subcommand)]
    pub command: Option<Command>,
}

/// Options of the diagnosis itself.
#[derive(Debug, Args)]
pub struct Check {
    /// Print one JSON document
    #[arg(long)]
    pub json: bool,
    /// Also write a self-contained HTML page
    #[arg(hide_short_help = true)]
    #[arg(long, value_name = "FILE")]
    pub html: Option<PathBuf>,
    /// Also write metrics for node_exporter's textfile collector
    #[arg(hide_short_help = true)]
    #[arg(long, value_name = "FILE")]
    pub prometheus: Option<PathBuf>,
    /// Look again every SECONDS and tell what changed
    #[arg(hide_short_help = true)]
    #[arg(long, value_name = "SECONDS", num_args = 0..=1)]
    #[arg(default_missing_value = "10", value_parser = clap::value_parser!(u64).range(1..=86400))]
    #[arg(conflicts_with_all = ["fix", "dry_run", "plugin"])]
    pub watch: Option<u64>,
    /// Print nothing; the exit status tells
    #[arg(hide_short_help = true)]
    #[arg(long, short, conflicts_with_all = ["json", "plugin", "fix", "dry_run", "watch"])]
    pub quiet: bool,
    /// Show the repairs, ask, apply, check again
    #[arg(long)]
    pub fix: bool,
    /// Show what --fix would do and change nothing
    #[arg(long)]
    pub dry_run: bool,
    /// Do not ask before repairing
    #[arg(hide_short_help = true)]
    #[arg(long, short)]
    pub yes: bool,
    /// Only these findings (ids or names, separated by commas)
    #[arg(long, value_name = "ID", value_delimiter = ',', value_parser = finding_id)]
    pub only: Vec<String>,
    /// Only the verdict and the next step
    #[arg(hide_short_help = true)]
    #[arg(long)]
    pub brief: bool,
    /// Do not fold symptoms under their cause
    #[arg(hide_short_help = true)]
    #[arg(long)]
    pub flat: bool,
    /// One line for a monitoring plugin; usage errors and "could not look" are 3
    #[arg(hide_short_help = true)]
    #[arg(long, conflicts_with_all = ["json", "fix", "dry_run"])]
    pub plugin: bool,
    /// Ask only for what this user can see
    #[arg(hide_short_help = true)]
    #[arg(long, value_name = "SCOPE", default_value = "all")]
    pub scope: Scope,
    /// Look at the tree below DIR instead of the running system
    #[arg(hide_short_help = true)]
    #[arg(long, value_name = "DIR")]
    pub root: Option<PathBuf>,
    /// Colours
    #[arg(hide_short_help = true)]
    #[arg(long, value_name = "WHEN", default_value = "auto")]
    pub color: Color,
    /// Also list what was checked and is well
    #[arg(hide_short_help = true)]
    #[arg(long, short)]
    pub verbose: bool,
}

/// A finding by id or name; a mistyped one must not look like a healthy host.
fn finding_id(word: &str) -> Result<String, String> {
    let kind = finding::by_word(word).ok_or("no finding is called so; see explain --list")?;
    Ok(kind.id.to_owned())
}

/// What is asked for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Scope {
    /// Everything; what this user cannot see makes the result incomplete
    #[default]
    All,
    /// What this user can see
    Reachable,
}

/// The further verbs.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// All about one finding, by id or name
    Explain {
        /// Id (LOG-001) or name (log-owner)
        #[arg(required_unless_present = "list")]
        id: Option<String>,
        /// List every id, name and summary
        #[arg(long)]
        list: bool,
    },
    /// Records of failures, the newest first
    Failures(super::failures::Failures),
    /// Every setting in force, with its origin
    Config {
        /// Only the value of one setting
        #[arg(long, value_name = "SECTION.NAME")]
        get: Option<String>,
        /// Print JSON
        #[arg(long)]
        json: bool,
        /// Read the settings below DIR
        #[arg(long, value_name = "DIR")]
        root: Option<PathBuf>,
    },
    /// Ask the health path; exit status 0 if it answers, else 3
    Probe(Probe),
    /// Take the last repair of --fix back, where nothing changed since
    Undo(Undo),
    /// Pack what a helper needs to know, without secrets, as tar.zst
    Bundle(Bundle),
    /// The unit in force, and how yours differs from the generated one
    Unit(Unit),
}

/// Options of `probe`.
#[derive(Debug, Args)]
pub struct Probe {
    /// Only connect, do not ask for a page
    #[arg(long)]
    pub connect: bool,
    /// Keep trying for so many seconds
    #[arg(long, value_name = "SECONDS", default_value_t = 0)]
    pub wait: u64,
    /// Count a bad answer; restart the service after too many in a row (the watchdog)
    #[arg(long, conflicts_with_all = ["connect", "wait"])]
    pub strike: bool,
}

/// Options of `bundle`.
#[derive(Debug, Args)]
pub struct Bundle {
    /// The file to write; by default SERVICE-TIME.tar.zst in this directory
    pub file: Option<PathBuf>,
    /// Look at the tree below DIR
    #[arg(long, value_name = "DIR")]
    pub root: Option<PathBuf>,
}

/// Options of `undo`.
#[derive(Debug, Args)]
pub struct Undo {
    /// The repair, as --list numbers it; without it the last one that was not taken back
    pub number: Option<u64>,
    /// List the repairs that are recorded
    #[arg(long)]
    pub list: bool,
    /// Show what would be done and change nothing
    #[arg(long)]
    pub dry_run: bool,
    /// Do not ask
    #[arg(long, short)]
    pub yes: bool,
    /// Look at the tree below DIR
    #[arg(long, value_name = "DIR")]
    pub root: Option<PathBuf>,
}

/// Options of `unit`.
#[derive(Debug, Args)]
pub struct Unit {
    /// Print the full units that are used without an administrator's unit
    #[arg(long, group = "what")]
    pub generated: bool,
    /// Write the full units as files into DIR, for use without this package
    #[arg(long, value_name = "DIR", group = "what")]
    pub export: Option<PathBuf>,
    /// Move the administrator's unit aside and use the generated one with his settings
    #[arg(long, group = "what")]
    pub adopt: bool,
    /// Put the unit that --adopt moved aside back
    #[arg(long, group = "what")]
    pub undo: bool,
    /// Show what --adopt, --undo or --export would do and change nothing
    #[arg(long)]
    pub dry_run: bool,
    /// Do not ask
    #[arg(long, short)]
    pub yes: bool,
    /// Look at the tree below DIR
    #[arg(long, value_name = "DIR")]
    pub root: Option<PathBuf>,
}
