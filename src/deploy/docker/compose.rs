//! The compose file: one text that docker-compose 1.29 and Compose 2 read alike. Keys and values
//! are those that both were measured to carry out; no `version:`, no `deploy:`, no `cpus:` (an
//! engine without that controller refuses it).

use sha2::{Digest as _, Sha256};

use super::stack::{Database, Stack};
use crate::model::hex;

/// A text that grows by lines.
pub(super) struct Text(pub(super) String);

impl Text {
    pub(super) fn line(&mut self, indent: usize, line: impl AsRef<str>) {
        self.0.push_str(&" ".repeat(indent));
        self.0.push_str(line.as_ref());
        self.0.push('\n');
    }

    /// Lines with one indent; further blanks are their own.
    pub(super) fn block(&mut self, indent: usize, lines: &[&str]) {
        lines.iter().for_each(|line| self.line(if line.is_empty() { 0 } else { indent }, line));
    }
}

/// The whole file. Values of variables are not in it: compose takes them from its own environment.
/// `verifier` is what the secret file holds: a part of its digest, so that another password makes a
/// new container, which gives it to the role.
pub fn render_compose(stack: &Stack, verifier: Option<&str>) -> String {
    let mut t = Text(HEAD.to_owned());
    if let Some(database) = &stack.database {
        db(&mut t, stack, database, verifier.unwrap_or_default());
    }
    app(&mut t, stack);
    migrate(&mut t, stack);
    web(&mut t, stack);
    t.line(0, "networks:");
    t.line(2, "back:");
    t.line(4, "internal: true");
    t.line(2, "front: {}");
    if stack.database.is_some() {
        t.line(0, "");
        t.line(0, "volumes:");
        t.line(2, "db-data: {}");
        t.line(0, "");
        t.line(0, "secrets:");
        t.line(2, "db_verifier:");
        t.line(4, "file: ./secrets/db_verifier");
    }
    t.0
}

const HEAD: &str = r#"# Written by meats-deploy docker init. Values of variables are not here: compose takes them from
# its own environment, which "meats-deploy docker up" fills from the host's env file.
x-hardening: &hardening
  init: true
  read_only: true
  cap_drop: [ALL]
  security_opt: ["no-new-privileges:true"]
  restart: unless-stopped
  logging:
    driver: json-file
    options: {max-size: "10m", max-file: "3"}

services:
"#;

fn db(t: &mut Text, stack: &Stack, database: &Database, verifier: &str) {
    let owner = stack.images.db_owner;
    t.line(2, "db:");
    t.line(4, "<<: *hardening");
    t.line(4, format!("image: {}", text(&stack.images.db)));
    t.line(4, format!("user: \"{}:{}\"", owner.uid, owner.gid));
    t.line(4, "entrypoint: [\"/bin/sh\", \"/etc/meats/db-entry.sh\"]");
    t.line(4, "command: []");
    t.line(4, "environment:");
    t.line(6, format!("DB_ROLE: {}", text(&database.role)));
    t.line(6, format!("DB_NAME: {}", text(&database.name)));
    t.line(4, "secrets: [db_verifier]");
    t.line(4, "volumes:");
    t.line(6, "- ./db-entry.sh:/etc/meats/db-entry.sh:ro");
    t.line(6, "- db-data:/var/lib/postgresql/data");
    t.line(4, "tmpfs: [\"/tmp:mode=1777\"]");
    t.line(4, "networks: [back]");
    t.line(4, "shm_size: 256m");
    t.line(4, "mem_limit: 1g");
    t.line(4, "pids_limit: 200");
    // A fast shutdown; a cluster with open transactions needs a moment.
    t.line(4, "stop_signal: SIGINT");
    t.line(4, "stop_grace_period: 60s");
    t.line(4, "healthcheck:");
    let query =
        ["CMD", "psql", "-h", "/tmp", "-U", "postgres", "-qAtc", "SELECT 1", &database.name];
    t.line(6, format!("test: {}", list(&query)));
    t.line(6, "interval: 5s");
    t.line(6, "timeout: 5s");
    t.line(6, "retries: 12");
    t.line(4, "labels:");
    t.line(6, format!("meats.verifier: \"{}\"", short_digest(verifier)));
    t.line(0, "");
}

