//! What the application makes of the values: what no parser sees.
//!
//! Invariant: no text here has a value in it. Source of the rules: the settings of the application
//! as python-decouple and dj-database-url read them.

use core::net::Ipv6Addr;
use std::collections::HashSet;
use std::ops::Range;

use super::double_equals::SECRET_KEY;
use super::line_index::line_of;
use super::systemd::{Survey, Var};
use super::{Context, Defect, Edit, encode_bytes, published, slice};
use crate::model::{Kind, Repair, Subject, finding, is_database_scheme, is_postgres_scheme};

/// What is expected of the file.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Application {
    /// This file alone feeds the service: keys that it lacks are missing.
    pub complete: bool,
}

/// Whether projects commonly take the place of their database from a key of this name, for example
/// `DATABASE_URL`, `DB_HOST` or `PGPASSWORD`.
pub fn is_database_key(key: &str) -> bool {
    const STARTS: &[&str] = &["DB_", "DATABASE_", "PG", "POSTGRES", "MYSQL"];
    STARTS.iter().any(|start| key.starts_with(start))
}

/// Lints of the values. Files of unknown use get those that hold for any Django project.
pub(super) fn lint(bytes: &[u8], reading: &Survey<'_>, ctx: &Context) -> Vec<Defect> {
    if reading.loads.is_err() || reading.vars.is_empty() {
        return Vec::new();
    }
    let look = |(key, look): &(&str, Look)| {
        let var = reading.get(key)?;
        let flaw = look(std::str::from_utf8(&var.value).unwrap_or_default())?;
        Some(place(bytes, ctx, var, flaw.into_defect(var)))
    };
    let mut found: Vec<Defect> = LOOKS.iter().filter_map(look).collect();
    found.extend(missing(bytes, reading, ctx));
    found
}

/// What is wrong with a value: the words for this case of it, and what was meant if that can be told.
struct Flaw {
    kind: &'static Kind,
    detail: &'static str,
    meant: Option<String>,
}

impl Flaw {
    fn new(kind: &'static Kind, detail: &'static str) -> Self {
        Self { kind, detail, meant: None }
    }

    fn meant(self, meant: impl Into<Option<String>>) -> Self {
        Self { meant: meant.into(), ..self }
    }

    fn into_defect(self, var: &Var<'_>) -> Defect {
        let detail = format!("{}: {}", var.key, self.detail);
        let defect = Defect::new(self.kind, var.span.clone(), detail).key(var.key);
        match self.meant {
            // Nothing to propose: the value is the person's to write.
            None if ASK_ONLY_WITH.contains(&self.kind) => defect.class(Repair::ByHand),
            Some(meant) if defect.finding.repair == Repair::Asks => {
                defect.propose(Edit::replace(var.span.clone(), encode_bytes(meant.as_bytes())))
            }
            _ => defect,
        }
    }
}

/// A look at a value.
type Look = fn(&str) -> Option<Flaw>;

/// Keys of the application, and the look at the value of each.
const LOOKS: &[(&str, Look)] = &[
    (SECRET_KEY, secret_key),
    ("DEBUG", debug),
    ("ALLOWED_HOSTS", allowed_hosts),
    ("CORS_ALLOWED_ORIGINS", origins),
    ("CSRF_TRUSTED_ORIGINS", origins),
    ("SECURE_SSL_REDIRECT", switch),
    ("SESSION_COOKIE_SECURE", switch),
    ("CSRF_COOKIE_SECURE", switch),
    ("SECURE_HSTS_INCLUDE_SUBDOMAINS", switch),
    ("SECURE_HSTS_PRELOAD", switch),
    ("SECURE_HSTS_SECONDS", number),
    ("DATABASE_URL", database_url),
];

/// Says where it stands.
fn place(bytes: &[u8], ctx: &Context, var: &Var<'_>, mut defect: Defect) -> Defect {
    let at = var.span.start;
    let start = memchr::memrchr(b'\n', slice(bytes, 0..at)).map_or(0, |end| end + 1);
    defect.finding.subject = Subject {
        path: Some(ctx.path.clone()),
        line: Some(line_of(bytes, at)),
        column: Some(at - start + 1),
        key: Some(var.key.to_owned()),
        ..Subject::default()
    };
    defect
}

