//! The field: the service's trees as a deployment leaves them, and victims outside.

use std::fs;
use std::process::{Command, Stdio};

use anyhow::{Context, Result, ensure};

use crate::manifest::Manifest;

/// The user, the victims, and a few words that no service user may read.
const VICTIMS: &str = r#"
grep -q '^projectmeats:' /etc/passwd || useradd --system --user-group --no-create-home \
    --home-dir /opt/projectmeats --shell /bin/sh projectmeats
usermod --append --groups www-data projectmeats
grep -q '^alice:' /etc/passwd || useradd --no-create-home alice
file() { printf '%s\n' "$4" >"$3"; chown "$2" "$3"; chmod "$1" "$3"; }
mkdir -p /etc/cron.d /srv/victim/media /srv/victim/sub /srv/alice
file 640 root:shadow /etc/shadow 'root:victim-secret:19000:0:99999:7:::'
file 644 root:root /etc/cron.d/victim '# nothing'
file 600 root:root /srv/victim/key 'victim-secret key'
file 644 root:root /srv/victim/page 'a page'
file 644 root:root /srv/victim/media/picture 'a picture'
file 600 root:root /root/key 'victim-secret root'
file 600 alice:alice /srv/alice/diary 'victim-secret diary'
cp /bin/true /usr/bin/victim-suid; chmod 4755 /usr/bin/victim-suid
chmod 755 /srv /srv/victim /srv/victim/media /srv/victim/sub; chown -R alice: /srv/alice
"#;

/// The service's trees, made anew. Nothing of an earlier round is left.
const FIELD: &str = r#"
awk '$2 ~ "^/(opt|etc|run|var/log|var/lib)/projectmeats" { print $2 }' /proc/mounts | tac |
    while read -r mount; do umount -l "$(printf %b "$mount")"; done
if [ -e /run/bout/flagged ]; then
    /bout/flag 0 "$(cat /run/bout/flagged)"
    rm /run/bout/flagged
fi
for tree in /opt/projectmeats /etc/projectmeats /run/projectmeats /var/log/projectmeats \
    /var/lib/projectmeats-fixes /run/projectmeats-fixes; do
    rm -rf "$tree"
done
rm -rf /tmp/* /etc/cron.d/evil
user=projectmeats:www-data
install -d -o projectmeats -g www-data /opt/projectmeats /opt/projectmeats/venv/bin \
    /opt/projectmeats/backend /opt/projectmeats/backend/media /run/projectmeats
install -o projectmeats -g www-data -m 755 /bin/true /opt/projectmeats/venv/bin/gunicorn
chown -R $user /opt/projectmeats
install -d -m 755 /etc/projectmeats
printf 'SECRET_KEY=env-secret-0123456789\nDEBUG=False\nALLOWED_HOSTS=a.example\n' \
    >/etc/projectmeats/projectmeats.env
chown root:projectmeats /etc/projectmeats/projectmeats.env
chmod 640 /etc/projectmeats/projectmeats.env
install -d -o projectmeats -g www-data -m 775 /var/log/projectmeats
for log in access error django post_failure; do
    install -o projectmeats -g www-data -m 664 /dev/null /var/log/projectmeats/$log.log
done
"#;

/// Runs a bash script as root; its output.
///
/// # Errors
/// When it does not exit with 0.
pub fn root(script: &str) -> Result<String> {
    let output = Command::new("/bin/bash")
        .args(["-c", script])
        .stdin(Stdio::null())
        .output()
        .context("no bash")?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let said = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "{script}: {}: {text}{said}", output.status);
    Ok(text)
}

/// The service user's command: its own ids and groups, nothing else.
pub fn user() -> Command {
    let mut command = Command::new("/usr/bin/setpriv");
    command.args(["--reuid=projectmeats", "--regid=projectmeats", "--init-groups", "--"]);
    command.env_clear().env("PATH", "/usr/bin:/bin").current_dir("/tmp");
    command
}

/// Makes the victims. Once, before the first look.
pub fn victims() -> Result<()> {
    root(VICTIMS).map(drop)
}

/// Lays the field.
pub fn lay() -> Result<()> {
    root(FIELD).map(drop)
}

/// Puts back what a helper has destroyed outside: the victims by their recipe, the rest by owner
/// and mode. False when that does not give the root that it was.
pub fn restore(before: &Manifest, after: &Manifest) -> Result<()> {
    for path in after.keys().filter(|p| !before.contains_key(*p)) {
        let _ = fs::remove_file(path).or_else(|_| fs::remove_dir_all(path));
    }
    for (path, line) in before.iter().filter(|(p, line)| after.get(*p) != Some(line)) {
        let mut words = line.split(' ');
        let mode = words.next().and_then(|m| u32::from_str_radix(m, 8).ok()).unwrap_or(0);
        let owner = words.next().unwrap_or_default();
        if mode & 0o170_000 != 0o120_000 {
            let bits = mode & 0o7777;
            let path = path.display();
            root(&format!("chown {owner} '{path}'; chmod {bits:o} '{path}'"))?;
        }
    }
    victims()
}
