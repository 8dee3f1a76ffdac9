//! G13: what the package weighs.

use anyhow::Result;
use host::{Machine, package};

use crate::row::{Bound, Row};

const MIB: f64 = 1024.0 * 1024.0;

pub fn measure(machine: &Machine) -> Result<Vec<Row>> {
    let deb = std::fs::metadata(package::file()?)?.len() as f64 / MIB;
    let installed =
        machine.ok(&format!("dpkg-query -W -f '${{Installed-Size}}' {}", package::NAME))?;
    let installed: f64 = installed.trim().parse()?;
    Ok(vec![
        Row::new("G13", "the .deb", deb, "MiB", Bound::AtMost(1.5)),
        Row::new("G13", "installed", installed / 1024.0, "MiB", Bound::AtMost(5.0)),
    ])
}
