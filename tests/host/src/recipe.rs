//! What a root is made of.
//!
//! A recipe is a chain of layers: Debian packages first, then scripts that run inside the root
//! with the network of the build machine. The key of a root is a digest of all that goes into
//! it, so a cached root never has to be compared with anything.

use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use anyhow::{Context, Result, bail, ensure};
use sha2::{Digest, Sha256};

use crate::cache::{self, Lock};
use crate::cgroup::Cgroup;
use crate::run;

/// One step from an older root (or nothing) to a new one.
#[derive(Debug, Clone)]
pub struct Recipe {
    name: &'static str,
    parent: Option<Box<Recipe>>,
    layer: Layer,
}

#[derive(Debug, Clone)]
enum Layer {
    /// A new root of this suite with these packages, by mmdebstrap.
    Debian { suite: &'static str, packages: Vec<&'static str>, script: &'static str },
    /// A script run inside a copy of the parent; `files` of the source tree are laid in
    /// `/build` while it runs.
    Script { script: &'static str, files: PathBuf },
}

/// systemd as PID 1; all that the package depends on or recommends (a booted root has no
/// network to fetch it); Python as field hosts have it; curl to ask for pages.
const PACKAGES: &[&str] = &[
    "ca-certificates",
    "curl",
    "dbus",
    "logrotate",
    "procps",
    "python3",
    "python3-venv",
    "systemd",
    "systemd-sysv",
    "tzdata",
];

/// A fixed machine id, else the first boot would apply presets; no apt timers, which would hold
/// dpkg's lock while a test installs.
const SETTLE: &str = "\
set -eu
echo debian12 >/etc/hostname
echo 6d65617473000000000000000000cafe >/etc/machine-id
ln -sf /dev/null /etc/systemd/system/apt-daily.timer
ln -sf /dev/null /etc/systemd/system/apt-daily-upgrade.timer
";

/// The user in the shape that field hosts have most often: a group of its own, www-data besides.
/// The index and the proxy are the build machine's; where it looks for wheels is not.
const VENV: &str = "\
set -eu
useradd --system --user-group --home-dir /opt/projectmeats --shell /usr/sbin/nologin projectmeats
usermod --append --groups www-data projectmeats
mkdir /opt/projectmeats
python3 -m venv /opt/projectmeats/venv
/opt/projectmeats/venv/bin/pip install --no-cache-dir --disable-pip-version-check -q \\
    -r /build/requirements.txt
";

const PSYCOPG: &str = "\
/opt/projectmeats/venv/bin/pip install --no-cache-dir --disable-pip-version-check -q \\
    -r /build/psycopg.txt
";

/// The project with a migrated SQLite database, as `git clone` and `manage.py migrate` leave it.
const APP: &str = "\
set -eu
cp -r /build/backend /opt/projectmeats/backend
cd /opt/projectmeats/backend
mkdir data media
SECRET_KEY=only-for-migrate ../venv/bin/python manage.py migrate -v 0
SECRET_KEY=only-for-migrate ../venv/bin/python manage.py collectstatic --noinput -v 0
chown -R projectmeats:www-data /opt/projectmeats/backend
";

/// Wheels for pip in a host without network.
const INDEX: &str = "\
set -eu
for list in requirements.txt wheels.txt; do
    /opt/projectmeats/venv/bin/pip download --no-cache-dir --disable-pip-version-check -q \\
        -d /srv/index -r /build/app/$list
done
cp /build/app/requirements.txt /opt/projectmeats/backend/requirements.txt
";

/// The project as a checkout has it, wheels for a host without network, and uv.
const SOURCE: &str = "\
set -eu
mkdir -p /srv/app /srv/wheels
cp -r /build/app/backend /srv/app/backend
cat /build/app/requirements.txt /build/app/psycopg.txt >/srv/app/requirements.txt
python3 -m venv /tmp/venv
/tmp/venv/bin/pip wheel --no-cache-dir --disable-pip-version-check -q -w /srv/wheels \\
    -r /srv/app/requirements.txt
/tmp/venv/bin/pip install --no-cache-dir --disable-pip-version-check -q uv
mv /tmp/venv/bin/uv /srv/uv
rm -rf /tmp/venv
";

/// The Debian releases that the package supports, oldest first.
pub const SUITES: &[&str] = &["bookworm", "trixie", "sid"];

/// The releases that a test over all of them takes: every one with `MEATS_SUITES=all`, else the
/// oldest, where most hosts are, and the newest, where surprises come from.
pub fn suites() -> Vec<&'static str> {
    let all = std::env::var_os("MEATS_SUITES").is_some_and(|value| value == "all");
    let ends = SUITES.first().into_iter().chain(SUITES.last());
    if all { SUITES.to_vec() } else { ends.copied().collect() }
}

/// A Debian 12 with systemd and Python, nothing of the service.
pub fn base() -> Recipe {
    debian_of("bookworm")
}

/// [`base`] of another release.
pub fn debian_of(suite: &'static str) -> Recipe {
    let mut packages = PACKAGES.to_vec();
    if suite != "bookworm" {
        // useradd; since Debian 13 no essential package brings it
        packages.push("passwd");
    }
    Recipe { name: suite, parent: None, layer: Layer::Debian { suite, packages, script: SETTLE } }
}

/// [`app`] of another release.
pub fn app_of(suite: &'static str) -> Recipe {
    debian_of(suite).then("venv", VENV, source("app/requirements.txt")).then(
        "app",
        APP,
        source("app/backend"),
    )
}

/// A Debian 13, whose systemd has the newer rule for comments, with compose v2 and docker's client.
pub fn newer() -> Recipe {
    const PACKAGES: &[&str] =
        &["dbus", "docker-cli", "docker-compose", "python3", "systemd", "systemd-sysv"];
    let packages = PACKAGES.to_vec();
    let layer = Layer::Debian { suite: "trixie", packages, script: SETTLE };
    Recipe { name: "trixie", parent: None, layer }
}

/// A Debian 12 with docker-compose 1.29, as that release has it.
pub fn older_compose() -> Recipe {
    const PACKAGES: &[&str] = &["dbus", "docker-compose", "python3", "systemd", "systemd-sysv"];
    let layer = Layer::Debian { suite: "bookworm", packages: PACKAGES.to_vec(), script: SETTLE };
    Recipe { name: "bookworm-compose", parent: None, layer }
}

/// A Debian 12 as an operator rents it, with PostgreSQL and nginx of Debian: nothing of the service,
/// but its source in /srv/app and the wheels of its requirements in /srv/wheels.
pub fn server() -> Recipe {
    let packages = [PACKAGES, &["git", "nginx-light", "postgresql"]].concat();
    let layer = Layer::Debian { suite: "bookworm", packages, script: SETTLE };
    Recipe { name: "server", parent: None, layer }.then("source", SOURCE, source("app"))
}

/// A Debian 13 as [`server`], with Docker's engine and compose, and its own tree from before those in
/// /srv/image.tar: nothing can be pulled, so that is the image of every role.
pub fn engine() -> Recipe {
    const ENGINE: &str = "\
set -eu
install -d -o postgres -g postgres -m 700 /var/lib/postgresql/data
tar --create --one-file-system --directory=/ --file=/var/tmp/image.tar --exclude='./build/*' \\
    --exclude='./proc/*' --exclude='./sys/*' --exclude='./dev/*' --exclude='./run/*' \\
    --exclude='./tmp/*' --exclude='./srv/*' --exclude='./var/tmp/*' --exclude='./var/cache/*' \\
    --exclude='./var/lib/apt/*' --exclude='./var/lib/postgresql/1*' \\
    --exclude='./usr/share/doc/*' --exclude='./usr/share/locale/*' --exclude='./usr/share/man/*' \\
    --exclude='./usr/lib/*/libLLVM*' --exclude='./usr/lib/*/libz3*' \\
    --exclude='./usr/lib/postgresql/*/lib/bitcode' --exclude='./usr/lib/postgresql/*/lib/llvmjit*' .
mv /var/tmp/image.tar /srv/image.tar
rmdir /var/lib/postgresql/data
apt-get -qq update
DEBIAN_FRONTEND=noninteractive apt-get -qq -y --no-install-recommends install \\
    docker.io docker-cli docker-compose iptables
rm -rf /var/lib/apt/lists/* /var/cache/apt/archives/*.deb
systemctl mask containerd.service systemd-modules-load.service
install -d /etc/systemd/system/docker.service.d
cat >/etc/systemd/system/docker.service.d/controllers.conf <<'END'
[Service]
ExecStart=
ExecStart=/usr/bin/unshare --mount --propagation private /usr/local/sbin/engine
END
cat >/usr/local/sbin/engine <<'END'
#!/bin/sh
# Limits need controllers; where the kernel has them bound to the first version, it is mounted.
set -eu
tree=/sys/fs/cgroup
if ! grep -qw memory $tree/cgroup.controllers; then
    mount -t tmpfs -o mode=755 tmpfs $tree
    for name in cpu cpuacct cpuset memory devices freezer blkio pids; do
        mkdir $tree/$name && mount -t cgroup -o $name cgroup $tree/$name
    done
    mkdir $tree/systemd && mount -t cgroup -o none,name=systemd cgroup $tree/systemd
    set -- --exec-opt native.cgroupdriver=cgroupfs --cgroup-parent /meats-engine
fi
exec /usr/sbin/dockerd -H fd:// \"$@\"
END
chmod 755 /usr/local/sbin/engine
";
    let packages = [PACKAGES, &["nginx-light", "passwd", "postgresql"]].concat();
    let layer = Layer::Debian { suite: "trixie", packages, script: SETTLE };
    Recipe { name: "trixie-server", parent: None, layer }
        .then("source", SOURCE, source("app"))
        .then("engine", ENGINE, source("Cargo.toml"))
}

/// [`app`] with the programs that `make bench` compares ours with, and what counts.
pub fn peers() -> Recipe {
    const PEERS: &[&str] =
        &["netplan.io", "podman", "strace", "systemd-zram-generator", "time", "valgrind"];
    const TOOLS: &str = "\
set -eu
python3 -m venv /opt/peers
/opt/peers/bin/pip install --no-cache-dir --disable-pip-version-check -q python-dotenv uv
";
    let packages = PACKAGES.iter().chain(PEERS).copied().collect();
    let layer = Layer::Debian { suite: "bookworm", packages, script: SETTLE };
    Recipe { name: "bookworm-peers", parent: None, layer }
        .then("venv", VENV, source("app/requirements.txt"))
        .then("app", APP, source("app/backend"))
        .then("peers", TOOLS, source("app/requirements.txt"))
}

/// The newest release with the tools that judge a package, and those that take it from an archive.
pub fn judges() -> Recipe {
    const JUDGES: &[&str] = &[
        "apt-utils",
        "autopkgtest",
        "bash-completion",
        "dpkg-dev",
        "fish",
        "gnupg",
        "groff",
        "lintian",
        "man-db",
        "mandoc",
        "passwd",
        "piuparts",
        "promtool",
        "unattended-upgrades",
        "zsh",
    ];
    let packages = [PACKAGES, JUDGES].concat();
    let layer = Layer::Debian { suite: "sid", packages, script: SETTLE };
    Recipe { name: "sid-judges", parent: None, layer }
}

/// A browser and what reads its PDF, to look at pages; it is never booted.
pub fn browser() -> Recipe {
    const PACKAGES: &[&str] = &["chromium-headless-shell", "fonts-dejavu-core", "poppler-utils"];
    let layer = Layer::Debian { suite: "bookworm", packages: PACKAGES.to_vec(), script: "true" };
    Recipe { name: "bookworm-browser", parent: None, layer }
}

/// [`oldest_rust`] that builds source packages, for itself and for arm64, and runs programs of arm64.
pub fn builder() -> Recipe {
    const BUILDER: &str = "\
set -eu
apt-get -qq update
DEBIAN_FRONTEND=noninteractive apt-get -qq -y --no-install-recommends install \\
    build-essential debhelper gcc-aarch64-linux-gnu libc6-dev:arm64 python3 qemu-user-static
";
    oldest_rust().then("builder", BUILDER, source("Cargo.toml"))
}

/// A Debian 13 with its own Rust, which is the oldest that we support, for itself and for arm64.
pub fn oldest_rust() -> Recipe {
    const ARM64: &str = "\
set -eu
dpkg --add-architecture arm64
apt-get -qq update
DEBIAN_FRONTEND=noninteractive apt-get -qq -y --no-install-recommends install libstd-rust-dev:arm64
";
    let packages = ["cargo", "gcc", "libc6-dev", "libstd-rust-dev", "rustc"].to_vec();
    let layer = Layer::Debian { suite: "trixie", packages, script: "true" };
    Recipe { name: "trixie-rust", parent: None, layer }.then("arm64", ARM64, source("Cargo.toml"))
}

/// [`base`] with the user and the venv of the service.
pub fn venv() -> Recipe {
    base().then("venv", VENV, source("app/requirements.txt"))
}

/// [`venv`] with the Django project in /opt/projectmeats and its database.
pub fn app() -> Recipe {
    venv().then("app", APP, source("app/backend"))
}

/// [`app_of`] with the PostgreSQL driver that the field has.
pub fn psycopg_of(suite: &'static str) -> Recipe {
    app_of(suite).then("psycopg", PSYCOPG, source("app/psycopg.txt"))
}

/// [`app`] with its requirements file, and wheels in /srv/index for them and for older parts.
pub fn indexed() -> Recipe {
    app().then("indexed", INDEX, source("app"))
}

fn source(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

impl Recipe {
    fn then(self, name: &'static str, script: &'static str, files: PathBuf) -> Self {
        let layer = Layer::Script { script, files };
        Self { name, parent: Some(Box::new(self)), layer }
    }

    /// The layers from the first to this one.
    pub fn layers(&self) -> Vec<&Self> {
        let mut layers = self.parent.as_ref().map(|parent| parent.layers()).unwrap_or_default();
        layers.push(self);
        layers
    }

    /// What the layer adds, in a word.
    pub fn name(&self) -> &'static str {
        self.name
    }

    /// Whether [`Self::root`] has nothing to make.
    pub fn is_cached(&self) -> Result<bool> {
        Ok(cache::below("roots")?.join(self.key()?).is_dir())
    }

    /// The finished root, from the cache or made now.
    ///
    /// # Errors
    /// When a tool is missing, the network fails, or it takes longer than 10 minutes.
    pub fn root(&self) -> Result<PathBuf> {
        let parent = self.parent.as_ref().map(|parent| parent.root()).transpose()?;
        let key = self.key()?;
        let roots = cache::below("roots")?;
        let root = roots.join(&key);
        let limit = Duration::from_secs(900);
        let _lock = Lock::wait(&roots.join(format!("{key}.lock")), limit)?;
        fs::File::options()
            .write(true)
            .open(roots.join(format!("{key}.lock")))?
            .set_modified(SystemTime::now())?;
        if root.is_dir() {
            return Ok(root);
        }
        prune(&roots);
        let unfinished = roots.join(format!("{key}.part"));
        if unfinished.exists() {
            fs::remove_dir_all(&unfinished)?;
        }
        if let Err(error) = self.make(parent.as_deref(), &unfinished) {
            let _ = fs::remove_dir_all(&unfinished);
            return Err(error.context(format!("root {key}")));
        }
        fs::write(roots.join(format!("{key}.txt")), format!("{self:#?}\n"))?;
        fs::rename(&unfinished, &root)?;
        Ok(root)
    }

    fn make(&self, parent: Option<&Path>, target: &Path) -> Result<()> {
        match (&self.layer, parent) {
            (Layer::Debian { suite, packages, script }, _) => {
                debian(suite, packages, target)?;
                inside(target, None, script)
            }
            (Layer::Script { script, files }, Some(parent)) => {
                clone_tree(parent, target)?;
                inside(target, Some(files), script)
            }
            (Layer::Script { .. }, None) => bail!("layer {} has no parent", self.name),
        }
    }

    fn key(&self) -> Result<String> {
        Ok(format!("{}-{}", self.name, &hex(&self.digest()?)[..16]))
    }

    fn digest(&self) -> Result<Vec<u8>> {
        let mut digest = Sha256::new();
        if let Some(parent) = &self.parent {
            digest.update(parent.digest()?);
        }
        match &self.layer {
            Layer::Debian { suite, packages, script } => {
                let mut sorted = packages.clone();
                sorted.sort_unstable();
                digest.update(format!("{suite}\n{}\n{script}", sorted.join(" ")));
            }
            Layer::Script { script, files } => {
                digest.update(script);
                digest_tree(files, &mut digest)?;
            }
        }
        Ok(digest.finalize().to_vec())
    }
}

fn debian(suite: &str, packages: &[&str], target: &Path) -> Result<()> {
    let include = format!("--include={}", packages.join(","));
    let target = target.to_str().context("the cache path is not UTF-8")?;
    let mut args = vec!["--quiet", "--variant=apt", &include];
    if suite == "sid" {
        // the list of sid is valid for a week; a mirror that stands still is older than that
        args.push("--aptopt=Acquire::Check-Valid-Until false");
    }
    args.extend([suite, target]);
    run::tool("mmdebstrap", &args, Duration::from_secs(600)).map(drop)
}

/// Removes roots that nobody has used for a week: their recipes have changed since. Best effort.
fn prune(roots: &Path) {
    const WEEK: Duration = Duration::from_secs(7 * 24 * 3600);
    let Ok(entries) = fs::read_dir(roots) else { return };
    for lock in entries.flatten().map(|entry| entry.path()) {
        let used = lock.metadata().and_then(|meta| meta.modified());
        let old = used.is_ok_and(|used| used.elapsed().is_ok_and(|age| age > WEEK));
        if old && lock.extension().is_some_and(|ending| ending == "lock") {
            let _ = fs::remove_dir_all(lock.with_extension(""));
            let _ = fs::remove_file(lock.with_extension("txt"));
            let _ = fs::remove_file(&lock);
        }
    }
}

/// Copies a root with owners, modes, links and extended attributes.
pub fn clone_tree(from: &Path, to: &Path) -> Result<()> {
    let args = ["-a".as_ref(), "--reflink=auto".as_ref(), from.as_os_str(), to.as_os_str()];
    run::tool("cp", &args, Duration::from_secs(300)).map(drop)
}

/// Runs `script` inside `root`, not booted, with the network, proxy, package index and
/// certificates of the build machine.
fn inside(root: &Path, files: Option<&PathBuf>, script: &str) -> Result<()> {
    let name = root.file_name().context("a root without a name")?.to_string_lossy();
    let cgroup = Cgroup::new(&format!("meats-{name}"))?;
    let mut command = cgroup.nspawn();
    command.args(["--pipe", "--resolv-conf=bind-host", "--as-pid2", "-D"]).arg(root);
    if let Some(files) = files {
        let name = files.file_name().context("a layer without a file name")?;
        let target = Path::new("/build").join(name);
        command.arg(format!("--bind-ro={}:{}", files.display(), target.display()));
    }
    let bundle = std::env::var("SSL_CERT_FILE")
        .unwrap_or_else(|_| "/etc/ssl/certs/ca-certificates.crt".to_owned());
    if Path::new(&bundle).is_file() {
        command.arg(format!("--bind-ro={bundle}:/run/build-ca.crt"));
        for name in ["PIP_CERT", "SSL_CERT_FILE", "REQUESTS_CA_BUNDLE"] {
            command.arg(format!("--setenv={name}=/run/build-ca.crt"));
        }
    }
    for name in ["http_proxy", "https_proxy", "no_proxy", "HTTPS_PROXY", "PIP_INDEX_URL"] {
        if let Ok(value) = std::env::var(name) {
            command.arg(format!("--setenv={name}={value}"));
        }
    }
    command.args(["/bin/sh", "-c", script]);
    let output = run::run(&mut command, b"", Duration::from_secs(600))?;
    ensure!(output.code == 0, "a script inside the root failed: {output}");
    let _ = fs::remove_dir_all(root.join("build"));
    Ok(())
}

/// Names, modes and contents of a file or a tree, in an order that does not depend on the disk.
fn digest_tree(path: &Path, digest: &mut Sha256) -> Result<()> {
    use std::os::unix::fs::PermissionsExt;
    let meta = fs::metadata(path).with_context(|| format!("cannot read {}", path.display()))?;
    let name = path.file_name().unwrap_or_default();
    if name == "__pycache__" {
        return Ok(());
    }
    digest.update(name.as_bytes());
    digest.update((meta.permissions().mode() & 0o111).to_le_bytes());
    if meta.is_dir() {
        let mut entries = fs::read_dir(path)?.map(|e| Ok(e?.path())).collect::<Result<Vec<_>>>()?;
        entries.sort();
        digest.update(entries.len().to_le_bytes());
        entries.iter().try_for_each(|entry| digest_tree(entry, digest))
    } else {
        digest.update(meta.len().to_le_bytes());
        digest.update(fs::read(path)?);
        Ok(())
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_layer_has_a_key_of_its_own() -> Result<()> {
        let keys = [base().key()?, venv().key()?, app().key()?];
        assert!(keys[0].starts_with("bookworm-") && keys[2].starts_with("app-"), "{keys:?}");
        assert_eq!(keys[1], venv().key()?);
        let other = base().then("venv", "true", source("app/requirements.txt"));
        assert_ne!(keys[1], other.key()?);
        Ok(())
    }
}
