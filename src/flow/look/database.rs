//! Asks the database that `DATABASE_URL` names, or looks at its file.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::paths;
use crate::checks::{
    Acl, Applied, Database, DatabaseFile, DatabaseServer, Reached, Step, parse_applied,
};
use crate::config::Config;
use crate::deploy::{DatabaseUrl, client_final};
use crate::env;
use crate::model::{Fact, FileKind, Secret};
use crate::sys::exec::{self, Request};
use crate::sys::postgres::{self, Login, Refused, Server};
use crate::sys::{Root, mounts, process};

const LIMIT: Duration = Duration::from_secs(2);

const QUESTIONS: &[&str] = &[
    "SELECT has_schema_privilege(current_user, 'public', 'CREATE')",
    "SELECT app, name FROM django_migrations",
];

/// What came of it. Other databases than PostgreSQL and SQLite are not asked.
pub(super) fn observe(
    root: &Root,
    config: &Config,
    pid: Option<u32>,
    variables: &Fact<Vec<(String, Secret)>>,
) -> Fact<Database> {
    let variables = match variables {
        Fact::Known(variables) => variables,
        Fact::Absent => return Fact::Absent,
        Fact::Unknown(why) => return Fact::Unknown(why.clone()),
    };
    let as_seen = |file: DatabaseFile| {
        let sealed = pid.is_some_and(|pid| is_sealed(root, pid, &file.path));
        Database::File(DatabaseFile { sealed, ..file })
    };
    if variables.iter().all(|(key, _)| key != "DATABASE_URL") {
        return default_file(root, config, variables).map(as_seen);
    }
    // One that cannot be read is the env file's finding.
    let Some(url) = DatabaseUrl::of(variables) else { return Fact::Absent };
    if url.scheme == "sqlite" && !["", ":memory:"].contains(&url.name.as_str()) {
        let path = config.working_directory.join(&url.name);
        let roots = root.is_roots_alone(&config.env_file);
        let project = Project::observe(root, &config.working_directory);
        return file(root, &project, path, roots).map(as_seen);
    }
    if !url.is_postgres() {
        return Fact::Absent;
    }
    server(root, config, &url).map(Database::Server)
}

fn server(root: &Root, config: &Config, url: &DatabaseUrl) -> Fact<DatabaseServer> {
    if !root.is_system() {
        return Fact::Unknown("only the running host can ask its database".to_owned());
    }
    let port = url.port.unwrap_or(5432);
    let server = match address(root, &url.host, port) {
        Ok(server) => server,
        Err(NoServer::Unknown(why)) => return Fact::Unknown(why),
        // The service asks the same name service and is told the same.
        Err(NoServer::NoSuchName) => {
            let why = "its name cannot be resolved on this host".to_owned();
            return Fact::Known(DatabaseServer {
                place: "its host".to_owned(),
                local: false,
                reached: Reached::Not(why),
                on_disk: Applied::new(),
                cluster: None,
                names: None,
            });
        }
    };
    let place = match &server {
        Server::Unix(path) => path.display().to_string(),
        Server::Tcp(addresses) => addresses.first().map(ToString::to_string).unwrap_or_default(),
    };
    let login = Login {
        server: &server,
        user: &url.user,
        password: &url.password,
        prove: client_final,
        database: &url.name,
    };
    let reached = match postgres::ask(&login, QUESTIONS, 2 * LIMIT) {
        Ok(answers) => answered(answers),
        Err(Refused::Unreachable(why)) => Reached::Not(why),
        // Who logs in by who he is, is not root; and what a server far away demands, TLS for one,
        // the driver may offer.
        Err(Refused::Server { code }) if code == "28000" && !by_password(&server, url) => {
            return Fact::Unknown(format!("{place} judges the login by another rule ({code})"));
        }
        Err(Refused::Server { code }) => Reached::Refused(code),
        Err(Refused::Unspoken(what)) => {
            return Fact::Unknown(format!("{place} asks for {what}"));
        }
    };
    Fact::Known(DatabaseServer {
        place,
        local: url.is_local(),
        reached,
        on_disk: Project::observe(root, &config.working_directory).migrations(root),
        cluster: cluster(root, port),
        names: names(root, config, url),
    })
}

