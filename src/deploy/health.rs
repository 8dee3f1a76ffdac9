//! Whom to ask, under which name, and what an answer means.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

/// The verdict on one answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    Healthy,
    /// Not healthy; the text says what came and the likely cause.
    Sick(String),
}

/// The address to ask for one to listen at, as fixes.conf or gunicorn spell it: a wildcard is asked on
/// the loopback, a path is a unix socket.
pub fn health_address(listen: &str) -> String {
    if listen.starts_with('/') {
        return format!("unix:{listen}");
    }
    let listen = listen.strip_prefix("tcp://").unwrap_or(listen);
    // gunicorn reads no host at all as every address.
    let port = listen.strip_prefix("localhost:").or_else(|| listen.strip_prefix(':'));
    if let Some(port) = port {
        return format!("127.0.0.1:{port}");
    }
    match listen.parse::<SocketAddr>() {
        Ok(mut address) if address.ip().is_unspecified() => {
            let loopback: IpAddr = match address {
                SocketAddr::V4(_) => Ipv4Addr::LOCALHOST.into(),
                SocketAddr::V6(_) => Ipv6Addr::LOCALHOST.into(),
            };
            address.set_ip(loopback);
            address.to_string()
        }
        _ => listen.to_owned(),
    }
}

/// The `Host:` header that Django accepts: the setting, else the first usable name of
/// `ALLOWED_HOSTS` (`.example.com` stands for example.com, `*` for any), else `localhost`.
pub fn health_host(setting: &str, allowed_hosts: &[String]) -> String {
    if !setting.is_empty() {
        return setting.to_owned();
    }
    let usable = |host: &String| {
        let name = host.trim().trim_start_matches('.');
        let fine = |b: u8| b.is_ascii_alphanumeric() || b".-:[]_".contains(&b);
        (!name.is_empty() && name.bytes().all(fine)).then(|| name.to_owned())
    };
    allowed_hosts.iter().find_map(usable).unwrap_or_else(|| "localhost".to_owned())
}

/// Judges an answer. 200 alone is not health: some views say so in the body while the database is
/// down.
pub fn judge_answer(status: u16, body: &[u8], location: Option<&str>, host: &str) -> Verdict {
    let why = match status {
        200 => match status_word(body) {
            Some(word) => format!("its body says \"{word}\""),
            None => return Verdict::Healthy,
        },
        400 => format!(
            "likely \"{host}\" is not in ALLOWED_HOSTS; add it, or set host in [health] of fixes.conf"
        ),
        301 | 302 | 307 | 308 => redirect(location),
        401 | 403 => "the health path asks for a login; set path in [health] of fixes.conf".into(),
        404 => "no such page; set path in [health] of fixes.conf".into(),
        500 => "the application failed; its traceback is in the journal or django.log".into(),
        502..=504 => "a part that it needs does not answer, often the database".into(),
        _ => "only 200 counts as healthy".into(),
    };
    Verdict::Sick(format!("answered {status}: {why}"))
}

fn redirect(location: Option<&str>) -> String {
    match location {
        Some(to) if to.starts_with("https://") => {
            "it redirects to https (SECURE_SSL_REDIRECT); exempt the health path".into()
        }
        Some(_) => "it redirects; set path in [health] of fixes.conf to the final one".into(),
        None => "it redirects to nowhere".into(),
    }
}

/// The status word of a JSON health body when it is a bad one.
fn status_word(body: &[u8]) -> Option<&'static str> {
    const BAD: &[&str] = &["unhealthy", "degraded", "error", "down", "fail", "failed"];
    let value: serde_json::Value = serde_json::from_slice(body).ok()?;
    let word = value.get("status")?.as_str()?;
    BAD.iter().copied().find(|bad| word.eq_ignore_ascii_case(bad))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses() {
        for (listen, asked) in [
            ("127.0.0.1:8000", "127.0.0.1:8000"),
            ("0.0.0.0:80", "127.0.0.1:80"),
            ("[::]:80", "[::1]:80"),
            (":80", "127.0.0.1:80"),
            ("tcp://localhost:80", "127.0.0.1:80"),
            ("unix:/run/x.sock", "unix:/run/x.sock"),
            ("/run/projectmeats.sock", "unix:/run/projectmeats.sock"),
        ] {
            assert_eq!(health_address(listen), asked);
        }
    }

    #[test]
    fn hosts() {
        let list = |text: &str| text.split(',').map(str::to_owned).collect::<Vec<_>>();
        for (setting, allowed, host) in [
            ("health.example", "a.example", "health.example"),
            ("", "a.example,b.example", "a.example"),
            ("", "*", "localhost"),
            ("", "*,b.example", "b.example"),
            ("", ".example.com", "example.com"),
            ("", " a.example", "a.example"),
            ("", "bad\r\nX: y,c.example", "c.example"),
            ("", "", "localhost"),
        ] {
            assert_eq!(health_host(setting, &list(allowed)), host, "{setting:?} {allowed:?}");
        }
    }

    #[test]
    fn answers() {
        let sick = |status, body: &[u8], location| match judge_answer(status, body, location, "h") {
            Verdict::Sick(why) => why,
            Verdict::Healthy => String::new(),
        };
        assert_eq!(sick(200, b"{\"status\": \"healthy\"}", None), "");
        assert_eq!(sick(200, b"ok", None), "");
        assert!(sick(200, b"{\"status\":\"degraded\"}", None).contains("degraded"));
        assert!(sick(400, b"", None).contains("\"h\" is not in ALLOWED_HOSTS"));
        assert!(sick(301, b"", Some("https://h/health/")).contains("SECURE_SSL_REDIRECT"));
        assert!(sick(301, b"", Some("/health/")).contains("final one"));
        assert!(sick(404, b"", None).contains("[health]"));
        assert!(sick(503, b"", None).starts_with("answered 503"));
        assert!(sick(204, b"", None).contains("only 200"));
    }
}
