//! Which variables may stand in the environment of a program that root runs.

/// Names that a loader, an interpreter, compose or docker takes to heart; compose runs as root, and
/// the env file may be writable by others.
const REFUSED: &[&str] =
    &["ALL_PROXY", "ENV", "HOME", "IFS", "LANG", "LANGUAGE", "NO_PROXY", "PATH", "PWD", "TMPDIR"];
const REFUSED_PREFIXES: &[&str] = &[
    "BASH",
    "BUILD",
    "COMPOSE",
    "DOCKER",
    "GCONV",
    "HTTP_PROXY",
    "HTTPS_PROXY",
    "LC_",
    "LD_",
    "MALLOC_",
    "PYTHON",
    "REQUESTS_",
    "SSL_",
    "XDG_",
    "CURL_",
    "GODEBUG",
    "GOTRACEBACK",
    "GOMAXPROCS",
    "GOMEMLIMIT",
    "GOGC",
];

/// True when compose must not get this variable.
pub(super) fn is_refused(name: &str) -> bool {
    let upper = name.to_ascii_uppercase();
    REFUSED.contains(&upper.as_str()) || REFUSED_PREFIXES.iter().any(|p| upper.starts_with(p))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names() {
        for (name, refused) in [
            ("SECRET_KEY", false),
            ("DATABASE_URL", false),
            ("DJANGO_SETTINGS_MODULE", false),
            ("PYTHONPATH", true),
            ("LD_PRELOAD", true),
            ("docker_host", true),
            ("http_proxy", true),
            ("PATH", true),
            ("GOOGLE_API_KEY", false),
        ] {
            assert_eq!(is_refused(name), refused, "{name}");
        }
    }
}
