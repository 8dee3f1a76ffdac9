//! Deployments on a booted host: in place, by releases, and what fails on the way.

use std::time::Duration;

use anyhow::{Result, ensure};
use host::release::{BROKEN, QUALITIES};
use host::service::{self, UNIT};
use host::{Machine, field, package, recipe};

/// A venv takes half a minute on a busy machine, and so does its removal.
const LIMIT: Duration = Duration::from_secs(300);
const WSGI: &str = "/opt/projectmeats/backend/projectmeats/wsgi.py";
/// The release that answers.
const ASK: &str = "curl -sS --max-time 5 http://127.0.0.1:8000/health/";

/// A fresh host with the package, and the service running.
fn installed() -> Result<Machine> {
    let mut machine = Machine::of(&recipe::app())?;
    field::fresh_host(&machine.root())?;
    machine.boot()?;
    package::install(&machine)?;
    machine.ok(&format!("systemctl restart {UNIT}"))?;
    service::await_health(&machine)?;
    Ok(machine)
}

/// Runs meats-deploy; its account must end with this status.
fn deploy(machine: &Machine, words: &str, code: i32) -> Result<String> {
    let output = machine.run_with(&format!("cd /srv; meats-deploy {words}"), b"", LIMIT)?;
    let text = output.text();
    ensure!(
        output.code == code,
        "meats-deploy {words}: exit {} instead of {code}\n{text}",
        output.code
    );
    Ok(text)
}

#[test]
fn in_place() -> Result<()> {
    let machine = installed()?;
    deploy(&machine, "check", 0)?;
    let plan = deploy(&machine, "apply --dry-run", 0)?;
    for step in ["preflight", "settings", "static files", "migrate", "trial start", "restart"] {
        ensure!(plan.contains(step), "the plan lacks {step}:\n{plan}");
    }
    let before = service::main_pid(&machine)?;
    let account = deploy(&machine, "apply", 0)?;
    ensure!(account.contains("200 from 127.0.0.1:8000"), "{account}");
    ensure!(service::main_pid(&machine)? != before, "the service was not restarted");
    for secret in field::SECRETS {
        let found = machine.run(&format!("grep -rF -- '{secret}' /var/log/projectmeats/deploy"))?;
        ensure!(found.code == 1, "the log of a deployment holds a secret");
    }
    // Code that cannot be loaded is refused while the old process serves on.
    machine.ok(&format!("echo 'import weasyprint' >>{WSGI}"))?;
    let pid = service::main_pid(&machine)?;
    let account = deploy(&machine, "apply", 1)?;
    ensure!(
        account.contains("No module named 'weasyprint', at projectmeats/wsgi.py:"),
        "{account}"
    );
    ensure!(service::main_pid(&machine)? == pid, "the service was touched");
    let owners =
        machine.ok("find /opt/projectmeats/backend/staticfiles -maxdepth 0 -printf '%u %m\\n'")?;
    ensure!(owners.starts_with("projectmeats "), "static files of the wrong owner: {owners}");
    // Not root: nothing is begun.
    let other = machine.run("runuser -u nobody -- meats-deploy apply")?;
    ensure!(other.code == 4, "{}", other.text());
    machine.finish()
}

/// Settings of a host with releases, sources of several qualities in /srv, wheels for their venvs.
const PREPARE: &str = r#"
set -eu
cat >/etc/projectmeats/fixes.conf <<'E'
[paths]
working_directory = /opt/projectmeats/current/backend
venv = /opt/projectmeats/current/venv
writable = /opt/projectmeats/shared/backend/media /opt/projectmeats/shared/backend/staticfiles /opt/projectmeats/shared/backend/data
E
cd /opt/projectmeats
chown root:root . ; chmod 755 .
for name in good two bad-import bad-migration bad-health bad-live; do
    mkdir "/srv/$name"
    cp -a backend "/srv/$name/"
    rm -rf "/srv/$name/backend/data" "/srv/$name/backend/media"
    printf 'Django\ngunicorn\ndjangorestframework\ndj-database-url\n' >"/srv/$name/requirements.txt"
    # A mark that only a healthy run may make.
    touch "/srv/$name/.complete"
done
"#;

