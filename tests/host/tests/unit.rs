//! Every unit that the field has, with our drop-in, on one booted root: it starts, pre-start runs
//! as root and first, and what the administrator decided stays decided.

use anyhow::{Context, Result, ensure};
use host::{Machine, field, package, recipe, service};

/// A unit of the field and what its drop-in must hold.
struct Variant {
    name: &'static str,
    /// Files inside: path and text.
    files: &'static [(&'static str, &'static str)],
    start: &'static str,
    /// curl's idea of where it listens.
    at: &'static str,
    /// Lines of the drop-in.
    has: &'static [&'static str],
    lacks: &'static [&'static str],
    user: &'static str,
}

const UNIT: &str = "/etc/systemd/system/projectmeats.service";
const DROP_IN: &str = "/run/systemd/generator/projectmeats.service.d/10-projectmeats-fixes.conf";
const TCP: &str = "http://127.0.0.1:8000/health/";
const UNIX: &str = "--unix-socket /run/projectmeats.sock http://localhost/health/";

const VARIANTS: &[Variant] = &[
    Variant {
        name: "TCP",
        files: &[(UNIT, include_str!("units/tcp.service"))],
        start: "projectmeats.service",
        at: TCP,
        has: &[
            "ReadWritePaths=-/var/run/projectmeats",
            "ExecStartPre=",
            "ExecStartPre=/opt/projectmeats/deployment/pre_start.sh",
            "ExecStopPost=-+/usr/libexec/projectmeats-fixes/capture-failure",
            "OnFailure=projectmeats-capture@%n.service",
        ],
        // what he set is his: his pause, his env files (they have their dash), his PYTHONPATH
        lacks: &["RestartSec=", "EnvironmentFile=", "PYTHONPATH "],
        user: "projectmeats",
    },
    Variant {
        name: "socket",
        files: &[
            (UNIT, include_str!("units/socket.service")),
            ("/etc/systemd/system/projectmeats.socket", include_str!("units/field.socket")),
        ],
        start: "projectmeats.socket projectmeats.service",
        at: UNIX,
        has: &["ReadWritePaths=-/run"],
        lacks: &["EnvironmentFile="],
        user: "projectmeats",
    },
    Variant {
        name: "socket under its own name",
        files: &[("/etc/systemd/system/projectmeats.socket", include_str!("units/field.socket"))],
        start: "projectmeats.service",
        at: UNIX,
        has: &[],
        lacks: &[],
        user: "projectmeats",
    },
    Variant {
        name: "port fallback",
        files: &[(UNIT, include_str!("units/fallback.service"))],
        start: "projectmeats.service",
        at: TCP,
        has: &["ExecStartPre=+/usr/libexec/projectmeats-fixes/pre-start"],
        lacks: &["RestartSec=", "ExecStartPre=\n"],
        user: "projectmeats",
    },
    Variant {
        name: "by the deployment script",
        // Without its only env file pre-start stops the start: see the tests of bad input.
        files: &[
            (UNIT, include_str!("units/deploy.service")),
            (
                "/opt/projectmeats/.env.production",
                "SECRET_KEY=only-for-this-test-0123456789abcdefghijklmnopqrstuv\nALLOWED_HOSTS=*\n",
            ),
        ],
        start: "projectmeats.service",
        at: TCP,
        has: &["EnvironmentFile=", "EnvironmentFile=-/opt/projectmeats/.env.production"],
        lacks: &[],
        user: "projectmeats",
    },
    Variant {
        name: "oldest",
        files: &[(UNIT, include_str!("units/oldest.service"))],
        start: "projectmeats.service",
        at: TCP,
        has: &["ExecStartPre=-/bin/mkdir -p /var/log/projectmeats /var/run/projectmeats"],
        lacks: &["RestartSec="],
        user: "www-data",
    },
    Variant {
        name: "in /usr/local",
        files: &[(
            "/usr/local/lib/systemd/system/projectmeats.service",
            include_str!("units/fallback.service"),
        )],
        start: "projectmeats.service",
        at: TCP,
        has: &["ExecStartPre=+/usr/libexec/projectmeats-fixes/pre-start"],
        lacks: &[],
        user: "projectmeats",
    },
];

/// The package on a host whose unit comes later, with the script that his unit calls.
fn machine() -> Result<Machine> {
    let mut machine = Machine::of(&recipe::app())?;
    field::fresh_host(&machine.root())?;
    machine.boot()?;
    let script = "#!/bin/sh\nmkdir -p /var/log/projectmeats\n\
                  chown -R projectmeats:www-data /var/log/projectmeats\n";
    machine.put("/opt/projectmeats/deployment/pre_start.sh", script.as_bytes(), 0o755)?;
    machine.put("/etc/projectmeats/fixes.conf.d/off.conf", b"[service]\nenabled = no\n", 0o644)?;
    package::install(&machine)?;
    Ok(machine)
}

