//! The journal: entries of ours with a MESSAGE_ID, and the lines of one invocation.

use std::time::Duration;

use libsystemd::logging::{Priority, journal_send};

use super::exec::{self, Request};

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

/// One line of the journal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    /// Microseconds since the epoch.
    pub time: u64,
    pub identifier: String,
    pub message: String,
}

/// The last `max` lines of one invocation: those of its processes and those of PID 1 about it.
/// `invocation` is 32 hex digits: an empty one would match lines of other units.
///
/// # Errors
/// The text says why there are no lines: no journal, no right to read it, or too slow.
pub fn of_invocation(invocation: &str, max: usize, limit: Duration) -> Result<Vec<Line>, String> {
    if invocation.len() != 32 || !invocation.bytes().all(|b| b.is_ascii_hexdigit()) {
        return Err("the invocation id is not known".to_owned());
    }
    let by_process = format!("_SYSTEMD_INVOCATION_ID={invocation}");
    let by_manager = format!("INVOCATION_ID={invocation}");
    query(&[&by_process, "+", &by_manager], max, limit)
}

/// The last `max` lines that match `matches` (journalctl(1) syntax).
///
/// # Errors
/// As [`of_invocation`].
pub fn query(matches: &[&str], max: usize, limit: Duration) -> Result<Vec<Line>, String> {
    let lines = format!("--lines={max}");
    let fields = "--output-fields=MESSAGE,SYSLOG_IDENTIFIER,_COMM";
    let mut argv =
        vec!["/usr/bin/journalctl", "--quiet", "--no-pager", "--output=json", fields, &lines];
    argv.extend(matches);
    let request = Request::new(&argv).deadline(limit).max_output(16 << 20);
    let output = exec::run(&request)?;
    if !output.success() {
        return Err(output.describe());
    }
    Ok(parse(&output.stdout))
}

/// Makes journald write what it has received; true when it said so. A hanging journald is left
/// alone after `limit`.
pub fn sync(limit: Duration) -> bool {
    let request = Request::new(&["/usr/bin/journalctl", "--sync"]).deadline(limit);
    exec::run(&request).is_ok_and(|output| output.success())
}

fn parse(json: &[u8]) -> Vec<Line> {
    json.split(|b| *b == b'\n').filter_map(parse_line).collect()
}

fn parse_line(json: &[u8]) -> Option<Line> {
    let value: serde_json::Value = serde_json::from_slice(json).ok()?;
    let text = |field: &str| value.get(field).map(text_of).unwrap_or_default();
    let identifier = match text("SYSLOG_IDENTIFIER") {
        empty if empty.is_empty() => text("_COMM"),
        identifier => identifier,
    };
    let time = text("__REALTIME_TIMESTAMP").parse().ok()?;
    Some(Line { time, identifier, message: text("MESSAGE") })
}

/// A field is a string, or an array of bytes when it is not UTF-8 (journalctl(1), `-o json`).
fn text_of(value: &serde_json::Value) -> String {
    match value {
        serde_json::Value::String(text) => text.clone(),
        serde_json::Value::Array(bytes) => {
            let bytes: Vec<u8> =
                bytes.iter().filter_map(|b| b.as_u64().and_then(|b| b.try_into().ok())).collect();
            String::from_utf8_lossy(&bytes).into_owned()
        }
        _ => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_lines() {
        let lines = parse(
            br#"{"__REALTIME_TIMESTAMP":"17","_COMM":"gunicorn","MESSAGE":"hello"}
{"__REALTIME_TIMESTAMP":"18","SYSLOG_IDENTIFIER":"systemd","MESSAGE":[104,255]}
not json"#,
        );
        let expected = [(17, "gunicorn", "hello"), (18, "systemd", "h\u{fffd}")];
        let got: Vec<_> =
            lines.iter().map(|l| (l.time, l.identifier.as_str(), l.message.as_str())).collect();
        assert_eq!(got, expected);
    }

    #[test]
    fn an_empty_invocation_matches_nothing() {
        assert!(of_invocation("", 5, Duration::from_secs(1)).is_err());
        assert!(of_invocation("zz", 5, Duration::from_secs(1)).is_err());
    }
}