/// Kinds that ask where there is something to propose.
const ASK_ONLY_WITH: &[&Kind] =
    &[&finding::NOT_BOOLEAN, &finding::DATABASE_URL_MALFORMED, &finding::ORIGIN_SCHEME];

/// The origins, https:// in front of those without a scheme.
fn with_scheme(value: &str) -> String {
    let origin = |origin: &str| match origin.trim() {
        plain if plain.is_empty() || plain.contains("://") => {
            plain.trim_end_matches('/').to_owned()
        }
        plain => format!("https://{}", plain.trim_end_matches('/')),
    };
    value.split(',').map(origin).collect::<Vec<_>>().join(",")
}

/// A switch whose first letter tells what was meant.
fn near_boolean(value: &str) -> Option<&'static str> {
    match value.trim_start_matches('=').bytes().next()?.to_ascii_lowercase() {
        b't' | b'y' => Some("True"),
        b'f' | b'n' => Some("False"),
        _ => None,
    }
}

/// The URL with the scheme that was mistyped: letters of postgres in another order, one too many or
/// too few.
fn near_scheme(url: &str) -> Option<String> {
    let (scheme, rest) = url.split_once("://")?;
    let sorted = |word: &str| {
        let mut letters: Vec<u8> = word.bytes().collect();
        letters.sort_unstable();
        letters
    };
    let one_off = |known: &str| {
        let (long, short) =
            if known.len() > scheme.len() { (known, scheme) } else { (scheme, known) };
        long.len() == short.len() + 1
            && (0..long.len()).any(|at| {
                let kept = long.bytes().enumerate().filter(|(i, _)| *i != at).map(|(_, b)| b);
                kept.eq(short.bytes())
            })
    };
    let near = |known: &&str| sorted(known) == sorted(scheme) || one_off(known);
    let known = ["postgres", "postgresql", "sqlite"].into_iter().find(near)?;
    Some(format!("{known}://{rest}"))
}

/// The URL with the characters of the password written as `%XX`.
fn percent_encoded(url: &str) -> Option<String> {
    let (scheme, rest) = url.split_once("://")?;
    let (head, query) = rest.split_at_checked(without_query(rest).len())?;
    let (login, host) = head.rsplit_once('@')?;
    let (user, password) = login.split_once(':')?;
    let plain = |b: u8| b.is_ascii_alphanumeric() || b"-._~!*".contains(&b);
    let mut encoded = String::new();
    for (at, byte) in password.bytes().enumerate() {
        // A sign with two digits was written so already.
        match plain(byte) || byte == b'%' && is_encoded(password.get(at + 1..)) {
            true => encoded.push(char::from(byte)),
            false => encoded.push_str(&format!("%{byte:02X}")),
        }
    }
    Some(format!("{scheme}://{user}:{encoded}@{host}{query}"))
}

/// Whether a percent sign has its two digits.
fn is_encoded(behind: Option<&str>) -> bool {
    let digits = behind.and_then(|text| text.get(..2)).unwrap_or_default();
    digits.len() == 2 && digits.bytes().all(|b| b.is_ascii_hexdigit())
}

/// Django's own limits of `check --deploy`: 50 characters, 5 different ones.
fn secret_key(value: &str) -> Option<Flaw> {
    let letters: HashSet<char> = value.chars().collect();
    if published::key(value) {
        Some(Flaw::new(&finding::PUBLISHED, "the value is published"))
    } else if value.is_empty() {
        Some(Flaw::new(&finding::SECRET_KEY_EMPTY, "the value is empty"))
    } else if value.chars().count() < 32 || letters.len() < 5 {
        Some(Flaw::new(&finding::SECRET_KEY_WEAK, "short, or made of few characters"))
    } else {
        None
    }
}

fn debug(value: &str) -> Option<Flaw> {
    let flaw = match is_true(value) {
        true => Flaw::new(&finding::DEBUG_ON, "debug mode is on"),
        false if is_boolean(value) => return None,
        false => Flaw::new(&finding::NOT_BOOLEAN, "neither true nor false; False is proposed"),
    };
    Some(flaw.meant("False".to_owned()))
}

fn switch(value: &str) -> Option<Flaw> {
    let flaw = || Flaw::new(&finding::NOT_BOOLEAN, "neither true nor false");
    (!is_boolean(value)).then(|| flaw().meant(near_boolean(value).map(str::to_owned)))
}

