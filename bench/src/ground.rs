//! The machine that is measured: a booted Debian with the application, the package and the peers.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use host::{Machine, cache, field, package, recipe, run, service};

use crate::timing::STOPWATCH;

/// An empty static C program: what an exec costs.
pub const FLOOR: &str = "/root/floor";
pub const GENERATOR: &str = "/usr/lib/systemd/system-generators/projectmeats-generator";
pub const PRE_START: &str = "/usr/libexec/projectmeats-fixes/pre-start";
pub const CAPTURE: &str = "/usr/libexec/projectmeats-fixes/capture-failure";
/// Writes back and drops the page cache.
pub const DROP_CACHES: &str = "/root/drop-caches.sh";

const ENV: &str = "SECRET_KEY='k7m2q9x4v1p0ws3e6r8t5yu2iog4da7fh9jl1zc3b'\nDEBUG=False\n\
    ALLOWED_HOSTS=localhost,127.0.0.1\n";

/// A healthy host that serves.
pub fn machine() -> Result<Machine> {
    let mut machine = Machine::of(&recipe::peers())?;
    machine.boot()?;
    machine.put(field::ENV_FILE, ENV.as_bytes(), 0o640)?;
    machine.ok("chown root:projectmeats /etc/projectmeats/projectmeats.env")?;
    package::install(&machine)?;
    service::await_health(&machine)?;
    machine.put(FLOOR, &floor()?, 0o755)?;
    machine.put(STOPWATCH, &fs::read(stopwatch())?, 0o755)?;
    // Built by `make bench`, too, when the registry has it.
    if let Ok(linter) = fs::read(cache::directory()?.join("peers/bin/dotenv-linter")) {
        machine.put("/usr/local/bin/dotenv-linter", &linter, 0o755)?;
    }
    for script in ["pre-start.sh", "check-packages.sh"] {
        machine.put(
            &format!("/root/{script}"),
            &fs::read(here(&format!("scripts/{script}")))?,
            0o755,
        )?;
    }
    machine.put(
        DROP_CACHES,
        b"#!/bin/sh\nsync\necho 3 >/proc/sys/vm/drop_caches 2>/dev/null\nexit 0\n",
        0o755,
    )?;
    Ok(machine)
}

pub fn here(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

/// Built by `make bench` beside this program, static.
fn stopwatch() -> PathBuf {
    here("../target/release/stopwatch")
}

fn floor() -> Result<Vec<u8>> {
    let target = here("../target/release/floor");
    let source = target.with_extension("c");
    fs::write(&source, "int main(void) { return 0; }\n")?;
    let mut command = Command::new("cc");
    command.args(["-O2", "-static", "-o"]).arg(&target).arg(&source);
    let output = run::run(&mut command, b"", Duration::from_secs(60))?;
    ensure!(output.code == 0, "cc: {output}");
    fs::read(&target).context("the empty program")
}
