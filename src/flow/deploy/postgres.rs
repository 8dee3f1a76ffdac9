//! PostgreSQL of this host through its local socket, as its system user.
//!
//! Invariant: statements go by standard input, and a role gets a SCRAM verifier: no password is in
//! an argument, in a statement, or in the server's log of failed statements.

use std::path::Path;
use std::time::Duration;

use crate::deploy::{Role, Verifier};
use crate::model::Owner;
use crate::sys::Root;
use crate::sys::clock::{Deadline, pause};
use crate::sys::exec::{self, Output, Request};
use crate::sys::ids::Accounts;

/// Debian's wrapper; it finds the cluster.
const PSQL: &str = "/usr/bin/psql";
/// A cluster that was just started needs a moment.
const START: Duration = Duration::from_secs(30);

/// Server and client are there.
pub(super) fn is_installed(root: &Root) -> bool {
    let server = Path::new("/usr/bin/pg_ctlcluster");
    [Path::new(PSQL), server].iter().all(|path| root.stat(path).known().is_some())
}

/// Whether role and database exist.
///
/// # Errors
/// The server does not answer.
pub(super) fn known(root: &Root, database: &Role) -> Result<(bool, bool), String> {
    let sql = format!(
        "SELECT (SELECT count(*) FROM pg_roles WHERE rolname = {}),\n\
         (SELECT count(*) FROM pg_database WHERE datname = {});\n",
        literal(&database.role),
        literal(&database.name)
    );
    let output = ask(root, &sql)?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    match text.trim().split_once('|') {
        Some((role, name)) => Ok((role == "1", name == "1")),
        None => Err(format!("{}: unexpected answer", output.program)),
    }
}

/// Makes what is missing. A database belongs to the role: since PostgreSQL 15 nobody else may make
/// tables in it.
///
/// # Errors
/// What the server refused.
pub(super) fn make(root: &Root, database: &Role, verifier: &Verifier) -> Result<Output, String> {
    let (role_known, database_known) = known(root, database)?;
    let (role, name) = (identifier(&database.role), identifier(&database.name));
    let mut sql = String::new();
    if !role_known {
        let verifier = literal(verifier.text());
        sql.push_str(&format!("CREATE ROLE {role} LOGIN PASSWORD {verifier};\n"));
    }
    if !database_known {
        sql.push_str(&format!(
            "CREATE DATABASE {name} OWNER {role} TEMPLATE template0 ENCODING 'UTF8';\n"
        ));
    }
    sql.push_str("SELECT 1;\n");
    ask(root, &sql)
}

/// Who runs the server, and may do everything in it.
///
/// # Errors
/// There is none.
pub(super) fn system_user(root: &Root) -> Result<Owner, String> {
    let user = Accounts::observe(root)
        .find_user("postgres")
        .ok_or("the system user \"postgres\" does not exist; is postgresql installed?")?;
    Ok(Owner { uid: user.uid, gid: user.gid })
}

fn ask(root: &Root, sql: &str) -> Result<Output, String> {
    let argv = [PSQL, "-X", "-qAt", "-v", "ON_ERROR_STOP=1", "-d", "postgres"];
    let request =
        Request::new(&argv).owner(system_user(root)?).stdin(sql).deadline(Duration::from_secs(60));
    let deadline = Deadline::after(START);
    loop {
        let output = exec::run(&request)?;
        // psql exits with 2 when there is no connection, with 3 when a statement failed.
        match output.code() {
            Some(0) => return Ok(output),
            Some(2) if !deadline.passed() => pause(Duration::from_millis(500)),
            _ => return Err(output.describe()),
        }
    }
}

pub(super) fn identifier(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

/// A literal; with a backslash in it, the form whose meaning no setting changes.
pub(super) fn literal(text: &str) -> String {
    let quoted = text.replace('\'', "''");
    if text.contains('\\') {
        format!("E'{}'", quoted.replace('\\', "\\\\"))
    } else {
        format!("'{quoted}'")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quoting() {
        assert_eq!(identifier("a\"b"), "\"a\"\"b\"");
        assert_eq!(literal("it's"), "'it''s'");
        assert_eq!(literal("a\\'b"), "E'a\\\\''b'");
    }
}
