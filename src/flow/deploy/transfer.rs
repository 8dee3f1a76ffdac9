//! A database as a whole: dumped before migrations, and carried from one server to another.
//!
//! Invariant: a database that is in use is never written into. A copy is restored beside it, compared
//! row by row with what it was made from, and exchanged in one moment.

use std::path::Path;
use std::time::Duration;

use super::containers::container_id;
use super::guard::perform_one;
use super::postgres::{identifier, literal};
use super::worker::{Done, Failure, Part, Worker};
use super::{observe, postgres};
use crate::config::STATE_DIR;
use crate::deploy::docker::{ROWS, count, differing_rows};
use crate::deploy::{DatabaseCopy, DatabaseUrl, Side, few, plain_database};
use crate::model::{Effect, Owner};
use crate::sys::exec::{self, Request};
use crate::sys::{Root, clock};

const DUMP_SECONDS: u64 = 3600;
/// A line a table.
const ROWS_LIMIT: u64 = 16 << 20;

impl Worker<'_> {
    /// As the service user: what the URL says of the server steers libpq, and root reads nothing of
    /// that. The file is root's all the same; the password goes by the environment.
    pub(super) fn dump(&mut self, to: &Path) -> Done {
        if self.pending == 0 {
            return Ok(Part::looked("not needed".to_owned()));
        }
        let login = self.login()?;
        // A release of this name may have been deployed before: its dump stays.
        let to = &match self.root.stat(to).is_absent() {
            true => to.to_owned(),
            false => to.with_extension(format!("{}.dump", clock::now().secs)),
        };
        let name = format!("--dbname={}", login.url.name);
        let request = login.client(observe::PG_DUMP, &["--format=custom", &name]).into_file(to);
        if let Err(failure) = self.said("pg_dump", &request) {
            perform_one(self.root, Effect::Remove { path: to.to_owned() }).ok();
            return Err(failure);
        }
        Ok(Part { note: Some(to.display().to_string()), changed: true })
    }

    /// Dump, restore beside, compare, exchange.
    pub(super) fn copy(&mut self, copy: &DatabaseCopy) -> Done {
        let login = self.login()?;
        let server = |side| Server::of(self.root, side, &copy.project);
        let (from, to) = (server(copy.from)?, server(copy.to)?);
        let (older, newer) = (from.version()?, to.version()?);
        if newer < older {
            return Err(format!(
                "PostgreSQL {newer} of {} cannot take what {older} of {} has; choose an image with \
                 docker init --db-image",
                copy.to.word(),
                copy.from.word()
            )
            .into());
        }
        let (name, role) = (copy.database.name.as_str(), copy.database.role.as_str());
        plain_database(name)?;
        // A name of our own: what has it is what an interrupted copy left.
        let beside = "meats_deploy_copy";
        let dump = Path::new(STATE_DIR).join(format!("deploy/{}.dump", copy.run));
        perform_one(self.root, Effect::Remove { path: dump.clone() })?;
        self.said("pg_dump", &from.dump(name).into_file(&dump))?;
        to.ask("postgres", &make_beside(beside, role))?;
        let restored = self.said("pg_restore", &to.restore(&login, beside).from_file(&dump));
        restored
            .map_err(|failure| Failure { why: format!("{}{ITSELF}", failure.why), ..failure })?;
        let rows =
            |server: &Server, name| answer(&server.as_role(&login, "psql", &asking(name)), ROWS);
        let (there, here) = (rows(&from, name)?, rows(&to, beside)?);
        let differing = differing_rows(&there, &here);
        if !differing.is_empty() {
            return Err(format!("the copy differs in {}", few(&differing)).into());
        }
        to.exchange(copy, beside)?;
        let (tables, rows) = count(&here);
        Ok(Part { note: Some(format!("{tables} tables, {rows} rows, all equal")), changed: true })
    }

    /// The role of the service, as the service logs in.
    fn login(&self) -> Result<Login, Failure> {
        let url = DatabaseUrl::of(&self.variables);
        let url = url.ok_or_else(|| "DATABASE_URL cannot be read".to_owned())?;
        plain_database(&url.name)?;
        Ok(Login { url, service: self.service_owner()? })
    }

    fn said(&self, title: &str, request: &Request) -> Result<(), Failure> {
        let output = exec::run(&request.clone().deadline(Duration::from_secs(DUMP_SECONDS)))?;
        self.record(title, &output);
        if output.success() { Ok(()) } else { Err(self.failure(&output)) }
    }
}

/// What is added to a failed restore.
const ITSELF: &str = "; the role restores its database itself, and what only a superuser may make \
                      (an extension that is not trusted, a cast of the system's types) it cannot";

/// Who runs what the database itself brings: functions behind checks, casts and defaults. A superuser
/// must not.
struct Login {
    url: DatabaseUrl,
    service: Owner,
}

impl Login {
    /// A program of this host, which logs in where the URL says.
    fn client(&self, program: &str, words: &[&str]) -> Request {
        let mut argv = vec![program.to_owned(), "--no-password".to_owned()];
        for (option, value) in [("host", &self.url.host), ("username", &self.url.user)] {
            argv.extend((!value.is_empty()).then(|| format!("--{option}={value}")));
        }
        argv.extend(self.url.port.map(|port| format!("--port={port}")));
        argv.extend(words.iter().map(|word| (*word).to_owned()));
        self.bounded(Request::new(&argv).owner(self.service))
    }

