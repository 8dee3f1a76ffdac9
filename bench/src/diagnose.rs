//! G8, G9: the diagnosis of large venvs. Python is not started by it.

use anyhow::Result;
use host::Machine;

use crate::counts;
use crate::row::{Bound, Row};
use crate::timing::{Times, exponent};

/// Distributions as pip leaves them, alike but for their names.
const MAKE: &str = "\
set -eu
cd \"$(echo /opt/projectmeats/venv/lib/python3*/site-packages)\"
for n in $(seq $1 $2); do
    d=bench_part_$n-1.$n.dist-info
    mkdir -p $d bench_part_$n
    echo '__version__ = 1' >bench_part_$n/__init__.py
    printf 'Metadata-Version: 2.1\\nName: bench-part-%s\\nVersion: 1.%s\\nSummary: one of many\\nRequires-Python: >=3.8\\nRequires-Dist: Django (>=3.2)\\nRequires-Dist: tomli ; python_version < \"3.9\"\\n\\n# Description\\n\\n%s\\n' $n $n \"$(seq -s ' ' 1 300)\" >$d/METADATA
    printf 'bench_part_%s/__init__.py,sha256=x,16\\n%s/METADATA,,\\n%s/RECORD,,\\n%s/WHEEL,,\\n%s/INSTALLER,,\\n' $n $d $d $d $d >$d/RECORD
    printf 'Wheel-Version: 1.0\\nRoot-Is-Purelib: true\\nTag: py3-none-any\\n' >$d/WHEEL
    echo pip >$d/INSTALLER
done
";

pub fn measure(machine: &Machine) -> Result<Vec<Row>> {
    machine.put("/root/many.sh", MAKE.as_bytes(), 0o755)?;
    let ours = "meats-diagnose --json";
    let uv = "/opt/peers/bin/uv pip list --offline --python /opt/projectmeats/venv/bin/python";
    let show = "systemctl show projectmeats.service";
    let pip = "/opt/projectmeats/venv/bin/python -m pip list --disable-pip-version-check";
    let script = "/root/check-packages.sh";
    let mut rows = Vec::new();
    let mut points = Vec::new();
    let mut made = 1;
    for count in [200u32, 632, 2000] {
        machine.ok(&format!("sh /root/many.sh {made} {count}"))?;
        made = count + 1;
        let times = Times::of(machine, 11, None, &[ours])?;
        points.push((f64::from(count), times.median(0)));
        if count != 200 {
            continue;
        }
        machine.put(
            "/root/uv-and-show.sh",
            format!("#!/bin/sh\n{uv}\n{show}\n").as_bytes(),
            0o755,
        )?;
        let times = Times::of(machine, 15, None, &[ours, uv, show, pip, "/root/uv-and-show.sh"])?;
        rows.push(Row::ratio(
            "G8",
            "uv pip list plus systemctl show, 200 distributions, by meats-diagnose",
            times.ratio(4, 0),
            Bound::AtLeast(5.0),
        ));
        rows.push(Row::ratio("G8", "uv pip list alone by ours", times.ratio(1, 0), Bound::None));
        rows.push(Row::ratio("G8", "pip list alone by ours", times.ratio(3, 0), Bound::None));
        let times = Times::of(machine, 3, None, &[ours, script])?;
        rows.push(Row::ratio(
            "G8",
            "a script that asks Python for each package by ours",
            times.ratio(1, 0),
            Bound::AtLeast(50.0),
        ));
        let calls = counts::calls(machine, ours)?;
        rows.push(Row::new(
            "G8",
            "children of meats-diagnose",
            calls.forks as f64,
            "",
            Bound::None,
        ));
    }
    let growth = points[2].1 / points[0].1;
    rows.push(
        Row::new(
            "G9",
            "meats-diagnose with 2000 distributions by 200",
            growth,
            "×",
            Bound::AtMost(11.0),
        )
        .series(points.clone(), "distributions"),
    );
    rows.push(Row::new("G9", "exponent of its growth", exponent(&points), "", Bound::None));
    machine.ok("rm -rf /opt/projectmeats/venv/lib/python3*/site-packages/bench_part_*")?;
    Ok(rows)
}
