//! The Docker stack on a real engine inside a booted Debian 13: hardening, health, deaths, reboot,
//! the move there and back.

use std::time::Duration;

use anyhow::{Result, ensure};
use host::{Machine, load, package, recipe};

const LIMIT: Duration = Duration::from_secs(300);
const HEALTHY: Duration = Duration::from_secs(60);
const SET: &str = "/opt/projectmeats/docker";
const INIT: &str = "meats-deploy docker init --base debian:meats --db-image debian:meats \
                    --web-image debian:meats --db-user $(id -u postgres):$(id -g postgres)";
/// The site by its name, through the host's nginx and through the stack's.
const SITE: &str =
    "curl -sS -f --max-time 5 --resolve meats.example:80:127.0.0.1 http://meats.example/health/";
const STACK: &str = "curl -sS -f --max-time 5 -H 'Host: meats.example' http://127.0.0.1:8080";

fn run(machine: &Machine, script: &str, code: i32) -> Result<String> {
    let output = machine.run_with(script, b"", LIMIT)?;
    let text = output.text();
    ensure!(output.code == code, "{script}: exit {} instead of {code}\n{text}", output.code);
    Ok(text)
}

/// The container of a service, for a shell.
fn container(service: &str) -> String {
    format!("$(docker ps -aq --filter label=com.docker.compose.service={service})")
}

/// The database of the stack, or of the host, asked by its superuser.
fn psql(place: &str, sql: &str) -> String {
    let words = "-d projectmeats -qAtc";
    match place {
        "stack" => {
            format!("docker exec {} psql -h /tmp -U postgres {words} \"{sql}\"", container("db"))
        }
        _ => format!("cd /; runuser -u postgres -- psql {words} \"{sql}\""),
    }
}

fn healthy(machine: &Machine) -> Result<String> {
    machine.wait_for("meats-deploy docker status", HEALTHY)
}

/// A host with the service on it, the images, and the written set.
fn prepared() -> Result<Machine> {
    let mut machine = Machine::with_engine(&recipe::engine())?;
    machine.boot()?;
    package::upload(&machine)?;
    machine.ok(&format!("dpkg --install {}", package::INSIDE))?;
    let setup = "meats-deploy setup --from /srv/app --wheelhouse /srv/wheels --host meats.example";
    run(&machine, setup, 0)?;
    run(&machine, "docker import /srv/image.tar debian:meats", 0)?;
    run(&machine, INIT, 0)?;
    run(&machine, "meats-deploy docker check", 0)?;
    Ok(machine)
}

#[test]
fn a_stack_serves_and_the_service_moves_there_and_back() -> Result<()> {
    let mut machine = prepared()?;
    // Root reads no file for who may not read it himself.
    machine.ok("mkdir -p /srv/hostile/backend; touch /srv/hostile/backend/manage.py; \
                ln -s /etc/shadow /srv/hostile/requirements.txt; \
                chown -Rh projectmeats /srv/hostile")?;
    let refused = run(&machine, "meats-deploy docker up --dry-run --from /srv/hostile", 1)?;
    ensure!(refused.contains("Permission denied"), "{refused}");
    let account = run(&machine, "meats-deploy docker up --wheelhouse /srv/wheels", 0)?;
    ensure!(account.contains("200 from 127.0.0.1:8080"), "{account}");
    healthy(&machine)?;
    machine.ok(&format!("{STACK}/health/"))?;
    machine.ok(&format!("{STACK}/django_static/admin/css/base.css >/dev/null"))?;
    hardened(&machine)?;
    logs_are_the_hosts(&machine)?;
    sick_is_seen_and_helped(&machine)?;
    dead_comes_back(&machine)?;
    exchanged(&machine)?;
    machine.reboot()?;
    healthy(&machine)?;
    machine.ok(&format!("{STACK}/health/"))?;
    let said = run(&machine, "meats-deploy docker logs web --lines 5", 0)?;
    ensure!(said.contains("GET /health/"), "{said}");
    run(&machine, "meats-deploy docker down", 0)?;
    run(&machine, "meats-deploy docker status", 1)?;
    machine.ok("[ -z \"$(docker ps -aq)\" ] && [ -n \"$(docker volume ls -q)\" ]")?;
    moves(&machine)?;
    swarm(&machine)?;
    machine.finish()
}

