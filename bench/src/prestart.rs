//! G2, G3: the pre-start helper.

use anyhow::Result;
use host::Machine;

use crate::counts;
use crate::ground::{DROP_CACHES, FLOOR, PRE_START};
use crate::row::{Bound, Row};
use crate::timing::{Times, exponent};

const TMPFILES: &str = "\
d /var/log/projectmeats 0750 projectmeats www-data -\n\
z /var/log/projectmeats/*.log 0640 projectmeats www-data -\n\
d /run/projectmeats 0755 projectmeats www-data -\n";

/// What pre-start does to itself before it looks, by the calls that nothing else makes.
const HARDENING: &[(&str, &[&str])] = &[
    ("capabilities", &["capget(", "capset("]),
    ("Landlock", &["landlock_"]),
    (
        "umask, core size, directory, alarm, privileges",
        &["umask(", "prlimit64(0, RLIMIT_CORE", "chdir(", "alarm(", "prctl("],
    ),
];

pub fn measure(machine: &Machine) -> Result<Vec<Row>> {
    let mut rows = Vec::new();
    machine.ok(&format!("{PRE_START}; {PRE_START}"))?;
    machine.put("/root/bench.tmpfiles", TMPFILES.as_bytes(), 0o644)?;
    let tmpfiles = "systemd-tmpfiles --create /root/bench.tmpfiles";
    let times = Times::of(machine, 200, None, &[PRE_START, FLOOR])?;
    rows.push(Row::ratio(
        "G2",
        "pre-start on a healthy host by an empty static C program",
        times.ratio(0, 1),
        Bound::AtMost(2.0),
    ));
    let cold = Times::of(machine, 10, Some(DROP_CACHES), &[PRE_START, FLOOR])?;
    rows.push(Row::ratio("G2", "the same, caches dropped", cold.ratio(0, 1), Bound::AtMost(2.0)));
    let calls = counts::calls(machine, PRE_START)?;
    rows.push(Row::new("G2", "forks of pre-start", calls.forks as f64, "", Bound::AtMost(0.0)));
    rows.push(Row::new(
        "G2",
        "changes made by pre-start",
        calls.writes as f64,
        "",
        Bound::AtMost(0.0),
    ));
    rows.push(Row::new("G2", "system calls of pre-start", calls.all as f64, "", Bound::None));
    for (step, names) in HARDENING {
        let count = counts::some(machine, PRE_START, names)?;
        let what = format!("of it its hardening: {step}");
        rows.push(Row::new("G2", what, count as f64, "", Bound::None));
    }
    rows.push(Row::new(
        "G2",
        "instructions of pre-start",
        counts::instructions(machine, PRE_START)? as f64,
        "",
        Bound::None,
    ));
    let times = Times::of(machine, 40, None, &["/root/pre-start.sh", tmpfiles, PRE_START])?;
    rows.push(Row::ratio(
        "G2",
        "a shell script that does what the original did, by ours",
        times.ratio(0, 2),
        Bound::AtLeast(30.0),
    ));
    rows.push(Row::ratio(
        "G2",
        "systemd-tmpfiles --create on the same tree, by ours",
        times.ratio(1, 2),
        Bound::AtLeast(8.0),
    ));
    rows.extend(growth(machine)?);
    Ok(rows)
}

fn growth(machine: &Machine) -> Result<Vec<Row>> {
    let mut points = Vec::new();
    let mut peak = 0;
    for files in [1_000u32, 10_000, 100_000] {
        machine.ok(&format!(
            "cd /var/log/projectmeats && seq -f 'bench-%.0f.log' 1 {files} | xargs touch && \
             chown projectmeats:www-data bench-*.log 2>/dev/null || \
             find . -name 'bench-*' -exec chown projectmeats:www-data {{}} + ; \
             find . -name 'bench-*' -exec chmod 640 {{}} +"
        ))?;
        let times = Times::of(machine, 7, None, &[PRE_START])?;
        points.push((f64::from(files), times.median(0)));
        peak = counts::peak(machine, PRE_START)?;
    }
    machine.ok("find /var/log/projectmeats -name 'bench-*' -delete")?;
    let times = points[2].1 / points[1].1;
    Ok(vec![
        Row::new(
            "G3",
            "pre-start with 100 000 log files by 10 000",
            times,
            "×",
            Bound::AtMost(12.0),
        )
        .series(points.clone(), "log files"),
        Row::new("G3", "exponent of its growth", exponent(&points), "", Bound::None),
        Row::new(
            "G3",
            "peak memory at 100 000 log files",
            peak as f64 / 1024.0,
            "MiB",
            Bound::AtMost(4.0),
        ),
    ])
}
