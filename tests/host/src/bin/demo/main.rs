//! `make demo`: the whole road on one really booted, really broken Debian 12.
//!
//! Seven steps; the first that does not hold ends it with status 1. `KEEP=1` gives a shell into
//! the healed machine before the package is removed, or into the broken one when a step fails.

mod account;
mod masked;
mod steps;

use std::process::ExitCode;

use account::Account;
use anyhow::Result;

fn main() -> ExitCode {
    let account = Account::new();
    match steps::all(&account) {
        Ok(()) => {
            println!("\n[{:6.1} s] the whole road holds: 7 of 7 steps", account.elapsed());
            ExitCode::SUCCESS
        }
        Err(error) => {
            println!("\n[{:6.1} s] this step does not hold: {error:#}", account.elapsed());
            ExitCode::FAILURE
        }
    }
}

/// Gives the user a shell when `KEEP` asks for it.
fn keep(machine: &host::Machine, why: &str) -> Result<()> {
    if std::env::var("KEEP").is_ok_and(|value| !matches!(&*value, "" | "0" | "no")) {
        println!("\n{why}; this is a shell inside the machine, leave it with `exit`");
        machine.shell()?;
    }
    Ok(())
}
