//! The journal: entries of ours with a MESSAGE_ID, and what it has of one invocation or unit.
//!
//! It is read from its files; journalctl is asked where those have a form that is not known here.

mod journalctl;
mod varlink;

use std::io::ErrorKind;
use std::time::Duration;

use libsystemd::logging::{Priority, journal_send};

use super::Root;
use super::clock::Deadline;
use super::journal_file::{self, Found, Wanted};

pub use super::journal_file::Line;

/// How urgent an entry is (syslog(3)).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Level {
    Error,
    Warning,
    Notice,
    Info,
}

/// Sends one entry; a journal that cannot be reached is no failure.
/// `message_id` is 32 hex digits and has its text in the catalogue.
pub fn send(level: Level, program: &str, message_id: &str, text: &str, fields: &[(&str, &str)]) {
    let priority = match level {
        Level::Error => Priority::Error,
        Level::Warning => Priority::Warning,
        Level::Notice => Priority::Notice,
        Level::Info => Priority::Info,
    };
    let own = [("MESSAGE_ID", message_id), ("SYSLOG_IDENTIFIER", program)];
    journal_send(priority, text, own.iter().chain(fields).copied()).ok();
}

/// What was read.
#[derive(Clone, Debug, Default)]
pub struct Reading {
    /// Oldest first.
    pub lines: Vec<Line>,
    /// How many entries there are, as far as was looked; at least as many as lines.
    pub entries: u64,
    /// What could not be read, and why.
    pub troubles: Vec<String>,
    /// Why journalctl was asked, if it was.
    pub by_journalctl: Option<String>,
    /// The journal is in memory only; false also where journalctl was asked.
    pub volatile: bool,
}

/// The last `max` lines of one invocation of this boot: those of its processes and those of PID 1
/// about it. `invocation` is 32 hex digits: an empty one would match lines of other units.
///
/// # Errors
/// The text says why there are no lines: no journal, no right to read it, or too slow.
pub fn of_invocation(
    root: &Root,
    invocation: &str,
    max: usize,
    limit: Duration,
) -> Result<Reading, String> {
    if invocation.len() != 32 || !invocation.bytes().all(|b| b.is_ascii_hexdigit()) {
        return Err("the invocation id is not known".to_owned());
    }
    let by_process = format!("_SYSTEMD_INVOCATION_ID={invocation}");
    let by_manager = format!("INVOCATION_ID={invocation}");
    let (values, of_root) = (&[by_process.as_str()], &[by_manager.as_str()]);
    read(root, &Wanted { values, of_root, max, this_boot: true, since: 0 }, limit)
}

/// The last `max` lines that have one of `values` (`NAME=value`), or that root sent with one of
/// `of_root`, of all boots.
///
/// # Errors
/// As [`of_invocation`].
pub fn query(
    root: &Root,
    values: &[&str],
    of_root: &[&str],
    max: usize,
    limit: Duration,
) -> Result<Reading, String> {
    read(root, &Wanted { values, of_root, max, this_boot: false, since: 0 }, limit)
}

/// As [`query`] of root's, in files that were written at `since` (microseconds since the epoch) or
/// later.
///
/// # Errors
/// As [`of_invocation`].
pub fn query_since(
    root: &Root,
    of_root: &[&str],
    since: u64,
    max: usize,
    limit: Duration,
) -> Result<Reading, String> {
    read(root, &Wanted { values: &[], of_root, max, this_boot: false, since }, limit)
}

fn read(root: &Root, wanted: &Wanted, limit: Duration) -> Result<Reading, String> {
    let reading = as_written(root, wanted, limit)?;
    let lines = reading.lines.into_iter().map(told_apart).collect();
    Ok(Reading { lines, ..reading })
}

fn as_written(root: &Root, wanted: &Wanted, limit: Duration) -> Result<Reading, String> {
    let deadline = Deadline::after(limit);
    let (troubles, why) = match journal_file::read(root, wanted, &deadline) {
        // Damage may have hidden what journalctl finds in another way.
        Ok(Found { lines, troubles, .. }) if lines.is_empty() && !troubles.is_empty() => {
            let why = troubles.join("; ");
            (troubles, why)
        }
        Ok(Found { lines, entries, troubles, volatile }) => {
            return Ok(Reading { lines, entries, troubles, by_journalctl: None, volatile });
        }
        Err(why) => (Vec::new(), why),
    };
    let lines =
        journalctl::read(wanted, deadline.left()).map_err(|error| format!("{why}; {error}"))?;
    let entries = lines.len() as u64;
    Ok(Reading { lines, entries, troubles, by_journalctl: Some(why), volatile: false })
}

/// A sender that calls itself systemd and is not root's does not go by that name.
fn told_apart(line: Line) -> Line {
    match line.user {
        Some(0) => line,
        user if line.identifier == "systemd" => {
            let user = user.map_or_else(|| "?".to_owned(), |user| user.to_string());
            Line { identifier: format!("systemd of user {user}"), ..line }
        }
        _ => line,
    }
}

/// Makes journald write what it has received; true when it said so. A hanging journald is left
/// alone after `limit`.
pub fn sync(limit: Duration) -> bool {
    let deadline = Deadline::after(limit);
    match varlink::synchronize(limit) {
        Ok(()) => true,
        // It is not there, or it does not answer: journalctl would ask in the same way.
        Err(error) if error.kind() == ErrorKind::ConnectionRefused => false,
        Err(_) if deadline.passed() => false,
        Err(_) => journalctl::sync(deadline.left()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_is_systemd() {
        let line = |user| Line {
            time: 1,
            identifier: "systemd".to_owned(),
            message: String::new(),
            user,
            invocation: None,
        };
        let names = [Some(0), Some(999), None].map(|user| told_apart(line(user)).identifier);
        assert_eq!(names, ["systemd", "systemd of user 999", "systemd of user ?"]);
    }

    #[test]
    fn an_empty_invocation_matches_nothing() {
        let root = Root::open(std::path::Path::new("/")).expect("a root");
        assert!(of_invocation(&root, "", 5, Duration::from_secs(1)).is_err());
        assert!(of_invocation(&root, "zz", 5, Duration::from_secs(1)).is_err());
    }
}
