//! Observes nginx: its files, its own test, its unit, and one request through it.

use std::path::{Path, PathBuf};
use std::time::Duration;

use super::paths;
use crate::checks::{INCLUDED, Served, Server, Walker, Web, parse_end, parse_nginx};
use crate::config::Config;
use crate::deploy::health_address;
use crate::flow::environment::allowed_hosts;
use crate::model::{Fact, Holder, Owner, Secret};
use crate::sys::clock::Deadline;
use crate::sys::exec::{self, Request};
use crate::sys::ids::Accounts;
use crate::sys::{Root, clock, http, process, sockets, systemd};

const NGINX: &str = "/usr/sbin/nginx";
const AVAILABLE: &str = "/etc/nginx/sites-available";
const ENABLED: &str = "/etc/nginx/sites-enabled";
const FILE: u64 = 1 << 20;
/// Most files of sites.
const SITES: usize = 200;

/// nginx, if there is one.
pub(super) fn observe(
    root: &Root,
    config: &Config,
    addresses: &[String],
    variables: &Fact<Vec<(String, Secret)>>,
) -> Fact<Web> {
    if root.stat(Path::new(NGINX)).is_absent() || root.stat(Path::new("/etc/nginx")).is_absent() {
        return Fact::Absent;
    }
    let (servers, user) = parse_nginx(&texts(root));
    let user = user.unwrap_or_else(|| "www-data".to_owned());
    let accounts = Accounts::observe(root);
    let mut web = Web { servers, walker: walker(&user, &accounts), user, ..Web::default() };
    web.not_enabled = not_enabled(root, config, addresses);
    let ours: Vec<Server> = web.ours(addresses).cloned().collect();
    if ours.is_empty() && web.not_enabled.is_none() && !passes_somewhere(&web) {
        return Fact::Absent;
    }
    web.allowed = allowed_hosts(variables);
    web.sockets = sockets_of(root, addresses, &ours);
    web.certificates = certificates(root, &ours);
    web.files = files(root, config, &ours);
    if root.is_system() && process::systemd_runs(root) {
        ask(root, config, &ours, &mut web);
    }
    Fact::Known(web)
}

fn passes_somewhere(web: &Web) -> bool {
    web.servers.iter().flat_map(|s| &s.locations).any(|l| !l.targets.is_empty())
}

/// Everything that only the running host can tell.
fn ask(root: &Root, config: &Config, ours: &[Server], web: &mut Web) {
    web.test = test(root);
    let state = systemd::properties("nginx.service", &["ActiveState", "UnitFileState"]);
    let state = state.unwrap_or_default();
    web.active = state.get("ActiveState").cloned().unwrap_or_default();
    web.masked = state.get("UnitFileState").is_some_and(|s| s == "masked");
    let deadline = Deadline::after(Duration::from_secs(1));
    let holder = sockets::holder(root, "127.0.0.1:80", &deadline);
    let nginx = |h: &&Holder| matches!(h, Holder::Process { name, .. } if name == "nginx");
    web.port_holder = holder.known().filter(|h| !nginx(h)).cloned();
    let targets = web.servers.iter().flat_map(|s| &s.locations).flat_map(|l| &l.targets);
    let local =
        |t: &&String| t.starts_with("unix:") || t.starts_with("127.") || t.starts_with("[::1]");
    let dead = |t: &&String| !http::connects(t, Duration::from_millis(500));
    web.dead = targets.filter(local).filter(dead).cloned().collect();
    let host = super::host(root, config);
    web.through = ours.iter().find_map(|s| through(config, s, &host));
}

/// nginx.conf, conf.d and the enabled sites, in nginx's own order on Debian.
fn texts(root: &Root) -> Vec<String> {
    let mut files = vec![PathBuf::from("/etc/nginx/nginx.conf")];
    for (dir, suffix) in INCLUDED {
        let names = root.names(Path::new(dir)).into_iter().take(SITES);
        let wanted = names.filter(|n| n.to_string_lossy().ends_with(*suffix));
        files.extend(wanted.map(|n| Path::new(dir).join(n)));
    }
    files.iter().filter_map(|f| text(root, f)).collect()
}

fn text(root: &Root, file: &Path) -> Option<String> {
    let bytes = root.system_file(file, FILE);
    Some(String::from_utf8_lossy(bytes.known()?).into_owned())
}

fn walker(user: &str, accounts: &Accounts) -> Option<Walker> {
    let user = accounts.find_user(user)?;
    let groups = accounts.supplementary(&user.name);
    Some(Walker { owner: Owner { uid: user.uid, gid: user.gid }, groups })
}