/// Where the settings of most projects have their file when no variable says otherwise. It is looked
/// at only where it exists, the settings speak of SQLite, and no variable names another database.
fn default_file(
    root: &Root,
    config: &Config,
    variables: &[(String, Secret)],
) -> Fact<DatabaseFile> {
    let other = |(key, _): &(String, Secret)| env::is_database_key(key);
    let directory = &config.working_directory.value;
    let places = ["db.sqlite3", "data/db.sqlite3"].map(|place| directory.join(place));
    let mut there = places.into_iter().filter(|place| !root.stat(place).is_absent());
    let (Some(path), None) = (there.next(), there.next()) else { return Fact::Absent };
    let project = Project::observe(root, directory);
    match project.settings.contains("sqlite") && !variables.iter().any(other) {
        true => file(root, &project, path, true),
        false => Fact::Absent,
    }
}

/// The file of SQLite at `path`.
fn file(root: &Root, project: &Project, path: PathBuf, named_by_root: bool) -> Fact<DatabaseFile> {
    if let Fact::Unknown(why) = root.stat(&path) {
        return Fact::Unknown(format!("{}: {why}", path.display()));
    }
    let beside = |end: &str| {
        let mut name = path.clone().into_os_string();
        name.push(end);
        root.stat(Path::new(&name)).known().is_some_and(|stat| stat.size > 0)
    };
    let unsettled = || beside("-journal") || beside("-wal");
    let before = unsettled();
    let way = paths::through(root, &path);
    // The service user may have chosen the name: a device is not opened, not even for a look.
    let regular = way.last().filter(|(_, stat)| stat.kind == FileKind::Regular);
    let parts = regular.map_or(Fact::Absent, |(real, _)| root.parts(real));
    let applied = match parts {
        Fact::Known(parts) => {
            // The count of changes says whether two looks saw the same.
            let count = || parts.read(24, 4);
            let first = count();
            let applied = parse_applied(&|at, length| parts.read(at, length));
            match applied {
                _ if count() != first => Fact::Unknown("it changed meanwhile".to_owned()),
                Ok(applied) => Fact::Known(applied),
                // SQLite makes an empty file, and the tables later.
                Err(_) if parts.read(0, 1).is_none() => Fact::Known(None),
                Err(why) => Fact::Unknown(why.to_owned()),
            }
        }
        Fact::Absent => Fact::Absent,
        Fact::Unknown(why) => Fact::Unknown(why),
    };
    let acl = |(path, _): &Step| Some((path.clone(), Acl::parse(&root.acl(path)?)?));
    Fact::Known(DatabaseFile {
        sealed: false,
        acls: way.iter().filter_map(acl).collect(),
        way,
        directory: path.parent().is_some_and(|above| !root.stat(above).is_absent()),
        named_by_root,
        unsettled: before || unsettled(),
        applied,
        on_disk: project.migrations(root),
        path,
    })
}

/// The process sees it on a mount that is read-only, and the host does not.
fn is_sealed(root: &Root, pid: u32, path: &Path) -> bool {
    let read_only = |table: &str| {
        let table = root.read(Path::new(table), 1 << 20);
        let table = table.known().map(|bytes| String::from_utf8_lossy(bytes).into_owned());
        let mounts = mounts::parse(table.as_deref().unwrap_or_default());
        let above = mounts.filter(|mount| path.starts_with(mount.point));
        above.max_by_key(|mount| mount.point.components().count()).is_some_and(|m| m.read_only)
    };
    read_only(&format!("/proc/{pid}/mountinfo")) && !read_only(mounts::TABLE)
}

fn by_password(server: &Server, url: &DatabaseUrl) -> bool {
    matches!(server, Server::Tcp(_)) && url.is_local()
}

/// Why there is no address to ask.
enum NoServer {
    /// The name service says that there is no such host.
    NoSuchName,
    Unknown(String),
}

fn address(root: &Root, host: &str, port: u16) -> Result<Server, NoServer> {
    if host.is_empty() || host.starts_with('/') {
        let directory = if host.is_empty() { "/var/run/postgresql" } else { host };
        return Ok(Server::Unix(Path::new(directory).join(format!(".s.PGSQL.{port}"))));
    }
    if host == "localhost" {
        return Ok(Server::Tcp(vec![
            SocketAddr::from(([127, 0, 0, 1], port)),
            SocketAddr::from((std::net::Ipv6Addr::LOCALHOST, port)),
        ]));
    }
    if let Ok(address) = host.parse() {
        return Ok(Server::Tcp(vec![SocketAddr::new(address, port)]));
    }
    look_up(root, host, port)
}

