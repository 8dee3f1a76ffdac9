//! journald's own socket: the question whether it has written everything.

use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::net::UnixStream;
use std::time::Duration;

use crate::sys::clock::Deadline;

const SOCKET: &str = "/run/systemd/journal/io.systemd.journal";
/// A call as <https://varlink.org> has it: JSON, ended by a zero byte.
const SYNCHRONIZE: &[u8] = b"{\"method\":\"io.systemd.Journal.Synchronize\"}\0";
const ANSWER: u64 = 64 << 10;

/// Makes journald write what it has received, and waits for it.
///
/// # Errors
/// There is nobody to ask, no answer in time, or the answer is a refusal.
pub(super) fn synchronize(limit: Duration) -> std::io::Result<()> {
    let deadline = Deadline::after(limit);
    let mut stream = UnixStream::connect(SOCKET)?;
    // A time limit of zero would be none.
    let left = deadline.left().max(Duration::from_millis(1));
    stream.set_write_timeout(Some(left))?;
    stream.set_read_timeout(Some(left))?;
    stream.write_all(SYNCHRONIZE)?;
    let mut answer = Vec::new();
    BufReader::new(stream.take(ANSWER)).read_until(0, &mut answer)?;
    if answer.pop() == Some(0) && !is_refusal(&answer) {
        return Ok(());
    }
    Err(std::io::Error::other("journald did not synchronize"))
}

fn is_refusal(answer: &[u8]) -> bool {
    let answer: Option<serde_json::Value> = serde_json::from_slice(answer).ok();
    answer.is_none_or(|value| !value.is_object() || value.get("error").is_some())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers() {
        assert!(!is_refusal(b"{\"parameters\":{}}"));
        assert!(!is_refusal(b"{}"));
        assert!(is_refusal(br#"{"error":"org.varlink.service.MethodNotFound"}"#));
        assert!(is_refusal(b""));
    }
}
