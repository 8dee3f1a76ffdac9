//! A fresh host: packages, user, settings, env file, database, web server.
//!
//! Only what is missing becomes a step, so a second run has none. What setup makes stays when a
//! later step fails: the next run goes on from there.

use std::path::PathBuf;

use super::database::Role;
use super::parts::{as_root, look};
use super::release::Layout;
use super::site::{MARK, render_site};
use super::step::{Step, Undo, Work};
use crate::config::{Config, DROP_IN_DIR};
use crate::model::{Effect, Fact, Finding, Owner, Secret, Subject, finding};

/// Seconds for apt, which fetches.
const APT: u64 = 1800;
const SHORT: u64 = 120;

/// What the operator asked for.
#[derive(Clone, Debug)]
pub struct Wanted {
    /// Names of the site; the first one is what health is asked with.
    pub hosts: Vec<String>,
    pub port: u16,
    /// apt may install what is missing.
    pub install: bool,
    pub web: bool,
}

/// What a fresh host looks like.
#[derive(Clone, Debug, Default)]
pub struct HostFacts {
    /// Debian packages that are not there, of those that the service needs.
    pub packages: Vec<&'static str>,
    pub user: bool,
    pub app_dir: bool,
    /// The env file is there.
    pub env_file: bool,
    /// A project lies in the working directory, outside of releases.
    pub project: bool,
    /// Role and database that the service uses on this host; None when it uses none here.
    pub database: Option<Role>,
    /// PostgreSQL was asked and knows the role; and the database.
    pub role_known: bool,
    pub database_known: bool,
}

/// Settings that point into the link of the releases.
pub fn render_settings(config: &Config) -> String {
    let app = config.app_dir.display();
    format!(
        "# Written by meats-deploy setup: the service runs from releases.\n\
         [paths]\n\
         working_directory = {app}/current/backend\n\
         venv = {app}/current/venv\n\
         requirements = {app}/current/requirements.txt {app}/current/backend/requirements.txt\n\
         writable = {app}/shared/backend/media {app}/shared/backend/staticfiles\n"
    )
}

/// Where [`render_settings`] goes.
pub fn settings_file() -> PathBuf {
    PathBuf::from(DROP_IN_DIR).join("50-releases.conf")
}

/// What is in the way of a setup.
pub fn check_host(config: &Config, facts: &HostFacts, wanted: &Wanted) -> Vec<Finding> {
    let mut found = Vec::new();
    if facts.project && Layout::of_config(config).is_err() {
        let detail = "a project lies there already, outside of releases";
        let subject = Subject::file(&config.working_directory.value);
        found.push(Finding::new(&finding::DEP_NOT_FRESH, subject, detail));
    }
    if !facts.packages.is_empty() && !wanted.install {
        let detail = format!("not installed: {}", facts.packages.join(" "));
        found.push(Finding::new(&finding::DEP_PACKAGES, Subject::default(), detail));
    }
    if !facts.env_file && facts.role_known {
        let role = facts.database.as_ref().map(|d| d.role.clone()).unwrap_or_default();
        let detail =
            format!("the role \"{role}\" exists, and there is no env file with its password");
        found.push(Finding::new(&finding::DBS_ROLE_EXISTS, Subject::default(), detail));
    }
    found
}

/// The steps before the first release; only the first one when nothing is missing.
pub fn plan_host(
    config: &Config,
    facts: &HostFacts,
    wanted: &Wanted,
    in_the_way: Vec<Finding>,
) -> Vec<Step> {
    let mut findings = check_host(config, facts, wanted);
    findings.extend(in_the_way);
    let mut steps = vec![look("preflight", vec![Work::Judge(findings)])];
    steps.extend(packages(facts));
    if !facts.user {
        steps.push(user(config));
    }
    if !facts.app_dir {
        let path = config.app_dir.value.clone();
        steps.push(Step {
            name: "directory",
            changes: format!("{}: made, root's", path.display()),
            undo: kept(&format!("rmdir {}", path.display())),
            work: vec![Work::Effect(Effect::MakeDir { path, owner: Owner::ROOT, mode: 0o755 })],
        });
    }
    if Layout::of_config(config).is_err() {
        steps.push(settings(config));
    }
    if !facts.env_file {
        steps.push(env_file(config, facts, wanted));
    }
    if let Some(database) = &facts.database {
        if !(facts.role_known && facts.database_known) {
            steps.push(role(database));
        }
    }
    steps
}

fn kept(inverse: &str) -> Undo {
    Undo::Kept(format!("the next setup goes on from here; by hand: {inverse}"))
}

fn packages(facts: &HostFacts) -> Option<Step> {
    let list = facts.packages.join(" ");
    let apt = |words: &[&str]| {
        let apt = ["/usr/bin/env", "DEBIAN_FRONTEND=noninteractive", "/usr/bin/apt-get", "--yes"];
        as_root(&[&apt, words].concat(), APT)
    };
    let mut install = vec!["--no-install-recommends", "install"];
    install.extend(&facts.packages);
    (!facts.packages.is_empty()).then(|| Step {
        name: "packages",
        changes: format!("Debian's {list}"),
        undo: kept(&format!("apt-get remove {list}")),
        work: vec![apt(&["--quiet", "update"]), apt(&install)],
    })
}

