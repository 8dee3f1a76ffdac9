//! The tools by which Debian judges a package, of the newest release: lintian, autopkgtest, the
//! readers of manuals, the shells whose completions we bring, and apt with a signed archive.

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use host::{Machine, package, recipe};

const LONG: Duration = Duration::from_secs(120);

fn tree() -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// One machine for all of it: most of the time goes into making its root.
#[test]
fn the_newest_release_has_nothing_to_say() -> Result<()> {
    let mut machine = Machine::of(&recipe::judges())?;
    machine.boot()?;
    package::upload(&machine)?;
    lintian(&machine).context("lintian")?;
    hardening(&machine).context("hardening")?;
    archive(&machine).context("archive")?;
    manuals(&machine).context("manuals")?;
    completions(&machine).context("completions")?;
    metrics(&machine).context("metrics")?;
    autopkgtest(&machine).context("autopkgtest")?;
    machine.finish()
}

/// Debian 13's own, for amd64 and arm64, which the source package is built with (`make source-check` does the whole of it);
/// a crate that needs a newer one is noticed here.
#[test]
fn the_oldest_rust_is_enough() -> Result<()> {
    const COPY: &str = "set -eu
mkdir -p \"$1/.cargo\"
git ls-files -z | tar -c --null -T - | tar -x -C \"$1\"
cd \"$1\"
cargo vendor --quiet --locked --versioned-dirs
printf '[source.%s]\\n%s\\n' crates-io 'replace-with = \"vendored\"' \\
    vendored 'directory = \"vendor\"' >.cargo/config.toml";
    let machine = Machine::of(&recipe::oldest_rust())?;
    let build = machine.root().join("srv/build");
    let mut copy = Command::new("sh");
    let copied = copy.args(["-c", COPY, "sh"]).arg(&build).current_dir(tree()).output()?;
    ensure!(copied.status.success(), "{}", String::from_utf8_lossy(&copied.stderr));
    let check = "cd /srv/build && rustc --version && cargo check --quiet --offline --locked \
        --bin meats --target x86_64-unknown-linux-gnu --target aarch64-unknown-linux-gnu";
    let said = machine.in_image(check, Duration::from_secs(900))?;
    ensure!(said.code == 0 && said.stdout.starts_with("rustc 1.85"), "{said}");
    machine.finish()
}

/// No tag, not even a pedantic or experimental one, but for the overrides with their reasons.
fn lintian(machine: &Machine) -> Result<()> {
    let said = machine.run_with(
        &format!("lintian --pedantic -I -E --tag-display-limit 0 {}", package::INSIDE),
        b"",
        LONG,
    )?;
    let tags: Vec<&str> = said.stdout.lines().filter(|line| !line.starts_with("N:")).collect();
    ensure!(said.code == 0 && tags.is_empty(), "{said}");
    Ok(())
}

/// Static, position-independent, relocations read-only and bound at the start, no executable stack;
/// the list of crates for scanners; and its names are links that lead to it.
fn hardening(machine: &Machine) -> Result<()> {
    machine.ok(&format!("dpkg-deb -x {} /root/look", package::INSIDE))?;
    let program = "/root/look/usr/libexec/projectmeats-fixes/meats";
    let elf = machine.ok(&format!("readelf -hldSW {program}"))?;
    for wanted in ["Type:                              DYN", "GNU_RELRO", "BIND_NOW", ".dep-v0"] {
        ensure!(elf.contains(wanted), "it lacks {wanted}");
    }
    let stack = elf.lines().find(|line| line.trim_start().starts_with("GNU_STACK"));
    ensure!(stack.is_some_and(|line| line.contains(" RW ")), "{stack:?}");
    ensure!(!elf.contains("INTERP"), "it is not static");
    let read = format!(
        "objcopy -O binary --only-section=.dep-v0 --set-section-flags .dep-v0=alloc {program} /root/list && \
         python3 -c 'import json, sys, zlib; \
         print(len(json.loads(zlib.decompress(open(\"/root/list\", \"rb\").read()))[\"packages\"]))'"
    );
    let count: usize = machine.ok(&read)?.trim().parse()?;
    ensure!(count > 40, "it names only {count} crates");
    for name in [
        "bin/meats-diagnose",
        "bin/meats-env",
        "bin/meats-deploy",
        "lib/systemd/system-generators/projectmeats-generator",
        "libexec/projectmeats-fixes/pre-start",
        "libexec/projectmeats-fixes/capture-failure",
    ] {
        let leads = machine.ok(&format!("realpath /root/look/usr/{name}"))?;
        ensure!(leads.trim() == program, "{name} leads to {leads}");
    }
    Ok(())
}

