//! The Swarm file: the same stack for `docker stack deploy`, which accepts neither the limits nor the
//! conditions of the compose file (facts by engine 26.1).
//!
//! What Swarm cannot do is said in the file: no-new-privileges is the engine's own setting there.

use super::DB_ENTRY;
use super::compose::{Text, gunicorn, health, list, short_digest, surroundings, text, web_health};
use super::nginx::render_nginx;
use super::stack::Stack;

/// The whole file. Values of variables are not in it. `verifier` is what the secret file holds: only
/// a part of its digest is used, since Swarm's secrets and configs never change under a name.
pub fn render_swarm(stack: &Stack, verifier: Option<&str>) -> String {
    let mut t = Text(HEAD.to_owned());
    if stack.database.is_some() {
        db(&mut t, stack);
    }
    app(&mut t, stack);
    once(&mut t, stack, "migrate", &["migrate", "--noinput"]);
    once(&mut t, stack, "static", &["collectstatic", "--noinput"]);
    web(&mut t, stack);
    networks(&mut t);
    if stack.database.is_some() {
        t.block(0, &["", "volumes:", "  db-data: {}"]);
    }
    named(&mut t, stack, verifier);
    t.0
}

const HEAD: &str = r#"# Written by meats-deploy docker init for "meats-deploy docker up --swarm". Values of variables are
# not here. Swarm ignores security_opt: for no-new-privileges put {"no-new-privileges": true} into
# /etc/docker/daemon.json. Directories of the host and the database's volume are those of one node:
# with more of them, give them shared storage or pin the services.
version: "3.9"
x-hardening: &hardening
  init: true
  read_only: true
  cap_drop: [ALL]
  logging:
    driver: json-file
    options: {max-size: "10m", max-file: "3"}

services:
"#;

fn db(t: &mut Text, stack: &Stack) {
    let Some(database) = &stack.database else { return };
    let owner = stack.images.db_owner;
    t.block(2, &["db:", "  <<: *hardening"]);
    t.line(4, format!("image: {}", text(&stack.images.db)));
    t.line(4, format!("user: \"{}:{}\"", owner.uid, owner.gid));
    t.line(4, "entrypoint: [\"/bin/sh\", \"/etc/meats/db-entry.sh\"]");
    t.line(4, "command: []");
    t.line(4, "environment:");
    t.line(6, format!("DB_ROLE: {}", text(&database.role)));
    t.line(6, format!("DB_NAME: {}", text(&database.name)));
    t.line(4, "secrets:");
    let (uid, gid) = (owner.uid, owner.gid);
    t.line(6, format!("- {{source: db_verifier, uid: \"{uid}\", gid: \"{gid}\", mode: 0400}}"));
    t.line(4, "configs: [{source: db_entry, target: /etc/meats/db-entry.sh, mode: 0444}]");
    t.block(4, &["volumes:", "  - db-data:/var/lib/postgresql/data", TMP, SHM]);
    t.block(4, &["networks: [back]", "stop_signal: SIGINT", "stop_grace_period: 60s"]);
    let query =
        ["CMD", "psql", "-h", "/tmp", "-U", "postgres", "-qAtc", "SELECT 1", &database.name];
    healthcheck(t, &query, 12, 0);
    // Two servers on one directory would destroy it: never the new one first.
    deploy(t, "1G", 200, "stop-first", None);
}

const TMP: &str = "  - {type: tmpfs, target: /tmp}";
const SHM: &str = "  - {type: tmpfs, target: /dev/shm}";

fn app(t: &mut Text, stack: &Stack) {
    t.block(2, &["app:", "  <<: *hardening"]);
    application(t, stack);
    let command = gunicorn(stack);
    let words: Vec<&str> = command.iter().map(String::as_str).collect();
    t.line(4, format!("command: {}", list(&words)));
    t.line(4, format!("stop_grace_period: {}s", stack.graceful_timeout + 10));
    let python = stack.venv.join("bin/python").display().to_string();
    // Until migrations are through, a failed check is none.
    healthcheck(t, &["CMD", &python, "-c", &health(stack)], 6, 20);
    deploy(t, "1G", 200, "start-first", None);
}

/// What the server and the migration have in common.
fn application(t: &mut Text, stack: &Stack) {
    // The tag of this deployment, so that every one is an update that can be taken back.
    t.line(4, format!("image: \"{}-app:${{MEATS_TAG}}\"", stack.project));
    surroundings(t, stack);
    t.block(4, &[TMP, "networks: [back, front]"]);
}

