//! G1, G12: the generator.

use anyhow::Result;
use host::Machine;

use crate::counts;
use crate::ground::{DROP_CACHES, FLOOR, GENERATOR};
use crate::row::{Bound, Row};
use crate::timing::Times;

const DIRS: &str = "/run/bench/n /run/bench/e /run/bench/l";
const PEERS: &[(&str, &str, f64)] = &[
    ("zram-generator", "/usr/lib/systemd/system-generators/zram-generator", 2.0),
    // Debian 12 has podman 4.3; quadlet came with 4.4.
    ("podman's quadlet", "/usr/lib/systemd/system-generators/podman-system-generator", 5.0),
    ("netplan's", "/usr/lib/systemd/system-generators/netplan", 0.0),
    ("systemd-fstab-generator", "/usr/lib/systemd/system-generators/systemd-fstab-generator", 0.0),
];

pub fn measure(machine: &Machine) -> Result<Vec<Row>> {
    let mut rows = Vec::new();
    machine.ok("mkdir -p /run/bench/n /run/bench/e /run/bench/l")?;
    // Every run finds empty directories, as systemd gives them.
    machine.put(
        "/root/empty.sh",
        b"#!/bin/sh\nrm -rf /run/bench/n/* /run/bench/e/* /run/bench/l/*\n",
        0o755,
    )?;
    let ours = format!("{GENERATOR} {DIRS}");
    let times = Times::of(machine, 200, Some("/root/empty.sh"), &[&ours, FLOOR])?;
    rows.push(Row::ratio(
        "G1",
        "generator by an empty static C program, warm",
        times.ratio(0, 1),
        Bound::AtMost(1.5),
    ));
    let what = "generator, of each boot and daemon-reload";
    rows.push(Row::new("G12", what, times.median(0) * 1e3, "ms", Bound::AtMost(5.0)));
    machine.put(
        "/root/cold.sh",
        format!("#!/bin/sh\n/root/empty.sh\n{DROP_CACHES}\n").as_bytes(),
        0o755,
    )?;
    let cold = Times::of(machine, 10, Some("/root/cold.sh"), &[&ours, FLOOR])?;
    rows.push(Row::ratio("G1", "the same, caches dropped", cold.ratio(0, 1), Bound::AtMost(1.5)));
    machine.ok("/root/empty.sh")?;
    let calls = counts::calls(machine, &ours)?;
    rows.push(Row::new(
        "G1",
        "system calls of the generator",
        calls.all as f64,
        "",
        Bound::AtMost(60.0),
    ));
    let floor = counts::calls(machine, FLOOR)?;
    rows.push(Row::new(
        "G1",
        "system calls of the empty program",
        floor.all as f64,
        "",
        Bound::None,
    ));
    machine.ok("/root/empty.sh")?;
    let instructions = counts::instructions(machine, &ours)?;
    rows.push(Row::new(
        "G1",
        "instructions of the generator",
        instructions as f64,
        "",
        Bound::AtMost(450_000.0),
    ));
    for (name, path, least) in PEERS {
        let what = format!("{name} generator by ours");
        if machine.run(&format!("test -x {path}"))?.code != 0 {
            rows.push(Row::missing("G1", what, format!("{path} is not installed")));
            continue;
        }
        let peer = format!("{path} {DIRS}");
        let times = Times::of(machine, 40, Some("/root/empty.sh"), &[&peer, &ours])?;
        let bound = if *least > 0.0 { Bound::AtLeast(*least) } else { Bound::None };
        rows.push(Row::ratio("G1", what, times.ratio(0, 1), bound));
    }
    Ok(rows)
}