fn number(value: &str) -> Option<Flaw> {
    let flaw = || Flaw::new(&finding::NOT_BOOLEAN, "not a whole number");
    // As int() of Python does.
    value.trim().replace('_', "").parse::<i64>().is_err().then(flaw)
}

/// The words of python-decouple; empty is false.
fn is_boolean(value: &str) -> bool {
    let words = ["", "1", "0", "yes", "no", "true", "false", "on", "off", "y", "n", "t", "f"];
    words.contains(&value.to_ascii_lowercase().as_str())
}

fn is_true(value: &str) -> bool {
    ["1", "yes", "true", "on", "y", "t"].contains(&value.to_ascii_lowercase().as_str())
}

fn allowed_hosts(value: &str) -> Option<Flaw> {
    let flaw = if value.trim().is_empty() {
        Flaw::new(&finding::ALLOWED_HOSTS_MISSING, "the value is empty")
    } else if !value.split(',').all(|host| host.is_empty() || host_name(host) == host) {
        let detail = "an entry has a blank, quote, bracket, scheme, port or *. and cannot match";
        Flaw::new(&finding::ALLOWED_HOSTS_MALFORMED, detail)
    } else {
        return None;
    };
    let listed = value.trim();
    let inner = listed.strip_prefix('[').and_then(|rest| rest.strip_suffix(']'));
    let inner = inner.filter(|inner| !inner.contains(['[', ']']) && !inner.contains("::"));
    let hosts = inner.unwrap_or(listed).split(|c: char| c.is_whitespace() || ",;".contains(c));
    let hosts: Vec<&str> = hosts.map(host_name).filter(|host| !host.is_empty()).collect();
    Some(flaw.meant(Some(hosts.join(",")).filter(|hosts| !hosts.is_empty())))
}

/// The name alone: without scheme, port and path, and without what lists of other languages have.
fn host_name(entry: &str) -> &str {
    let odd = |c: char| c.is_whitespace() || "'\";".contains(c);
    let host = entry.trim_matches(odd);
    let host = host.split_once("://").map_or(host, |(_, rest)| rest);
    let host = host.split(['/', '?', '#']).next().unwrap_or_default();
    let end = host.find(odd).unwrap_or(host.len());
    let host = host.get(..end).unwrap_or_default();
    // Django's own sign for all names below one is the dot alone.
    let host = host.strip_prefix('*').filter(|rest| rest.starts_with('.')).unwrap_or(host);
    let digits = |port: &str| port.bytes().all(|b| b.is_ascii_digit());
    if let Some(address) = host.strip_prefix('[') {
        let (inner, port) = address.split_once(']').unwrap_or((address, ""));
        let whole = inner.contains(':') && digits(port.trim_start_matches(':'));
        return match whole {
            true => host.get(..inner.len() + 2).unwrap_or(host),
            false => inner,
        };
    }
    let host = host.trim_end_matches(']');
    match host.rsplit_once(':') {
        Some((name, port)) if !name.contains(':') && digits(port) => name,
        _ => host,
    }
}

fn origins(value: &str) -> Option<Flaw> {
    let good = |all: &str| all.split(',').map(str::trim).all(|o| o.is_empty() || is_origin(o));
    if good(value) {
        return None;
    }
    let detail = "an origin has no scheme, or a path, quote or blank, and cannot match";
    let meant = Some(with_scheme(value)).filter(|meant| good(meant));
    Some(Flaw::new(&finding::ORIGIN_SCHEME, detail).meant(meant))
}

/// Scheme, host and port; the last two are django-cors-headers' own.
fn is_origin(origin: &str) -> bool {
    let odd = |c: char| c.is_whitespace() || "/'\";*?#".contains(c);
    let whole = |(scheme, host): (&str, &str)| {
        let host = host.strip_prefix("*.").unwrap_or(host);
        let word = scheme.bytes().all(|b| b.is_ascii_alphanumeric() || b"+-.".contains(&b));
        let named = !scheme.is_empty() && !host.is_empty() && !host.starts_with('.');
        word && named && !host.contains(odd) && host.contains('[') == host.contains(']')
    };
    origin.split_once("://").is_some_and(whole) || ["null", "file://"].contains(&origin)
}