/// By a child, which a name service that hangs cannot outlive.
fn look_up(root: &Root, host: &str, port: u16) -> Result<Server, NoServer> {
    let unknown =
        || NoServer::Unknown("the name of the database's host is not known here".to_owned());
    if !process::systemd_runs(root) && root.stat(Path::new("/etc/resolv.conf")).is_absent() {
        return Err(unknown());
    }
    let request = Request::new(&["/usr/bin/getent", "ahosts", "--", host]).deadline(LIMIT);
    let output = exec::run(&request).map_err(NoServer::Unknown)?;
    // getent(1): 2 is a key that could not be found.
    if output.code() == Some(2) {
        return Err(NoServer::NoSuchName);
    }
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let mut found: Vec<SocketAddr> = text
        .lines()
        .filter_map(|line| line.split_whitespace().next()?.parse().ok())
        .map(|ip| SocketAddr::new(ip, port))
        .collect();
    found.dedup();
    if found.is_empty() { Err(unknown()) } else { Ok(Server::Tcp(found)) }
}

fn answered(answers: Vec<Result<postgres::Rows, Refused>>) -> Reached {
    let mut answers = answers.into_iter();
    let creates = answers.next().and_then(Result::ok);
    let creates = creates.and_then(|rows| Some(rows.first()?.first()? == "t"));
    let applied = match answers.next() {
        Some(Ok(rows)) => {
            let mut applied = Applied::new();
            for row in rows {
                let mut row = row.into_iter();
                if let (Some(app), Some(name)) = (row.next(), row.next()) {
                    applied.entry(app).or_default().push(name);
                }
            }
            Some(applied)
        }
        _ => None,
    };
    Reached::Answers { creates, applied }
}

/// Most bytes of a source file.
const SOURCE: u64 = 256 << 10;
/// Most bytes of all settings: the same file can lie behind any number of links.
const SETTINGS: usize = 1 << 20;
/// Most directories that are looked at.
const DIRECTORIES: usize = 500;

/// The code of the project, as far as it is looked at.
struct Project {
    directories: Vec<PathBuf>,
    /// All settings, one file behind the other.
    settings: String,
}

impl Project {
    fn observe(root: &Root, project: &Path) -> Self {
        let directories = directories(root, project);
        Self { settings: settings_text(root, &directories), directories }
    }

    /// `app/migrations/0001_x.py` below the project's directory, two levels deep, of the applications
    /// that the settings name.
    fn migrations(&self, root: &Root) -> Applied {
        let mut found = Applied::new();
        for app in &self.directories {
            let Some(label) = app.file_name().and_then(|n| n.to_str()).map(str::to_owned) else {
                continue;
            };
            let names: Vec<String> = below(root, &app.join("migrations"))
                .iter()
                .filter_map(|p| p.file_name()?.to_str()?.strip_suffix(".py").map(str::to_owned))
                .filter(|n| n.starts_with(|c: char| c.is_ascii_digit()))
                .collect();
            if !names.is_empty()
                && is_installed(&self.settings, &label)
                && !has_own_label(root, app)
            {
                found.insert(label, names);
            }
        }
        found
    }
}

fn below(root: &Root, directory: &Path) -> Vec<PathBuf> {
    let listing = root.list(directory, 500);
    let names = listing.known().map(|l| l.names.iter().map(|n| directory.join(n)).collect());
    names.unwrap_or_default()
}

/// The directories of the project that may hold applications or settings, two levels deep.
fn directories(root: &Root, project: &Path) -> Vec<PathBuf> {
    let skipped = |p: &PathBuf| p.ends_with("venv") || p.ends_with("node_modules");
    let first: Vec<PathBuf> = below(root, project).into_iter().filter(|p| !skipped(p)).collect();
    let second: Vec<PathBuf> = first
        .iter()
        .filter(|p| root.stat(&p.join("__init__.py")).known().is_some() || p.ends_with("apps"))
        .flat_map(|p| below(root, p))
        .take(DIRECTORIES)
        .collect();
    first.into_iter().chain(second).collect()
}

/// An application under another name than its directory's.
fn has_own_label(root: &Root, app: &Path) -> bool {
    let text = root.read(&app.join("apps.py"), SOURCE);
    text.known().is_some_and(|b| {
        String::from_utf8_lossy(b).lines().any(|l| l.trim_start().starts_with("label"))
    })
}

