//! The package under test.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result, ensure};

use crate::machine::Machine;
use crate::run::Output;
use crate::{field, recipe, service};

/// Name of the Debian package.
pub const NAME: &str = "projectmeats-fixes";
/// Where [`upload`] lays it.
pub const INSIDE: &str = "/root/projectmeats-fixes.deb";

/// The .deb file: `MEATS_DEB`, else the newest that `make deb` has left in target/debian.
///
/// # Errors
/// When there is none: a test without the package it is about would prove nothing.
pub fn file() -> Result<PathBuf> {
    if let Some(path) = std::env::var_os("MEATS_DEB") {
        let path = PathBuf::from(path);
        ensure!(path.is_file(), "MEATS_DEB: {} is no file", path.display());
        return Ok(path);
    }
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/debian");
    let entries = fs::read_dir(&directory)
        .with_context(|| format!("no {}; run `make deb`", directory.display()))?;
    let ours = entries.flatten().map(|entry| entry.path()).filter(|path| is_ours(path));
    ours.max_by_key(|path| path.metadata().and_then(|meta| meta.modified()).ok())
        .with_context(|| format!("no {NAME}_*.deb in {}; run `make deb`", directory.display()))
}

fn is_ours(path: &Path) -> bool {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    name.starts_with(&format!("{NAME}_")) && name.ends_with(".deb")
}

/// Lays the package into a running machine, at [`INSIDE`].
pub fn upload(machine: &Machine) -> Result<()> {
    machine.put(INSIDE, &fs::read(file()?)?, 0o644)
}

/// `apt install ./projectmeats-fixes.deb`, as an operator would.
///
/// # Errors
/// When apt does not exit with 0 or takes over two minutes.
pub fn install(machine: &Machine) -> Result<Output> {
    upload(machine)?;
    apt(machine, &format!("install {INSIDE}"))
}

/// A booted host of the application without a unit of the administrator's, with the package: the
/// service answers.
///
/// # Errors
/// When it cannot be made, or the service does not answer.
pub fn serving() -> Result<Machine> {
    let mut machine = Machine::of(&recipe::app())?;
    field::fresh_host(&machine.root())?;
    machine.boot()?;
    install(&machine)?;
    service::await_health(&machine)?;
    Ok(machine)
}

/// `apt-get --reinstall install`, of what [`install`] laid there.
///
/// # Errors
/// As [`install`].
pub fn reinstall(machine: &Machine) -> Result<Output> {
    apt(machine, &format!("--reinstall install {INSIDE}"))
}

/// `apt-get remove`.
pub fn remove(machine: &Machine) -> Result<Output> {
    apt(machine, &format!("remove {NAME}"))
}

/// `apt-get purge`.
pub fn purge(machine: &Machine) -> Result<Output> {
    apt(machine, &format!("purge {NAME}"))
}

fn apt(machine: &Machine, what: &str) -> Result<Output> {
    let script = format!("apt-get --yes --quiet -o Dpkg::Use-Pty=0 {what}");
    let output = machine.run_with(&script, b"", Duration::from_secs(120))?;
    ensure!(output.code == 0, "{script}: {output}");
    Ok(output)
}
