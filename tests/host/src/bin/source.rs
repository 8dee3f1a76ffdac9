//! `make source-check`: builds the source package of target/source with Debian 13's own Rust, without
//! network, for amd64 and arm64, and runs the programs of arm64 by qemu on a host in a directory.

use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use host::{Machine, recipe};

const BUILD: Duration = Duration::from_secs(1800);

/// What the emulated programs must say about a host without the application.
const RUN: &str = r#"set -eux
cd /srv; dpkg-deb -x projectmeats-fixes_*_arm64.deb arm64
for name in meats-diagnose meats-env meats-deploy; do
    qemu-aarch64-static -L / arm64/usr/bin/meats-diagnose --version || true
    qemu-aarch64-static -0 $name -L / arm64/usr/bin/$name --version
done
mkdir -p host/etc/projectmeats host/opt/projectmeats/venv/bin out/normal
printf 'root:x:0:0::/root:/bin/sh\nprojectmeats:x:998:998::/opt:/bin/false\n' >host/etc/passwd
printf 'root:x:0:\nwww-data:x:33:\nprojectmeats:x:998:\n' >host/etc/group
touch host/opt/projectmeats/venv/bin/gunicorn
printf 'SECRET_KEY=a(b)c&d\n' >host/etc/projectmeats/projectmeats.env
qemu-aarch64-static arm64/usr/lib/systemd/system-generators/projectmeats-generator \
    --root /srv/host out/normal out/normal out/normal
grep 'ExecStartPre=+' out/normal/projectmeats.service
qemu-aarch64-static -0 meats-env -L / arm64/usr/bin/meats-env check \
    host/etc/projectmeats/projectmeats.env | tee said || true
grep ENV-011 said
"#;

fn main() -> Result<()> {
    let machine = Machine::of(&recipe::builder())?;
    let tree = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/source");
    let into = machine.root().join("srv");
    let entries = std::fs::read_dir(&tree).context("no target/source; run `make source`")?;
    for entry in entries {
        let path = entry?.path();
        if path.is_file() {
            std::fs::copy(&path, into.join(path.file_name().unwrap_or_default()))?;
        }
    }
    for (what, script) in [
        (
            "amd64",
            "cd /srv && dpkg-source -x *.dsc build && cd build && rustc --version && \
             dpkg-buildpackage -us -uc -b",
        ),
        ("arm64", "cd /srv/build && dpkg-buildpackage -us -uc -d -b -aarm64"),
        ("programs of arm64", RUN),
        ("packages", "ls -l /srv/*.deb; for d in /srv/*_a*64.deb; do dpkg-deb -f $d; done"),
    ] {
        let output = machine.in_image(script, BUILD)?;
        ensure!(output.code == 0, "{what}: {output}");
        println!("{what}: {} s", output.elapsed.as_secs());
        if what == "packages" {
            println!("{}", output.stdout);
        }
    }
    machine.finish()
}
