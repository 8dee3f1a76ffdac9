//! The examples of the manual run on a healed host, on a terminal where the answer to every question
//! is yes. Those of meats-deploy(8) that would build a release are only planned here; deploy.rs,
//! setup.rs and compose.rs build them.

#[path = "../../support/examples.rs"]
mod examples;

use anyhow::{Context, Result, ensure};
use examples::examples;
use host::{Machine, field, package, recipe, service};

const PAGES: &[(&str, &str)] = &[
    ("capture-failure(8)", include_str!("../../../man/capture-failure.8")),
    ("meats-deploy(8)", include_str!("../../../man/meats-deploy.8")),
    ("meats-diagnose(1)", include_str!("../../../man/meats-diagnose.1")),
    ("meats-env(1)", include_str!("../../../man/meats-env.1")),
    ("pre-start(8)", include_str!("../../../man/pre-start.8")),
    ("projectmeats-generator(8)", include_str!("../../../man/projectmeats-generator.8")),
];

/// What the examples take for granted.
const HOST: &str = "\
mkdir -p /root/deploy /srv/image/etc /srv/image/var/log /srv/image/opt /srv/wheels /var/lib/prometheus/node-exporter
cp /etc/projectmeats/projectmeats.env /root/deploy/
ln -sfn /opt/projectmeats/venv /root/venv
ln -sfn /opt/projectmeats/backend/manage.py /root/manage.py
cp -r /opt/projectmeats/backend /srv/checkout
cp -a /etc/passwd /etc/group /etc/projectmeats /srv/image/etc/
cp -a /opt/projectmeats /srv/image/opt/
tar -czf /srv/meats.tar.gz -C /srv/checkout .
";

#[test]
fn the_examples_of_the_manual_run() -> Result<()> {
    let mut machine = Machine::of(&recipe::app())?;
    field::break_host(&machine.root())?;
    machine.boot()?;
    package::install(&machine)?;
    service::await_health(&machine)?;
    machine.ok(HOST)?;
    let mut count = 0;
    for (page, text) in PAGES {
        let blocks = examples(text);
        ensure!(!blocks.is_empty(), "{page} has no examples");
        for block in blocks {
            count += 1;
            run(&machine, &block).with_context(|| format!("{page}: {block}"))?;
        }
    }
    println!("{count} examples ran");
    service::await_health(&machine)?;
    machine.finish()
}

fn run(machine: &Machine, block: &str) -> Result<()> {
    if block.starts_with("#!") {
        machine.put("/root/script", block.as_bytes(), 0o755)?;
        return machine.ok("sh -n /root/script").map(drop);
    }
    for line in block.replace("\\\n", " ").lines() {
        let mut command = line.to_owned();
        if line.contains("unit --export") {
            // new files: the administrator's own unit must not be there
            let socket = "/etc/systemd/system/projectmeats.socket";
            machine.ok(&format!("rm -f {} {socket}", field::UNIT))?;
        }
        let builds = ["meats-deploy setup", "meats-deploy apply", "meats-deploy rollback"];
        if builds.iter().any(|words| line.starts_with(words)) && !line.contains("--dry-run") {
            command.push_str(" --dry-run");
        }
        if line == "meats-deploy docker up" || line.contains("/srv/checkout --ref") {
            continue;
        }
        machine.put("/root/example", command.as_bytes(), 0o644)?;
        let output = machine.run(
            "cd /root; export password=Kx7vQ2m9; ((sleep 0.5; echo y) || true) | timeout 20 script -qec \
             'timeout --foreground 4 bash /root/example' /dev/null",
        )?;
        println!("$ {command}\n{output}");
        let text = output.text();
        // 124: what goes on for ever was ended; 1 and 3 are verdicts
        let ended = [0, 1, 3, 124].contains(&output.code);
        let usage = ["Usage:", "unexpected argument", "command not found", "No such file"];
        let clean = !usage.iter().any(|word| text.contains(word));
        ensure!(ended && clean, "{command}: {output}");
    }
    Ok(())
}