/// `make repo` with a new key; apt installs from it, refuses what was changed, and
/// unattended-upgrades takes the next version.
fn archive(machine: &Machine) -> Result<()> {
    let script = std::fs::read(tree().join("tests/packaging/repo.sh"))?;
    machine.put("/root/src/tests/packaging/repo.sh", &script, 0o755)?;
    let made = machine.run_with(
        "set -e
         gpg --batch --quiet --passphrase '' --quick-generate-key archive@example ed25519 sign never
         mkdir -p /srv/debs
         control=$(dpkg-deb -f /root/projectmeats-fixes.deb Version)
         cp /root/projectmeats-fixes.deb /srv/debs/projectmeats-fixes_${control}_amd64.deb
         DEBS=/srv/debs /root/src/tests/packaging/repo.sh archive@example /srv/repo
         rm /etc/apt/sources.list; rm -f /etc/apt/sources.list.d/*
         cp /srv/repo/projectmeats.sources /etc/apt/sources.list.d/
         apt-get update && apt-get -y install projectmeats-fixes
         dpkg-query -W -f '${Status}' projectmeats-fixes | grep 'install ok installed'
         apt-cache policy projectmeats-fixes | grep /srv/repo",
        b"",
        LONG,
    )?;
    ensure!(made.code == 0, "{made}");
    let newer = machine.run_with(
        "set -e
         dpkg-deb -R /root/projectmeats-fixes.deb /root/tree
         sed -i 's/^Version:.*/Version: 9.1-1/' /root/tree/DEBIAN/control
         dpkg-deb --root-owner-group -Zgzip -z1 -b /root/tree /srv/debs/projectmeats-fixes_9.1-1_amd64.deb
         DEBS=/srv/debs /root/src/tests/packaging/repo.sh archive@example /srv/repo >/dev/null
         apt-get update
         printf '%s\\n' 'Unattended-Upgrade::Origins-Pattern { \"origin=ProjectMeats,label=ProjectMeats\"; };' \
             >/etc/apt/apt.conf.d/52projectmeats
         unattended-upgrade --dry-run --debug 2>&1 | grep -i projectmeats-fixes",
        b"",
        LONG,
    )?;
    ensure!(newer.code == 0 && newer.text().contains("9.1-1"), "{newer}");
    let forged = machine.run(
        "cd /srv/repo/dists/stable; sed -i 's/^Origin: .*/Origin: Somebody/' InRelease Release; \
         apt-get update",
    )?;
    ensure!(forged.text().contains("Message has been manipulated"), "a forged list: {forged}");
    Ok(())
}

/// Prometheus' own tool takes the file of `--prometheus`, and says nothing of its style.
fn metrics(machine: &Machine) -> Result<()> {
    let said = machine.run(
        "meats-diagnose --quiet --prometheus /root/meats.prom
         grep '^meats_' /root/meats.prom || exit 9
         promtool check metrics </root/meats.prom 2>&1 | tee /root/said; test ! -s /root/said",
    )?;
    ensure!(said.code == 0 && said.stdout.contains("meats_"), "{said}");
    Ok(())
}

fn manuals(machine: &Machine) -> Result<()> {
    let said = machine.ok("for page in $(dpkg -L projectmeats-fixes | grep '/man/man./'); do \
             mandoc -Tlint -W warning $page 2>&1; \
             MANWIDTH=80 man --warnings -E UTF-8 -l -Tutf8 -Z $page 2>&1 >/dev/null; \
         done")?;
    ensure!(said.is_empty(), "{said}");
    let known = machine.ok("mandb -q; man -k projectmeats | cut -d ' ' -f 1 | sort -u")?;
    ensure!(known.contains("projectmeats-generator"), "{known}");
    Ok(())
}

