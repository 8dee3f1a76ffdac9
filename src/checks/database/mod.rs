//! The database, asked with the service's own settings.

mod file;
mod pages;

use super::{Check, Facts, Verdict, first_and_more};
use crate::model::{Finding, Kind, Subject, finding};

pub use file::DatabaseFile;
pub use pages::{Applied, parse_applied};

/// It runs, takes the login, has the database, and has the tables of this code.
pub const DATABASE: Check = Check {
    kinds: || {
        vec![
            &finding::DBS_DOWN,
            &finding::DBS_LOGIN,
            &finding::DBS_MISSING,
            &finding::DBS_SCHEMA,
            &finding::DBS_MIGRATIONS,
            &finding::DBS_FILE_MISSING,
            &finding::DBS_FILE_CLOSED,
        ]
    },
    run: database,
};

/// What came of the question.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reached {
    /// No connection; why.
    Not(String),
    /// The server's SQLSTATE.
    Refused(String),
    Answers {
        /// The role may make tables in the schema public.
        creates: Option<bool>,
        /// Names of migrations by application; None without the table of them.
        applied: Option<Applied>,
    },
}

/// The database of the service.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Database {
    Server(DatabaseServer),
    File(DatabaseFile),
}

/// A server of PostgreSQL, asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DatabaseServer {
    /// For the report: `127.0.0.1:5432`, a socket.
    pub place: String,
    pub local: bool,
    pub reached: Reached,
    /// Migrations of the project's own applications.
    pub on_disk: Applied,
    /// The unit of the cluster on this host.
    pub cluster: Option<String>,
    /// Database and role, where root alone can have written them and a shell takes them as they are.
    pub names: Option<(String, String)>,
}

fn database(facts: &Facts) -> Verdict {
    let needs = "meats-deploy check, which asks as the application";
    Verdict::by(&facts.database, needs, |database| match database {
        Database::Server(server) => Verdict::Looked(judge(facts, server).into_iter().collect()),
        Database::File(file) => file::judge(facts, file),
    })
}

fn judge(facts: &Facts, database: &DatabaseServer) -> Option<Finding> {
    let subject = Subject::file(&facts.config.env_file.value).key("DATABASE_URL");
    let place = &database.place;
    let name = facts.config.service.value.as_str();
    let add = |kind: &'static Kind, detail: String| Finding::new(kind, subject.clone(), detail);
    match &database.reached {
        Reached::Not(why) => {
            let found = add(&finding::DBS_DOWN, format!("no answer at {place}: {why}"));
            Some(match &database.cluster {
                Some(unit) if database.local => found.command(&["systemctl", "start", unit]),
                None if database.local => found
                    .command(&["pg_lsclusters"])
                    .command(&["meats-env", "set", "DATABASE_URL"])
                    .command(&["systemctl", "restart", name]),
                _ => found.command(&["meats-deploy", "check"]),
            })
        }
        Reached::Refused(code) => Some(refused(&add, code, (place, name))),
        Reached::Answers { creates, applied } => {
            let missing = missing_migrations(&database.on_disk, applied.as_ref())?;
            if *creates == Some(false) {
                let detail = "the role may not make tables in the schema public".to_owned();
                return Some(schema(add(&finding::DBS_SCHEMA, detail), database, name));
            }
            let found = add(&finding::DBS_MIGRATIONS, missing);
            Some(found.command(&["meats-deploy", "apply"]))
        }
    }
}

fn schema(found: Finding, database: &DatabaseServer, service: &str) -> Finding {
    let Some((name, role)) = &database.names else {
        return found.command(&["runuser", "-u", "postgres", "--", "psql", "--list"]);
    };
    let owner = format!("ALTER DATABASE {name} OWNER TO {role}");
    found
        .command(&["runuser", "-u", "postgres", "--", "psql", "--command", &owner])
        .command(&["meats-deploy", "apply"])
        .command(&["systemctl", "restart", service])
}

/// Codes of PostgreSQL's appendix A.
fn refused(
    add: &dyn Fn(&'static Kind, String) -> Finding,
    code: &str,
    (place, service): (&str, &str),
) -> Finding {
    let restart = ["systemctl", "restart", service];
    let list = ["runuser", "-u", "postgres", "--", "psql", "--list"];
    match code {
        "3D000" => {
            add(&finding::DBS_MISSING, format!("the server at {place} has no such database"))
                .command(&list)
        }
        "57P03" | "57P01" | "53300" => {
            let detail = format!("the server at {place} takes no session now ({code})");
            add(&finding::DBS_DOWN, detail).command(&["pg_lsclusters"])
        }
        "28P01" => add(
            &finding::DBS_LOGIN,
            format!("the server at {place} does not take the password for the role"),
        )
        .command(&["meats-env", "set", "DATABASE_URL"])
        .command(&restart),
        _ => {
            let detail = format!("the server at {place} refuses the login ({code})");
            add(&finding::DBS_LOGIN, detail)
                .command(&["meats-env", "set", "DATABASE_URL"])
                .command(&restart)
        }
    }
}

/// The migrations that the database lacks, in words.
fn missing_migrations(on_disk: &Applied, applied: Option<&Applied>) -> Option<String> {
    let pending = pending(on_disk, applied);
    let names = first_and_more(&pending)?;
    Some(match (applied, pending.len()) {
        (None, _) => "the database has no tables of this application".to_owned(),
        (_, 1) => format!("{names} is not applied"),
        _ => format!("{names} are not applied"),
    })
}

/// What the code has and the database lacks, as `app.name`. A squashed migration counts as applied
/// by those that it replaces.
fn pending(on_disk: &Applied, applied: Option<&Applied>) -> Vec<String> {
    let mut pending = Vec::new();
    for (app, names) in on_disk {
        let known = applied.and_then(|a| a.get(app));
        let missing = |n: &&String| {
            !n.contains("squashed") && !known.is_some_and(|k| k.iter().any(|k| k == *n))
        };
        pending.extend(names.iter().filter(missing).map(|n| format!("{app}.{n}")));
    }
    pending
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(pairs: &[(&str, &[&str])]) -> Applied {
        let list = |names: &[&str]| names.iter().map(|n| (*n).to_owned()).collect();
        pairs.iter().map(|(app, names)| ((*app).to_owned(), list(names))).collect()
    }

    #[test]
    fn what_is_pending() {
        let disk = of(&[("stock", &["0001_initial", "0002_x"]), ("old", &["0001_initial"])]);
        let cases = [
            (None, vec!["old.0001_initial", "stock.0001_initial", "stock.0002_x"]),
            (Some(of(&[("stock", &["0001_initial"])])), vec!["old.0001_initial", "stock.0002_x"]),
            (
                Some(of(&[("stock", &["0001_initial", "0002_x"]), ("old", &["0001_initial"])])),
                vec![],
            ),
        ];
        for (applied, expected) in cases {
            assert_eq!(pending(&disk, applied.as_ref()), expected, "{applied:?}");
        }
    }
}
