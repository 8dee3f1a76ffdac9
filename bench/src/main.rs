//! `make bench`: every goal of performance beside its peer, in one run on one booted Debian.
//!
//! Invariant: a figure that falls short, or that could not be measured, is printed as such, and the
//! exit status is 0 all the same; only a machine that could not be made is an error. Nothing
//! here judges a commit: that is tests/budgets, which counts and does not time.

mod capture;
mod counts;
mod diagnose;
mod env;
mod generator;
mod ground;
mod package;
mod plot;
mod prestart;
mod report;
mod row;
mod service;
mod timing;

use anyhow::Result;
use host::Machine;
use row::Row;

type Measure = fn(&Machine) -> Result<Vec<Row>>;

/// What can be asked for by name on the command line; in the order of the run.
const PARTS: &[(&str, &str, Measure)] = &[
    ("generator", "G1", generator::measure),
    ("pre-start", "G2", prestart::measure),
    ("env", "G4", env::measure),
    ("diagnose", "G8", diagnose::measure),
    ("service", "G10", service::measure),
    ("capture", "G6", capture::measure),
    // The last: it takes the package away.
    ("package", "G13", package::measure),
];

fn main() -> Result<()> {
    let wanted: Vec<String> = std::env::args().skip(1).collect();
    let machine = ground::machine()?;
    // Before the last part, which takes the package away.
    let about = about(&machine)?;
    let mut rows = Vec::new();
    for (name, goal, measure) in PARTS {
        if !wanted.is_empty() && !wanted.iter().any(|w| w == name) {
            continue;
        }
        eprintln!("measuring {name}");
        match measure(&machine) {
            Ok(more) => rows.extend(more),
            Err(error) => {
                rows.push(Row::missing(goal, *name, format!("{error:#}").replace('\n', " ")))
            }
        }
    }
    report::print(&rows);
    // A part of the figures would take the place of all of them.
    if wanted.is_empty() {
        report::write(&rows, &about)?;
    }
    machine.finish()
}

/// Machine, kernel, date and versions.
fn about(machine: &Machine) -> Result<Vec<(String, String)>> {
    let asked = [
        ("date", "date -u +%Y-%m-%d"),
        ("processor", "grep -m1 '^model name' /proc/cpuinfo | cut -d: -f2"),
        ("processors", "nproc"),
        // What else ran beside: a busy machine spreads every figure of time.
        ("load of 1, 5 and 15 minutes", "cut -d' ' -f1-3 /proc/loadavg"),
        ("kernel", "uname -r"),
        ("Debian", "cat /etc/debian_version"),
        ("systemd", "systemctl --version | head -1"),
        ("package", "dpkg-query -W -f '${Version}' projectmeats-fixes"),
        (
            "peers",
            "dpkg-query -W -f '${Package} ${Version}  ' podman netplan.io systemd-zram-generator; /opt/peers/bin/uv --version; \
             dotenv-linter --version; true",
        ),
    ];
    asked
        .iter()
        .map(|(key, ask)| Ok(((*key).to_owned(), machine.ok(ask)?.trim().to_owned())))
        .collect()
}