/// What the compose file promises is what the kernel says.
fn hardened(machine: &Machine) -> Result<()> {
    let limited = machine.ok("docker info --format '{{.MemoryLimit}} {{.PidsLimit}}'")?;
    for (service, user, memory) in [
        ("db", "postgres", 1 << 30),
        ("app", "projectmeats", 1 << 30),
        ("web", "www-data", 256 << 20),
    ] {
        let id = container(service);
        let pid = format!("$(docker inspect -f '{{{{.State.Pid}}}}' {id})");
        // The child of the init is the program itself.
        let status = machine
            .ok(&format!("cat /proc/$(cut -d ' ' -f 1 /proc/{pid}/task/{pid}/children)/status"))?;
        let uid = machine.ok(&format!("id -u {user}"))?;
        let line = |name: &str| status.lines().find(|l| l.starts_with(name)).unwrap_or_default();
        ensure!(line("Uid:").split_whitespace().nth(1) == Some(uid.trim()), "{service}: {status}");
        ensure!(line("NoNewPrivs:").ends_with('1'), "{service}: {status}");
        for set in ["CapInh:", "CapPrm:", "CapEff:", "CapBnd:", "CapAmb:"] {
            ensure!(line(set).ends_with("0000000000000000"), "{service}: {set} {status}");
        }
        let told = machine.ok(&format!(
            "docker inspect -f '{{{{.HostConfig.Memory}}}} {{{{.HostConfig.ReadonlyRootfs}}}} \
             {{{{.HostConfig.LogConfig.Config}}}}' {id}"
        ))?;
        let promised = format!("{memory} true map[max-file:3 max-size:10m]");
        ensure!(told.trim() == promised, "{service}: {told}");
        let wrote = machine.run(&format!("docker exec {id} touch /x"))?;
        ensure!(wrote.text().contains("Read-only file system"), "{service}: {wrote}");
        if limited.trim() == "true true" {
            // Either version of the controllers.
            let limit = machine.ok(&format!(
                "docker exec {id} sh -c 'cat /sys/fs/cgroup/memory/memory.limit_in_bytes \
                 2>/dev/null || cat /sys/fs/cgroup/memory.max'"
            ))?;
            ensure!(limit.trim() == memory.to_string(), "{service}: {limit}");
        }
    }
    // Nothing secret is in a file of the set but those that are root's, or in a layer.
    machine.ok(&format!(
        "cd {SET}; p=$(sed -n 's,.*projectmeats:\\([^@]*\\)@.*,\\1,p' /etc/projectmeats/projectmeats.env); \
         [ ${{#p}} -gt 20 ] && ! grep -rqF \"$p\" compose.yaml context nginx.conf && \
         ! docker history --no-trunc projectmeats-app | grep -qF \"$p\""
    ))?;
    Ok(())
}

/// Files of the mounted log directory belong to the service's user of the host.
fn logs_are_the_hosts(machine: &Machine) -> Result<()> {
    let owners =
        machine.ok("stat -c '%U:%G' /var/log/projectmeats/{access,error}.log | sort -u")?;
    ensure!(owners == "projectmeats:www-data\n", "{owners}");
    machine.ok("grep -q 'GET /health/' /var/log/projectmeats/access.log")?;
    Ok(())
}

/// An application that answers 503 is unhealthy, the engine leaves it at that, and the watch does not.
fn sick_is_seen_and_helped(machine: &Machine) -> Result<()> {
    let table = |from: &str, to: &str| psql("stack", &format!("ALTER TABLE {from} RENAME TO {to}"));
    machine.ok("systemctl is-active meats-docker-watch.timer")?;
    machine.ok("systemctl stop meats-docker-watch.timer")?;
    machine.ok(&table("stock_cut", "gone"))?;
    let begun = format!("docker inspect -f '{{{{.State.StartedAt}}}}' {}", container("app"));
    let before = machine.ok(&begun)?;
    machine.wait_for("{ meats-deploy docker status || true; } | grep 'app *unhealthy'", HEALTHY)?;
    ensure!(machine.ok(&begun)? == before, "the engine restarts by itself what is unhealthy");
    let young = run(machine, "meats-deploy docker watch --patience 100000", 0)?;
    ensure!(young.is_empty() && machine.ok(&begun)? == before, "{young}");
    let helped = run(machine, "meats-deploy docker watch --patience 1", 1)?;
    ensure!(helped == "app is unhealthy: restart\n", "{helped}");
    ensure!(machine.ok(&begun)? != before, "it was not restarted");
    machine.ok(&table("gone", "stock_cut"))?;
    machine.ok("systemctl start meats-docker-watch.timer")?;
    healthy(machine).map(drop)
}

/// A container whose processes are killed comes back by the engine, one that the engine itself
/// killed by the watch.
fn dead_comes_back(machine: &Machine) -> Result<()> {
    for service in ["db", "app", "web"] {
        let id = container(service);
        machine.ok(&format!("kill -KILL $(docker inspect -f '{{{{.State.Pid}}}}' {id})"))?;
        let count = format!("[ $(docker inspect -f '{{{{.RestartCount}}}}' {id}) -ge 1 ]");
        machine.wait_for(&count, HEALTHY)?;
    }
    healthy(machine)?;
    machine.ok(&format!("docker kill {}", container("app")))?;
    run(machine, "systemctl start meats-docker-watch.service", 0)?;
    machine.ok("journalctl -u meats-docker-watch | grep -q 'app is not running: start'")?;
    healthy(machine)?;
    machine.ok(&format!("{STACK}/health/")).map(drop)
}