/// A command of `manage.py` that runs once a deployment; again until the database is there.
fn once(t: &mut Text, stack: &Stack, name: &str, words: &[&str]) {
    t.line(2, format!("{name}:"));
    t.line(4, "<<: *hardening");
    application(t, stack);
    let python = stack.venv.join("bin/python").display().to_string();
    t.line(4, format!("command: {}", list(&[&[python.as_str(), "manage.py"], words].concat())));
    deploy(
        t,
        "1G",
        200,
        "stop-first",
        Some("{condition: on-failure, delay: 3s, max_attempts: 20}"),
    );
}

fn web(t: &mut Text, stack: &Stack) {
    t.block(2, &["web:", "  <<: *hardening"]);
    t.line(4, format!("image: {}", text(&stack.images.web)));
    t.line(4, format!("user: \"33:{}\"", stack.owner.gid));
    t.line(4, "entrypoint: [\"nginx\"]");
    t.line(4, "command: [\"-c\", \"/etc/meats/nginx.conf\", \"-g\", \"daemon off;\"]");
    // In the mode of the host no routing mesh is needed; Swarm publishes at every address.
    let port = stack.listen.port();
    t.line(4, format!("ports: [{{target: 8080, published: {port}, mode: host}}]"));
    t.line(4, "configs: [{source: nginx, target: /etc/meats/nginx.conf, mode: 0444}]");
    t.line(4, "volumes:");
    for path in &stack.writable {
        let path = path.display();
        t.line(6, format!("- {}", text(&format!("{path}:{path}:ro"))));
    }
    t.block(4, &[TMP, "networks: [front]", "stop_signal: SIGQUIT"]);
    healthcheck(t, &["CMD", "/bin/bash", "-c", &web_health(stack)], 6, 60);
    // The port is free only when the old one has gone.
    deploy(t, "256M", 100, "stop-first", None);
}

fn healthcheck(t: &mut Text, test: &[&str], retries: u32, start: u32) {
    t.line(4, "healthcheck:");
    t.line(6, format!("test: {}", list(test)));
    t.block(6, &["interval: 5s", "timeout: 5s"]);
    t.line(6, format!("retries: {retries}"));
    if start > 0 {
        t.line(6, format!("start_period: {start}s"));
    }
}

/// One task; an update whose task does not become healthy is taken back by Swarm.
fn deploy(t: &mut Text, memory: &str, pids: u32, order: &str, restart: Option<&str>) {
    t.block(4, &["deploy:", "  replicas: 1", "  endpoint_mode: dnsrr"]);
    t.line(6, format!("resources: {{limits: {{memory: {memory}, pids: {pids}}}}}"));
    t.line(6, format!("restart_policy: {}", restart.unwrap_or("{condition: any, delay: 2s}")));
    // One that runs once has ended when Swarm looks whether it runs: that is no failure.
    let update = match restart {
        Some(_) => "failure_action: continue",
        None => "failure_action: rollback, monitor: 10s",
    };
    t.line(6, format!("update_config: {{order: {order}, {update}}}"));
    t.line(6, format!("rollback_config: {{order: {order}}}"));
    t.line(0, "");
}

fn networks(t: &mut Text) {
    t.block(0, &["networks:", "  back:", "    internal: true", "  front: {}"]);
}

/// Configs and secrets under names that change with what they hold.
fn named(t: &mut Text, stack: &Stack, verifier: Option<&str>) {
    let project = &stack.project;
    let entry = |t: &mut Text, name: &str, file: &str, content: &str| {
        let digest = short_digest(content);
        t.line(2, format!("{name}: {{file: {file}, name: {project}_{name}_{digest}}}"));
    };
    t.block(0, &["", "configs:"]);
    entry(t, "nginx", "./nginx.conf", &render_nginx(stack));
    if stack.database.is_some() {
        entry(t, "db_entry", "./db-entry.sh", DB_ENTRY);
        t.block(0, &["", "secrets:"]);
        entry(t, "db_verifier", "./secrets/db_verifier", verifier.unwrap_or_default());
    }
}

#[cfg(test)]
mod tests {
    use super::super::stack::tests::stack;
    use super::*;

    #[test]
    fn no_value_is_in_it_and_names_follow_contents() {
        let (stack, _) = stack("postgres://meats:hunter2@localhost/meats").expect("a stack");
        let file = render_swarm(&stack, Some("verifier-one"));
        for never in ["hunter2", "not-in-the-file", "verifier-one", "mem_limit", "depends_on"] {
            assert!(!file.contains(never), "{never}");
        }
        assert_eq!(file, render_swarm(&stack, Some("verifier-one")));
        assert_ne!(file, render_swarm(&stack, Some("verifier-two")));
        assert!(file.contains("image: \"projectmeats-app:${MEATS_TAG}\"\n"), "{file}");
    }
}
