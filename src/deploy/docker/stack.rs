//! What the stack of one host consists of: the host's values, and those that differ inside.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use super::super::database::{DatabaseUrl, plain_database};
use super::super::health::health_host;
use super::names::is_refused;
use crate::config::{Config, own_directory};
use crate::model::{Finding, Owner, Secret, Subject, finding};

/// Images by role.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Images {
    /// What the application's image is built from.
    pub base: String,
    pub db: String,
    pub web: String,
    /// Numeric user of the database image.
    pub db_owner: Owner,
}

/// The database container; None when the application uses SQLite or a server elsewhere.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Database {
    pub role: String,
    pub name: String,
    pub password: Secret,
}

/// One stack.
#[derive(Clone, Debug)]
pub struct Stack {
    /// The compose project, and the first part of image names.
    pub project: String,
    pub images: Images,
    pub listen: SocketAddr,
    /// The service's user on the host: files in mounted directories keep their owner.
    pub owner: Owner,
    pub database: Option<Database>,
    /// Variables of the containers as they are inside; values never reach the compose file.
    pub variables: Vec<(String, Secret)>,
    /// Directories of the host that the application may write, at the same path inside.
    pub writable: Vec<PathBuf>,
    pub app: PathBuf,
    pub venv: PathBuf,
    pub log_dir: PathBuf,
    pub settings_module: String,
    pub application: String,
    pub workers: u32,
    pub threads: u32,
    pub timeout: u32,
    pub graceful_timeout: u32,
    pub health_path: String,
    pub health_host: String,
}

/// Plans the stack of a host. `variables` is what systemd gives the service.
///
/// # Errors
/// What keeps the application from running in containers at all.
pub fn plan_stack(
    config: &Config,
    owner: Owner,
    variables: &[(String, Secret)],
    images: Images,
    listen: SocketAddr,
) -> Result<(Stack, Vec<Finding>), Box<Finding>> {
    let subject = |key: &str| Subject::file(&config.env_file.value).key(key);
    let mut found = Vec::new();
    let (refused, mut inside): (Vec<_>, Vec<_>) =
        variables.iter().cloned().partition(|(key, _)| is_refused(key));
    for (key, _) in refused {
        let detail = format!("{key} steers compose or docker itself and is left out");
        found.push(Finding::new(&finding::DOC_KEY_REFUSED, subject(&key), detail));
    }
    let mut writable = config.writable.value.clone();
    let mut database = None;
    match variables.iter().find(|(key, _)| key == "DATABASE_URL") {
        None => {
            let detail = "DATABASE_URL is not set, so nobody knows which data the stack shall use";
            return Err(Box::new(Finding::new(
                &finding::DOC_DATABASE,
                subject("DATABASE_URL"),
                detail,
            )));
        }
        Some((_, value)) => match place(config, value) {
            Ok(Place::Moved { database: moved, url }) => {
                let detail = "DATABASE_URL: the server is \"db\" instead of this host";
                found.push(Finding::new(&finding::DOC_REWRITTEN, subject("DATABASE_URL"), detail));
                database = Some(moved);
                replace(&mut inside, "DATABASE_URL", url);
            }
            Ok(Place::Elsewhere) => {}
            Ok(Place::File(directory)) => writable.push(directory),
            Err(why) => {
                let detail = format!("DATABASE_URL: {why}");
                return Err(Box::new(Finding::new(
                    &finding::DOC_DATABASE,
                    subject("DATABASE_URL"),
                    detail,
                )));
            }
        },
    }
    for (key, value) in variables.iter().filter(|(key, _)| key != "DATABASE_URL") {
        if loopback(value) {
            let detail =
                format!("{key} names 127.0.0.1 or localhost, which is the container itself inside");
            found.push(Finding::new(&finding::DOC_LOOPBACK, subject(key), detail));
        }
    }
    let allowed = allowed_hosts(variables);
    let stack = Stack {
        project: config.service.value.clone(),
        images,
        listen,
        owner,
        database,
        variables: inside,
        writable,
        app: config.working_directory.value.clone(),
        venv: config.venv.value.clone(),
        log_dir: config.log_dir.value.clone(),
        settings_module: config.settings_module.value.clone(),
        application: config.application.value.clone(),
        workers: config.workers.value,
        threads: config.threads.value,
        timeout: config.timeout.value,
        graceful_timeout: config.graceful_timeout.value,
        health_path: config.health_path.value.clone(),
        health_host: health_host(&config.health_host, &allowed),
    };
    Ok((stack, found))
}

/// Where the data is.
enum Place {
    /// On this host: it moves into the stack; the URL inside.
    Moved { database: Database, url: Secret },
    /// On another host, which containers reach as the host does.
    Elsewhere,
    /// An SQLite file in this directory.
    File(PathBuf),
}

fn place(config: &Config, value: &Secret) -> Result<Place, String> {
    let text = std::str::from_utf8(value.expose()).map_err(|_| "it is not UTF-8")?;
    let url = DatabaseUrl::parse(text)
        .map_err(|_| "it cannot be read; meats-env check says what is wrong with it")?;
    if url.scheme == "sqlite" {
        let directory = Path::new(&url.name).parent().and_then(|dir| own_directory(dir.to_str()?));
        // It is made the service user's and handed to the containers, and that user may have named it.
        let within = |dir: &PathBuf| {
            let allowed = config.writable.iter().chain([&config.app_dir.value]);
            allowed.into_iter().any(|top| dir.starts_with(top))
        };
        return directory.filter(within).map(Place::File).ok_or_else(|| {
            format!(
                "the directory of its SQLite file is not below {} and not in \"writable\" of fixes.conf",
                config.app_dir.display()
            )
        });
    }
    if !url.is_local() {
        return Ok(Place::Elsewhere);
    }
    if !url.is_postgres() {
        return Err("only PostgreSQL and SQLite of this host can move into the stack".to_owned());
    }
    if url.user.is_empty() || url.password.expose().is_empty() {
        let why = "it has no user or no password; a container cannot log in by its system user";
        return Err(why.to_owned());
    }
    plain_database(&url.name)?;
    let moved = with_host(text, "db:5432").ok_or("it has no server part")?;
    let database = Database { role: url.user, name: url.name, password: url.password };
    Ok(Place::Moved { database, url: Secret::new(moved) })
}