/// New code comes without a gap, and code that does not start does not come.
fn exchanged(machine: &Machine) -> Result<()> {
    machine.ok("cd /srv; cp -a app two; cp -a app bad; \
                sed -i 's/\"healthy\"/\"healthy\", \"release\": \"two\"/' two/backend/stock/views.py; \
                echo 'raise SystemExit(3)' >>bad/backend/projectmeats/wsgi.py")?;
    load::meets(machine, 8080, 20, || {
        run(machine, "meats-deploy docker up --from /srv/two", 0)?;
        let account = run(machine, "meats-deploy docker up --from /srv/bad", 1)?;
        ensure!(account.contains("the old one serves on"), "{account}");
        Ok(())
    })
    .and_then(load::lossless)?;
    let answer = machine.ok(&format!("{STACK}/health/"))?;
    ensure!(answer.contains("\"two\""), "{answer}");
    Ok(())
}

/// Made by the role: what a superuser would run who compares or restores the rows.
const EVIL: &str = "CREATE FUNCTION evil(stock_cut) RETURNS text LANGUAGE plpgsql AS 'BEGIN \
        RESET ROLE; ALTER ROLE projectmeats SUPERUSER; RETURN 1; \
        EXCEPTION WHEN OTHERS THEN RETURN 1; END'; \
    CREATE CAST (stock_cut AS text) WITH FUNCTION evil(stock_cut); \
    CREATE FUNCTION evil(text) RETURNS boolean LANGUAGE plpgsql AS 'BEGIN \
        RESET ROLE; ALTER ROLE projectmeats SUPERUSER; RETURN true; \
        EXCEPTION WHEN OTHERS THEN RETURN true; END'; \
    ALTER TABLE stock_cut ADD CHECK (evil(name));";

fn no_superuser(machine: &Machine, place: &str) -> Result<()> {
    let sql = "SELECT rolsuper FROM pg_roles WHERE rolname = 'projectmeats'";
    let said = machine.ok(&psql(place, sql))?;
    ensure!(said == "f\n", "{place}: the role is a superuser: {said}");
    Ok(())
}

/// There and back with rows that come on the way; nobody is refused, nothing is lost.
fn moves(machine: &Machine) -> Result<()> {
    let add = |place: &str, name: &str| {
        let sql = format!("INSERT INTO stock_cut (name, kilograms) VALUES ('{name}', 1.5)");
        machine.ok(&psql(place, &sql)).map(drop)
    };
    let names = |place: &str| machine.ok(&psql(place, "SELECT name FROM stock_cut ORDER BY name"));
    machine
        .ok("install -d -o projectmeats -g www-data /opt/projectmeats/shared/backend/media; \
                echo photo >/opt/projectmeats/shared/backend/media/photo.txt")?;
    add("host", "brisket")?;
    machine.ok(&format!(
        "psql \"$(sed -n s/^DATABASE_URL=//p /etc/projectmeats/projectmeats.env | tr -d '\\\"')\" \
         -qAtc \"{EVIL}\""
    ))?;
    let plan = run(machine, "meats-deploy docker migrate --dry-run", 0)?;
    ensure!(plan.contains("requests wait") && machine.ok("docker ps -aq")?.is_empty(), "{plan}");
    let early = run(machine, "meats-deploy docker migrate --back", 1)?;
    ensure!(early.contains("DOC-013"), "{early}");
    load::meets(machine, 80, 20, || run(machine, "meats-deploy docker migrate", 0).map(drop))
        .and_then(load::lossless)?;
    ensure!(names("stack")? == "brisket\n", "{}", names("stack")?);
    no_superuser(machine, "host")?;
    no_superuser(machine, "stack")?;
    machine.ok(SITE)?;
    machine.ok(&SITE.replace("health/", "media/photo.txt"))?;
    machine.ok("! systemctl is-active projectmeats.service projectmeats.socket")?;
    machine.ok("grep -q 'server 127.0.0.1:8080;' /etc/nginx/sites-enabled/projectmeats")?;
    diagnosed(machine, 0, &["DOC-017"])?;
    let other = machine.run("runuser -u nobody -- meats-diagnose --json")?;
    ensure!(other.code == 4 && !other.stdout.contains("\"error\","), "{other}");
    machine.ok(&format!("docker stop {}", container("web")))?;
    diagnosed(machine, 3, &["DOC-018"])?;
    machine.ok(&format!("docker start {}", container("web")))?;
    machine.wait_for(SITE, HEALTHY)?;
    let twice = run(machine, "meats-deploy docker migrate", 1)?;
    ensure!(twice.contains("DOC-012"), "{twice}");
    for command in ["docker down", "apply --from /srv/app", "rollback"] {
        let refused = run(machine, &format!("meats-deploy {command}"), 1)?;
        ensure!(refused.contains("DOC-012"), "{command}: {refused}");
    }
    let status = machine.wait_for("meats-deploy docker status --json", HEALTHY)?;
    ensure!(status.contains("\"visitors\":\"stack\""), "{status}");
    // The superuser that adds rows here would run it as himself.
    machine.ok(&psql("stack", "ALTER TABLE stock_cut DROP CONSTRAINT stock_cut_name_check"))?;
    add("stack", "chuck")?;
    // Killed on the way back, the stack serves again with one command, and then the way back is free.
    load::kill_at(machine, "meats-deploy docker migrate --back", "copy")?;
    diagnosed(machine, 3, &["DOC-019"])?;
    run(machine, "meats-deploy docker migrate", 0)?;
    machine.ok(SITE)?;
    load::meets(machine, 80, 20, || {
        run(machine, "meats-deploy docker migrate --back", 0).map(drop)
    })
    .and_then(load::lossless)?;
    ensure!(names("host")? == "brisket\nchuck\n", "{}", names("host")?);
    no_superuser(machine, "host")?;
    machine.ok(SITE)?;
    machine.ok("systemctl is-active projectmeats.service && [ -z \"$(docker ps -aq)\" ]")?;
    // Killed on the way there, the host serves again, and nothing of it has changed.
    load::kill_at(machine, "meats-deploy docker migrate", "last copy")?;
    diagnosed(machine, 3, &["DOC-019"])?;
    run(machine, "meats-deploy docker migrate --back", 0)?;
    machine.ok(SITE)?;
    ensure!(names("host")? == "brisket\nchuck\n", "{}", names("host")?);
    Ok(())
}

