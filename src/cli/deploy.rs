//! Options of `meats-deploy`.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};

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
    /// Bring a fresh Debian to HTTP 200: database, env file, release, nginx
    Setup(Setup),
    /// Deploy: check, static files, migrations, trial start, restart, ask
    Apply(Apply),
    /// Go back to a complete release; the database is not touched
    Rollback(Rollback),
    /// List the releases
    Releases(Releases),
    /// Remove old and failed releases, old dumps, old logs
    Prune(Prune),
    /// The Docker fallback
    #[command(subcommand)]
    Docker(Docker),
}

/// `meats-deploy check`.
#[derive(Debug, Args)]
pub struct Check {
    /// As JSON
    #[arg(long)]
    pub json: bool,
}

/// `meats-deploy setup`.
#[derive(Debug, Args)]
pub struct Setup {
    /// The code of the first release: a directory, an archive or (with --ref) a git repository
    #[arg(long, value_name = "SOURCE")]
    pub from: PathBuf,
    /// Branch, tag or commit of the git repository that --from names: a directory or a URL
    #[arg(long = "ref", value_name = "REF", value_parser = git_ref)]
    pub reference: Option<String>,
    /// Name of the site (may be repeated, or a list with commas); the first is what is asked
    #[arg(long, value_name = "NAME", required = true, value_delimiter = ',', value_parser = host_name)]
    pub host: Vec<String>,
    /// Port of the site
    #[arg(long, value_name = "PORT", default_value_t = 80, value_parser = clap::value_parser!(u16).range(1..))]
    pub port: u16,
    /// Let apt install what is missing of postgresql, nginx and python3-venv
    #[arg(long)]
    pub install: bool,
    /// Leave nginx alone
    #[arg(long)]
    pub no_web: bool,
    /// Name of the release [default: date and time, UTC]
    #[arg(long, value_parser = release_name)]
    pub name: Option<String>,
    /// Install from the wheels in this directory; nothing is fetched
    #[arg(long, value_name = "DIRECTORY")]
    pub wheelhouse: Option<PathBuf>,
    /// Print the steps, what each changes and how it is undone; change nothing
    #[arg(long)]
    pub dry_run: bool,
    /// How long the new code may take to become healthy
    #[arg(long, value_name = "SECONDS", default_value_t = 60, value_parser = clap::value_parser!(u64).range(1..=3600))]
    pub timeout: u64,
}

/// `meats-deploy apply`.
#[derive(Debug, Args)]
pub struct Apply {
    /// Make a release of this directory, archive or (with --ref) git repository and switch to it;
    /// without it the code in the working directory is deployed in place
    #[arg(long, value_name = "SOURCE")]
    pub from: Option<PathBuf>,
    /// Branch, tag or commit of the git repository that --from names: a directory or a URL
    #[arg(long = "ref", value_name = "REF", requires = "from", value_parser = git_ref)]
    pub reference: Option<String>,
    /// Name of the release [default: date and time, UTC]
    #[arg(long, requires = "from", value_parser = release_name)]
    pub name: Option<String>,
    /// Install from the wheels in this directory; nothing is fetched
    #[arg(long, value_name = "DIRECTORY", requires = "from")]
    pub wheelhouse: Option<PathBuf>,
    /// Print the steps, what each changes and how it is undone; change nothing
    #[arg(long)]
    pub dry_run: bool,
    /// How long the new code may take to become healthy
    #[arg(long, value_name = "SECONDS", default_value_t = 60, value_parser = clap::value_parser!(u64).range(1..=3600))]
    pub timeout: u64,
}

/// `meats-deploy rollback`.
#[derive(Debug, Args)]
pub struct Rollback {
    /// The release to go back to [default: the newest complete one before the live one]
    #[arg(value_parser = release_name)]
    pub release: Option<String>,
    /// Print the steps; change nothing
    #[arg(long)]
    pub dry_run: bool,
    /// How long the release may take to become healthy
    #[arg(long, value_name = "SECONDS", default_value_t = 60, value_parser = clap::value_parser!(u64).range(1..=3600))]
    pub timeout: u64,
}

/// `meats-deploy releases`.
#[derive(Debug, Args)]
pub struct Releases {
    /// As JSON
    #[arg(long)]
    pub json: bool,
}

/// `meats-deploy prune`.
#[derive(Debug, Args)]
pub struct Prune {
    /// Complete releases that stay besides the live one, and dumps; at least one
    #[arg(long, value_name = "NUMBER", default_value_t = 3)]
    pub keep: usize,
    /// Print the steps; change nothing
    #[arg(long)]
    pub dry_run: bool,
}

