//! As much of nginx's configuration language as is needed to see what a site does with a request.
//!
//! Invariant: what is not understood is passed over; no site is ever read as serving less than it
//! does. `include` is followed by the caller, who gives the texts one after the other.

/// What nginx of Debian includes, in its order: directories, and how the names end.
pub const INCLUDED: &[(&str, &str)] =
    &[("/etc/nginx/conf.d", ".conf"), ("/etc/nginx/sites-enabled", "")];

/// A directive with its words, and its block if it has one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Directive {
    pub words: Vec<String>,
    pub block: Vec<Directive>,
}

impl Directive {
    fn is(&self, name: &str) -> bool {
        self.words.first().is_some_and(|w| w == name)
    }

    fn argument(&self) -> Option<&str> {
        self.words.get(1).map(String::as_str)
    }
}

/// One `location` of a server.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Location {
    /// `=`, `^~`, `~`, `~*` or nothing.
    pub modifier: String,
    pub path: String,
    /// Where requests go: `127.0.0.1:8000`, `unix:/run/x.sock`; several with an upstream.
    pub targets: Vec<String>,
    pub alias: Option<String>,
}

/// One `server` block.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Server {
    /// `80`, `127.0.0.1:80`, `[::]:443`; without TLS.
    pub plain: Vec<String>,
    pub names: Vec<String>,
    pub certificates: Vec<String>,
    pub locations: Vec<Location>,
}

/// The servers of all texts, and the user of the workers where one is named.
pub fn parse(texts: &[String]) -> (Vec<Server>, Option<String>) {
    let all: Vec<Directive> = texts.iter().flat_map(|t| directives(&words(t))).collect();
    let mut upstreams = Vec::new();
    let mut servers = Vec::new();
    let mut user = None;
    collect(&all, &mut upstreams, &mut servers, &mut user);
    let servers = servers.iter().map(|s| server(s, &upstreams)).collect();
    (servers, user)
}

type Upstream = (String, Vec<String>);

fn collect<'a>(
    all: &'a [Directive],
    upstreams: &mut Vec<Upstream>,
    servers: &mut Vec<&'a Directive>,
    user: &mut Option<String>,
) {
    for d in all {
        if d.is("http") {
            collect(&d.block, upstreams, servers, user);
        } else if d.is("upstream") {
            let targets = d.block.iter().filter(|s| s.is("server")).filter_map(Directive::argument);
            let targets = targets.map(address).collect();
            upstreams.push((d.argument().unwrap_or_default().to_owned(), targets));
        } else if d.is("server") {
            servers.push(d);
        } else if d.is("user") {
            *user = d.argument().map(str::to_owned);
        }
    }
}

fn server(d: &Directive, upstreams: &[Upstream]) -> Server {
    let mut server = Server::default();
    for inner in &d.block {
        let rest = || inner.words.iter().skip(1).cloned();
        if inner.is("listen") {
            let other = rest().any(|w| ["ssl", "quic", "proxy_protocol"].contains(&w.as_str()));
            server.plain.extend(rest().next().filter(|_| !other));
        } else if inner.is("server_name") {
            server.names.extend(rest());
        } else if inner.is("ssl_certificate") {
            server.certificates.extend(rest().next());
        }
    }
    locations(&d.block, upstreams, &mut server.locations);
    if !d.block.iter().any(|inner| inner.is("listen")) {
        server.plain.push("80".to_owned());
    }
    server
}

/// Also those in others.
fn locations(block: &[Directive], upstreams: &[Upstream], found: &mut Vec<Location>) {
    for d in block.iter().filter(|d| d.is("location")) {
        found.push(location(d, upstreams));
        locations(&d.block, upstreams, found);
    }
}

fn location(d: &Directive, upstreams: &[Upstream]) -> Location {
    let (modifier, path) = match (d.words.get(1), d.words.get(2)) {
        (Some(modifier), Some(path)) => (modifier.clone(), path.clone()),
        (Some(path), None) => (String::new(), path.clone()),
        _ => Default::default(),
    };
    let named = |name: &str| d.block.iter().find(|i| i.is(name)).and_then(Directive::argument);
    let passed = named("proxy_pass").and_then(|url| url.strip_prefix("http://"));
    let targets = passed.map(|place| {
        let upstream = place.split('/').next().unwrap_or(place);
        match upstreams.iter().find(|(name, _)| name == upstream) {
            Some((_, targets)) => targets.clone(),
            None => vec![address(place)],
        }
    });
    Location {
        modifier,
        path,
        targets: targets.unwrap_or_default(),
        alias: named("alias").map(str::to_owned),
    }
}

/// `localhost:8000/x` → `127.0.0.1:8000`; a socket ends at a colon, and /var/run is /run.
fn address(text: &str) -> String {
    if let Some(path) = text.strip_prefix("unix:") {
        return format!("unix:{}", below_run(path.split(':').next().unwrap_or(path)));
    }
    let place = text.split('/').next().unwrap_or(text);
    let place = place.replace("localhost", "127.0.0.1");
    if place.contains(':') { place } else { format!("{place}:80") }
}

