//! Options of meats-env.

use std::path::{Path, PathBuf};

use clap::{Args, Parser, Subcommand, ValueEnum};

use super::diagnose::Color;

const AFTER: &str = "\
Exit status:
  0 clean or done   1 findings   2 usage   3 refused   4 could not look

Examples:
  meats-env check                   what is wrong with the service's env file
  meats-env fix --dry-run           what would be repaired without a question
  printf %s \"$v\" | meats-env set KEY
  meats-env check --format github . in a pipeline, without root

FILE is the service's env file when it is left out; - is standard input.";

/// Read, check, repair and write env files as the programs that read them do
#[derive(Debug, Parser)]
#[command(name = "meats-env", version, after_help = AFTER, max_term_width = 80)]
pub struct Cli {
    #[command(subcommand)]
    pub command: Command,
    /// Look at the tree below DIR instead of the running system
    #[arg(long, value_name = "DIR", global = true)]
    pub root: Option<PathBuf>,
    /// Colours
    #[arg(long, value_name = "WHEN", default_value = "auto", global = true)]
    pub color: Color,
}

/// The verbs.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Tell what is wrong with files; a directory is searched for env files
    Check(Check),
    /// Repair what needs no question; the rest is listed
    Fix(Fix),
    /// Print the value of a key as systemd reads it
    Get {
        /// Name of the key
        key: String,
        /// Env file
        file: Option<PathBuf>,
    },
    /// Set a key; the value comes from standard input or --value-file, never from the command line
    Set(Set),
    /// Remove every line that sets a key, or would set it once it is repaired
    Unset {
        /// Name of the key
        key: String,
        /// Env file
        file: Option<PathBuf>,
        /// Show what would change and change nothing
        #[arg(long)]
        dry_run: bool,
    },
    /// Write a new env file with fresh secrets, or one fresh key into an existing file
    Generate(Generate),
    /// Print what a program reads from a file
    Read {
        /// systemd, systemd:VERSION, sh, dotenv, environ, decouple, compose or docker
        #[arg(long = "as", value_name = "READER", default_value = "systemd")]
        reader: String,
        /// Print one JSON document
        #[arg(long, conflicts_with = "null")]
        json: bool,
        /// Print KEY=VALUE entries that end in NUL
        #[arg(long = "null", short = '0')]
        null: bool,
        /// Env file
        file: Option<PathBuf>,
    },
    /// Tell which keys programs read differently, and which of the programs run here
    Readers {
        /// Env file
        file: Option<PathBuf>,
        /// Print one JSON document
        #[arg(long)]
        json: bool,
    },
    /// Print the file written for another program, with the values that systemd reads
    Export {
        /// systemd, sh, dotenv, environ, decouple, compose, docker or json
        #[arg(long = "for", value_name = "READER")]
        reader: String,
        /// Env file
        file: Option<PathBuf>,
    },
    /// Bring back a backup
    Restore {
        /// List the backups
        #[arg(long)]
        list: bool,
        #[command(flatten)]
        backup: Backup,
    },
    /// Show what changed since a backup, values masked
    Diff {
        #[command(flatten)]
        backup: Backup,
    },
}

/// Which backup of which file.
#[derive(Debug, Args)]
pub struct Backup {
    /// Id of the backup; the newest when it is left out
    id: Option<String>,
    /// Env file
    file: Option<PathBuf>,
    /// As it was called before
    #[arg(long = "file", value_name = "FILE", hide = true, conflicts_with = "file")]
    option: Option<PathBuf>,
}

impl Backup {
    /// Id and file. A first word that no id can be is the file.
    pub fn words(&self) -> (Option<&str>, Option<&Path>) {
        let id = self.id.as_deref();
        let is_id = |w: &&str| w.len() >= 4 && w.bytes().all(|b| b.is_ascii_hexdigit());
        match (id, self.file.as_deref().or(self.option.as_deref())) {
            (Some(word), None) if !is_id(&word) => (None, Some(Path::new(word))),
            (id, file) => (id, file),
        }
    }
}

/// Options of check.
#[derive(Debug, Args)]
pub struct Check {
    /// Files or directories
    pub files: Vec<PathBuf>,
    /// How findings are written
    #[arg(long, value_name = "FORMAT", default_value = "text")]
    pub format: Format,
    /// The same as --format json
    #[arg(long)]
    pub json: bool,
    /// The file alone feeds a service: report keys that it lacks
    #[arg(long)]
    pub complete: bool,
}

/// Options of fix.
#[derive(Debug, Args)]
pub struct Fix {
    /// Files
    pub files: Vec<PathBuf>,
    /// Show what would change, values masked, and change nothing
    #[arg(long)]
    pub dry_run: bool,
    /// Ask about what needs a decision
    #[arg(long, short, conflicts_with = "dry_run")]
    pub interactive: bool,
}

/// Options of set.
#[derive(Debug, Args)]
pub struct Set {
    /// Name of the key
    pub key: String,
    /// Env file
    pub file: Option<PathBuf>,
    /// Take the value from this file, byte for byte
    #[arg(long, value_name = "FILE")]
    pub value_file: Option<PathBuf>,
    /// Keep the line end at the end of the value
    #[arg(long)]
    pub keep_newline: bool,
    /// Programs that must read the value back (separated by commas); default: systemd and sh
    #[arg(long, value_name = "READERS", value_delimiter = ',')]
    pub readers: Vec<String>,
    /// Show what would change and change nothing
    #[arg(long)]
    pub dry_run: bool,
}

/// Options of generate.
#[derive(Debug, Args)]
pub struct Generate {
    /// File to write; it must not exist, unless --key is given
    pub file: Option<PathBuf>,
    /// Only put a fresh secret into this key of an existing file
    #[arg(long, value_name = "KEY", conflicts_with_all = ["template", "set", "from", "stdout"])]
    pub key: Option<String>,
    /// Template instead of the built-in one: an env file whose placeholders are filled
    #[arg(long, value_name = "FILE")]
    pub template: Option<PathBuf>,
    /// Value of a key that is no secret (may be repeated)
    #[arg(long, value_name = "KEY=VALUE")]
    pub set: Vec<String>,
    /// Take values from another env file, secrets too
    #[arg(long, value_name = "FILE")]
    pub from: Option<PathBuf>,
    /// Print the file instead of writing it
    #[arg(long)]
    pub stdout: bool,
}

/// How findings are written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// With the line, a caret, the reason and the remedy
    #[default]
    Text,
    /// One line a finding, as compilers write it
    Short,
    /// One JSON document
    Json,
    /// Workflow commands of GitHub
    Github,
    /// SARIF 2.1.0
    Sarif,
}