fn database_url(value: &str) -> Option<Flaw> {
    let malformed = |detail| Some(Flaw::new(&finding::DATABASE_URL_MALFORMED, detail));
    let Some((scheme, rest)) = value.split_once("://") else { return malformed("not a URL") };
    let scheme = scheme.strip_prefix("prometheus_").unwrap_or(scheme);
    if !is_database_scheme(scheme) {
        return malformed("the scheme is unknown").map(|flaw| flaw.meant(near_scheme(value)));
    }
    if password(rest).is_some_and(published::password) {
        return Some(Flaw::new(&finding::PUBLISHED, "its password is published"));
    }
    if unencoded(rest) {
        let detail = "the password has one of # / ? [ ] or a percent sign";
        return Some(Flaw::new(&finding::URL_UNENCODED, detail).meant(percent_encoded(value)));
    }
    if ["sqlite", "spatialite"].contains(&scheme) {
        let path = rest.split(['?', '#']).next().unwrap_or_default();
        let memory = path.is_empty() || path == ":memory:";
        // A host of no meaning.
        let path =
            path.strip_prefix("localhost").or_else(|| path.strip_prefix('.')).unwrap_or(path);
        return if memory || path.starts_with('/') { None } else { malformed(SLASHES) };
    }
    if let Err(detail) = authority(rest) {
        return malformed(detail);
    }
    let path = rest.split(['?', '#']).next().and_then(|rest| rest.split_once('/'));
    let named = path.is_some_and(|(_, name)| !name.is_empty()) || rest.contains("service=");
    let nameless = is_postgres_scheme(scheme) && rest.contains('@') && !named;
    if nameless { malformed("there is no name of a database behind the host") } else { None }
}

/// With two, what follows is a host to the library, and the file another one or none.
const SLASHES: &str = "SQLite needs three slashes, or four for an absolute path";

const SHORTEST_PASSWORD: usize = 4;

/// Host and port as Python's urllib takes them apart; it stops where this does.
fn authority(rest: &str) -> Result<(), &'static str> {
    let all = rest.split(['/', '?', '#']).next().unwrap_or_default();
    let host = all.rsplit_once('@').map_or(all, |(_, host)| host);
    let port = match (all.contains('['), all.contains(']')) {
        (false, false) => host.split_once(':').map_or("", |(_, port)| port),
        (true, true) => {
            let bracketed = host.split_once('[').and_then(|(_, rest)| rest.split_once(']'));
            let Some((address, port)) = bracketed else { return Ok(()) };
            let address = address.split('%').next().unwrap_or_default();
            if !address.starts_with('v') && address.parse::<Ipv6Addr>().is_err() {
                return Err("there is no address in the brackets");
            }
            port.split_once(':').map_or("", |(_, port)| port)
        }
        _ => return Err("a bracket of the host has no partner"),
    };
    let digits = port.bytes().all(|b| b.is_ascii_digit());
    let number = port.trim_start_matches('0');
    match digits && (number.is_empty() || number.parse::<u16>().is_ok()) {
        true => Ok(()),
        false if all.contains('@') => Err("the port is not a number up to 65535"),
        // A letter or two are more likely an example than a password that was cut off.
        false if port.len() < SHORTEST_PASSWORD => Ok(()),
        false => Err("there is no @ and host behind the password, or the port is no number"),
    }
}

/// What stands in front of the options; a password may have a question mark.
fn without_query(rest: &str) -> &str {
    match rest.split_once('?') {
        // A path behind the last @ makes that the end of the password.
        Some((head, query))
            if head.contains('@')
                && query.contains('=')
                && !query.rsplit_once('@').is_some_and(|(_, tail)| tail.contains('/')) =>
        {
            head
        }
        _ => rest,
    }
}

fn password(rest: &str) -> Option<&str> {
    without_query(rest).rsplit_once('@')?.0.split_once(':').map(|(_, password)| password)
}

/// The password ends where the library's splitter ends it: at the first of `# / ?`, last `@`.
fn unencoded(rest: &str) -> bool {
    // Everything up to the last @ that has user and password in front of it was meant as such.
    let Some((login, host)) = without_query(rest).rsplit_once('@') else { return false };
    let Some((_, password)) = login.split_once(':') else { return false };
    if host.is_empty() || login.starts_with('/') {
        return false;
    }
    let percent = password.split('%').skip(1).any(|tail| !is_encoded(Some(tail)));
    password.contains(['#', '/', '?', '[', ']']) || percent
}