/// The doctor's exit status, and its findings from the first.
fn diagnosed(machine: &Machine, code: i32, ids: &[&str]) -> Result<()> {
    let said = machine.run("meats-diagnose --json")?;
    let report: serde_json::Value = serde_json::from_str(&said.stdout)?;
    let found = report.get("findings").and_then(|list| list.as_array()).cloned();
    let found: Vec<_> =
        found.iter().flatten().filter_map(|f| f.get("id")?.as_str()).take(ids.len()).collect();
    ensure!(said.code == code && found == ids, "{found:?}: {said}");
    Ok(())
}

/// The same stack in a Swarm of one node: a good update loses nobody, a bad one is taken back.
fn swarm(machine: &Machine) -> Result<()> {
    let up = "meats-deploy docker up --swarm --timeout 120";
    let none = run(machine, up, 1)?;
    ensure!(none.contains("DOC-014"), "{none}");
    machine.ok("docker swarm init --advertise-addr 127.0.0.1")?;
    let taken = run(machine, up, 1)?;
    ensure!(taken.contains("DOC-016"), "{taken}");
    run(machine, "meats-deploy docker down", 0)?;
    machine.ok(&format!("MEATS_TAG=x docker stack config -c {SET}/stack.yaml >/dev/null"))?;
    let account = run(machine, up, 0)?;
    ensure!(
        account.contains("DOC-015") && account.contains("200 from 127.0.0.1:8080"),
        "{account}"
    );
    let rows = machine.ok("docker exec $(docker ps -q --filter name=projectmeats_db) \
         psql -h /tmp -U postgres -d projectmeats -qAtc 'SELECT count(*) FROM stock_cut'")?;
    ensure!(rows.trim().parse::<u32>().is_ok(), "{rows}");
    load::meets(machine, 8080, 20, || run(machine, up, 0).map(drop)).and_then(load::lossless)?;
    let before = machine.ok(
        "docker service inspect -f '{{.Spec.TaskTemplate.ContainerSpec.Image}}' projectmeats_app",
    )?;
    machine.ok(
        "echo 'raise SystemExit(3)' >>/opt/projectmeats/current/backend/projectmeats/wsgi.py",
    )?;
    load::meets(machine, 8080, 20, || {
        let account = run(machine, up, 1)?;
        ensure!(account.contains("has put the former one back"), "{account}");
        Ok(())
    })
    .and_then(load::lossless)?;
    let after = machine.ok(
        "docker service inspect -f '{{.Spec.TaskTemplate.ContainerSpec.Image}}' projectmeats_app",
    )?;
    ensure!(before == after, "{before} {after}");
    machine.ok(&format!("{STACK}/health/"))?;
    run(machine, "meats-deploy docker down --swarm", 0)?;
    machine.ok("docker swarm leave --force").map(drop)
}
