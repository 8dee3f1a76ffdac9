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
use crate::sys::Root;
use crate::sys::exec::{self, Request};

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
        let url = self.variables.iter().find(|(key, _)| key == "DATABASE_URL");
        let url = url.and_then(|(_, value)| std::str::from_utf8(value.expose()).ok());
        let url = url.and_then(|text| DatabaseUrl::parse(text).ok());
        let url = url.ok_or_else(|| "DATABASE_URL cannot be read".to_owned())?;
        plain_database(&url.name)?;
        let mut argv = vec![observe::PG_DUMP.to_owned(), "--format=custom".to_owned()];
        argv.push("--no-password".to_owned());
        for (option, value) in [("host", &url.host), ("username", &url.user), ("dbname", &url.name)]
        {
            argv.extend((!value.is_empty()).then(|| format!("--{option}={value}")));
        }
        argv.extend(url.port.map(|port| format!("--port={port}")));
        let password = String::from_utf8_lossy(url.password.expose()).into_owned();
        let request = Request::new(&argv)
            .owner(self.service_owner()?)
            .env("PGPASSWORD", password)
            .into_file(to)
            .deadline(Duration::from_secs(DUMP_SECONDS));
        let output = exec::run(&request)?;
        self.record(&argv.join(" "), &output);
        if !output.success() {
            perform_one(self.root, Effect::Remove { path: to.to_owned() }).ok();
            return Err(self.failure(&output));
        }
        Ok(Part { note: Some(to.display().to_string()), changed: true })
    }

    /// Dump, restore beside, compare, exchange.
    pub(super) fn copy(&mut self, copy: &DatabaseCopy) -> Done {
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
        let beside = format!("{name}_new");
        let dump = Path::new(STATE_DIR).join(format!("deploy/{}.dump", copy.run));
        perform_one(self.root, Effect::Remove { path: dump.clone() })?;
        self.said("pg_dump", &from.dump(name).into_file(&dump))?;
        to.ask("postgres", &make_beside(&beside, role))?;
        self.said("pg_restore", &to.restore(&beside, role).from_file(&dump))?;
        let (there, here) = (from.ask(name, ROWS)?, to.ask(&beside, ROWS)?);
        let differing = differing_rows(&there, &here);
        if !differing.is_empty() {
            return Err(format!("the copy differs in {}", few(&differing)).into());
        }
        to.exchange(copy, &beside)?;
        let (tables, rows) = count(&here);
        Ok(Part { note: Some(format!("{tables} tables, {rows} rows, all equal")), changed: true })
    }

    fn said(&self, title: &str, request: &Request) -> Result<(), Failure> {
        let output = exec::run(&request.clone().deadline(Duration::from_secs(DUMP_SECONDS)))?;
        self.record(title, &output);
        if output.success() { Ok(()) } else { Err(self.failure(&output)) }
    }
}

/// A server of PostgreSQL, as its superuser.
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

    /// One of its client programs with these words; what it says is as long as there are tables.
    fn client(&self, program: &str, words: &[&str]) -> Request {
        let request = match self {
            Self::Host(owner) => {
                let path = format!("/usr/bin/{program}");
                Request::new(&[&[path.as_str()], words].concat()).owner(*owner)
            }
            Self::Stack(id) => {
                let exec = ["/usr/bin/docker", "exec", "--interactive", id, program];
                let login = ["-h", "/tmp", "-U", "postgres"];
                Request::new(&[&exec[..], &login, words].concat()).env("HOME", "/root")
            }
        };
        request.deadline(Duration::from_secs(DUMP_SECONDS)).max_output(ROWS_LIMIT)
    }

    fn ask(&self, database: &str, sql: &str) -> Result<String, String> {
        let words = ["-X", "-qAt", "-v", "ON_ERROR_STOP=1", "-d", database];
        let output = exec::run(&self.client("psql", &words).stdin(sql))?;
        if output.success() {
            Ok(String::from_utf8_lossy(&output.stdout).into_owned())
        } else {
            Err(output.describe())
        }
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
    fn restore(&self, name: &str, role: &str) -> Request {
        let role = format!("--role={role}");
        let whole = ["--exit-on-error", "--single-transaction", "--no-owner", "--no-acl"];
        self.client("pg_restore", &[&whole[..], &[role.as_str(), "-d", name]].concat())
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

/// An empty database of the role; one that an interrupted copy left goes.
fn make_beside(beside: &str, role: &str) -> String {
    let (beside, role) = (identifier(beside), identifier(role));
    format!(
        "DROP DATABASE IF EXISTS {beside} WITH (FORCE);\n\
         CREATE DATABASE {beside} OWNER {role} TEMPLATE template0 ENCODING 'UTF8';\n"
    )
}
