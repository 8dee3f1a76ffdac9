//! The life of the unit before this failure, from what PID 1 said of it.

use std::time::Duration;

use super::facts::LogLine;

/// A run of this length was a good one.
pub const WELL: Duration = Duration::from_secs(60);

/// The last start that went well, in microseconds since the epoch: after "Started …" systemd had
/// nothing more to say for a minute. `lines` are those of PID 1 about the unit, oldest first.
pub fn last_good_start(lines: &[LogLine]) -> Option<u64> {
    let next = lines.iter().skip(1);
    let pairs: Vec<_> = lines.iter().zip(next).collect();
    let good = pairs.into_iter().rev().find(|(line, next)| {
        let quiet = Duration::from_micros(next.time.saturating_sub(line.time));
        line.message.starts_with("Started ") && quiet >= WELL
    });
    good.map(|(line, _)| line.time)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn good_starts() {
        let line = |seconds: u64, message: &str| LogLine {
            time: seconds * 1_000_000,
            identifier: "systemd".into(),
            message: message.into(),
            cut: 0,
        };
        let mut lines = vec![
            line(0, "Starting x.service - X..."),
            line(1, "Started x.service - X."),
            line(200, "x.service: Main process exited, code=killed, status=9/KILL"),
            line(201, "Starting x.service - X..."),
        ];
        assert_eq!(last_good_start(&lines), Some(1_000_000));
        lines.extend([line(300, "Started x.service - X."), line(301, "x.service: Failed")]);
        assert_eq!(last_good_start(&lines), Some(1_000_000));
        assert_eq!(last_good_start(&lines[3..]), None);
        assert_eq!(last_good_start(&[]), None);
    }
}