/// What Django's own environment variables are called like, so that many write it.
const UNREAD: &str = "DJANGO_SECRET_KEY";

/// The part of the name on the line of `var` that is too much.
fn unread_prefix(bytes: &[u8], var: &Var<'_>) -> Option<Range<usize>> {
    let name = slice(bytes, 0..var.span.start).strip_suffix(b"=")?.trim_ascii_end();
    let start = name.strip_suffix(UNREAD.as_bytes())?.len();
    Some(start..start + UNREAD.len() - SECRET_KEY.len())
}

/// Keys that the file lacks, where it alone feeds the service or sets both of the main ones.
fn missing(bytes: &[u8], reading: &Survey<'_>, ctx: &Context) -> Vec<Defect> {
    let has = |key: &str| reading.get(key).is_some();
    let complete = ctx.application.is_some_and(|a| a.complete);
    let flaw = |kind: &'static Kind, detail: &str, key: &str| {
        let mut defect = Defect::new(kind, 0..0, detail).key(key);
        defect.finding.subject.path = Some(ctx.path.clone());
        defect
    };
    let mut found = Vec::new();
    if has(UNREAD) && !has(SECRET_KEY) {
        let detail = "DJANGO_SECRET_KEY is set, which nothing reads, and SECRET_KEY is not";
        let mut defect = flaw(&finding::UNREAD_KEY, detail, UNREAD);
        if let Some(prefix) = reading.get(UNREAD).and_then(|var| unread_prefix(bytes, var)) {
            defect = defect.gain(SECRET_KEY).propose(Edit::delete(prefix));
        }
        found.push(defect);
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
    use crate::env::{check, judge, propose};

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
        for hosts in [
            "'a.org b.org'",
            "'[\"a.org\"]'",
            "\"['a.org','b.org']\"",
            "'a.org;b.org'",
            "'[::1]:80'",
        ] {
            check_file(&format!("ALLOWED_HOSTS={hosts}\n"), false, &["allowed-hosts-malformed"]);
        }
        check_file("ALLOWED_HOSTS='a.org,.b.org,*,[::1],10.0.0.1,localhost'\n", false, &[]);
        for url in [
            "postgres://USER:PASSWORD@HOST:PORT/NAME",
            "postgres://meats:PLANT",
            "postgres://u:p@h:54x2/d",
            "postgres://u:p@h:99999/d",
            "'postgres://u:p@[::1/d'",
            "'postgres://u:p@[host]/d'",
            "postgres://u:p@h:5432",
            "postgres://u:p@h/",
            "sqlite://db.sqlite3",
            "sqlite:/var/lib/db.sqlite3",
        ] {
            check_file(&format!("DATABASE_URL={url}\n"), false, &["database-url-malformed"]);
        }
        for url in [
            "postgres://u:p@h:/d",
            "'postgres://u:p@h/d?application_name=a@b'",
            "cockroachdb://u:p@h/d",
            "prometheus_postgresql://u:p@h/d",
            "sqlite:///db.sqlite3",
            "sqlite://./db.sqlite3",
            "sqlite://localhost/db.sqlite3",
            "postgres://h:5432/d",
            "'postgres://u:p@[::1]:5432/d'",
            "postgres://u:p@%2Fvar%2Frun%2Fpostgresql/d",
            "postgres:///d",
            "sqlite://:memory:",
        ] {
            check_file(&format!("DATABASE_URL={url}\n"), false, &[]);
        }
        check_file("ALLOWED_HOSTS=*.a.org\n", false, &["allowed-hosts-malformed"]);
        check_file("SECURE_HSTS_SECONDS=31_536_000\nSECURE_HSTS_PRELOAD=on\n", false, &[]);
        check_file("SECURE_HSTS_SECONDS=1y\n", false, &["not-boolean"]);
        for origins in ["https://a.org/", "'https://a.org https://b.org'", "*", "https:/a.org"] {
            check_file(&format!("CSRF_TRUSTED_ORIGINS={origins}\n"), false, &["origin-scheme"]);
        }
        check_file("CSRF_TRUSTED_ORIGINS='https://a.org,http://*.b.org:81'\n", false, &[]);
        check_file("CORS_ALLOWED_ORIGINS='null,file://,https://[::1]:8000'\n", false, &[]);
        check_file("ALLOWED_HOSTS=\n", false, &["allowed-hosts-missing"]);
        check_file("CSRF_TRUSTED_ORIGINS=a.org\n", false, &["origin-scheme"]);
        check_file("DATABASE_URL=\n", false, &["database-url-malformed"]);
        check_file("DATABASE_URL=postgre://u:p@h/d\n", false, &["database-url-malformed"]);
        check_file("SECRET_KEY=test-secret-key-for-testing-only\n", false, &["published-value"]);
        check_file("DATABASE_URL=postgres://u:p/w@h/d\n", false, &["url-unencoded"]);
        check_file("DATABASE_URL='postgres://u:p#w@h/d'\n", false, &["url-unencoded"]);
        check_file("DATABASE_URL='postgres://u:p@ss?wo=rd@host/db'\n", false, &["url-unencoded"]);
        check_file("DATABASE_URL=postgres://u:p%zz@h/d\n", false, &["url-unencoded"]);
        check_file("DATABASE_URL=postgres://u:p@w@h/d\n", false, &[]);
        check_file("DATABASE_URL=postgres://u:p%40w@h:5432/d?a=b\n", false, &[]);
        check_file("DATABASE_URL=sqlite:////var/lib/x.db\n", false, &[]);
    }

    #[test]
    fn proposals() {
        for (line, expected) in [
            ("SECRET_KEY=tiny", None),
            ("SECRET_KEY=", None),
            ("SECURE_SSL_REDIRECT==true", Some("SECURE_SSL_REDIRECT=True")),
            ("SECURE_SSL_REDIRECT=maybe", None),
            ("DEBUG=Flase", Some("DEBUG=False")),
            ("ALLOWED_HOSTS='a.org, b.org'", Some("ALLOWED_HOSTS=a.org,b.org")),
            ("CSRF_TRUSTED_ORIGINS=a.org", Some("CSRF_TRUSTED_ORIGINS=https://a.org")),
            ("CSRF_TRUSTED_ORIGINS=https://a.org/", Some("CSRF_TRUSTED_ORIGINS=https://a.org")),
            ("CSRF_TRUSTED_ORIGINS='*'", None),
            ("ALLOWED_HOSTS='*.a.org'", Some("ALLOWED_HOSTS=.a.org")),
            (
                "DATABASE_URL='postgres://u:p/w@h/d?a=b@c'",
                Some("DATABASE_URL='postgres://u:p%2Fw@h/d?a=b@c'"),
            ),
            ("DATABASE_URL=postgre://u:p@h/d", Some("DATABASE_URL=postgres://u:p@h/d")),
            ("DATABASE_URL=other://u:p@h/d", None),
            (
                "DATABASE_URL=postgres://u:p%40a/b%@h/d",
                Some("DATABASE_URL=postgres://u:p%40a%2Fb%25@h/d"),
            ),
            ("ALLOWED_HOSTS=https://a.org/,b.org:80", Some("ALLOWED_HOSTS=a.org,b.org")),
            ("ALLOWED_HOSTS='a.org b.org;c.org'", Some("ALLOWED_HOSTS=a.org,b.org,c.org")),
            ("ALLOWED_HOSTS='[\"a.org\", \"b.org\"]'", Some("ALLOWED_HOSTS=a.org,b.org")),
            ("ALLOWED_HOSTS='[::1]:80'", Some("ALLOWED_HOSTS='[::1]'")),
            ("ALLOWED_HOSTS='[]'", None),
            ("DJANGO_SECRET_KEY=abc", Some("SECRET_KEY=abc")),
            ("DATABASE_URL=postgres://u:p/w@h/d", Some("DATABASE_URL=postgres://u:p%2Fw@h/d")),
        ] {
            let bytes = format!("{line}\n").into_bytes();
            let ctx = Context { application: Some(Application::default()), ..Context::default() };
            let defects = judge(&bytes, &ctx).defects;
            let after = defects.iter().rev().find_map(|defect| propose(&bytes, defect));
            let after = after.map(|text| String::from_utf8(text.into_exposed()).unwrap());
            assert_eq!(after, expected.map(|line| format!("{line}\n")), "{line}");
        }
    }
}