#[test]
fn releases_and_the_way_back() -> Result<()> {
    let machine = installed()?;
    deploy(&machine, "apply --from /opt/projectmeats", 1)?;
    machine.ok(PREPARE)?;
    machine.ok(QUALITIES)?;
    // The venv of the field is a wheelhouse of what is installed in it.
    machine.ok(WHEELS)?;
    let from = |name: &str, code| {
        deploy(
            &machine,
            &format!("apply --from {name} --name {name} --wheelhouse /srv/wheels --timeout 10"),
            code,
        )
    };
    from("good", 0)?;
    ensure!(machine.ok(ASK)?.contains("\"healthy\""), "the first release does not answer");
    from("two", 0)?;
    ensure!(machine.ok(ASK)?.contains("\"two\""), "the second release is not live");
    for (name, step) in BROKEN {
        let account = from(name, 1)?;
        let line = account.lines().find(|l| l.contains("FAIL")).unwrap_or_default();
        ensure!(line.contains(step), "{name} failed elsewhere:\n{account}");
        let log = account.lines().rev().find_map(|l| l.strip_prefix("Full output: "));
        let entries = machine.ok(&format!("grep -c '^==> ' {}", log.unwrap_or_default()))?;
        ensure!(entries.trim().parse::<u32>()? > 5, "{name}: entries of the log: {entries}");
        ensure!(machine.ok(ASK)?.contains("\"two\""), "{name}: the release before is not live");
        ensure!(machine.ok("readlink /opt/projectmeats/current")? == "releases/two\n", "{name}");
    }
    deploy(&machine, "rollback", 0)?;
    ensure!(!machine.ok(ASK)?.contains("\"two\""), "the older release is not live");
    deploy(&machine, "rollback bad-live", 1)?;
    deploy(&machine, "prune --keep 1", 0)?;
    let left = machine.ok("ls /opt/projectmeats/releases")?;
    ensure!(left == "good\ntwo\n", "left after prune: {left}");
    machine.finish()
}