/// A site for the service that nobody linked: one that passes to it.
fn not_enabled(root: &Root, config: &Config, addresses: &[String]) -> Option<PathBuf> {
    let name = &config.service.value;
    let file = Path::new(AVAILABLE).join(name);
    let linked = root.names(Path::new(ENABLED)).iter().any(|n| n == name.as_str());
    let (servers, _) = parse_nginx(&[text(root, &file).filter(|_| !linked)?]);
    let web = Web { servers, ..Web::default() };
    let any = web.ours(addresses).next().is_some();
    any.then_some(file)
}

/// nginx's own test of its files; its last line, without the file's content.
fn test(root: &Root) -> Option<Fact<String>> {
    if !root.is_privileged() {
        return Some(Fact::Unknown("nginx tests its files for root only".to_owned()));
    }
    let request = Request::new(&[NGINX, "-t", "-q"]).deadline(Duration::from_secs(5));
    match exec::run(&request) {
        Ok(output) if output.success() => None,
        Ok(output) => {
            let text = String::from_utf8_lossy(&output.stderr).into_owned();
            let line = text.lines().find(|l| l.contains("[emerg]")).unwrap_or_default();
            let line = line.split_once("[emerg] ").map_or(line, |(_, l)| l);
            // Without the number of the process, which differs each time.
            let number = |w: &str| w.bytes().all(|b| b.is_ascii_digit() || b == b'#');
            let line = line.split_once(": ").filter(|(w, _)| number(w)).map_or(line, |(_, l)| l);
            Some(Fact::Known(line.to_owned()))
        }
        Err(why) => Some(Fact::Unknown(why)),
    }
}

/// The service's sockets that a site passes to, with the directories above.
fn sockets_of(
    root: &Root,
    addresses: &[String],
    ours: &[Server],
) -> Vec<Vec<(PathBuf, crate::model::Stat)>> {
    let used = |a: &&String| ours.iter().flat_map(|s| &s.locations).any(|l| l.targets.contains(*a));
    let paths = addresses.iter().filter(used).filter_map(|a| a.strip_prefix("unix:"));
    let ways = paths.map(|p| (p, paths::way(root, Path::new(p))));
    // One that is not there is the listener's finding.
    ways.filter(|(p, way)| way.last().is_some_and(|(last, _)| last == Path::new(p)))
        .map(|(_, way)| way)
        .collect()
}

fn certificates(root: &Root, ours: &[Server]) -> Vec<(PathBuf, i64)> {
    let now = clock::now().secs;
    let paths = ours.iter().flat_map(|s| &s.certificates).filter(|p| p.starts_with('/'));
    let end = |p: &String| {
        let path = PathBuf::from(p);
        let bytes = root.system_file(&path, FILE);
        let end = parse_end(bytes.known()?)?;
        Some((path, end - now))
    };
    paths.filter_map(end).collect()
}

/// Directories of the application that nginx serves files from.
fn files(root: &Root, config: &Config, ours: &[Server]) -> Vec<Served> {
    let aliases = ours.iter().flat_map(|s| &s.locations).filter_map(|l| l.alias.as_deref());
    let mut aliases: Vec<PathBuf> =
        aliases.map(|a| PathBuf::from(a.trim_end_matches('/'))).collect();
    aliases.sort();
    aliases.dedup();
    let ours =
        |p: &PathBuf| p.starts_with(&config.app_dir.value) && !p.to_string_lossy().contains('$');
    aliases.into_iter().filter(ours).map(|path| served(root, path)).collect()
}

/// Uploads may be none yet; static files are known by the name of their directory.
fn served(root: &Root, path: PathBuf) -> Served {
    let collected = path.file_name().is_some_and(|n| n.to_string_lossy().contains("static"));
    let empty = || root.list(&path, 1).known().is_some_and(|listing| listing.names.is_empty());
    Served { way: paths::way(root, &path), lacks_all: collected && empty(), path }
}

/// The health path through nginx, where a site plainly passes it on; a site for any name is asked
/// for one that the application knows.
fn through(config: &Config, server: &Server, host: &str) -> Option<(String, Result<u16, String>)> {
    server.location_of(&config.health_path).filter(|l| !l.targets.is_empty())?;
    let plain = |n: &&String| *n != "_" && !n.contains(['*', '~', '$']) && !n.is_empty();
    let name = server.names.iter().find(plain).map_or(host, String::as_str);
    let listen = server.plain.iter().find(|l| !l.starts_with("unix:"))?;
    let address = if listen.contains(':') { listen.clone() } else { format!("127.0.0.1:{listen}") };
    let address = address.replace("*:", "127.0.0.1:");
    let limit = Duration::from_secs(u64::from(config.health_timeout_sec.value));
    let answer = http::get(&health_address(&address), &config.health_path, name, limit);
    Some((name.to_owned(), answer.map(|a| a.status)))
}