fn app(t: &mut Text, stack: &Stack) {
    t.line(2, "app:");
    t.line(4, "<<: *hardening");
    t.line(4, format!("image: {}", text(&format!("{}-app", stack.project))));
    t.line(4, "build:");
    t.line(6, "context: ./context");
    t.line(6, "args:");
    t.line(8, format!("BASE: {}", text(&stack.images.base)));
    t.line(8, format!("VENV: {}", text(&stack.venv.display().to_string())));
    t.line(8, format!("APP: {}", text(&stack.app.display().to_string())));
    t.line(8, format!("UID: \"{}\"", stack.owner.uid));
    t.line(8, format!("GID: \"{}\"", stack.owner.gid));
    application(t, stack);
    let command = gunicorn(stack);
    t.line(
        4,
        format!("command: {}", list(&command.iter().map(String::as_str).collect::<Vec<_>>())),
    );
    t.line(4, format!("stop_grace_period: {}s", stack.graceful_timeout + 10));
    t.line(4, "healthcheck:");
    let python = stack.venv.join("bin/python").display().to_string();
    t.line(6, format!("test: {}", list(&["CMD", &python, "-c", &health(stack)])));
    t.line(6, "interval: 5s");
    t.line(6, "timeout: 5s");
    t.line(6, "retries: 6");
    t.line(0, "");
}

/// User, names of variables, and directories of the host: the same under compose and Swarm.
pub(super) fn surroundings(t: &mut Text, stack: &Stack) {
    t.line(4, format!("user: \"{}:{}\"", stack.owner.uid, stack.owner.gid));
    t.line(4, "environment:");
    for (name, _) in &stack.variables {
        t.line(6, format!("- {name}"));
    }
    let named = stack.variables.iter().any(|(name, _)| name == "DJANGO_SETTINGS_MODULE");
    if !stack.settings_module.is_empty() && !named {
        let module = format!("DJANGO_SETTINGS_MODULE={}", stack.settings_module);
        t.line(6, format!("- {}", text(&module)));
    }
    t.line(4, "volumes:");
    for path in std::iter::once(&stack.log_dir).chain(&stack.writable) {
        let path = path.display();
        t.line(6, format!("- {}", text(&format!("{path}:{path}"))));
    }
}

/// What the server and the one-off migration have in common.
fn application(t: &mut Text, stack: &Stack) {
    surroundings(t, stack);
    t.line(4, "tmpfs: [\"/tmp:mode=1777\"]");
    t.line(4, "networks: [back, front]");
    t.line(4, "mem_limit: 1g");
    t.line(4, "pids_limit: 200");
    if stack.database.is_some() {
        t.line(4, "depends_on:");
        t.line(6, "db: {condition: service_healthy}");
    }
}

pub(super) fn gunicorn(stack: &Stack) -> Vec<String> {
    let log = |name: &str| stack.log_dir.join(name).display().to_string();
    let program = stack.venv.join("bin/gunicorn").display().to_string();
    let mut words = vec![program];
    for (name, value) in [
        ("--bind", "0.0.0.0:8000".to_owned()),
        ("--workers", stack.workers.to_string()),
        ("--threads", stack.threads.to_string()),
        ("--timeout", stack.timeout.to_string()),
        ("--graceful-timeout", stack.graceful_timeout.to_string()),
        ("--max-requests", "1000".to_owned()),
        ("--max-requests-jitter", "100".to_owned()),
        ("--worker-tmp-dir", "/dev/shm".to_owned()),
        ("--access-logfile", log("access.log")),
        ("--error-logfile", log("error.log")),
        ("--log-level", "info".to_owned()),
    ] {
        words.extend([name.to_owned(), value]);
    }
    words.push(stack.application.clone());
    words
}

/// Asks the application itself and fails when it does: the status counts, not the open port.
pub(super) fn health(stack: &Stack) -> String {
    let word = |value: &str| serde_json::Value::from(value).to_string();
    format!(
        "import http.client as h, sys; c = h.HTTPConnection(\"127.0.0.1\", 8000, timeout=4); \
         c.request(\"GET\", {}, headers={{\"Host\": {}}}); \
         sys.exit(c.getresponse().status != 200)",
        word(&stack.health_path),
        word(&stack.health_host)
    )
}

fn migrate(t: &mut Text, stack: &Stack) {
    t.line(2, "migrate:");
    t.line(4, "<<: *hardening");
    t.line(4, format!("image: {}", text(&format!("{}-app", stack.project))));
    t.line(4, "restart: \"no\"");
    t.line(4, "profiles: [migrate]");
    application(t, stack);
    let python = stack.venv.join("bin/python").display().to_string();
    t.line(4, format!("command: {}", list(&[&python, "manage.py", "migrate", "--noinput"])));
    t.line(0, "");
}

