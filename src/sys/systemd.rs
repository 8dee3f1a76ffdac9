//! Questions to the running systemd: over its own socket where that is known to do, else by
//! `systemctl show`.

mod bus;

use std::collections::BTreeMap;
use std::time::Duration;

use super::clock::Deadline;
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
    let deadline = Deadline::after(limit);
    match bus::properties(unit, names, limit) {
        Some(Ok(found)) => return Ok(found),
        // systemctl would get no answer either.
        Some(Err(why)) if deadline.passed() => return Err(why),
        Some(Err(_)) | None => {}
    }
    let wanted = format!("--property={}", names.join(","));
    let argv = ["/usr/bin/systemctl", "--no-pager", "show", &wanted, "--", unit];
    // Times as seconds since the epoch: local formats cannot be read back.
    let request = Request::new(&argv).deadline(deadline.left());
    let output = exec::run(&request)?;
    if !output.success() {
        return Err(output.describe());
    }
    Ok(parse(&String::from_utf8_lossy(&output.stdout)))
}

/// A property that has several values (`EnvironmentFiles`) has a line for each.
fn parse(text: &str) -> BTreeMap<String, String> {
    let mut found: BTreeMap<String, String> = BTreeMap::new();
    for (name, value) in text.lines().filter_map(|l| l.split_once('=')) {
        let values = found.entry(name.to_owned()).or_default();
        if !values.is_empty() {
            values.push('\n');
        }
        values.push_str(value);
    }
    found
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn several_values() {
        let found = parse(
            "Id=a\nEnvironmentFiles=/a (ignore_errors=no)\nEnvironmentFiles=/b (x)\nEmpty=\n",
        );
        assert_eq!(found["EnvironmentFiles"], "/a (ignore_errors=no)\n/b (x)");
        assert_eq!((found["Id"].as_str(), found["Empty"].as_str()), ("a", ""));
    }
}