/// Sources that want to be run by root, or to make what only root can.
const HOSTILE: &str = r#"
set -eu
mkdir /srv/evil
cd /srv/evil
printf '[build-system]\nrequires = []\nbuild-backend = "b"\nbackend-path = ["."]\n' >pyproject.toml
cat >b.py <<'E'
import os, zipfile
NOTE = "import os; open('/srv/evil/uids', 'a').write('%d\\n' % os.geteuid())\n"
exec(NOTE)
def build_wheel(directory, config_settings=None, metadata_directory=None):
    files = {
        "evil.pth": NOTE,
        # A part of pip, replaced.
        "pip/_internal/self_outdated_check.py": NOTE,
        "evil-1.dist-info/METADATA": "Metadata-Version: 2.1\nName: evil\nVersion: 1\n",
        "evil-1.dist-info/WHEEL":
            "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    files["evil-1.dist-info/RECORD"] = "".join("%s,,\n" % name for name in files)
    with zipfile.ZipFile(os.path.join(directory, "evil-1-py3-none-any.whl"), "w") as wheel:
        for name, text in files.items():
            wheel.writestr(name, text)
    return "evil-1-py3-none-any.whl"
E
cp -a /srv/good /srv/hostile
cd /srv/hostile
echo 'evil @ file:///srv/evil' >>requirements.txt
site=venv/lib/$(basename "$(readlink -f /usr/bin/python3)")/site-packages
mkdir -p venv/bin "$site"
printf "import os; open('/srv/evil/uids', 'a').write('%%d\\\\n' %% os.geteuid())\n" >"$site/x.pth"
printf '#!/bin/sh\nid -u >>/srv/evil/uids\n' >run.sh
chmod 755 run.sh
ln -s ../../run.sh venv/bin/python3
tar --create --file=/srv/hostile.tar .
python3 - <<'E'
import tarfile
node = tarfile.TarInfo("./node")
node.type, node.devmajor, node.devminor, node.mode = tarfile.CHRTYPE, 1, 5, 0o666
whole = tarfile.open("/srv/node.tar", "w")
whole.add("/srv/good", ".")
whole.addfile(node)
whole.close()
E
cp -a /srv/good /srv/theirs
echo secret >/srv/theirs/backend/secret
chmod 600 /srv/theirs/backend/secret
chown -R projectmeats: /srv/evil /srv/theirs
chown root: /srv/theirs/backend/secret
"#;

#[test]
fn root_runs_nothing_of_a_release() -> Result<()> {
    let machine = installed()?;
    machine.ok(PREPARE)?;
    machine.ok(WHEELS)?;
    machine.ok(HOSTILE)?;
    let apply = |from: &str, name: &str, code| {
        let words = format!("--name {name} --wheelhouse /srv/wheels --timeout 30");
        deploy(&machine, &format!("apply --from /srv/{from} {words}"), code)
    };
    // A directory of releases that root did not make.
    machine.ok("install -d -o projectmeats /opt/projectmeats/releases")?;
    let account = apply("good", "good", 1)?;
    ensure!(account.contains("DEP-009"), "{account}");
    machine.ok("rmdir /opt/projectmeats/releases")?;
    // What a requirement builds, what the code has for an environment, what a wheel brings.
    apply("hostile.tar", "hostile", 0)?;
    ensure!(machine.ok(ASK)?.contains("\"healthy\""), "the release does not answer");
    let uids = machine.ok("sort -u /srv/evil/uids; id -u projectmeats")?;
    let uids: Vec<&str> = uids.lines().collect();
    ensure!(uids.len() == 2 && uids.first() == uids.last(), "who ran code: {uids:?}");
    let strange = machine.ok("cd /opt/projectmeats/releases/hostile; find . ! -user root; \
                              find . -name x.pth; find . -maxdepth 1 -name '.[vw]*'; \
                              find . -type f -perm /022; \
                              ls -A /var/lib/projectmeats-fixes/deploy | grep tar || true")?;
    ensure!(strange.is_empty(), "in the release: {strange}");
    // Devices are not made.
    let account = apply("node.tar", "node", 1)?;
    ensure!(account.contains("node"), "{account}");
    machine.ok("test ! -e /opt/projectmeats/releases/node/node")?;
    // A tree is read with the rights of its owner, and no archive is left.
    let account = apply("theirs", "theirs", 1)?;
    ensure!(account.contains("secret"), "{account}");
    machine.ok("! ls /var/lib/projectmeats-fixes/deploy/*.tar")?;
    machine.finish()
}

/// Wheels out of an installed environment: RECORD names the files of each distribution.
const WHEELS: &str = r#"
set -eu
mkdir /srv/wheels
/opt/projectmeats/venv/bin/python - <<'E'
import importlib.metadata, pathlib, zipfile
for dist in importlib.metadata.distributions():
    tag = [l.split(": ")[1] for l in dist.read_text("WHEEL").splitlines() if l.startswith("Tag")][0]
    name = dist.metadata["Name"].replace("-", "_").replace(".", "_")
    path = pathlib.Path("/srv/wheels/%s-%s-%s.whl" % (name, dist.version, tag))
    with zipfile.ZipFile(path, "w") as wheel:
        for file in dist.files or ():
            if ".." not in str(file) and "__pycache__" not in str(file) and file.locate().is_file():
                if str(file).endswith(("RECORD", "INSTALLER", "REQUESTED")):
                    continue
                wheel.write(file.locate(), str(file))
        info = [f.parent for f in dist.files if str(f).endswith("METADATA")][0]
        wheel.writestr(str(info / "RECORD"), "".join("%s,,\n" % n for n in wheel.namelist()))
E
"#;

/// The application's code runs as the service user and wants the operator's terminal; then it hangs,
/// and the deployment is ended.
#[test]
fn code_of_the_application_has_no_terminal_and_ends_with_us() -> Result<()> {
    let machine = installed()?;
    machine.ok(&format!(
        "cp {WSGI} /root/wsgi.py; cat >>{WSGI} <<'E'
import os
try:
    os.open('/dev/tty', os.O_RDWR)
    said = 'a terminal'
except OSError:
    said = 'none'
with open('/var/log/projectmeats/tty', 'w') as file:
    file.write('%s %s' % (said, os.getsid(0) == os.getpid()))
E"
    ))?;
    machine.run_with("script -qec 'meats-deploy check' /dev/null", b"", LIMIT)?;
    let said = machine.ok("cat /var/log/projectmeats/tty")?;
    ensure!(said == "none True", "{said}");
    let left = "pgrep -f meats-inspectio[n]";
    machine.ok(&format!(
        "echo 'import time; time.sleep(100)' >>{WSGI}; meats-deploy apply >/root/out 2>&1 & pid=$!; \
         for i in $(seq 300); do {left} && break; sleep 0.1; done; {left} || exit 1; \
         kill -TERM $pid; wait $pid; sleep 0.5; ! {left}"
    ))?;
    machine.ok(&format!("cp /root/wsgi.py {WSGI}"))?;
    deploy(&machine, "apply", 0)?;
    machine.finish()
}

#[test]
fn an_interrupted_deployment_is_taken_back() -> Result<()> {
    let machine = installed()?;
    machine.ok(PREPARE)?;
    machine.ok(QUALITIES)?;
    machine.ok(WHEELS)?;
    let words = "--wheelhouse /srv/wheels --timeout 60";
    deploy(&machine, &format!("apply --from good --name good {words}"), 0)?;
    // Killed between the switch and the end: the new release never gets healthy.
    machine.ok(&format!(
        "cd /srv; meats-deploy apply --from bad-live --name late {words} >/srv/late.out 2>&1 & pid=$!; \
         for i in $(seq 1200); do \
             [ -e /var/lib/projectmeats-fixes/deploy/switch.json ] && break; sleep 0.1; \
         done; sleep 0.2; kill -KILL $pid; test -e /var/lib/projectmeats-fixes/deploy/switch.json"
    ))?;
    ensure!(machine.ok("readlink /opt/projectmeats/current")? == "releases/late\n", "not switched");
    let account = deploy(&machine, "rollback", 0)?;
    ensure!(account.contains("recover"), "{account}");
    ensure!(
        machine.ok("readlink /opt/projectmeats/current")? == "releases/good\n",
        "not taken back"
    );
    service::await_health(&machine)?;
    machine.ok("test ! -e /var/lib/projectmeats-fixes/deploy/switch.json")?;
    machine.finish()
}
