//! What the application makes of the values: what no parser sees.
//!
//! Invariant: no text here has a value in it. Source of the rules: the settings of the application
//! as python-decouple and dj-database-url read them.

use super::double_equals::SECRET_KEY;
use super::{Assignment, Context, Defect, Edit, Reading, Rules, encode_bytes, read};
use crate::model::{Kind, Repair, Subject, finding};

/// What is expected of the file.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Application {
    /// This file alone feeds the service: keys that it lacks are missing.
    pub complete: bool,
}

/// Lints of the values. Files of unknown use get those that hold for any Django project.
pub(super) fn lint(bytes: &[u8], ctx: &Context) -> Vec<Defect> {
    let reading = read(bytes, Rules::Since254);
    if reading.loads.is_err() || reading.vars.is_empty() {
        return Vec::new();
    }
    let mut found: Vec<Defect> =
        reading.vars.iter().flat_map(|var| value(bytes, ctx, var)).collect();
    found.extend(missing(&reading, ctx));
    found
}

fn value(bytes: &[u8], ctx: &Context, var: &Assignment) -> Vec<Defect> {
    let text = String::from_utf8_lossy(var.value.expose());
    let flaw = |kind: &'static Kind, detail: &str| {
        let detail = format!("{}: {detail}", var.key);
        let mut defect = Defect::new(kind, var.span.clone(), detail).key(&var.key);
        let start = bytes.iter().take(var.span.start).rposition_of_lf();
        defect.finding.subject = Subject {
            path: Some(ctx.path.clone()),
            line: Some(var.line),
            column: Some(var.span.start - start + 1),
            key: Some(var.key.clone()),
            ..Subject::default()
        };
        defect
    };
    let found = match var.key.as_str() {
        SECRET_KEY => secret_key(&text),
        "DEBUG" if is_true(&text) => Some((&finding::DEBUG_ON, "debug mode is on")),
        "DEBUG" if !is_boolean(&text) => Some((&finding::NOT_BOOLEAN, "neither true nor false")),
        "ALLOWED_HOSTS" => allowed_hosts(&text),
        "CORS_ALLOWED_ORIGINS" | "CSRF_TRUSTED_ORIGINS" => origins(&text),
        "SECURE_SSL_REDIRECT" | "SESSION_COOKIE_SECURE" | "CSRF_COOKIE_SECURE"
            if !is_boolean(&text) =>
        {
            Some((&finding::NOT_BOOLEAN, "neither true nor false"))
        }
        "DATABASE_URL" => database_url(&text),
        _ => None,
    };
    let meant = match var.key.as_str() {
        "ALLOWED_HOSTS" => Some(text.split(',').map(str::trim).collect::<Vec<_>>().join(",")),
        "DATABASE_URL" => percent_encoded(&text),
        _ => None,
    };
    let propose = |defect: Defect| match meant {
        Some(meant) if defect.finding.repair == Repair::Asks => {
            defect.propose(Edit::replace(var.span.clone(), encode_bytes(meant.as_bytes())))
        }
        _ => defect,
    };
    found.map(|(kind, detail)| propose(flaw(kind, detail))).into_iter().collect()
}

/// The URL with the characters of the password written as `%XX`.
fn percent_encoded(url: &str) -> Option<String> {
    let (scheme, rest) = url.split_once("://")?;
    let (login, host) = rest.rsplit_once('@')?;
    let (user, password) = login.split_once(':')?;
    let plain = |b: u8| b.is_ascii_alphanumeric() || b"-._~!*".contains(&b);
    let encoded: String = password
        .bytes()
        .map(|b| if plain(b) { char::from(b).to_string() } else { format!("%{b:02X}") })
        .collect();
    Some(format!("{scheme}://{user}:{encoded}@{host}"))
}

trait LineStart {
    fn rposition_of_lf(self) -> usize;
}

