//! The site in front of the service: nginx, as its files and a request through it tell.
//!
//! Invariant: only a site that passes requests to the service, or plainly means to, is judged;
//! other sites of the host are not this service's business.

mod certificate;
mod nginx;

use std::path::PathBuf;

use super::paths::{Step, Walker, open_command};
use super::{Check, Facts, Verdict};
use crate::model::{Fact, FileKind, Finding, Holder, Kind, Subject, escape, finding};

pub use certificate::parse_end;
pub use nginx::{INCLUDED, Server, below_run, parse as parse_nginx};

/// nginx and the site of the service.
pub const WEB: Check = Check {
    kinds: || {
        vec![
            &finding::WEB_CONFIG,
            &finding::WEB_PORT_TAKEN,
            &finding::WEB_DOWN,
            &finding::WEB_UPSTREAM,
            &finding::WEB_SOCKET_CLOSED,
            &finding::WEB_NOT_ENABLED,
            &finding::WEB_OTHER_ANSWER,
            &finding::WEB_NAME_NOT_ALLOWED,
            &finding::WEB_CERTIFICATE_ENDED,
            &finding::WEB_CERTIFICATE_ENDS,
            &finding::WEB_FILES,
        ]
    },
    run: web,
};

/// What is seen of nginx.
#[derive(Clone, Debug, Default)]
pub struct Web {
    pub servers: Vec<Server>,
    /// The user of nginx's workers, with its groups.
    pub user: String,
    pub walker: Option<Walker>,
    /// `nginx -t`: its complaint, if it has one.
    pub test: Option<Fact<String>>,
    /// ActiveState of nginx.service.
    pub active: String,
    /// The administrator has masked it.
    pub masked: bool,
    /// Who holds port 80 and is not nginx.
    pub port_holder: Option<Holder>,
    /// The file of the service's site that is not linked into sites-enabled.
    pub not_enabled: Option<PathBuf>,
    /// Targets on this host that take no connection.
    pub dead: Vec<String>,
    /// Sockets of the service: path, the directories above it and itself.
    pub sockets: Vec<Vec<Step>>,
    /// A request for the health path through nginx: the name asked for, and the answer.
    pub through: Option<(String, Result<u16, String>)>,
    /// Certificates: path, seconds until the end.
    pub certificates: Vec<(PathBuf, i64)>,
    pub files: Vec<Served>,
    /// Names of ALLOWED_HOSTS, where they are known.
    pub allowed: Option<Vec<String>>,
}

/// A directory of the application that nginx serves files from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Served {
    pub path: PathBuf,
    /// The way there, the directory last if it exists.
    pub way: Vec<Step>,
    /// There is nothing in it, and collectstatic should have put something there.
    pub lacks_all: bool,
}

fn web(facts: &Facts) -> Verdict {
    let verdict = Verdict::of(&facts.web, "root", |web| judge(facts, web));
    match (verdict, facts.web.known().and_then(|web| web.test.as_ref())) {
        (Verdict::Looked(found), Some(Fact::Unknown(reason))) => {
            Verdict::Partly { found, reason: reason.clone(), needs: "root".to_owned() }
        }
        (verdict, _) => verdict,
    }
}

impl Web {
    /// Servers that pass something to one of the service's addresses.
    pub fn ours<'a>(&'a self, addresses: &'a [String]) -> impl Iterator<Item = &'a Server> {
        self.servers.iter().filter(move |s| {
            s.locations.iter().any(|l| l.targets.iter().any(|t| addresses.contains(t)))
        })
    }
}