fn web(t: &mut Text, stack: &Stack) {
    t.line(2, "web:");
    t.line(4, "<<: *hardening");
    t.line(4, format!("image: {}", text(&stack.images.web)));
    // www-data of Debian, in the group that may read the files.
    t.line(4, format!("user: \"33:{}\"", stack.owner.gid));
    t.line(4, "entrypoint: [\"nginx\"]");
    t.line(4, "command: [\"-c\", \"/etc/meats/nginx.conf\", \"-g\", \"daemon off;\"]");
    t.line(4, format!("ports: [{}]", text(&format!("{}:8080", stack.listen))));
    t.line(4, "volumes:");
    t.line(6, "- ./nginx.conf:/etc/meats/nginx.conf:ro");
    for path in &stack.writable {
        let path = path.display();
        t.line(6, format!("- {}", text(&format!("{path}:{path}:ro"))));
    }
    t.line(4, "tmpfs: [\"/tmp:mode=1777\"]");
    t.line(4, "networks: [front]");
    t.line(4, "mem_limit: 256m");
    t.line(4, "pids_limit: 100");
    t.line(4, "stop_signal: SIGQUIT");
    t.line(4, "depends_on:");
    t.line(6, "app: {condition: service_healthy}");
    t.line(4, "healthcheck:");
    t.line(6, format!("test: {}", list(&["CMD", "/bin/bash", "-c", &web_health(stack)])));
    t.line(6, "interval: 5s");
    t.line(6, "timeout: 5s");
    t.line(6, "retries: 6");
    t.line(0, "");
}

/// The same question through nginx, by bash alone: no image need have curl.
pub(super) fn web_health(stack: &Stack) -> String {
    format!(
        "exec 3<>/dev/tcp/127.0.0.1/8080; \
         printf 'GET {} HTTP/1.0\\r\\nHost: {}\\r\\n\\r\\n' >&3; \
         read -r _ status _ <&3; [ \"$status\" = 200 ]",
        stack.health_path.replace('%', "%%").replace('\'', "%27"),
        stack.health_host
    )
}

/// Where the stack of a written file listens.
pub fn listens(file: &str) -> Option<&str> {
    let ports = file.lines().find_map(|line| line.trim().strip_prefix("ports: [\""))?;
    ports.strip_suffix(":8080\"]")
}

/// What a written file says of a key of a service, as [`render_compose`] writes it.
pub fn written<'a>(file: &'a str, service: &str, key: &str) -> Option<&'a str> {
    let service = format!("  {service}:");
    let mut own = file.lines().skip_while(|line| *line != service).skip(1);
    let value = own
        .by_ref()
        .take_while(|line| line.starts_with("    "))
        .find_map(|line| line.trim().strip_prefix(key)?.strip_prefix(": "))?;
    Some(value.trim_matches('"'))
}

/// A part of the digest of a content, for names and labels that change with it.
pub(super) fn short_digest(content: &str) -> String {
    let mut digits = hex(Sha256::digest(content));
    digits.truncate(12);
    digits
}

/// A YAML text that both readers take back: a JSON string with `$` doubled against expansion.
pub(super) fn text(value: &str) -> String {
    serde_json::Value::from(value).to_string().replace('$', "$$")
}

pub(super) fn list(words: &[&str]) -> String {
    let words: Vec<String> = words.iter().map(|word| text(word)).collect();
    format!("[{}]", words.join(", "))
}

#[cfg(test)]
mod tests {
    use super::super::stack::tests::stack;
    use super::*;

    #[test]
    fn no_value_of_a_variable_is_in_the_file() {
        let (stack, _) = stack("postgres://meats:hunter2@localhost/meats").expect("a stack");
        let file = render_compose(&stack, Some("verifier-one"));
        for secret in ["hunter2", "not-in-the-file", "postgres://", "verifier-one"] {
            assert!(!file.contains(secret), "{secret}");
        }
        assert!(file.contains("      - SECRET_KEY\n") && file.contains("user: \"998:33\""));
    }

    #[test]
    fn what_was_chosen_is_found_again() {
        let (stack, _) = stack("postgres://u:p@localhost/d").expect("a stack");
        let file = render_compose(&stack, None);
        assert_eq!(listens(&file), Some("127.0.0.1:8080"));
        assert_eq!(written(&file, "db", "image"), Some("postgres:15-bookworm"));
        assert_eq!(written(&file, "db", "user"), Some("999:999"));
        assert_eq!(written(&file, "app", "BASE"), Some("python:3.11-slim-bookworm"));
        assert_eq!(written(&file, "web", "image"), Some("nginx:1.26-bookworm"));
        assert_eq!(written(&file, "web", "BASE"), None);
        assert_eq!(listens("services: {}"), None);
    }

    #[test]
    fn dollar_signs_are_not_expanded() {
        assert_eq!(text("a$b\"c"), "\"a$$b\\\"c\"");
    }

    #[test]
    fn without_a_database_of_its_own_there_is_none() {
        let (stack, _) = stack("postgres://u:p@db.example/meats").expect("a stack");
        let file = render_compose(&stack, None);
        assert!(
            !file.contains("db_verifier") && !file.contains("depends_on:\n      db:"),
            "{file}"
        );
    }
}