/// The path of a socket without the link that /var/run is.
pub fn below_run(path: &str) -> &str {
    path.strip_prefix("/var").filter(|path| path.starts_with("/run/")).unwrap_or(path)
}

/// Words, and the three signs `{`, `}` and `;` as words of their own (prefixed by NUL, which no
/// word has).
fn words(text: &str) -> Vec<String> {
    let mut words = Vec::new();
    let mut word = String::new();
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            '#' if word.is_empty() => while chars.next_if(|c| *c != '\n').is_some() {},
            '"' | '\'' if word.is_empty() => {
                while let Some(inner) = chars.next_if(|inner| *inner != c) {
                    word.push(inner);
                }
                chars.next();
                words.push(std::mem::take(&mut word));
            }
            '\\' => word.extend(chars.next()),
            // A variable in braces is a part of the word.
            '{' if word.ends_with('$') => word.push(c),
            '}' if word.contains("${") && !word.contains('}') => word.push(c),
            '{' | '}' | ';' => {
                if !word.is_empty() {
                    words.push(std::mem::take(&mut word));
                }
                words.push(format!("\0{c}"));
            }
            c if c.is_whitespace() => {
                if !word.is_empty() {
                    words.push(std::mem::take(&mut word));
                }
            }
            c => word.push(c),
        }
    }
    words
}

/// Blocks deeper than this are passed over.
const DEPTH: usize = 16;

fn directives(words: &[String]) -> Vec<Directive> {
    let mut open: Vec<(Vec<String>, Vec<Directive>)> = vec![Default::default()];
    let mut current = Vec::new();
    for word in words {
        match word.as_str() {
            "\0;" => {
                let words = std::mem::take(&mut current);
                if let Some((_, block)) = open.last_mut().filter(|_| !words.is_empty()) {
                    block.push(Directive { words, block: Vec::new() });
                }
            }
            "\0{" if open.len() < DEPTH => {
                open.push((std::mem::take(&mut current), Vec::new()));
            }
            "\0}" if open.len() > 1 => {
                let done = open.pop();
                if let (Some((words, block)), Some((_, above))) = (done, open.last_mut()) {
                    above.push(Directive { words, block });
                }
            }
            "\0{" | "\0}" => current.clear(),
            _ => current.push(word.clone()),
        }
    }
    open.into_iter().next().map(|(_, block)| block).unwrap_or_default()
}

impl Server {
    /// The location that a path gets; None where a regular expression may decide.
    pub fn location_of(&self, path: &str) -> Option<&Location> {
        let exact = self.locations.iter().find(|l| l.modifier == "=" && l.path == path);
        if exact.is_some() {
            return exact;
        }
        let prefix =
            |l: &&Location| ["", "^~"].contains(&l.modifier.as_str()) && path.starts_with(&l.path);
        let longest = self.locations.iter().filter(prefix).max_by_key(|l| l.path.len());
        let expressions = self.locations.iter().any(|l| l.modifier.starts_with('~'));
        longest.filter(|l| !expressions || l.modifier == "^~")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_site() {
        let text = r#"
user www-data; # a comment; with a sign
http { upstream app { server unix:/run/projectmeats.sock fail_timeout=0; }
server {
    listen 80 default_server; listen [::]:80; listen 443 ssl;
    server_name a.example "b.example";
    ssl_certificate /etc/ssl/a.pem;
    location = /health/ { proxy_pass http://localhost:8000; }
    location / { proxy_set_header Host ${host}; proxy_pass http://app; }
    location /static/ { alias /srv/static/; }
    location /api/ { location /api/v1/ { proxy_pass http://unix:/var/run/x.sock:/; } }
} server { listen 443 ssl; include snippets/certificate.conf; } }"#;
        let (servers, user) = parse(&[text.to_owned()]);
        assert_eq!(user.as_deref(), Some("www-data"));
        let [server, closed] = servers.as_slice() else { panic!("{servers:?}") };
        assert!(closed.plain.is_empty(), "{closed:?}");
        assert_eq!(server.plain, ["80", "[::]:80"]);
        assert_eq!(server.names, ["a.example", "b.example"]);
        assert_eq!(server.certificates, ["/etc/ssl/a.pem"]);
        let targets = |path| server.location_of(path).map(|l| l.targets.clone());
        assert_eq!(targets("/health/"), Some(vec!["127.0.0.1:8000".to_owned()]));
        assert_eq!(targets("/api/v1/a"), Some(vec!["unix:/run/x.sock".to_owned()]));
        assert_eq!(targets("/x"), Some(vec!["unix:/run/projectmeats.sock".to_owned()]));
        assert_eq!(
            server.location_of("/static/x").and_then(|l| l.alias.as_deref()),
            Some("/srv/static/")
        );
    }

    #[test]
    fn nothing_breaks_it() {
        for text in ["", "}", "{{{", "server {", "\\", "a \"", "server { location", "${", ";;;"] {
            parse(&[text.to_owned()]);
        }
    }
}
