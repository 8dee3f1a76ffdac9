//! gunicorn's error log: the lines of one run. Bind failures stand only there.

use jiff::fmt::strtime;

/// The lines of `tail` that were written at `since` (seconds since the epoch) or later. A line
/// without a time, as in a traceback, belongs to the one above it.
pub fn recent_lines(tail: &str, since: i64) -> Vec<String> {
    let mut keep = false;
    let mut lines = Vec::new();
    for line in tail.lines() {
        if let Some(time) = stamp(line) {
            keep = time >= since;
        }
        if keep {
            lines.push(line.to_owned());
        }
    }
    lines
}

/// `[2026-11-23 14:02:16 +0000] [41] [INFO] …`
fn stamp(line: &str) -> Option<i64> {
    let (time, _) = line.strip_prefix('[')?.split_once(']')?;
    let time = strtime::parse("%Y-%m-%d %H:%M:%S %z", time).ok()?.to_timestamp().ok()?;
    Some(time.as_second())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_this_run() {
        let tail = "rest of a line\n[2026-11-23 14:02:15 +0000] [4] [INFO] old\n  old too\n\
            [2026-11-23 15:02:16 +0100] [5] [ERROR] new\nTraceback\n[x] y\n";
        assert_eq!(
            recent_lines(tail, 1_795_442_536),
            ["[2026-11-23 15:02:16 +0100] [5] [ERROR] new", "Traceback", "[x] y"]
        );
        assert_eq!(recent_lines("no time here\n", 0), Vec::<String>::new());
    }
}
