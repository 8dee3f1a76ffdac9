//! Every failure of the field, brought about on a running host with the real parts: what is named
//! first, and that what the report says to do ends it.
//!
//! The numbers are those of the list of failures that this package was made for. These have no case,
//! because no host shows them: F11 (values that xargs mangled: an idiom of scripts; nothing here
//! starts a command through one), F57 (the stack in containers; compose.rs and image.rs), F58 to F61
//! (what the old scripts did: called installed packages missing, said OK, hung, ran as root what the
//! service user can write; nothing of them is left to be found).

use anyhow::Result;
use host::catalogue::{Begin, Case, Group, Heal};
use host::recipe;

#[path = "catalogue/app.rs"]
mod app;
#[path = "catalogue/env.rs"]
mod env;
#[path = "catalogue/field.rs"]
mod field;
#[path = "catalogue/files.rs"]
mod files;
#[path = "catalogue/site.rs"]
mod site;
#[path = "catalogue/unusual.rs"]
mod unusual;
#[path = "catalogue/venv.rs"]
mod venv;

fn go(begin: Begin, cases: &[Case]) -> Result<()> {
    let mut group = Group::new(&recipe::app(), begin, "")?;
    group.go(cases)?;
    group.finish()
}

#[test]
fn env_file() -> Result<()> {
    go(Begin::Fresh, env::CASES)
}

#[test]
fn administrators_unit() -> Result<()> {
    go(Begin::Field, field::CASES)
}

#[test]
fn logs_and_directories() -> Result<()> {
    go(Begin::Fresh, files::CASES)
}

#[test]
fn application_and_environment() -> Result<()> {
    go(Begin::Fresh, app::CASES)
}

#[test]
fn virtual_environment() -> Result<()> {
    let mut group = Group::new(&recipe::indexed(), Begin::Fresh, "")?;
    group.go(venv::CASES)?;
    group.finish()
}

#[test]
fn database_and_web_server() -> Result<()> {
    let mut group = Group::new(&recipe::server(), Begin::Site, "")?;
    group.go(site::CASES)?;
    group.finish()
}

#[test]
fn healthy_and_unusual() -> Result<()> {
    let hosts = unusual::GENERATED;
    let mut group = Group::new(&recipe::app(), Begin::Fresh, "")?;
    hosts.iter().try_for_each(|h| group.healthy(h.what, h.script))?;
    group.finish()
}

#[test]
fn healthy_with_a_unit_of_its_own() -> Result<()> {
    let hosts = unusual::OWN;
    let mut group = Group::new(&recipe::app(), Begin::Field, "")?;
    hosts.iter().try_for_each(|h| group.healthy(h.what, h.script))?;
    group.finish()
}

/// What could not be looked at is said to be so, and nothing is found that is not there.
#[test]
fn not_checked_is_said() -> Result<()> {
    let group = Group::new(&recipe::app(), Begin::Fresh, "")?;
    for (what, command) in [
        ("not root", "runuser -u nobody -- meats-diagnose --json"),
        ("the service user", "runuser -u projectmeats -- meats-diagnose --json"),
        (
            "no bus and no systemd to ask",
            "unshare --mount sh -c 'mount -t tmpfs x /run/dbus; \
            mount -t tmpfs x /run/systemd; meats-diagnose --json'",
        ),
        (
            "from a rescue system",
            "mkdir /mnt/r; mount --rbind / /mnt/r; meats-diagnose --json --root /mnt/r",
        ),
    ] {
        group.incomplete(what, command)?;
    }
    group.finish()
}

/// A case of which the report's own commands make an end.
const fn pasted(
    number: &'static str,
    what: &'static str,
    id: &'static str,
    script: &'static str,
) -> Case {
    Case { number, what, script, id, heal: Heal::Pasted }
}

/// A case of which the report's own commands make an end, one of which asks for a value.
const fn answered(
    number: &'static str,
    what: &'static str,
    id: &'static str,
    script: &'static str,
    answer: &'static str,
) -> Case {
    Case { number, what, script, id, heal: Heal::Answered(answer) }
}

/// A case that only a person can end; by default by undoing what was done.
const fn person(
    number: &'static str,
    what: &'static str,
    id: &'static str,
    script: &'static str,
    undo: &'static str,
) -> Case {
    Case { number, what, script, id, heal: Heal::Person(undo) }
}