/// Each shell completes commands and options by its own means.
fn completions(machine: &Machine) -> Result<()> {
    for (command, word, option) in [
        ("meats-diagnose", "explain", "--json"),
        ("meats-env", "generate", "--root"),
        ("meats-deploy", "rollback", "--help"),
    ] {
        let fish = machine
            .ok(&format!("fish -c 'complete -C \"{command} \"; complete -C \"{command} --\"'"))?;
        let zsh = machine.ok(&format!(
            "zsh -fc 'autoload -Uz compinit; compinit -D; echo ${{_comps[{command}]}}; \
             autoload +X _{command} && echo loaded; functions _{command}'"
        ))?;
        let bash = machine.ok(&format!(
            "bash -c '. /usr/share/bash-completion/bash_completion
             _comp_load {command} 2>/dev/null || __load_completion {command}
             spec=$(complete -p {command}); function=${{spec##*-F }}; function=${{function%% *}}
             try() {{ COMP_WORDS=({command} \"$1\"); COMP_CWORD=1; $function {command} \"$1\" {command}
                     printf \"%s\\n\" \"${{COMPREPLY[@]}}\"; }}
             try \"\"; try --'"
        ))?;
        for (shell, said) in [("fish", &fish), ("zsh", &zsh), ("bash", &bash)] {
            ensure!(said.contains(word), "{shell} does not complete {command} {word}: {said}");
            let wanted = if shell == "fish" { option.trim_start_matches("--") } else { option };
            ensure!(said.contains(wanted), "{shell} does not complete {command} {option}: {said}");
        }
        ensure!(zsh.starts_with(&format!("_{command}\nloaded")), "{zsh}");
    }
    Ok(())
}

/// piuparts installs, removes and purges in roots that nothing else has touched, and looks for what
/// is left, changed, or linked to nowhere.
#[test]
fn piuparts_finds_nothing() -> Result<()> {
    let mut machine = Machine::of(&recipe::judges())?;
    for suite in ["bookworm", "trixie"] {
        let into = machine.root().join("srv").join(suite);
        recipe::clone_tree(&recipe::debian_of(suite).root()?, &into)?;
    }
    machine.boot()?;
    package::upload(&machine)?;
    for suite in ["bookworm", "trixie"] {
        // our backups, logs and env files are the only leftovers that are meant
        let script = format!(
            "piuparts -e /srv/{suite} --distribution {suite} --no-eatmydata \
             --skip-logrotatefiles-test --no-upgrade-test {} 2>&1",
            package::INSIDE
        );
        let said = machine.run_with(&script, b"", LONG)?;
        let passed = said.code == 0 && said.stdout.contains("PASS: All tests.");
        ensure!(passed, "{suite}: {said}");
    }
    machine.finish()
}

/// The suite of debian/tests by Debian's own runner, with nothing from a mirror. The null backend
/// does not know that this is a container.
fn autopkgtest(machine: &Machine) -> Result<()> {
    let tree = tree();
    let packed = Command::new("tar")
        .args(["-C", tree.to_str().context("a path that is not UTF-8")?, "-cf", "-", "debian"])
        .output()?;
    ensure!(packed.status.success(), "tar: {packed:?}");
    let result = machine.run_with(
        "rm -f /etc/apt/sources.list.d/* /etc/apt/apt.conf.d/52projectmeats
         apt-get -q update; dpkg -P projectmeats-fixes
         mkdir -p /root/source && tar -C /root/source -xf -
         autopkgtest --ignore-restrictions=isolation-container -B /root/source /root/projectmeats-fixes.deb -- null 2>&1",
        &packed.stdout,
        LONG,
    )?;
    ensure!(result.code == 0, "{result}");
    for test in ["commands", "repair"] {
        let passed = result
            .stdout
            .lines()
            .any(|line| line.starts_with(test) && line.split_whitespace().nth(1) == Some("PASS"));
        ensure!(passed, "{test} did not pass: {result}");
    }
    Ok(())
}