    fn bounded(&self, request: Request) -> Request {
        let password = String::from_utf8_lossy(self.url.password.expose()).into_owned();
        bounded(request).env("PGPASSWORD", password)
    }
}

/// What a client says is as long as there are tables.
fn bounded(request: Request) -> Request {
    request.deadline(Duration::from_secs(DUMP_SECONDS)).max_output(ROWS_LIMIT)
}

/// Words of psql that asks a database.
fn asking(database: &str) -> [&str; 6] {
    ["-X", "-qAt", "-v", "ON_ERROR_STOP=1", "-d", database]
}

fn answer(request: &Request, sql: &str) -> Result<String, String> {
    let output = exec::run(&request.clone().stdin(sql))?;
    if output.success() {
        Ok(String::from_utf8_lossy(&output.stdout).into_owned())
    } else {
        Err(output.describe())
    }
}

/// A server of PostgreSQL. Its superuser makes, dumps and renames databases, and finds names in the
/// catalogue only, whatever a database's own settings say.
enum Server {
    /// Through the local socket, as its system user.
    Host(Owner),
    /// In this container.
    Stack(String),
}

impl Server {
    fn of(root: &Root, side: Side, project: &str) -> Result<Self, String> {
        Ok(match side {
            Side::Host => Self::Host(postgres::system_user(root)?),
            Side::Stack => Self::Stack(container_id(project, "db")?),
        })
    }

    /// One of its client programs with these words, for its superuser.
    fn client(&self, program: &str, words: &[&str]) -> Request {
        let request = match self {
            Self::Host(owner) => {
                let path = format!("/usr/bin/{program}");
                Request::new(&[&[path.as_str()], words].concat()).owner(*owner)
            }
            Self::Stack(id) => {
                let login = ["--env", "PGOPTIONS", id, program, "-h", "/tmp", "-U", "postgres"];
                in_container(&[&login, words].concat())
            }
        };
        bounded(request).env("PGOPTIONS", "-c search_path=pg_catalog")
    }

    /// The same for the role, which has to prove who it is.
    fn as_role(&self, login: &Login, program: &str, words: &[&str]) -> Request {
        match self {
            Self::Host(_) => login.client(&format!("/usr/bin/{program}"), words),
            Self::Stack(id) => {
                let place = ["--env", "PGPASSWORD", id, program, "--no-password"];
                let login_as = ["-h", "127.0.0.1", "-U", &login.url.user];
                login.bounded(in_container(&[&place[..], &login_as, words].concat()))
            }
        }
    }

    fn ask(&self, database: &str, sql: &str) -> Result<String, String> {
        answer(&self.client("psql", &asking(database)), sql)
    }

    /// The major version.
    fn version(&self) -> Result<u32, String> {
        let text = self.ask("postgres", "SHOW server_version_num;\n")?;
        let number: u32 = text.trim().parse().map_err(|_| "unexpected answer".to_owned())?;
        Ok(number / 10_000)
    }

    fn dump(&self, name: &str) -> Request {
        self.client("pg_dump", &["--format=custom", "--no-owner", "--no-acl", "-d", name])
    }

    /// All of it or nothing; everything belongs to the role.
    fn restore(&self, login: &Login, name: &str) -> Request {
        let whole = ["--exit-on-error", "--single-transaction", "--no-owner", "--no-acl", "-d"];
        self.as_role(login, "pg_restore", &[&whole[..], &[name]].concat())
    }

    /// The copy takes the name. What had it is put aside if it is worth keeping.
    fn exchange(&self, copy: &DatabaseCopy, beside: &str) -> Result<(), String> {
        let name = copy.database.name.as_str();
        let known =
            format!("SELECT count(*) FROM pg_database WHERE datname = {};\n", literal(name));
        let mut sql = String::new();
        if self.ask("postgres", &known)?.trim() == "1" {
            let tables = "SELECT count(*) FROM pg_tables \
                          WHERE schemaname NOT IN ('pg_catalog', 'information_schema');\n";
            let empty = self.ask(name, tables)?.trim() == "0";
            sql = if empty || !copy.keep {
                format!("DROP DATABASE {} WITH (FORCE);\n", identifier(name))
            } else {
                let aside = identifier(&format!("{name}_until_{}", copy.run));
                format!(
                    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = {};\n\
                     ALTER DATABASE {} RENAME TO {aside};\n",
                    literal(name),
                    identifier(name)
                )
            };
        }
        let (beside, name) = (identifier(beside), identifier(name));
        sql.push_str(&format!("ALTER DATABASE {beside} RENAME TO {name};\n"));
        self.ask("postgres", &sql).map(drop)
    }
}

/// A program of a container; the values of variables go by our own environment.
fn in_container(words: &[&str]) -> Request {
    let exec = ["/usr/bin/docker", "exec", "--interactive"];
    Request::new(&[&exec[..], words].concat()).env("HOME", "/root")
}

/// An empty database of the role; one that an interrupted copy left goes.
fn make_beside(beside: &str, role: &str) -> String {
    let (beside, role) = (identifier(beside), identifier(role));
    format!(
        "DROP DATABASE IF EXISTS {beside} WITH (FORCE);\n\
         CREATE DATABASE {beside} OWNER {role} TEMPLATE template0 ENCODING 'UTF8';\n"
    )
}
