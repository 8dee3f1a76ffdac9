//! The kernel's log: the only place a generator can speak to at early boot.

use std::io::Write;

/// Writes one line at priority "warning" (daemon facility), or nothing at all: a log that cannot
/// be written is no failure.
pub fn warn(program: &str, text: &str) {
    let line: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    if let Ok(mut file) = std::fs::OpenOptions::new().write(true).open("/dev/kmsg") {
        // <28> is LOG_DAEMON | LOG_WARNING (syslog(3)); one write is one record.
        file.write_all(format!("<28>{program}: {line}\n").as_bytes()).ok();
    }
}