/// `meats-deploy docker`.
#[derive(Debug, Subcommand)]
pub enum Docker {
    /// Write compose file, image recipe, nginx site and .env.prod
    Init(DockerInit),
    /// Validate the written set with compose itself
    Check(DockerPlace),
    /// Build the image, start database, migrations, application and web server, ask until healthy
    Up(DockerUp),
    /// Stop the stack and remove its containers; volumes stay
    Down(DockerDown),
    /// State of each container; exit 0 when all are healthy
    Status(DockerStatus),
    /// The last lines of the containers' output
    Logs(DockerLogs),
    /// Move the running service into the stack, or back, without a refused request
    Migrate(DockerMigrate),
    /// Restart what stays unhealthy; the timer meats-docker-watch runs it
    Watch(DockerWatch),
}

/// Where the set lies.
#[derive(Debug, Args)]
pub struct DockerPlace {
    /// Directory of the set [default: docker below app_dir]
    #[arg(long, value_name = "DIRECTORY")]
    pub dir: Option<PathBuf>,
}

/// `meats-deploy docker status`.
#[derive(Debug, Args)]
pub struct DockerStatus {
    #[command(flatten)]
    pub place: DockerPlace,
    /// As JSON
    #[arg(long)]
    pub json: bool,
}

/// `meats-deploy docker up`.
#[derive(Debug, Args)]
pub struct DockerUp {
    #[command(flatten)]
    pub place: DockerPlace,
    /// Build from this checkout [default: the code of the host]
    #[arg(long, value_name = "DIRECTORY")]
    pub from: Option<PathBuf>,
    /// Install from the wheels in this directory, and those of earlier runs; nothing is fetched
    #[arg(long, value_name = "DIRECTORY")]
    pub wheelhouse: Option<PathBuf>,
    /// As a stack of Docker's Swarm, with rolling updates that are taken back when they fail
    #[arg(long)]
    pub swarm: bool,
    /// How long each container may take to become healthy
    #[arg(long, value_name = "SECONDS", default_value_t = 120, value_parser = clap::value_parser!(u64).range(1..=3600))]
    pub timeout: u64,
    /// Print the steps; change nothing
    #[arg(long)]
    pub dry_run: bool,
}

/// `meats-deploy docker down`.
#[derive(Debug, Args)]
pub struct DockerDown {
    #[command(flatten)]
    pub place: DockerPlace,
    /// The stack of Docker's Swarm
    #[arg(long, conflicts_with = "keep_containers")]
    pub swarm: bool,
    /// Stop the containers and leave them
    #[arg(long)]
    pub keep_containers: bool,
}

/// `meats-deploy docker migrate`.
#[derive(Debug, Args)]
pub struct DockerMigrate {
    #[command(flatten)]
    pub place: DockerPlace,
    /// Back to the host itself
    #[arg(long)]
    pub back: bool,
    /// Install from the wheels in this directory, and those of earlier runs; nothing is fetched
    #[arg(long, value_name = "DIRECTORY")]
    pub wheelhouse: Option<PathBuf>,
    /// Print the steps; change nothing
    #[arg(long)]
    pub dry_run: bool,
    /// How long each part may take to become healthy
    #[arg(long, value_name = "SECONDS", default_value_t = 120, value_parser = clap::value_parser!(u64).range(1..=3600))]
    pub timeout: u64,
}

/// `meats-deploy docker watch`.
#[derive(Debug, Args)]
pub struct DockerWatch {
    /// A container that started less than so long ago is left alone
    #[arg(long, value_name = "SECONDS", default_value_t = 300)]
    pub patience: u64,
}

/// `meats-deploy docker logs`.
#[derive(Debug, Args)]
pub struct DockerLogs {
    #[command(flatten)]
    pub place: DockerPlace,
    /// Of this service only: db, app, web
    pub service: Option<String>,
    /// Lines of each container
    #[arg(long, value_name = "NUMBER", default_value_t = 50)]
    pub lines: u32,
}

/// Where a new set listens when nothing else is asked for.
pub const DEFAULT_LISTEN: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 8080);

impl Default for DockerInit {
    fn default() -> Self {
        Self {
            place: DockerPlace { dir: None },
            base: None,
            db_image: None,
            db_user: None,
            web_image: None,
            listen: None,
            dry_run: false,
        }
    }
}

/// The images of a new set.
pub const BASE: &str = "python:3.11-slim-bookworm";
/// As [`BASE`], of the web server.
pub const WEB_IMAGE: &str = "nginx:1.26-bookworm";