fn user(config: &Config) -> Step {
    let user = config.user.value.as_str();
    let home = config.app_dir.display().to_string();
    let argv = [
        "/usr/sbin/useradd",
        "--system",
        "--user-group",
        "--no-create-home",
        "--home-dir",
        &home,
        "--shell",
        "/usr/sbin/nologin",
        "--groups",
        config.group.value.as_str(),
        "--",
        user,
    ];
    Step {
        name: "user",
        changes: format!("the user {user}, member of {}", config.group.value),
        work: vec![as_root(&argv, SHORT)],
        undo: kept(&format!("userdel {user}")),
    }
}

fn settings(config: &Config) -> Step {
    let path = settings_file();
    Step {
        name: "settings",
        changes: format!("{}: the service runs from releases", path.display()),
        undo: kept(&format!("rm {}", path.display())),
        work: vec![Work::Effect(Effect::Write {
            path,
            content: Secret::new(render_settings(config)),
            owner: Owner::ROOT,
            mode: 0o644,
        })],
    }
}

fn env_file(config: &Config, facts: &HostFacts, wanted: &Wanted) -> Step {
    let path = config.env_file.display().to_string();
    let database = facts.database.clone().unwrap_or_else(|| Role::of_config(config));
    Step {
        name: "env file",
        changes: format!("{path}: made, with fresh secrets, root:{} 0640", config.user.value),
        undo: kept(&format!("rm {path}")),
        work: vec![Work::EnvFile { hosts: wanted.hosts.clone(), database }],
    }
}

fn role(database: &Role) -> Step {
    let Role { role, name } = database;
    Step {
        name: "database",
        changes: format!("PostgreSQL: role {role}, and its own database {name}, where missing"),
        undo: kept(&format!(
            "runuser -u postgres -- dropdb {name}; runuser -u postgres -- dropuser {role}"
        )),
        work: vec![Work::Role(database.clone())],
    }
}

/// The site as found in nginx's directories.
#[derive(Clone, Debug)]
pub struct SiteFacts {
    pub text: Fact<Vec<u8>>,
    pub enabled: bool,
    /// The site answered just now: a file that nginx has not read yet is no site.
    pub answers: bool,
}

/// Where the site of the service lies, and the link that enables it.
pub fn site_files(config: &Config) -> (PathBuf, PathBuf) {
    let name = config.service.value.as_str();
    (
        PathBuf::from("/etc/nginx/sites-available").join(name),
        PathBuf::from("/etc/nginx/sites-enabled").join(name),
    )
}

/// The steps of the web server; none when the site is as it should be.
///
/// # Errors
/// A site of this name is there, and somebody else wrote it.
pub fn plan_site(
    config: &Config,
    facts: &SiteFacts,
    wanted: &Wanted,
    seconds: u64,
) -> Result<Vec<Step>, Box<Finding>> {
    let (file, link) = site_files(config);
    let text = render_site(config, &wanted.hosts, wanted.port);
    let old = facts.text.known();
    let refused = |detail| Finding::new(&finding::DEP_SITE, Subject::file(&file), detail);
    if old.is_some_and(|old| !old.starts_with(MARK.as_bytes())) {
        return Err(Box::new(refused("it is there and not of this program")));
    }
    if old.is_some_and(|old| has_tls(old)) {
        return match facts.enabled {
            true => Ok(Vec::new()),
            false => Err(Box::new(refused("TLS was added to it, and it is not enabled"))),
        };
    }
    let same = old.is_some_and(|old| old == text.as_bytes());
    if same && facts.enabled && facts.answers {
        return Ok(Vec::new());
    }
    let write =
        |content| Effect::Write { path: file.clone(), content, owner: Owner::ROOT, mode: 0o644 };
    let mut work = vec![Work::Effect(write(Secret::new(text)))];
    let mut back = Vec::new();
    if !facts.enabled {
        let target = PathBuf::from("../sites-available").join(config.service.value.as_str());
        work.push(Work::Effect(Effect::Symlink { path: link.clone(), target }));
        back.push(Work::Effect(Effect::Remove { path: link }));
    }
    back.push(Work::Effect(match old {
        Some(old) => write(Secret::new(old.clone())),
        None => Effect::Remove { path: file.clone() },
    }));
    let command = |words: &[&str]| as_root(words, SHORT);
    // Never a restart of one that runs: it refuses requests.
    let reload = command(&["/usr/bin/systemctl", "reload-or-restart", "nginx.service"]);
    let test = command(&["/usr/sbin/nginx", "-t"]);
    work.extend([test.clone(), reload.clone()]);
    back.push(reload);
    let path = config.health_path.value.clone();
    let addresses = vec![format!("127.0.0.1:{}", wanted.port)];
    Ok(vec![
        // What was broken before is nobody's fault here, and no way back could mend it.
        look("nginx as it is", vec![test]),
        Step {
            name: "web server",
            changes: format!("{}: the site, tested before nginx is reloaded", file.display()),
            work,
            undo: Undo::By { text: "the site as before, nginx reloaded".to_owned(), work: back },
        },
        look("ask the site", vec![Work::Health { addresses, path, seconds }]),
    ])
}