impl<'a, I: Iterator<Item = &'a u8>> LineStart for I {
    fn rposition_of_lf(self) -> usize {
        self.enumerate().filter(|(_, b)| **b == b'\n').last().map_or(0, |(i, _)| i + 1)
    }
}

type Flaw = Option<(&'static Kind, &'static str)>;

/// Django's own limits of `check --deploy`: 50 characters, 5 different ones.
fn secret_key(value: &str) -> Flaw {
    let mut letters: Vec<char> = value.chars().collect();
    letters.sort_unstable();
    letters.dedup();
    if value.is_empty() {
        Some((&finding::SECRET_KEY_EMPTY, "the value is empty"))
    } else if value.chars().count() < 32 || letters.len() < 5 {
        Some((&finding::SECRET_KEY_WEAK, "short, or made of few characters"))
    } else {
        None
    }
}

/// The words of python-decouple; empty is false.
fn is_boolean(value: &str) -> bool {
    let words = ["", "1", "0", "yes", "no", "true", "false", "on", "off", "y", "n", "t", "f"];
    words.contains(&value.to_ascii_lowercase().as_str())
}

fn is_true(value: &str) -> bool {
    ["1", "yes", "true", "on", "y", "t"].contains(&value.to_ascii_lowercase().as_str())
}

fn allowed_hosts(value: &str) -> Flaw {
    if value.trim().is_empty() {
        return Some((&finding::ALLOWED_HOSTS_MISSING, "the value is empty"));
    }
    let odd = |host: &str| {
        let port = host.rsplit_once(':').is_some_and(|(name, port)| {
            !name.contains(':') && !port.is_empty() && port.bytes().all(|b| b.is_ascii_digit())
        });
        host != host.trim() || host.contains("://") || host.contains('/') || port
    };
    value.split(',').any(odd).then_some((
        &finding::ALLOWED_HOSTS_MALFORMED,
        "an entry has a blank, a scheme or a port and cannot match",
    ))
}

fn origins(value: &str) -> Flaw {
    let odd = |origin: &str| {
        let origin = origin.trim();
        !origin.is_empty() && !origin.contains("://")
    };
    value
        .split(',')
        .any(odd)
        .then_some((&finding::ORIGIN_SCHEME, "an origin does not begin with a scheme"))
}

/// Schemes of dj-database-url.
const SCHEMES: &[&str] = &[
    "postgres",
    "postgresql",
    "postgis",
    "pgsql",
    "psql",
    "mysql",
    "mysql2",
    "mysqlgis",
    "mysql-connector",
    "sqlite",
    "spatialite",
    "oracle",
    "oraclegis",
    "mssql",
    "mssqlms",
    "redshift",
    "cockroach",
    "timescale",
    "timescalegis",
];

fn database_url(value: &str) -> Flaw {
    let Some((scheme, rest)) = value.split_once("://") else {
        let known = value == "sqlite://:memory:" || value.starts_with("sqlite:");
        return (!known).then_some((&finding::DATABASE_URL_MALFORMED, "not a URL"));
    };
    if !SCHEMES.contains(&scheme) {
        return Some((&finding::DATABASE_URL_MALFORMED, "the scheme is unknown"));
    }
    unencoded(rest)
        .then_some((&finding::URL_UNENCODED, "the password has one of # / ? [ ] or a percent sign"))
}

/// The password ends where the library's splitter ends it: at the first of `# / ?`, last `@`.
fn unencoded(rest: &str) -> bool {
    // Everything up to the last @ that has user and password in front of it was meant as such.
    let Some((login, host)) = rest.rsplit_once('@') else { return false };
    let Some((_, password)) = login.split_once(':') else { return false };
    if host.is_empty() || login.starts_with('/') {
        return false;
    }
    let percent = password.split('%').skip(1).any(|tail| {
        let digits = tail.get(..2).unwrap_or_default();
        digits.len() != 2 || !digits.bytes().all(|b| b.is_ascii_hexdigit())
    });
    password.contains(['#', '/', '?', '[', ']']) || percent
}

