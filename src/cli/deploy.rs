//! Options of `meats-deploy`.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};

/// Deploys the service, with a way back; and its Docker fallback.
#[derive(Debug, Parser)]
#[command(
    name = "meats-deploy",
    version,
    about = "Deploys the service with checks before and a way back; Docker fallback",
    after_help = "Exit status: 0 live, 1 not deployed and the old state is live, 2 wrong usage,\n3 nothing healthy is live, 4 could not begin. See meats-deploy(8).",
    disable_help_subcommand = true
)]
pub struct Deploy {
    #[command(subcommand)]
    pub verb: Verb,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub enum Verb {
    /// Look at everything that a deployment needs; change nothing
    Check(Check),
    /// Deploy the code in the working directory: settings, static files, migrations, restart
    Apply(Apply),
    /// The Docker fallback
    #[command(subcommand)]
    Docker(Docker),
}

/// `meats-deploy check`.
#[derive(Debug, Args)]
pub struct Check {}

/// `meats-deploy apply`.
#[derive(Debug, Args)]
pub struct Apply {
    /// Print the steps, what each changes and how it is undone; change nothing
    #[arg(long)]
    pub dry_run: bool,
    /// How long the new code may take to become healthy
    #[arg(long, value_name = "SECONDS", default_value_t = 60, value_parser = clap::value_parser!(u64).range(1..=3600))]
    pub timeout: u64,
}

/// `meats-deploy docker`.
#[derive(Debug, Subcommand)]
pub enum Docker {
    /// Write compose file, image recipe, nginx site and .env.prod
    Init(DockerInit),
    /// Validate the written set with compose itself
    Check(DockerPlace),
}

/// Where the set lies.
#[derive(Debug, Args)]
pub struct DockerPlace {
    /// Directory of the set [default: docker below app_dir]
    #[arg(long, value_name = "DIRECTORY")]
    pub dir: Option<PathBuf>,
}

/// `meats-deploy docker init`.
#[derive(Debug, Args)]
pub struct DockerInit {
    #[command(flatten)]
    pub place: DockerPlace,
    /// Base image of the application: one with python3 and its venv module
    #[arg(long, value_name = "IMAGE", default_value = "python:3.11-slim-bookworm")]
    pub base: String,
    /// Image of the database: one with the programs of PostgreSQL
    #[arg(long, value_name = "IMAGE", default_value = "postgres:15-bookworm")]
    pub db_image: String,
    /// Numeric user and group that the database image runs PostgreSQL as
    #[arg(long, value_name = "UID:GID", default_value = "999:999", value_parser = uid_gid)]
    pub db_user: (u32, u32),
    /// Image of the web server: one with nginx
    #[arg(long, value_name = "IMAGE", default_value = "nginx:1.26-bookworm")]
    pub web_image: String,
    /// Where the stack listens
    #[arg(long, value_name = "ADDRESS:PORT", default_value = "127.0.0.1:8080")]
    pub listen: std::net::SocketAddr,
    /// Print what would be written; change nothing
    #[arg(long)]
    pub dry_run: bool,
}

/// `UID:GID`, both numbers, neither root.
fn uid_gid(text: &str) -> Result<(u32, u32), String> {
    let number = |word: &str| word.parse::<u32>().ok().filter(|n| *n != 0);
    let parts = text.split_once(':').and_then(|(uid, gid)| Some((number(uid)?, number(gid)?)));
    parts.ok_or_else(|| "two numbers with a colon between them, none of them 0".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory as _;

    #[test]
    fn the_table_is_sound() {
        Deploy::command().debug_assert();
    }

    #[test]
    fn usage() {
        let exit = |words: &[&str]| match Deploy::try_parse_from(words) {
            Ok(_) => 0,
            Err(error) => error.exit_code(),
        };
        for (words, code) in [
            (&["meats-deploy", "check"][..], 0),
            (&["meats-deploy", "apply", "--dry-run"], 0),
            (&["meats-deploy", "--help"], 0),
            (&["meats-deploy", "docker", "init", "--listen", "0.0.0.0:80"], 0),
            (&["meats-deploy"], 2),
            (&["meats-deploy", "apply", "--timeout", "0"], 2),
            (&["meats-deploy", "apply", "--unknown"], 2),
            (&["meats-deploy", "docker", "init", "--listen", "localhost"], 2),
            (&["meats-deploy", "docker", "init", "--db-user", "101:103"], 0),
            (&["meats-deploy", "docker", "init", "--db-user", "0:0"], 2),
        ] {
            assert_eq!(exit(words), code, "{words:?}");
        }
    }
}
