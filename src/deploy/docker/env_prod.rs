//! `.env.prod`: for people who run compose by hand. `meats-deploy docker up` does not need it.

use crate::model::Secret;

/// Which compose would read the portable form of `value` differently, if one does.
///
/// Measured with docker-compose 1.29.2 and Compose 2.26.1: 1.29 expands `${` even in single
/// quotes, keeps escapes in double quotes, and a backslash at the end swallows the lines below.
pub fn differing(value: &[u8]) -> Option<&'static str> {
    let has = |byte: u8| value.contains(&byte);
    if has(b'\r') || has(0) {
        return Some("every compose");
    }
    if has(b'\'') && has(b'`') {
        return Some("Compose 2 and docker-compose 1.29");
    }
    let old = value.ends_with(b"\\")
        || value.windows(2).any(|pair| pair == b"${")
        || has(b'\'') && (has(b'$') || has(b'"') || has(b'\\'))
        || value.windows(2).any(|pair| pair == b"\\\\");
    old.then_some("docker-compose 1.29")
}

/// The file. `entries` are names with values in the portable encoding; `left_out` are names.
pub fn render_env_prod(project: &str, entries: &[(String, Secret)], left_out: &[String]) -> Secret {
    let mut text = format!(
        "# Written by meats-deploy docker init from the host's env file; do not edit, write it anew.\n\
         # By hand: docker compose --env-file .env.prod up -d\n\
         COMPOSE_PROJECT_NAME={project}\n"
    )
    .into_bytes();
    for name in left_out {
        text.extend(format!("# {name} is left out: compose would read it differently\n").bytes());
    }
    for (name, value) in entries {
        text.extend(name.bytes());
        text.push(b'=');
        text.extend(value.expose());
        text.push(b'\n');
    }
    Secret::new(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_differs() {
        for (value, who) in [
            ("plain", None),
            ("a$b", None),
            ("a b#c", None),
            ("say \"x\"", None),
            ("it's", None),
            ("C:\\dir", None),
            ("", None),
            ("end\\", Some("docker-compose 1.29")),
            ("a\\\\b", Some("docker-compose 1.29")),
            ("a${B}", Some("docker-compose 1.29")),
            ("it's $5", Some("docker-compose 1.29")),
            ("it's `x`", Some("Compose 2 and docker-compose 1.29")),
            ("a\rb", Some("every compose")),
        ] {
            assert_eq!(differing(value.as_bytes()), who, "{value}");
        }
    }
}