/// Keys that the file lacks, where it alone feeds the service or sets both of the main ones.
fn missing(reading: &Reading, ctx: &Context) -> Vec<Defect> {
    let has = |key: &str| reading.get(key).is_some();
    let complete = ctx.application.is_some_and(|a| a.complete);
    let flaw = |kind: &'static Kind, detail: &str, key: &str| {
        let mut defect = Defect::new(kind, 0..0, detail).key(key);
        defect.finding.subject.path = Some(ctx.path.clone());
        defect
    };
    let mut found = Vec::new();
    if has("DJANGO_SECRET_KEY") && !has(SECRET_KEY) {
        let detail = "DJANGO_SECRET_KEY is set, which nothing reads, and SECRET_KEY is not";
        found.push(flaw(&finding::UNREAD_KEY, detail, "DJANGO_SECRET_KEY"));
    } else if complete && !has(SECRET_KEY) {
        let detail = "SECRET_KEY is not set";
        found.push(flaw(&finding::SECRET_KEY_MISSING, detail, SECRET_KEY));
    }
    let main = has(SECRET_KEY) && has("DATABASE_URL");
    if (complete || main) && !has("ALLOWED_HOSTS") {
        let detail = "ALLOWED_HOSTS is not set";
        found.push(
            flaw(&finding::ALLOWED_HOSTS_MISSING, detail, "ALLOWED_HOSTS").class(Repair::ByHand),
        );
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::env::check;

    fn check_file(text: &str, complete: bool, expected: &[&str]) {
        let ctx = Context { application: Some(Application { complete }), ..Context::default() };
        let found: Vec<&str> = check(text.as_bytes(), &ctx).iter().map(|f| f.kind.name).collect();
        assert_eq!(found, expected, "{text}");
    }

    #[test]
    fn values() {
        let key = "SECRET_KEY=0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMN\n";
        check_file("DEBUG=True\n", false, &["debug-on"]);
        check_file("DEBUG=Flase\n", false, &["not-boolean"]);
        check_file("SECRET_KEY=\n", false, &["secret-key-empty"]);
        check_file("SECRET_KEY=short\n", false, &["secret-key-weak"]);
        check_file(key, false, &[]);
        check_file(key, true, &["allowed-hosts-missing"]);
        check_file("A=1\n", true, &["secret-key-missing", "allowed-hosts-missing"]);
        check_file("DJANGO_SECRET_KEY=x1\n", false, &["unread-key"]);
        check_file("ALLOWED_HOSTS='a.org, b.org'\n", false, &["allowed-hosts-malformed"]);
        check_file("ALLOWED_HOSTS=https://a.org\n", false, &["allowed-hosts-malformed"]);
        check_file("ALLOWED_HOSTS=a.org:8000\n", false, &["allowed-hosts-malformed"]);
        check_file("ALLOWED_HOSTS=\n", false, &["allowed-hosts-missing"]);
        check_file("CSRF_TRUSTED_ORIGINS=a.org\n", false, &["origin-scheme"]);
        check_file("DATABASE_URL=\n", false, &["database-url-malformed"]);
        check_file("DATABASE_URL=postgre://u:p@h/d\n", false, &["database-url-malformed"]);
        check_file("DATABASE_URL=postgres://u:p/w@h/d\n", false, &["url-unencoded"]);
        check_file("DATABASE_URL='postgres://u:p#w@h/d'\n", false, &["url-unencoded"]);
        check_file("DATABASE_URL=postgres://u:p%zz@h/d\n", false, &["url-unencoded"]);
        check_file("DATABASE_URL=postgres://u:p@w@h/d\n", false, &[]);
        check_file("DATABASE_URL=postgres://u:p%40w@h:5432/d?a=b\n", false, &[]);
        check_file("DATABASE_URL=sqlite:////var/lib/x.db\n", false, &[]);
    }
}