/// `meats-deploy docker init`.
#[derive(Debug, Args)]
pub struct DockerInit {
    #[command(flatten)]
    pub place: DockerPlace,
    /// Base image of the application: one with python3 and its venv module [default: as before, at
    /// first python:3.11-slim-bookworm]
    #[arg(long, value_name = "IMAGE")]
    pub base: Option<String>,
    /// Image of the database: one with the programs of PostgreSQL [default: as before, at first
    /// that of the host's own version, or postgres:15-bookworm]
    #[arg(long, value_name = "IMAGE")]
    pub db_image: Option<String>,
    /// Numeric user and group that the database image runs PostgreSQL as [default: as before, at
    /// first 999:999]
    #[arg(long, value_name = "UID:GID", value_parser = uid_gid)]
    pub db_user: Option<(u32, u32)>,
    /// Image of the web server: one with nginx [default: as before, at first nginx:1.26-bookworm]
    #[arg(long, value_name = "IMAGE")]
    pub web_image: Option<String>,
    /// Where the stack listens [default: as before, at first 127.0.0.1:8080]
    #[arg(long, value_name = "ADDRESS:PORT")]
    pub listen: Option<SocketAddr>,
    /// Print what would be written; change nothing
    #[arg(long)]
    pub dry_run: bool,
}

impl Deploy {
    /// Makes relative paths absolute.
    #[must_use]
    pub fn from_directory(mut self, directory: Option<&Path>) -> Self {
        let resolve = |path: &mut Option<PathBuf>| {
            if let (Some(path), Some(directory)) = (path.as_mut(), directory) {
                if path.to_str().is_some_and(|text| text.contains("://")) {
                    return;
                }
                *path = directory.join(&*path).components().collect();
            }
        };
        match &mut self.verb {
            Verb::Apply(apply) => {
                resolve(&mut apply.from);
                resolve(&mut apply.wheelhouse);
            }
            Verb::Setup(setup) => {
                let mut from = Some(std::mem::take(&mut setup.from));
                resolve(&mut from);
                setup.from = from.unwrap_or_default();
                resolve(&mut setup.wheelhouse);
            }
            Verb::Docker(Docker::Init(init)) => resolve(&mut init.place.dir),
            Verb::Docker(Docker::Check(place)) => resolve(&mut place.dir),
            Verb::Docker(Docker::Status(status)) => resolve(&mut status.place.dir),
            Verb::Docker(Docker::Up(up)) => {
                resolve(&mut up.place.dir);
                resolve(&mut up.wheelhouse);
                resolve(&mut up.from);
            }
            Verb::Docker(Docker::Down(down)) => resolve(&mut down.place.dir),
            Verb::Docker(Docker::Migrate(migrate)) => {
                resolve(&mut migrate.place.dir);
                resolve(&mut migrate.wheelhouse);
            }
            Verb::Docker(Docker::Watch(_)) => {}
            Verb::Docker(Docker::Logs(logs)) => resolve(&mut logs.place.dir),
            Verb::Check(_) | Verb::Rollback(_) | Verb::Releases(_) | Verb::Prune(_) => {}
        }
        self
    }
}

/// What may stand where git expects a revision; never an option.
fn git_ref(text: &str) -> Result<String, String> {
    let plain = |b: u8| b.is_ascii_graphic() && !b"~^:?*[\\".contains(&b);
    if !text.is_empty() && !text.starts_with('-') && text.bytes().all(plain) {
        Ok(text.to_owned())
    } else {
        Err("the name of a branch, a tag or a commit".to_owned())
    }
}

/// A name of DNS, in lower case.
fn host_name(text: &str) -> Result<String, String> {
    let name = text.trim().to_ascii_lowercase();
    let plain = |b: u8| b.is_ascii_alphanumeric() || b".-".contains(&b);
    let fine = !name.is_empty() && name.len() <= 253 && !name.starts_with(['.', '-']);
    if fine && name.bytes().all(plain) {
        Ok(name)
    } else {
        Err("a host name: letters, digits, dots and minus signs".to_owned())
    }
}

/// One plain directory entry.
fn release_name(text: &str) -> Result<String, String> {
    let plain = |b: u8| b.is_ascii_alphanumeric() || b"._-".contains(&b);
    let fine = !text.is_empty() && text.len() <= 100 && !text.starts_with(['.', '-']);
    if fine && text.bytes().all(plain) {
        Ok(text.to_owned())
    } else {
        Err("letters, digits, dots, underscores and minus signs, at most 100".to_owned())
    }
}

/// `UID:GID`, both numbers, neither root.
///
/// # Errors
/// What is expected.
pub fn uid_gid(text: &str) -> Result<(u32, u32), String> {
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
            (&["meats-deploy", "setup", "--from", "x", "--host", "a.example,b.example"], 0),
            (&["meats-deploy", "apply", "--from", "x", "--ref", "v1.0"], 0),
            (&["meats-deploy", "apply", "--from", "x", "--ref", "--upload-pack=x"], 2),
            (&["meats-deploy", "apply", "--ref", "v1.0"], 2),
            (&["meats-deploy", "setup", "--from", "x"], 2),
            (&["meats-deploy", "setup", "--from", "x", "--host", "a;b"], 2),
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