fn judge(facts: &Facts, web: &Web) -> Vec<Finding> {
    let addresses = &facts.addresses;
    let ours = web.ours(addresses).count() > 0;
    let mut found = Vec::new();
    let unit = |kind: &'static Kind, detail: String| {
        Finding::new(kind, Subject::unit("nginx.service"), detail)
    };
    if let Some(Fact::Known(complaint)) = &web.test {
        let detail = format!("nginx -t: {}", escape(complaint));
        found.push(unit(&finding::WEB_CONFIG, detail).command(&["nginx", "-t"]));
    }
    if let Some(file) = web.not_enabled.as_ref().filter(|_| !ours) {
        found.push(not_enabled(file));
    }
    if ours && ["inactive", "failed"].contains(&web.active.as_str()) {
        found.push(match &web.port_holder {
            Some(holder) => unit(&finding::WEB_PORT_TAKEN, format!("port 80 is held by {holder}"))
                .command(&["ss", "-ltnp", "sport", "=", ":80"])
                .command(&["systemctl", "restart", "nginx"]),
            None if web.masked => unit(&finding::WEB_DOWN, "it is masked".to_owned())
                .command(&["systemctl", "unmask", "nginx"])
                .command(&["systemctl", "restart", "nginx"]),
            None => unit(&finding::WEB_DOWN, format!("it is {}", web.active)).command(&[
                "systemctl",
                "restart",
                "nginx",
            ]),
        });
    }
    if let Some(target) = web.dead.first().filter(|_| !ours && !facts.config.address_guessed) {
        let own = addresses.first().map(String::as_str).unwrap_or_default();
        let detail = format!("it passes requests to {target}, where nobody listens, not to {own}");
        let show = ["grep", "-rn", "proxy_pass\\|server.*:", "/etc/nginx/sites-enabled"];
        found.push(unit(&finding::WEB_UPSTREAM, detail).command(&show));
    }
    if ours {
        found.extend(web.sockets.iter().find_map(|way| closed_socket(facts, web, way)));
        found.extend(other_answer(facts, web));
        found.extend(not_allowed(web, addresses, &facts.config.service.value));
    }
    found.extend(web.certificates.iter().filter_map(|(path, left)| certificate(path, *left)));
    found.extend(web.files.iter().filter_map(|served| files(facts, web, served)));
    found
}

fn not_enabled(file: &std::path::Path) -> Finding {
    let path = file.to_string_lossy();
    let name = file.file_name().unwrap_or_default().to_string_lossy();
    let link = format!("/etc/nginx/sites-enabled/{name}");
    Finding::new(&finding::WEB_NOT_ENABLED, Subject::file(file), "sites-enabled has no link to it")
        .command(&["ln", "-s", &path, &link])
        .command(&["systemctl", "reload", "nginx"])
}

/// The first step that keeps nginx from the socket: search on directories, write on the socket.
fn closed_socket(facts: &Facts, web: &Web, way: &[Step]) -> Option<Finding> {
    let walker = web.walker.as_ref()?;
    let (socket, above) = way.split_last()?;
    let told = |step: &Step, detail: String, rights: &[&str]| {
        let mut found = Finding::new(&finding::WEB_SOCKET_CLOSED, Subject::file(&step.0), detail);
        found.commands = rights.iter().map(|r| open_command(facts, way, step, r)).collect();
        found
    };
    if let Some(step) = above.iter().find(|(_, s)| !walker.may(s, 1)) {
        let detail = format!("{} may not pass this directory", web.user);
        return Some(told(step, detail, &[&format!("{}+x", walker.letter(&step.1))]));
    }
    if walker.may(&socket.1, 2) {
        return None;
    }
    let detail = format!("{} may not connect (mode {:04o})", web.user, socket.1.mode);
    let mut found = told(socket, detail, &["660"]);
    // The group first, so that the mode opens it to nobody else.
    let group = ["chgrp", &*web.user, &*socket.0.to_string_lossy()].map(str::to_owned);
    if found.commands.first().is_some_and(|c| c.first().is_some_and(|w| w == "chmod")) {
        found.commands.insert(0, group.to_vec());
    }
    Some(found)
}

/// The service itself answers well, and the same request through nginx gets something else.
fn other_answer(facts: &Facts, web: &Web) -> Option<Finding> {
    let (name, answer) = web.through.as_ref()?;
    let well = |status: u16| (200..300).contains(&status);
    let direct = facts.listeners.known()?.iter().find_map(|l| l.answer.as_ref().ok())?;
    let detail = match answer {
        // A redirect to TLS is how most sites are meant to be.
        Ok(status) if well(*status) || (300..400).contains(status) => return None,
        Ok(status) => {
            format!("it answers {status} for {name}, the service itself {}", direct.status)
        }
        Err(why) => format!("it gives no answer for {name} ({why}), the service itself does"),
    };
    let found = Finding::new(&finding::WEB_OTHER_ANSWER, Subject::unit("nginx.service"), detail);
    let log = ["tail", "-n", "20", "/var/log/nginx/error.log"];
    well(direct.status).then(|| found.command(&["systemctl", "reload", "nginx"]).command(&log))
}