/// The settings name it in quotes, by itself or at the end of a dotted name.
fn is_installed(settings: &str, label: &str) -> bool {
    let ends = [format!("{label}\""), format!("{label}'"), format!("{label}.apps.")];
    let before = |at: usize| settings.get(..at).and_then(|t| t.chars().next_back());
    ends.iter().any(|end| {
        settings.match_indices(end).any(|(at, _)| matches!(before(at), Some('"' | '\'' | '.')))
    })
}

/// The text of `settings.py` and `settings/*.py` of the directories of the project.
fn settings_text(root: &Root, directories: &[PathBuf]) -> String {
    let mut text = String::new();
    for dir in directories {
        let package = dir.join("settings");
        let inner = root.list(&package, 50);
        let inner = inner.known().map(|l| l.names.clone()).unwrap_or_default();
        let files = inner.iter().map(|n| package.join(n)).chain([dir.join("settings.py")]);
        for file in files.filter(|f| f.extension().is_some_and(|e| e == "py")) {
            if text.len() >= SETTINGS {
                return text;
            }
            if let Fact::Known(bytes) = root.read(&file, SOURCE) {
                text.push_str(&String::from_utf8_lossy(&bytes));
            }
        }
    }
    text
}

/// The cluster of this host at that port, else the first: Debian's /etc/postgresql/VERSION/NAME.
fn cluster(root: &Root, port: u16) -> Option<String> {
    let top = Path::new("/etc/postgresql");
    let mut clusters = Vec::new();
    for version in root.names(top) {
        for name in root.names(&top.join(&version)) {
            let conf = top.join(&version).join(&name).join("postgresql.conf");
            let text = root.system_file(&conf, 1 << 20);
            let text = text.known().map(|b| String::from_utf8_lossy(b).into_owned());
            let wanted = format!("port = {port}");
            let ours = text.is_some_and(|t| t.lines().any(|l| l.trim_start().starts_with(&wanted)));
            let unit =
                format!("postgresql@{}-{}", version.to_string_lossy(), name.to_string_lossy());
            clusters.push((ours, unit));
        }
    }
    // One of another port is not started for this one.
    clusters.into_iter().find(|(ours, _)| *ours).map(|(_, unit)| unit)
}

/// Names for a command: plain ones, from a file that root alone can have written.
fn names(root: &Root, config: &Config, url: &DatabaseUrl) -> Option<(String, String)> {
    let plain = |name: &str| {
        !name.is_empty()
            && name.starts_with(|c: char| c.is_ascii_lowercase())
            && name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_')
    };
    (root.is_roots_alone(&config.env_file) && plain(&url.name) && plain(&url.user))
        .then(|| (url.name.clone(), url.user.clone()))
}

#[cfg(test)]
#[expect(clippy::disallowed_methods, reason = "a test lays out its own root")]
mod tests {
    use super::*;

    /// One large file behind many names.
    #[test]
    fn what_is_read_of_the_project_is_bounded() {
        let dir = tempfile::tempdir().expect("a directory");
        let write = |at: &str, bytes: &[u8]| std::fs::write(dir.path().join(at), bytes).expect(at);
        for app in 0..40 {
            std::fs::create_dir(dir.path().join(format!("a{app}"))).expect("a directory");
            write(&format!("a{app}/settings.py"), &vec![b'#'; 250 << 10]);
            write(&format!("a{app}/__init__.py"), b"");
            for inner in 0..40 {
                std::fs::create_dir(dir.path().join(format!("a{app}/b{inner}"))).expect("one");
            }
        }
        let root = Root::open(dir.path()).expect("a root");
        let project = Project::observe(&root, Path::new("/"));
        assert!(project.directories.len() <= 40 + DIRECTORIES, "{}", project.directories.len());
        let most = SETTINGS + usize::try_from(SOURCE).expect("small");
        assert!((SETTINGS..most).contains(&project.settings.len()), "{}", project.settings.len());
    }

    #[test]
    fn installed_applications() {
        let settings = "INSTALLED_APPS = [\"stock\", 'apps.orders', 'users.apps.UsersConfig']";
        for (label, expected) in
            [("stock", true), ("orders", true), ("users", true), ("old", false), ("ock", false)]
        {
            assert_eq!(is_installed(settings, label), expected, "{label}");
        }
    }
}
