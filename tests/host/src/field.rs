//! The state in which the field leaves its hosts.
//!
//! Several set-up scripts have been over such a host, and each left its own owner: the logs
//! belong to www-data while the service runs as projectmeats, the env file holds what a shell
//! cannot read, the hand-written unit repairs as the wrong user and names a directory that is
//! lost at each boot.

use std::fs::{self, Permissions};
use std::os::unix::fs::{PermissionsExt, chown, symlink};
use std::path::Path;

use anyhow::{Context, Result};

/// The env file.
pub const ENV_FILE: &str = "/etc/projectmeats/projectmeats.env";
/// The hand-written unit.
pub const UNIT: &str = "/etc/systemd/system/projectmeats.service";
/// The log directory.
pub const LOGS: &str = "/var/log/projectmeats";

/// The 50 characters of the real key: Django's alphabet, with what a shell trips over.
pub const KEY: &str = "k7$m(q2&x#v9!p0w_s)e4r+t1y-u5i*o8a@d3f%g6h^j(l2z$c";

/// Other values in the env file that no output may show, as systemd reads them.
pub const SECRETS: &[&str] = &[KEY, "pa$$w0rd(1)&more#x", "wh-7f3a (east) & $co"];

/// The env file of the field: a doubled `=` before the key, nothing quoted.
pub fn env_text() -> String {
    format!(
        "# written by deploy_production.py\n\
         SECRET_KEY=={KEY}\n\
         DEBUG=False\n\
         ALLOWED_HOSTS=localhost,127.0.0.1,meats.example.com\n\
         COMPANY_NAME=Project Meats & Sons (Wholesale)\n\
         EMAIL_HOST_USER=orders@meats.example.com\n\
         EMAIL_HOST_PASSWORD=pa$$w0rd(1)&more#x\n\
         WAREHOUSE_API_TOKEN=wh-7f3a (east) & $co\n"
    )
}

/// The unit that a set-up script once wrote: it repairs without `+`, so as the service user, and
/// counts a crash of gunicorn as a success.
pub const UNIT_TEXT: &str = "\
[Unit]
Description=ProjectMeats Django Application
After=network.target

[Service]
Type=simple
User=projectmeats
Group=www-data
WorkingDirectory=/opt/projectmeats/backend
EnvironmentFile=-/etc/projectmeats/projectmeats.env
Environment=DJANGO_SETTINGS_MODULE=projectmeats.settings
ExecStartPre=/bin/mkdir -p /var/log/projectmeats /run/projectmeats
ExecStartPre=/bin/chown -R projectmeats:www-data /var/log/projectmeats
ExecStart=/opt/projectmeats/venv/bin/gunicorn --bind 127.0.0.1:8000 --workers 2 --preload \\
    --timeout 120 --graceful-timeout 30 \\
    --access-logfile /var/log/projectmeats/access.log \\
    --error-logfile /var/log/projectmeats/error.log \\
    --pid /run/projectmeats/projectmeats.pid projectmeats.wsgi:application
Restart=always
RestartSec=10
SuccessExitStatus=0 1
KillMode=mixed
NoNewPrivileges=yes
PrivateTmp=yes
ProtectSystem=strict
ProtectHome=yes
ReadWritePaths=/opt/projectmeats/backend/media /opt/projectmeats/backend/data
ReadWritePaths=/var/log/projectmeats /run/projectmeats

[Install]
WantedBy=multi-user.target
";

/// The whole of it: logs, env file, unit.
pub fn break_host(root: &Path) -> Result<()> {
    logs(root)?;
    env_file(root, env_text().as_bytes())?;
    unit(root)
}

/// A host on which nothing is broken, and nothing of the service is set up but its env file: no
/// unit, no logs.
pub fn fresh_host(root: &Path) -> Result<()> {
    env_file(root, fresh_env_text().as_bytes())
}

/// A good env file, with the key and the values of the field.
pub fn fresh_env_text() -> String {
    format!(
        "SECRET_KEY='{KEY}'\nDEBUG=False\nALLOWED_HOSTS=localhost,127.0.0.1\n\
         EMAIL_HOST_PASSWORD='{}'\n",
        SECRETS[1]
    )
}

/// Log directory and files of www-data, closed to the group: the service cannot write them.
pub fn logs(root: &Path) -> Result<()> {
    let (uid, gid) = (id(root, "passwd", "www-data")?, id(root, "group", "www-data")?);
    let directory = below(root, LOGS);
    fs::create_dir_all(&directory)?;
    own(&directory, uid, gid, 0o755)?;
    for name in ["access.log", "error.log"] {
        let file = directory.join(name);
        fs::write(&file, "")?;
        own(&file, uid, gid, 0o644)?;
    }
    Ok(())
}

/// An env file with these bytes, as the service user's own.
pub fn env_file(root: &Path, content: &[u8]) -> Result<()> {
    let (uid, gid) = (id(root, "passwd", "projectmeats")?, id(root, "group", "www-data")?);
    let file = below(root, ENV_FILE);
    fs::create_dir_all(file.parent().context("no parent")?)?;
    fs::write(&file, content)?;
    own(&file, uid, gid, 0o640)
}

/// The hand-written unit, enabled.
pub fn unit(root: &Path) -> Result<()> {
    fs::write(below(root, UNIT), UNIT_TEXT)?;
    let wants = below(root, "/etc/systemd/system/multi-user.target.wants");
    fs::create_dir_all(&wants)?;
    symlink(UNIT, wants.join("projectmeats.service"))?;
    Ok(())
}

/// `path`, which is absolute inside, as seen from outside.
pub fn below(root: &Path, path: &str) -> std::path::PathBuf {
    root.join(path.trim_start_matches('/'))
}

fn own(path: &Path, uid: u32, gid: u32, mode: u32) -> Result<()> {
    chown(path, Some(uid), Some(gid)).with_context(|| format!("{}", path.display()))?;
    fs::set_permissions(path, Permissions::from_mode(mode))?;
    Ok(())
}

/// The number of a user or group of the root, from its /etc/passwd or /etc/group.
fn id(root: &Path, table: &str, name: &str) -> Result<u32> {
    let text = fs::read_to_string(root.join("etc").join(table))?;
    let line = text.lines().map(|line| line.split(':').collect::<Vec<_>>());
    let fields = line.into_iter().find(|fields| fields.first() == Some(&name));
    let number = fields.as_ref().and_then(|fields| fields.get(2));
    Ok(number.with_context(|| format!("no {name} in /etc/{table}"))?.parse()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_key_is_one_that_django_could_have_made() {
        const ALPHABET: &str = "abcdefghijklmnopqrstuvwxyz0123456789!@#$%^&*(-_=+)";
        assert_eq!(KEY.len(), 50);
        assert!(KEY.chars().all(|c| ALPHABET.contains(c)));
        assert!("(&#$".chars().all(|c| KEY.contains(c)));
    }
}
