//! G13: what the package weighs, and what its installation takes.

use anyhow::Result;
use host::{Machine, package};

use crate::row::{Bound, Row};
use crate::timing::Times;

const MIB: f64 = 1024.0 * 1024.0;

/// A package with one unit and no code, with the maintainer scripts that dh_installsystemd(1) writes.
const PEER: &str = "\
set -eu
cd /root
mkdir -p peer/DEBIAN peer/usr/lib/systemd/system
cat >peer/usr/lib/systemd/system/bench-peer.service <<'END'
[Service]
Type=oneshot
ExecStart=/bin/true
RemainAfterExit=yes
[Install]
WantedBy=multi-user.target
END
cat >peer/DEBIAN/control <<'END'
Package: bench-peer
Version: 1
Architecture: all
Maintainer: bench <bench@example.org>
Description: one unit and no code
END
cat >peer/DEBIAN/postinst <<'END'
#!/bin/sh
set -e
deb-systemd-helper unmask bench-peer.service >/dev/null || true
if deb-systemd-helper --quiet was-enabled bench-peer.service; then
    deb-systemd-helper enable bench-peer.service >/dev/null || true
else
    deb-systemd-helper update-state bench-peer.service >/dev/null || true
fi
systemctl --system daemon-reload >/dev/null || true
deb-systemd-invoke start bench-peer.service >/dev/null || true
END
cat >peer/DEBIAN/prerm <<'END'
#!/bin/sh
set -e
deb-systemd-invoke stop bench-peer.service >/dev/null || true
END
cat >peer/DEBIAN/postrm <<'END'
#!/bin/sh
set -e
systemctl --system daemon-reload >/dev/null || true
[ \"$1\" != purge ] || deb-systemd-helper purge bench-peer.service >/dev/null || true
END
chmod 755 peer/DEBIAN/p*
dpkg-deb --root-owner-group --build peer peer.deb
";

pub fn measure(machine: &Machine) -> Result<Vec<Row>> {
    let deb = std::fs::metadata(package::file()?)?.len() as f64 / MIB;
    let installed =
        machine.ok(&format!("dpkg-query -W -f '${{Installed-Size}}' {}", package::NAME))?;
    let installed: f64 = installed.trim().parse()?;
    Ok(vec![
        Row::new("G13", "the .deb", deb, "MiB", Bound::AtMost(1.5)),
        Row::new("G13", "installed", installed / 1024.0, "MiB", Bound::AtMost(5.0)),
        installation(machine)?,
    ])
}

/// On a host without the application: the start of that is no part of the installation.
fn installation(machine: &Machine) -> Result<Row> {
    const PURGE: &str = "/root/purge.sh";
    machine.ok(PEER)?;
    let purge = format!("#!/bin/sh\nexec dpkg --purge bench-peer {} 2>/dev/null\n", package::NAME);
    machine.put(PURGE, purge.as_bytes(), 0o755)?;
    machine
        .ok("systemctl stop projectmeats.socket projectmeats; mv /opt/projectmeats /opt/away")?;
    let ours = format!("dpkg --install {}", package::INSIDE);
    let times = Times::of(machine, 15, Some(PURGE), &[&ours, "dpkg --install /root/peer.deb"])?;
    let what = "its installation by that of a package with one unit and no code";
    Ok(Row::ratio("G13", what, times.ratio(0, 1), Bound::AtMost(1.5)))
}