/// True once somebody added TLS, as certbot does in the file itself.
fn has_tls(site: &[u8]) -> bool {
    let text = String::from_utf8_lossy(site);
    let mut words = text.split([' ', '\t', '\n', ';']);
    words.any(|word| word == "ssl" || word.starts_with("ssl_certificate"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Source, resolve};

    fn wanted() -> Wanted {
        Wanted { hosts: vec!["meats.example".into()], port: 80, install: false, web: true }
    }

    fn names(config: &Config, facts: &HostFacts, wanted: &Wanted) -> Vec<&'static str> {
        plan_host(config, facts, wanted, Vec::new()).iter().map(|s| s.name).collect()
    }

    fn bare() -> HostFacts {
        let database = Some(Role { role: "m".into(), name: "m".into() });
        HostFacts { packages: vec!["nginx"], database, ..HostFacts::default() }
    }

    #[test]
    fn a_bare_host_gets_everything_and_a_ready_one_nothing() {
        let (plain, _) = resolve(&[]);
        let order =
            ["preflight", "packages", "user", "directory", "settings", "env file", "database"];
        assert_eq!(names(&plain, &bare(), &Wanted { install: true, ..wanted() }), order);
        let bytes = Fact::Known(render_settings(&plain).into_bytes());
        let (ready, findings) = resolve(&[Source { path: settings_file(), bytes }]);
        assert!(findings.is_empty() && Layout::of_config(&ready).is_ok());
        let facts = HostFacts {
            packages: Vec::new(),
            user: true,
            app_dir: true,
            env_file: true,
            project: true,
            role_known: true,
            database_known: true,
            ..bare()
        };
        assert_eq!(names(&ready, &facts, &wanted()), ["preflight"]);
        assert!(check_host(&ready, &facts, &wanted()).is_empty());
    }

    #[test]
    fn what_is_in_the_way() {
        let (config, _) = resolve(&[]);
        let ids = |facts: &HostFacts| {
            check_host(&config, facts, &wanted()).iter().map(|f| f.kind.id).collect::<Vec<_>>()
        };
        let free = HostFacts { packages: Vec::new(), ..bare() };
        assert!(ids(&free).is_empty());
        assert_eq!(ids(&bare()), ["DEP-014"]);
        assert_eq!(ids(&HostFacts { project: true, ..free.clone() }), ["DEP-013"]);
        // A password that nobody knows is not replaced: another application may log in with it.
        assert_eq!(ids(&HostFacts { role_known: true, ..free }), ["DBS-004"]);
    }

    #[test]
    fn a_site_is_tested_before_the_reload_and_taken_back() {
        let (config, _) = resolve(&[]);
        let plan = |text, enabled| {
            plan_site(&config, &SiteFacts { text, enabled, answers: enabled }, &wanted(), 5)
        };
        let steps = plan(Fact::Absent, false).expect("a plan");
        let argv = |work: &Work| match work {
            Work::Command(command) => command.argv.join(" "),
            _ => String::new(),
        };
        let said: Vec<_> = steps[1].work.iter().map(argv).filter(|s| !s.is_empty()).collect();
        assert_eq!(
            said,
            ["/usr/sbin/nginx -t", "/usr/bin/systemctl reload-or-restart nginx.service"]
        );
        let Undo::By { work, .. } = &steps[1].undo else { panic!("no way back") };
        let removed = work.iter().filter(|w| matches!(w, Work::Effect(Effect::Remove { .. })));
        assert_eq!(removed.count(), 2);
        let text = render_site(&config, &wanted().hosts, 80).into_bytes();
        assert!(plan(Fact::Known(text), true).expect("a plan").is_empty());
        let other = plan(Fact::Known(b"server {}".to_vec()), true).expect_err("somebody's");
        assert_eq!(other.kind.id, "DEP-015");
        for tls in ["listen 443 ssl;", "ssl_certificate /x;", "listen [::]:443 ssl http2;"] {
            let text = || Fact::Known(format!("{MARK} setup.\nserver {{\n    {tls}\n}}").into());
            assert!(plan(text(), true).expect("a plan").is_empty(), "{tls}");
            assert_eq!(plan(text(), false).expect_err("somebody's").kind.id, "DEP-015");
        }
        let named = format!("{MARK} setup.\nserver_name ssl.example;");
        assert!(!plan(Fact::Known(named.into()), true).expect("a plan").is_empty());
    }
}
