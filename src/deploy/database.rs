//! The database of the service: its role, and `DATABASE_URL` as dj-database-url reads it, without
//! ever showing it.

use crate::config::Config;
use crate::model::{Secret, is_database_scheme, is_postgres_scheme};

/// The parts of a database URL; percent-encoding is taken off.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DatabaseUrl {
    pub scheme: String,
    pub user: String,
    pub password: Secret,
    /// Empty for a unix socket or a file.
    pub host: String,
    pub port: Option<u16>,
    /// Database name, or the path of an SQLite file.
    pub name: String,
}

/// A role and its database, without the password.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Role {
    pub role: String,
    pub name: String,
}

impl Role {
    /// The names for a new host: those of the service, as far as PostgreSQL takes them bare.
    pub fn of_config(config: &Config) -> Self {
        let bare = |c: char| if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { '_' };
        let name: String = config.service.chars().map(bare).collect();
        Self { role: name.clone(), name }
    }
}

/// Why it is none. No variant holds a part of the value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UrlError {
    Empty,
    NoScheme,
    UnknownScheme,
    /// `/`, `?`, `#` or `[` stands bare in the password.
    BarePassword,
    Port,
    NoDatabase,
}

impl DatabaseUrl {
    /// That of the variable `DATABASE_URL`; None where it is not set or cannot be read.
    pub fn of(variables: &[(String, Secret)]) -> Option<Self> {
        let (_, value) = variables.iter().find(|(key, _)| key == "DATABASE_URL")?;
        Self::parse(std::str::from_utf8(value.expose()).ok()?).ok()
    }

    /// Reads a URL by the rules of Python's `urlsplit` and dj-database-url 2.
    ///
    /// # Errors
    /// What is wrong, without any part of the value.
    pub fn parse(text: &str) -> Result<Self, UrlError> {
        if text.is_empty() {
            return Err(UrlError::Empty);
        }
        let (scheme, rest) = text.split_once("://").ok_or(UrlError::NoScheme)?;
        if !is_database_scheme(scheme) {
            return Err(UrlError::UnknownScheme);
        }
        let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
        let (authority, tail) = rest.split_at(end);
        if !authority.contains('@') && tail.contains('@') || bare_bracket(authority) {
            return Err(UrlError::BarePassword);
        }
        let (login, place) = authority.rsplit_once('@').unwrap_or(("", authority));
        let (user, password) = login.split_once(':').unwrap_or((login, ""));
        let (host, port) = split_port(place)?;
        let path = tail.split(['?', '#']).next().unwrap_or_default();
        let name = decode(path.strip_prefix('/').unwrap_or(path));
        let url = Self {
            scheme: scheme.to_owned(),
            user: decode_text(user),
            password: Secret::new(decode(password)),
            host: decode_text(host).to_lowercase(),
            port,
            name: String::from_utf8_lossy(&name).into_owned(),
        };
        if url.is_postgres() && url.name.is_empty() {
            return Err(UrlError::NoDatabase);
        }
        Ok(url)
    }

    /// True for PostgreSQL under any of its schemes.
    pub fn is_postgres(&self) -> bool {
        is_postgres_scheme(&self.scheme)
    }

    /// True when the server is on this host.
    pub fn is_local(&self) -> bool {
        ["", "localhost", "127.0.0.1", "::1"].contains(&self.host.as_str())
            || self.host.starts_with('/')
    }
}

/// PostgreSQL's programs take a name with `=` or `://` for a whole connection string, which can name
/// files to load.
///
/// # Errors
/// It is such a name.
pub fn plain_database(name: &str) -> Result<(), String> {
    match name.contains('=') || name.contains("://") {
        true => Err("the name of the database has \"=\" or \"://\" in it, which PostgreSQL's \
                     programs take for a connection string"
            .to_owned()),
        false => Ok(()),
    }
}

fn bare_bracket(authority: &str) -> bool {
    let place = authority.rsplit_once('@').map_or(authority, |(_, place)| place);
    authority.matches('[').count() > place.matches('[').count()
}