/// Django's rule for ALLOWED_HOSTS: equal, `*`, or below a name that begins with a dot.
fn allows(allowed: &[String], name: &str) -> bool {
    allowed.iter().any(|a| {
        a == "*"
            || a.eq_ignore_ascii_case(name)
            || a.strip_prefix('.').is_some_and(|d| name == d || name.ends_with(a.as_str()))
    })
}

fn not_allowed(web: &Web, addresses: &[String], service: &str) -> Option<Finding> {
    let allowed = web.allowed.as_ref()?;
    let plain =
        |n: &&String| !["_", "localhost", ""].contains(&n.as_str()) && !n.contains(['~', '*', '$']);
    let names: Vec<&String> = web.ours(addresses).flat_map(|s| &s.names).filter(plain).collect();
    let missing = names.iter().find(|n| !allows(allowed, n))?;
    let detail = format!("nginx serves {}, which is not in ALLOWED_HOSTS", escape(missing));
    let subject = Subject::unit("nginx.service").key("ALLOWED_HOSTS");
    let found = Finding::new(&finding::WEB_NAME_NOT_ALLOWED, subject, detail);
    let restart = ["systemctl", "restart", service];
    Some(found.command(&["meats-env", "set", "ALLOWED_HOSTS"]).command(&restart))
}

const DAY: i64 = 24 * 3600;

fn certificate(path: &std::path::Path, left: i64) -> Option<Finding> {
    let (kind, detail) = match left {
        ..=0 => (&finding::WEB_CERTIFICATE_ENDED, format!("it ended {} days ago", -left / DAY)),
        1..=1_209_600 => {
            (&finding::WEB_CERTIFICATE_ENDS, format!("it ends in {} days", left / DAY))
        }
        _ => return None,
    };
    let found = Finding::new(kind, Subject::file(path), detail);
    Some(if path.starts_with("/etc/letsencrypt") {
        found.command(&["certbot", "renew"])
    } else {
        found.command(&["openssl", "x509", "-noout", "-dates", "-in", &path.to_string_lossy()])
    })
}

fn files(facts: &Facts, web: &Web, served: &Served) -> Option<Finding> {
    let Served { path, way, lacks_all } = served;
    let subject = Subject::file(path);
    let there = way.last().is_some_and(|(last, _)| last == path);
    if !there || *lacks_all {
        let what = if there { "it is empty" } else { "it is not there" };
        let detail = format!("nginx serves files from it, and {what}");
        let found = Finding::new(&finding::WEB_FILES, subject, detail);
        return Some(found.command(&["meats-deploy", "apply"]));
    }
    let walker = web.walker.as_ref()?;
    let shut = |(_, s): &&Step| s.kind == FileKind::Directory && !walker.may(s, 1);
    let step = way.iter().find(shut)?;
    let (closed, stat) = step;
    let detail = format!("{} may not pass {} (mode {:04o})", web.user, closed.display(), stat.mode);
    let mut found = Finding::new(&finding::WEB_FILES, subject, detail);
    found.commands.push(open_command(facts, way, step, &format!("{}+x", walker.letter(stat))));
    Some(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names() {
        let list = |names: &[&str]| names.iter().map(|n| (*n).to_owned()).collect::<Vec<_>>();
        assert!(allows(&list(&["a.example"]), "A.example"));
        assert!(allows(&list(&["*"]), "x") && allows(&list(&[".a.example"]), "b.a.example"));
        assert!(allows(&list(&[".a.example"]), "a.example"));
        assert!(!allows(&list(&["a.example", ""]), "b.example"));
    }

    #[test]
    fn ends() {
        let id = |left| certificate(std::path::Path::new("/x"), left).map(|f| f.kind.id);
        assert_eq!(id(-1), Some("WEB-009"));
        assert_eq!(id(DAY), Some("WEB-010"));
        assert_eq!(id(60 * DAY), None);
    }
}
