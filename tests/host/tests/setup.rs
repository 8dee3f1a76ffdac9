//! From a bare Debian to HTTP 200 in one command, with real PostgreSQL and nginx.

use std::time::Duration;

use anyhow::{Result, ensure};
use host::release::{BROKEN, QUALITIES};
use host::{Machine, load, package, recipe};

const LIMIT: Duration = Duration::from_secs(300);
const SETUP: &str =
    "meats-deploy setup --from /srv/app --wheelhouse /srv/wheels --host meats.example";
/// The site as a visitor asks for it: through nginx, by its name.
const ASK: &str =
    "curl -sS -f --max-time 5 --resolve meats.example:80:127.0.0.1 http://meats.example/health/";

/// The source becomes a repository with the tag v1.
const TAG: &str = "cd /srv/app && git init -q && git add -A && \
                   git -c user.name=a -c user.email=a@b.example commit -qm x && git tag v1";

fn run(machine: &Machine, script: &str, code: i32) -> Result<String> {
    let output = machine.run_with(script, b"", LIMIT)?;
    let text = output.text();
    ensure!(output.code == code, "{script}: exit {} instead of {code}\n{text}", output.code);
    Ok(text)
}

#[test]
fn from_bare_to_200_in_one_command() -> Result<()> {
    let mut machine = Machine::of(&recipe::server())?;
    machine.boot()?;
    package::install(&machine)?;

    // A dry run prints all three parts and changes nothing.
    let state = "cat /etc/passwd; find /etc/projectmeats /etc/nginx /opt | sort; \
                 runuser -u postgres -- psql -Atc 'SELECT rolname FROM pg_roles ORDER BY 1'";
    let before = machine.ok(state)?;
    let plan = run(&machine, &format!("{SETUP} --dry-run"), 0)?;
    for part in [
        "1. the host",
        "env file",
        "database",
        "2. the first release",
        "trial start",
        "3. the web server",
    ] {
        ensure!(plan.contains(part), "the plan lacks {part}:\n{plan}");
    }
    ensure!(machine.ok(state)? == before, "a dry run has changed the host");
    // A source that is none is told before anything is made.
    let account = run(&machine, &SETUP.replace("/srv/app", "/srv/nothing"), 3)?;
    ensure!(account.contains("DEP-010") && machine.ok(state)? == before, "{account}");

    machine.ok(TAG)?;
    let account = run(&machine, &format!("{SETUP} --ref v1"), 0)?;
    ensure!(account.contains("source: v1 is commit "), "{account}");
    machine.ok("! ls /var/lib/projectmeats-fixes/deploy/*.tar")?;
    ensure!(account.contains("The site answers: http://meats.example:80/health/"), "{account}");
    ensure!(machine.ok(ASK)?.contains("\"healthy\""), "the site does not answer");
    secrets_stay(&machine, &account)?;
    let owner = "runuser -u postgres -- psql -Atc \
                 \"SELECT pg_get_userbyid(datdba) FROM pg_database WHERE datname = 'projectmeats'\"";
    ensure!(machine.ok(owner)? == "projectmeats\n", "the database is not the role's own");
    // The page of the login needs migrated tables and static files.
    let page = "curl -sS -f -o /dev/null --resolve meats.example:80:127.0.0.1 \
                http://meats.example/django_static/admin/css/base.css";
    machine.ok(page)?;

    // Again: nothing to do, nothing touched.
    let pid = host::service::main_pid(&machine)?;
    let again = run(&machine, SETUP, 0)?;
    ensure!(again.contains("is live and healthy") && again.contains("nothing to do"), "{again}");
    ensure!(host::service::main_pid(&machine)? == pid, "the second run restarted the service");

    // A site that nginx refuses is taken back, and the old one serves on.
    machine.ok("echo 'nonsense;' >/etc/nginx/conf.d/broken.conf")?;
    let account = run(&machine, &format!("{SETUP},www.meats.example"), 1)?;
    ensure!(account.contains("nginx as it is  FAIL"), "{account}");
    machine.ok(
        "rm /etc/nginx/conf.d/broken.conf; ! grep www.meats /etc/nginx/sites-enabled/projectmeats",
    )?;
    machine.ok(ASK)?;
    // A port that is taken: the way back, and the old site serves on.
    machine.ok("systemd-run --quiet --unit=taken python3 -m http.server 8081")?;
    let account = run(&machine, &format!("{SETUP} --port 8081 --timeout 3"), 1)?;
    ensure!(account.contains("undone: the site as before"), "{account}");
    machine.ok(ASK)?;
    machine.reboot()?;
    machine.wait_for(ASK, Duration::from_secs(30))?;
    machine.finish()
}

/// The password is in the env file and nowhere else.
fn secrets_stay(machine: &Machine, account: &str) -> Result<()> {
    let env = machine.fetch(host::field::ENV_FILE)?;
    let password = env
        .lines()
        .find(|line| line.starts_with("DATABASE_URL="))
        .and_then(|line| line.split("projectmeats:").nth(1)?.split('@').next())
        .unwrap_or_default();
    ensure!(password.len() == 40, "no fresh password in the env file");
    ensure!(!account.contains(password), "the account shows the password");
    let found = machine.run(&format!(
        "journalctl --sync; {{ journalctl --no-pager; cat /var/log/postgresql/* /var/log/projectmeats/deploy/*; }} \
         | grep -cF -- '{password}'"
    ))?;
    ensure!(found.code == 1, "a log shows the password");
    let modes = machine.ok(&format!("stat -c '%U:%G %a' {}", host::field::ENV_FILE))?;
    ensure!(modes == "root:projectmeats 640\n", "{modes}");
    Ok(())
}