fn split_port(place: &str) -> Result<(&str, Option<u16>), UrlError> {
    if let Some(inner) = place.strip_prefix('[') {
        let (host, rest) = inner.split_once(']').ok_or(UrlError::Port)?;
        return Ok((host, port(rest.strip_prefix(':').unwrap_or_default())?));
    }
    let (host, text) = place.split_once(':').unwrap_or((place, ""));
    Ok((host, port(text)?))
}

fn port(text: &str) -> Result<Option<u16>, UrlError> {
    if text.is_empty() { Ok(None) } else { text.parse().map(Some).map_err(|_| UrlError::Port) }
}

fn decode_text(text: &str) -> String {
    String::from_utf8_lossy(&decode(text)).into_owned()
}

/// Percent-decoding as Python's `unquote`: what is no escape stays.
fn decode(text: &str) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&first, tail)) = rest.split_first() {
        let escape = (first == b'%')
            .then(|| tail.get(..2).and_then(|hex| std::str::from_utf8(hex).ok()))
            .flatten()
            .filter(|hex| hex.bytes().all(|b| b.is_ascii_hexdigit()))
            .and_then(|hex| u8::from_str_radix(hex, 16).ok());
        match escape {
            Some(byte) => {
                out.push(byte);
                rest = tail.get(2..).unwrap_or_default();
            }
            None => {
                out.push(first);
                rest = tail;
            }
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn right_ones() {
        let cases = [
            ("postgres://u:p@localhost:5432/db", "u", "p", "localhost", Some(5432), "db"),
            ("postgres://u:p%40x@[::1]/db", "u", "p@x", "::1", None, "db"),
            ("postgresql://u:a@b@h/db?sslmode=require", "u", "a@b", "h", None, "db"),
            ("postgres://u:100%@h/db", "u", "100%", "h", None, "db"),
            (
                "postgres://u:p@%2Fvar%2Frun%2Fpostgresql/db",
                "u",
                "p",
                "/var/run/postgresql",
                None,
                "db",
            ),
            ("sqlite:////opt/x/db.sqlite3", "", "", "", None, "/opt/x/db.sqlite3"),
            ("postgres:///db", "", "", "", None, "db"),
            ("psql://u:p@h/db", "u", "p", "h", None, "db"),
        ];
        for (text, user, password, host, port, name) in cases {
            let url = DatabaseUrl::parse(text).expect(text);
            assert_eq!((url.user.as_str(), url.password.expose()), (user, password.as_bytes()));
            assert_eq!((url.host.as_str(), url.port, url.name.as_str()), (host, port, name));
        }
    }

    /// libpq takes such a name apart: `sslkey=/x.so:k` would be code to load.
    #[test]
    fn a_name_is_no_connection_string() {
        for name in ["x port=5999 sslkey=/srv/evil.so:k", "postgres://h/x", "a=b"] {
            assert!(plain_database(name).is_err(), "{name}");
        }
        assert!(plain_database("project-meats_1 x/y").is_ok());
    }

    #[test]
    fn wrong_ones_are_named() {
        let cases = [
            ("", UrlError::Empty),
            ("u:hunter2@h/db", UrlError::NoScheme),
            ("hunter2://u@h/db", UrlError::UnknownScheme),
            ("postgres://u:hun/ter2@h/db", UrlError::BarePassword),
            ("postgres://u:hun#ter2@h/db", UrlError::BarePassword),
            ("postgres://u:hun?ter2@h/db", UrlError::BarePassword),
            ("postgres://u:hun[ter2@h/db", UrlError::BarePassword),
            ("postgres://u:hunter2@h:port/db", UrlError::Port),
            ("postgres://u:hunter2@h", UrlError::NoDatabase),
        ];
        for (text, why) in cases {
            assert_eq!(DatabaseUrl::parse(text), Err(why), "{text}");
        }
    }
}