fn await_answer(machine: &Machine, at: &str) -> Result<String> {
    let ask = format!("curl -sS -f --max-time 5 {at}");
    let answer = machine.wait_for(&ask, service::RECOVERY)?;
    ensure!(answer.contains("healthy"), "{answer}");
    Ok(answer)
}

/// Logs as the oldest scripts left them, no runtime directory, no trace of an earlier start.
fn spoil(machine: &Machine) -> Result<()> {
    let script =
        "rm -rf /var/log/projectmeats /run/projectmeats /run/projectmeats-fixes/status.json
        mkdir -m 755 /var/log/projectmeats
        touch /var/log/projectmeats/access.log /var/log/projectmeats/error.log
        chmod 600 /var/log/projectmeats/*.log
        chown -R root:root /var/log/projectmeats";
    machine.ok(script).map(drop)
}

#[test]
fn every_unit_of_the_field_starts_with_our_drop_in() -> Result<()> {
    let machine = machine()?;
    for variant in VARIANTS {
        one(&machine, variant).with_context(|| format!("variant: {}", variant.name))?;
    }
    machine.finish()
}

fn one(machine: &Machine, variant: &Variant) -> Result<()> {
    machine.note(&format!("--- {}", variant.name));
    spoil(machine)?;
    for (path, text) in variant.files {
        machine.put(path, text.as_bytes(), 0o644)?;
    }
    machine.ok("systemctl daemon-reload")?;
    if !variant.has.is_empty() {
        let text = machine.fetch(DROP_IN)?;
        for line in variant.has {
            ensure!(text.lines().any(|l| l == *line), "no line {line:?} in:\n{text}");
        }
        for part in variant.lacks {
            ensure!(!text.contains(part), "{part:?} in:\n{text}");
        }
    }
    machine.ok(&format!("systemctl start {}", variant.start))?;
    await_answer(machine, variant.at)?;
    // pre-start ran, as root, in this very start
    let invocation = service::property(machine, "InvocationID")?;
    let status = machine.fetch("/run/projectmeats-fixes/status.json")?;
    ensure!(status.contains(&invocation), "pre-start did not run: {status}");
    let owner = machine.ok("stat -c %U /var/log/projectmeats/error.log")?;
    ensure!(owner.trim() == variant.user, "the log belongs to {owner}");
    service::accepted(machine, variant.start)?;
    // a clean stop is clean
    machine.ok(&format!("systemctl stop {}", variant.start))?;
    let state = machine.run("systemctl is-failed projectmeats.service")?.stdout;
    machine.note(&format!("after the stop: {}", state.trim()));
    for (path, _) in variant.files {
        machine.ok(&format!("rm {path}"))?;
    }
    machine.ok("systemctl stop projectmeats.socket 2>/dev/null; rm -f /run/projectmeats.sock
         systemctl reset-failed; systemctl daemon-reload")?;
    Ok(())
}

#[test]
fn an_instance_of_a_template() -> Result<()> {
    let machine = machine()?;
    let template = include_bytes!("units/template.service");
    machine.put("/etc/systemd/system/projectmeats@.service", template, 0o644)?;
    let conf = b"[service]\nname = projectmeats@main\n";
    machine.put("/etc/projectmeats/fixes.conf.d/name.conf", conf, 0o644)?;
    // the template insists on it
    machine.put("/etc/projectmeats/projectmeats-main.env", b"WEB_CONCURRENCY=2\n", 0o640)?;
    machine.ok("systemctl daemon-reload; systemctl enable --now projectmeats@main")?;
    await_answer(&machine, TCP)?;
    let show = "systemctl show -P DropInPaths -P EnvironmentFiles projectmeats@main";
    let text = machine.ok(show)?;
    assert!(text.contains("projectmeats@main.service.d/10-projectmeats-fixes.conf"), "{text}");
    let wanted = "/etc/projectmeats/projectmeats-main.env (ignore_errors=yes)";
    assert!(text.contains(wanted), "{text}");
    // without the name it is a rival: nothing of ours is started beside it
    machine.ok("rm /etc/projectmeats/fixes.conf.d/*.conf; systemctl daemon-reload")?;
    let links = machine.ok("find /run/systemd/generator -name 'projectmeats.*' -type l")?;
    assert_eq!(links, "");
    let said = machine.run("meats-diagnose --only SVC-020")?;
    assert!(said.stdout.contains("projectmeats@main.service is enabled"), "{said}");
    machine.finish()
}

#[test]
fn what_the_administrator_decides_stays_decided() -> Result<()> {
    let machine = machine()?;
    machine.ok("rm /etc/projectmeats/fixes.conf.d/off.conf; systemctl daemon-reload")?;
    // his drop-ins: one that comes before ours is kept in the lists we name anew, later ones win
    machine.put(UNIT, include_bytes!("units/tcp.service"), 0o644)?;
    let early = b"[Service]\nExecStartPre=/bin/true early\nRestartSec=7\n";
    machine.put("/etc/systemd/system/projectmeats.service.d/05-early.conf", early, 0o644)?;
    let late = b"[Service]\nUnsetEnvironment=\nEnvironment=LATE=1\n";
    machine.put("/etc/systemd/system/projectmeats.service.d/override.conf", late, 0o644)?;
    let general = b"[Service]\nReadWritePaths=/srv/later\n";
    machine.put("/etc/systemd/system/service.d/00-all.conf", general, 0o644)?;
    machine.ok("systemctl daemon-reload")?;
    let text = machine.fetch(DROP_IN)?;
    assert!(text.contains("ExecStartPre=/bin/true early\n"), "{text}");
    assert!(text.contains("ReadWritePaths=-/srv/later\n"), "{text}");
    assert!(!text.contains("RestartSec="), "{text}");
    assert_eq!(service::property(&machine, "UnsetEnvironment")?, "");
    machine.ok("rm -r /etc/systemd/system/service.d /etc/systemd/system/projectmeats.service.d")?;
    // disabled stays disabled over a reboot's worth of generators
    machine.ok("systemctl daemon-reload; systemctl disable projectmeats")?;
    assert_eq!(machine.run("systemctl is-enabled projectmeats")?.stdout, "disabled\n");
    assert_eq!(service::property(&machine, "WantedBy")?, "");
    // a mask of the service empties the generator's directory
    machine.ok(&format!("rm {UNIT}; systemctl mask projectmeats; systemctl daemon-reload"))?;
    assert_eq!(machine.ok("find /run/systemd/generator -name 'projectmeats*'")?, "");
    machine.ok("systemctl unmask projectmeats")?;
    // a mask of the socket alone: gunicorn binds the address itself
    machine.ok("systemctl stop projectmeats.service projectmeats.socket")?;
    machine.ok("systemctl mask projectmeats.socket; systemctl daemon-reload")?;
    machine.ok("systemctl start projectmeats")?;
    await_answer(&machine, TCP)?;
    let command = service::property(&machine, "ExecStart")?;
    assert!(command.contains("--bind 127.0.0.1:8000"), "{command}");
    machine.finish()
}

/// The unit whose PATH lacks the system's directories never starts; adopting it cures that, and
/// undo brings back the very file.
#[test]
fn adoption_and_its_undo() -> Result<()> {
    let machine = machine()?;
    machine.ok("rm /etc/projectmeats/fixes.conf.d/off.conf")?;
    let broken = include_str!("units/tcp.service")
        .replace("PATH=/usr/local/bin:/usr/bin:/bin:", "PATH=")
        .replace("--workers 2", "--workers 1")
        .replace("127.0.0.1:8000", "127.0.0.1:8123");
    machine.put(UNIT, broken.as_bytes(), 0o644)?;
    machine.ok("systemctl daemon-reload; systemctl enable projectmeats")?;
    assert_ne!(machine.run("systemctl restart projectmeats")?.code, 0);
    let before = machine.ok(&format!("sha256sum {UNIT}"))?;

    let shown = machine.run("meats-diagnose unit")?;
    assert_eq!(shown.code, 1, "{shown}");
    for line in ["-Type=simple", "+Type=notify", "-TimeoutStopSec=5", " User=projectmeats"] {
        assert!(shown.stdout.lines().any(|l| l == line), "no {line} in {shown}");
    }
    let dry = machine.ok("meats-diagnose unit --adopt --dry-run")?;
    assert!(dry.contains("workers = 1") && dry.contains("addresses = 127.0.0.1:8123"), "{dry}");
    assert_eq!(machine.ok(&format!("sha256sum {UNIT}"))?, before, "--dry-run changed it");

    machine.ok("meats-diagnose unit --adopt --yes")?;
    assert_ne!(machine.run(&format!("test -e {UNIT}"))?.code, 0);
    machine.ok("systemctl reset-failed; systemctl restart projectmeats")?;
    await_answer(&machine, "http://127.0.0.1:8123/health/")?;
    let fragment = service::property(&machine, "FragmentPath")?;
    assert_eq!(fragment, "/run/systemd/generator/projectmeats.service");

    machine.ok("meats-diagnose unit --undo --yes")?;
    assert_eq!(machine.ok(&format!("sha256sum {UNIT}"))?, before);
    assert_eq!(machine.run("ls /etc/projectmeats/fixes.conf.d")?.stdout, "");
    assert_eq!(service::property(&machine, "FragmentPath")?, UNIT);
    assert_eq!(machine.run("meats-diagnose unit --undo --yes")?.code, 2);
    machine.finish()
}
