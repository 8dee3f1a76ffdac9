//! G4, G5: the env file.

use std::fs;

use anyhow::Result;
use host::Machine;

use crate::counts;
use crate::ground::here;
use crate::row::{Bound, Row};
use crate::timing::{Times, exponent};

pub fn measure(machine: &Machine) -> Result<Vec<Row>> {
    let mut rows = scan(machine)?;
    rows.extend(pathological(machine)?);
    rows.extend(peers(machine)?);
    Ok(rows)
}

const TYPICAL: &str = "# a comment of some length, as people write them\\n\
    KEY_%d='k7m2q9x4v1p0ws3e6r8t5yu2iog4da7fh9jl1zc3b'\\n\
    HOST_%d=localhost\\nURL_%d=postgres://meats@localhost:5432/meats\\n";

fn typical(machine: &Machine, path: &str, groups: u32) -> Result<()> {
    machine.ok(&format!(
        "awk 'BEGIN {{ for (i = 0; i < {groups}; i++) printf \"{TYPICAL}\", i, i, i }}' >{path}",
        TYPICAL = TYPICAL.replace('\'', "\\047")
    ))?;
    Ok(())
}

/// What cuts a file into nodes and reads their values; all else of a command is what it does with them.
const SCAN: &str = "*env::scan::Scanner*next*";

/// Instructions a byte of the scan alone, in the package's program with its symbols, and of a whole
/// check without its start: between two sizes.
fn scan(machine: &Machine) -> Result<Vec<Row>> {
    const PROGRAM: &str = "/root/symbols/meats-env";
    machine.ok("mkdir -p /root/symbols")?;
    machine.put(PROGRAM, &fs::read(here("../target/release/meats"))?, 0o755)?;
    let mut points = Vec::new();
    for groups in [1_000, 5_000] {
        typical(machine, "/root/typical.env", groups)?;
        let size: f64 = machine.ok("stat -c %s /root/typical.env")?.trim().parse()?;
        let read = format!("{PROGRAM} read --as systemd /root/typical.env");
        let check = format!("{PROGRAM} check /root/typical.env");
        let scan = counts::instructions_within(machine, SCAN, &read)?;
        points.push((size, scan as f64, counts::instructions(machine, &check)? as f64));
    }
    let bytes = points[1].0 - points[0].0;
    let scan = (points[1].1 - points[0].1) / bytes;
    let check = (points[1].2 - points[0].2) / bytes;
    Ok(vec![
        Row::new("G4", "instructions a byte of the scan", scan, "", Bound::AtMost(8.0)),
        Row::new("G4", "the same of all of `meats-env check`", check, "", Bound::None),
    ])
}

fn pathological(machine: &Machine) -> Result<Vec<Row>> {
    const READ: &str = "meats-env read --as systemd /root/bad.env";
    let kinds = [
        ("one open quote", "printf \"A='\"; head -c %d /dev/zero | tr '\\0' x"),
        ("one line", "printf A=; head -c %d /dev/zero | tr '\\0' x"),
        ("short keys", "yes A=1 | head -c %d"),
    ];
    let mut rows = Vec::new();
    for (name, make) in kinds {
        let mut points = Vec::new();
        for mib in [4u32, 16, 48] {
            let make = make.replace("%d", &(mib << 20).to_string());
            machine.run(&format!("({make}) >/root/bad.env"))?;
            let times = Times::of(machine, 3, None, &[READ])?;
            points.push((f64::from(mib), times.median(0)));
        }
        let row = Row::new(
            "G4",
            format!("growth of reading: {name}, 4 to 48 MiB (1 is linear)"),
            exponent(&points),
            "",
            Bound::AtMost(1.15),
        );
        rows.push(row.series(points, "MiB"));
        let peak = counts::peak(machine, READ)? as f64 / 1024.0;
        let what = format!("peak memory of that at 48 MiB, in times of the file: {name}");
        rows.push(Row::new("G4", what, peak / 48.0, "×", Bound::None));
    }
    machine.ok("rm -f /root/bad.env")?;
    Ok(rows)
}

fn peers(machine: &Machine) -> Result<Vec<Row>> {
    typical(machine, "/root/peers.env", 2_500)?;
    let ours = "meats-env check /root/peers.env";
    let mut rows = Vec::new();
    let python =
        "/opt/peers/bin/python -c 'import dotenv; dotenv.dotenv_values(\"/root/peers.env\")'";
    let times = Times::of(machine, 15, None, &["bash -n /root/peers.env", python, ours])?;
    rows.push(Row::ratio(
        "G5",
        "bash -n on 10 000 lines by `meats-env check`",
        times.ratio(0, 2),
        Bound::AtLeast(20.0),
    ));
    rows.push(Row::ratio(
        "G5",
        "python-dotenv on the same by ours",
        times.ratio(1, 2),
        Bound::None,
    ));
    if machine.run("command -v dotenv-linter")?.code == 0 {
        let times = Times::of(machine, 15, None, &["dotenv-linter check /root/peers.env", ours])?;
        rows.push(Row::ratio(
            "G5",
            "dotenv-linter on the same by ours",
            times.ratio(0, 1),
            Bound::AtLeast(5.0),
        ));
    } else {
        rows.push(Row::missing("G5", "dotenv-linter on the same by ours", "it could not be built"));
    }
    Ok(rows)
}
