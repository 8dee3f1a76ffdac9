//! Properties of a loaded unit that tell with which env files it runs.

use std::path::PathBuf;

/// The value of `EnvironmentFiles` as `systemctl show` prints it, in the order of the unit:
/// `/etc/a (ignore_errors=yes) /etc/b (ignore_errors=no)`.
pub fn parse_environment_files(text: &str) -> Vec<PathBuf> {
    let parts = text.split("(ignore_errors=");
    parts
        .filter_map(|part| {
            let path = part.trim_start_matches("yes)").trim_start_matches("no)").trim();
            path.starts_with('/').then(|| PathBuf::from(path))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_in_order() {
        for (text, paths) in [
            ("", &[][..]),
            ("/etc/a (ignore_errors=yes)", &["/etc/a"]),
            ("/etc/a b (ignore_errors=yes) /c (ignore_errors=no)", &["/etc/a b", "/c"]),
        ] {
            let expected: Vec<PathBuf> = paths.iter().map(PathBuf::from).collect();
            assert_eq!(parse_environment_files(text), expected, "{text}");
        }
    }
}