/// Stopped in the middle, setup goes on where it was: the password of the env file becomes the
/// role's.
#[test]
fn interrupted_it_goes_on() -> Result<()> {
    let mut machine = Machine::of(&recipe::server())?;
    machine.boot()?;
    package::install(&machine)?;
    let steps = ["env file", "database", "unpack", "venv", "migrate", "switch", "web server"];
    for step in killed_at(&steps, &["database", "venv", "web server"]) {
        load::kill_at(&machine, SETUP, step)?;
    }
    run(&machine, SETUP, 0)?;
    ensure!(machine.ok(ASK)?.contains("\"healthy\""), "the site does not answer");
    machine.finish()
}

/// Good, broken and killed deployments: the site answers before, during and after.
#[test]
fn the_site_answers_whatever_happens_to_a_deployment() -> Result<()> {
    let mut machine = Machine::of(&recipe::server())?;
    machine.boot()?;
    package::install(&machine)?;
    run(&machine, &format!("{SETUP} --name one"), 0)?;
    machine.ok("cd /srv; for name in two bad-import bad-migration bad-health bad-live; do cp -a app $name; done")?;
    machine.ok(QUALITIES)?;
    let apply = |name: &str| {
        format!(
            "meats-deploy apply --from /srv/{name} --wheelhouse /srv/wheels --timeout 10 --name {name}"
        )
    };
    load::meets(&machine, 80, 50, || {
        for (name, step) in BROKEN {
            let account = run(&machine, &apply(name), 1)?;
            let line = account.lines().find(|l| l.contains("FAIL")).unwrap_or_default();
            ensure!(line.contains(step), "{name} failed elsewhere:\n{account}");
            ensure!(machine.ok("readlink /opt/projectmeats/current")? == "releases/one\n");
        }
        machine.ok("install -m 755 /srv/uv /usr/local/bin/uv")?;
        let account = run(&machine, &apply("two"), 0)?;
        ensure!(account.contains("distributions, by uv"), "{account}");
        Ok(())
    })
    .and_then(load::lossless)?;
    load::meets(&machine, 8000, 50, || {
        for step in killed_at(STEPS, &["venv", "switch", "health check"]) {
            load::kill_at(&machine, &apply("app").replace("--name app", ""), step)?;
            machine.ok(ASK)?;
        }
        let account = run(&machine, &apply("two").replace("--name two", "--name three"), 0)?;
        ensure!(account.contains("recover"), "the last kill was after the switch:\n{account}");
        Ok(())
    })
    .and_then(load::lossless)?;
    ensure!(machine.ok(ASK)?.contains("\"two\""), "the last release is not live");
    // Without socket activation the port is closed for the time of a restart, and only for that.
    machine.ok(
        "printf '[listen]\\nactivation = no\\n' >/etc/projectmeats/fixes.conf.d/60-tcp.conf; \
         systemctl daemon-reload; systemctl stop projectmeats.socket projectmeats.service; \
         systemctl start projectmeats.service",
    )?;
    machine.wait_for(ASK, Duration::from_secs(30))?;
    let again = apply("two").replace("--name two", "--name tcp");
    let (total, bad) = load::meets(&machine, 8000, 50, || run(&machine, &again, 0).map(drop))?;
    ensure!(bad > 0 && bad * 4 < total, "{bad} of {total} were lost: not what a restart costs");
    // From a tag of a repository; one that is none is refused.
    machine.ok(TAG)?;
    let tag = |tag: &str, name: &str| {
        apply("app").replace("--name app", &format!("--ref {tag} --name {name}"))
    };
    run(&machine, &tag("v2", "none"), 1)?;
    run(&machine, &tag("v1", "tagged"), 0)?;
    let url = tag("v1", "fetched").replace("--from /srv/app", "--from file:///srv/app");
    machine.ok("chown -R projectmeats: /srv/app")?;
    run(&machine, &url, 0)?;
    // Without wheels and network the reason is told, and the way out.
    let account = run(&machine, "meats-deploy apply --from /srv/two --name net", 1)?;
    ensure!(account.contains("use --wheelhouse"), "{account}");
    machine.finish()
}

/// Where work is killed: with `MEATS_KILLS=all` in each step, else in a few.
fn killed_at<'a>(all: &[&'a str], few: &[&'a str]) -> Vec<&'a str> {
    let every = std::env::var_os("MEATS_KILLS").is_some_and(|value| value == "all");
    if every { all.to_vec() } else { few.to_vec() }
}

/// The steps of a release, in order.
const STEPS: &[&str] = &[
    "unpack",
    "venv",
    "static files",
    "database dump",
    "migrate",
    "trial start",
    "switch",
    "restart",
    "health check",
];
