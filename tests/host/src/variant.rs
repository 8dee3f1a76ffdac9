//! Other versions of the package, made from the one under test inside a machine: a version number,
//! and a change of its tree.

use std::time::Duration;

use anyhow::{Result, ensure};

use crate::machine::Machine;
use crate::package::INSIDE;

/// A version that has the same files and one more, `marker`.
pub const MARKED: &str = "touch usr/share/projectmeats-fixes/marker";

/// A version whose conffile says something new.
pub const NEW_CONFFILE: &str = "echo '# said by a newer version' >>etc/projectmeats/fixes.conf";

/// A version that emits another, working unit: the real generator behind a script that adds lines.
pub fn emits(lines: &str) -> String {
    format!(
        r#"g=usr/lib/systemd/system-generators/projectmeats-generator
d=usr/libexec/projectmeats-fixes/behind
mkdir $d
ln -s ../meats $d/projectmeats-generator
rm $g
cat >$g <<'END'
#!/bin/sh
/usr/libexec/projectmeats-fixes/behind/projectmeats-generator "$@"
for f in "$1"/projectmeats.service "$1"/projectmeats.service.d/10-*.conf; do
    [ ! -f "$f" ] || printf '\n[Service]\n{lines}\n' >>"$f"
done
END
chmod 755 $g"#
    )
}

/// Makes a version; the path of its .deb inside.
///
/// # Errors
/// When the package is not at [`INSIDE`], or `change`, a script run in its tree, fails.
pub fn make(machine: &Machine, version: &str, change: &str) -> Result<String> {
    let path = format!("/root/{version}.deb");
    let script = format!(
        "set -e; rm -rf /root/tree; dpkg-deb -R {INSIDE} /root/tree; cd /root/tree\n\
         sed -i 's/^Version:.*/Version: {version}/' DEBIAN/control\n{change}\n\
         dpkg-deb --root-owner-group -Zgzip -z1 -b . {path}; rm -rf /root/tree"
    );
    let output = machine.run_with(&script, b"", Duration::from_secs(60))?;
    ensure!(output.code == 0, "{output}");
    Ok(path)
}
