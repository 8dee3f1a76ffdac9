//! The journal as journalctl prints it, for files that cannot be read without it.

use std::time::Duration;

use super::{Line, Wanted};
use crate::sys::exec::{self, Request};
use crate::sys::journal_file::OF_ROOT;

/// The last `max` lines that have one of `values` (`NAME=value`), or are root's and have one of
/// `of_root`.
///
/// # Errors
/// What journalctl said.
pub(super) fn read(wanted: &Wanted, limit: Duration) -> Result<Vec<Line>, String> {
    let lines = format!("--lines={}", wanted.max);
    let fields = "--output-fields=MESSAGE,SYSLOG_IDENTIFIER,_COMM,_UID,_SYSTEMD_INVOCATION_ID";
    // Without --all a long message is printed as null.
    let mut argv =
        vec!["/usr/bin/journalctl", "--quiet", "--no-pager", "--all", "--output=json", fields];
    argv.push(&lines);
    for value in wanted.values {
        argv.extend([value, "+"]);
    }
    for value in wanted.of_root {
        argv.extend([value, OF_ROOT, "+"]);
    }
    argv.pop();
    let request = Request::new(&argv).deadline(limit).max_output(16 << 20);
    let output = exec::run(&request)?;
    if !output.success() {
        return Err(output.describe());
    }
    Ok(parse(&output.stdout))
}

/// True when journald has written what it had.
pub(super) fn sync(limit: Duration) -> bool {
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
    let user = text("_UID").parse().ok();
    let invocation = Some(text("_SYSTEMD_INVOCATION_ID")).filter(|id| !id.is_empty());
    Some(Line { time, identifier, message: text("MESSAGE"), user, invocation })
}

/// A field is a string, an array of bytes when it is not UTF-8, or an array of these when an entry
/// has it more than once (journalctl(1), `-o json`).
fn text_of(value: &serde_json::Value) -> String {
    match value {
        serde_json::Value::String(text) => text.clone(),
        serde_json::Value::Array(several) if several.iter().any(|v| !v.is_number()) => {
            several.first().map(text_of).unwrap_or_default()
        }
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
{"__REALTIME_TIMESTAMP":"19","SYSLOG_IDENTIFIER":"x","MESSAGE":["first",[115]]}
not json"#,
        );
        let expected =
            [(17, "gunicorn", "hello"), (18, "systemd", "h\u{fffd}"), (19, "x", "first")];
        let got: Vec<_> =
            lines.iter().map(|l| (l.time, l.identifier.as_str(), l.message.as_str())).collect();
        assert_eq!(got, expected);
    }
}