/// The URL with another `host:port`; everything else stays byte for byte.
fn with_host(url: &str, place: &str) -> Option<String> {
    let (scheme, rest) = url.split_once("://")?;
    let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    let (authority, tail) = rest.split_at(end);
    let (login, _) = authority.rsplit_once('@')?;
    Some(format!("{scheme}://{login}@{place}{tail}"))
}

fn replace(variables: &mut [(String, Secret)], key: &str, value: Secret) {
    if let Some((_, old)) = variables.iter_mut().find(|(name, _)| name == key) {
        *old = value;
    }
}

/// True for an URL or address that points at the host itself; lists of hosts are not addresses.
fn loopback(value: &Secret) -> bool {
    let text = String::from_utf8_lossy(value.expose()).into_owned();
    let authority = text.split_once("://").map(|(_, rest)| {
        let end = rest.find(['/', '?', '#', ',']).unwrap_or(rest.len());
        rest.get(..end).unwrap_or_default()
    });
    let (Some(authority), true) = (authority, !text.starts_with("http")) else { return false };
    let place = authority.rsplit_once('@').map_or(authority, |(_, place)| place);
    ["127.0.0.1", "localhost", "[::1]"].iter().any(|host| {
        place.strip_prefix(host).is_some_and(|rest| rest.is_empty() || rest.starts_with(':'))
    })
}

fn allowed_hosts(variables: &[(String, Secret)]) -> Vec<String> {
    let value = variables.iter().find(|(key, _)| key == "ALLOWED_HOSTS");
    let text = value.map(|(_, v)| String::from_utf8_lossy(v.expose()).into_owned());
    text.unwrap_or_default().split(',').map(|host| host.trim().to_owned()).collect()
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::config::resolve;

    pub(in super::super) fn stack(url: &str) -> Result<(Stack, Vec<Finding>), Box<Finding>> {
        let (config, _) = resolve(&[]);
        let images = Images {
            base: "python:3.11-slim-bookworm".into(),
            db: "postgres:15-bookworm".into(),
            web: "nginx:1.26-bookworm".into(),
            db_owner: Owner { uid: 999, gid: 999 },
        };
        let variables = [
            ("SECRET_KEY".to_owned(), Secret::new("not-in-the-file")),
            ("ALLOWED_HOSTS".to_owned(), Secret::new("meats.example,127.0.0.1")),
            ("CACHE_URL".to_owned(), Secret::new("redis://localhost:6379/0")),
            ("CORS_ALLOWED_ORIGINS".to_owned(), Secret::new("http://localhost:3000")),
            ("DATABASE_URL".to_owned(), Secret::new(url)),
        ];
        let listen = "127.0.0.1:8080".parse().expect("an address");
        plan_stack(&config, Owner { uid: 998, gid: 33 }, &variables, images, listen)
    }

    fn url(stack: &Stack) -> String {
        let found = stack.variables.iter().find(|(k, _)| k == "DATABASE_URL").expect("a URL");
        String::from_utf8(found.1.expose().to_vec()).expect("text")
    }

    #[test]
    fn a_server_of_this_host_moves_in() {
        let (stack, found) =
            stack("postgres://u:p%40ss@127.0.0.1:5433/meats?x=y").expect("a stack");
        assert_eq!(url(&stack), "postgres://u:p%40ss@db:5432/meats?x=y");
        let database = stack.database.expect("a database");
        assert_eq!((database.role.as_str(), database.name.as_str()), ("u", "meats"));
        assert_eq!(database.password.expose(), b"p@ss");
        let ids: Vec<_> = found.iter().map(|f| (f.kind.id, f.subject.key.as_deref())).collect();
        assert_eq!(ids, [("DOC-002", Some("DATABASE_URL")), ("DOC-007", Some("CACHE_URL"))]);
        assert_eq!(stack.health_host, "meats.example");
    }

    #[test]
    fn other_places() {
        let (remote, _) = stack("postgres://u:p@db.example/meats").expect("a stack");
        assert!(remote.database.is_none() && url(&remote).contains("db.example"));
        let (sqlite, _) =
            stack("sqlite:////opt/projectmeats/backend/data/db.sqlite3").expect("a stack");
        assert!(sqlite.database.is_none());
        assert_eq!(sqlite.writable.last(), Some(&"/opt/projectmeats/backend/data".into()));
        for bad in [
            "postgres:///meats",
            "postgres://u@localhost/meats",
            "postgres://u:p@localhost/host%3D/run",
            "mysql://u:p@localhost/m",
            "x",
            "sqlite:///data/db.sqlite3",
            "sqlite:////db.sqlite3",
            "sqlite:////etc/systemd/system/cron.service.d/x",
            "sqlite:////srv/data/x",
            "sqlite:////opt/projectmeats/../../etc/cron.d/x",
            "sqlite:////opt/projectmeats-other/x",
        ] {
            assert_eq!(stack(bad).expect_err(bad).kind.id, "DOC-008", "{bad}");
        }
    }
}
