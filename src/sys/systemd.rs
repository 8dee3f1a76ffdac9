//! Questions to the running systemd, by `systemctl show`.

use std::collections::BTreeMap;
use std::time::Duration;

use super::exec::{self, Request};

/// Properties of a unit as `systemctl show` prints them.
///
/// # Errors
/// The text says why there is no answer (no systemd, no bus).
pub fn properties(unit: &str, names: &[&str]) -> Result<BTreeMap<String, String>, String> {
    properties_within(unit, names, Duration::from_secs(5))
}

/// As [`properties`], waiting at most `limit`.
///
/// # Errors
/// As [`properties`].
pub fn properties_within(
    unit: &str,
    names: &[&str],
    limit: Duration,
) -> Result<BTreeMap<String, String>, String> {
    let wanted = format!("--property={}", names.join(","));
    let argv = ["/usr/bin/systemctl", "--no-pager", "show", &wanted, "--", unit];
    // Times as seconds since the epoch: local formats cannot be read back.
    let request = Request::new(&argv).deadline(limit);
    let output = exec::run(&request)?;
    if !output.success() {
        return Err(output.describe());
    }
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    Ok(text
        .lines()
        .filter_map(|l| l.split_once('='))
        .map(|(n, v)| (n.to_owned(), v.to_owned()))
        .collect())
}

/// A verb for a unit (`start`, `restart`, `reset-failed`), waiting at most `limit`.
///
/// # Errors
/// What systemctl said.
pub fn verb(verb: &str, unit: &str, limit: Duration) -> Result<(), String> {
    let output =
        exec::run(&Request::new(&["/usr/bin/systemctl", verb, "--", unit]).deadline(limit))?;
    if output.success() { Ok(()) } else { Err(output.describe()) }
}
