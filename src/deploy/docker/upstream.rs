//! The address that a site of nginx passes requests to.
//!
//! Only whole addresses outside of comments are exchanged; everything else stays byte for byte.

/// The text with every one of `from` (as [`crate::deploy::health_address`] spells them) changed to
/// `to`; None when none is in it.
pub fn pass_to(text: &str, from: &[String], to: &str) -> Option<String> {
    let mut found = false;
    let lines: String = text
        .split_inclusive('\n')
        .map(|line| {
            let code = line.find('#').map_or(line, |at| line.get(..at).unwrap_or(line));
            let comment = line.get(code.len()..).unwrap_or_default();
            let mut code = code.to_owned();
            for address in from.iter().flat_map(|address| spellings(address)) {
                while let Some(at) = find(&code, &address) {
                    let end = at + address.len();
                    let (cut, colon) = joint(&address, to, code.get(end..).unwrap_or_default());
                    code.replace_range(at..end + cut, &format!("{to}{colon}"));
                    found = true;
                    if to.contains(&address) {
                        break;
                    }
                }
            }
            code + comment
        })
        .collect();
    found.then_some(lines)
}

/// The path of a socket ends with a colon where a URI follows: how much of `after` goes, and what
/// comes instead.
fn joint(from: &str, to: &str, after: &str) -> (usize, &'static str) {
    let is_socket = |address: &str| address.starts_with("unix:");
    match (is_socket(from), is_socket(to)) {
        (true, false) if after.starts_with(':') => (1, ""),
        (false, true) if after.starts_with('/') => (0, ":"),
        _ => (0, ""),
    }
}

/// `localhost` is what people write for 127.0.0.1.
fn spellings(address: &str) -> Vec<String> {
    let port = address.strip_prefix("127.0.0.1:");
    let named = port.map(|port| format!("localhost:{port}"));
    std::iter::once(address.to_owned()).chain(named).collect()
}

/// Where it stands as a whole, not as a part of a longer address.
fn find(code: &str, address: &str) -> Option<usize> {
    let part = |c: char| c.is_ascii_alphanumeric() || c == '.' || c == '-' || c == '_';
    code.match_indices(address).map(|(at, _)| at).find(|at| {
        let before = code.get(..*at).and_then(|text| text.chars().next_back());
        let after = code.get(at + address.len()..).and_then(|text| text.chars().next());
        !before.is_some_and(part) && !after.is_some_and(part)
    })
}

/// Where the first plain `listen` of the site is to be asked: an address, or a port of this host.
pub fn listens_at(text: &str) -> Option<String> {
    answering(text).lines().find_map(|line| {
        let rest = line.trim().strip_prefix("listen ")?.split('#').next()?.trim_end();
        let mut words = rest.strip_suffix(';')?.split_whitespace();
        let address = words.next()?;
        let address = address.strip_prefix("*:").unwrap_or(address);
        if words.any(|word| word == "ssl" || word == "quic") || address.starts_with("unix:") {
            return None;
        }
        if address.parse::<u16>().is_ok() {
            return Some(format!("127.0.0.1:{address}"));
        }
        address.contains(':').then(|| super::super::health::health_address(address))
    })
}

/// The text without comments, and without the servers that send visitors on to https.
fn answering(text: &str) -> String {
    let (mut kept, mut block, mut depth) = (String::new(), String::new(), 0_usize);
    let mut away = false;
    for line in text.lines() {
        let code = line.split('#').next().unwrap_or_default();
        away |= code.contains("https://") && (code.contains("return") || code.contains("rewrite"));
        block.push_str(code);
        block.push('\n');
        depth = (depth + code.matches('{').count()).saturating_sub(code.matches('}').count());
        if depth == 0 {
            let whole = std::mem::take(&mut block);
            if !std::mem::take(&mut away) {
                kept.push_str(&whole);
            }
        }
    }
    if away { kept } else { kept + &block }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whole_addresses_only() {
        let from = ["127.0.0.1:8000".to_owned(), "unix:/run/m.sock".to_owned()];
        for (line, after) in [
            ("    server 127.0.0.1:8000;\n", Some("    server 127.0.0.1:9;\n")),
            ("proxy_pass http://127.0.0.1:8000/x;", Some("proxy_pass http://127.0.0.1:9/x;")),
            ("proxy_pass http://localhost:8000;", Some("proxy_pass http://127.0.0.1:9;")),
            ("server unix:/run/m.sock fail_timeout=0;", Some("server 127.0.0.1:9 fail_timeout=0;")),
            ("proxy_pass http://unix:/run/m.sock:/;", Some("proxy_pass http://127.0.0.1:9/;")),
            ("server 127.0.0.1:80001;", None),
            ("server 1127.0.0.1:8000;", None),
            ("# server 127.0.0.1:8000;", None),
            ("", None),
        ] {
            assert_eq!(pass_to(line, &from, "127.0.0.1:9").as_deref(), after, "{line}");
        }
        let two = "server 127.0.0.1:8000; # 127.0.0.1:8000\nserver unix:/run/m.sock;\n";
        let after = "server x:1; # 127.0.0.1:8000\nserver x:1;\n";
        assert_eq!(pass_to(two, &from, "x:1").as_deref(), Some(after));
        assert_eq!(
            pass_to("proxy_pass http://127.0.0.1:8000/;", &from, "unix:/run/x.sock").as_deref(),
            Some("proxy_pass http://unix:/run/x.sock:/;")
        );
        assert_eq!(
            pass_to("server 127.0.0.1:8000;", &from, "127.0.0.1:8000").as_deref(),
            Some("server 127.0.0.1:8000;")
        );
    }

    #[test]
    fn where_visitors_come_in() {
        for (text, address) in [
            ("    listen 80;\n", Some("127.0.0.1:80")),
            ("listen 443 ssl;\nlisten 8080 default_server;", Some("127.0.0.1:8080")),
            ("listen [::]:81;", Some("[::1]:81")),
            ("listen *:82 default_server;", Some("127.0.0.1:82")),
            ("listen 127.0.0.5:80;", Some("127.0.0.5:80")),
            ("server_name x;", None),
            // As certbot leaves it.
            (
                "server {\n    location / {\n        proxy_pass http://m;\n    }\n    listen 443 ssl;\n}\n\
                 server {\n    if ($host = x) {\n        return 301 https://$host$request_uri;\n    }\n\
                     listen 80;\n    return 404; # managed by Certbot\n}\n",
                None,
            ),
            (
                "server {\n    listen 80;\n    rewrite ^ https://x$request_uri permanent;\n}\n\
                 server {\n    listen 81;\n    location /old {\n        return 301 /new;\n    }\n}\n",
                Some("127.0.0.1:81"),
            ),
        ] {
            assert_eq!(listens_at(text).as_deref(), address, "{text}");
        }
    }
}
