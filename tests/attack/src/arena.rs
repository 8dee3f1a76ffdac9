//! The container: a private copy of a Debian root in namespaces of its own, with bout in it.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use host::cgroup::Cgroup;
use host::copy::Copy;
use host::{recipe, run};

use crate::Outcome;

/// A root with the helpers in `/bout`; its files are removed on drop.
#[derive(Debug)]
pub struct Arena {
    copy: Copy,
}

impl Arena {
    /// A new one. `bout` is the program of this package.
    ///
    /// # Errors
    /// When the root cannot be made, or the helpers were not built: `make deb` does.
    pub fn new(bout: &str) -> Result<Self> {
        let copy = Copy::of(&recipe::base().root()?)?;
        let inside = copy.root().join("bout");
        fs::create_dir_all(&inside)?;
        fs::copy(bout, inside.join("bout"))?;
        let built = binaries().join("meats");
        for name in ["pre-start", "meats-diagnose", "meats-env"] {
            fs::copy(&built, inside.join(name))
                .with_context(|| format!("no {}; run `make deb`", built.display()))?;
        }
        fs::write(inside.join("naive.sh"), include_str!("naive.sh"))?;
        for (name, script) in [("flag", FLAG), ("mute", MUTE)] {
            fs::write(inside.join(name), script)?;
            fs::set_permissions(inside.join(name), fs::Permissions::from_mode(0o755))?;
        }
        evil_library(&inside)?;
        tracer(&inside)?;
        Ok(Self { copy })
    }

    /// The tree, before it runs.
    pub fn root(&self) -> PathBuf {
        self.copy.root()
    }

    /// Runs a program inside, as root, as the only one besides a stub init.
    ///
    /// # Errors
    /// When it does not exit with 0 in time; with what it said.
    pub fn run(&self, argv: &[&str], limit: Duration) -> Result<String> {
        let cgroup = Cgroup::new(&self.copy.name())?;
        let mut command = cgroup.nspawn();
        command.args(["--pipe", "--as-pid2", "--private-network", "--resolv-conf=off"]);
        command.args(["--bind=/dev/fuse", "-D"]);
        command.arg(self.copy.root()).args(argv);
        let output = run::run(&mut command, b"", limit)?;
        ensure!(output.code == 0, "{argv:?}: {output}");
        Ok(output.stdout)
    }

    /// [`Self::run`] of bout; a line of output is an outcome.
    ///
    /// # Errors
    /// As [`Self::run`].
    pub fn bout(&self, words: &[&str], limit: Duration) -> Result<Vec<Outcome>> {
        let argv: Vec<&str> = ["/bout/bout"].iter().chain(words).copied().collect();
        let text = self.run(&argv, limit)?;
        text.lines().map(|line| Ok(serde_json::from_str(line)?)).collect()
    }
}

/// chattr(1) is not in the root. `flag 10 FILE` makes immutable, 20 append-only, 0 neither.
const FLAG: &str = r#"#!/usr/bin/python3
import fcntl, os, struct, sys
file = os.open(sys.argv[2], os.O_RDONLY)
old = struct.unpack("l", fcntl.ioctl(file, 0x80086601, struct.pack("l", 0)))[0]
new = old & ~0x30 | int(sys.argv[1], 16)
fcntl.ioctl(file, 0x40086602, struct.pack("l", new))
if new != old:
    open("/run/bout/flagged", "w").write(sys.argv[2])
"#;

/// A file system of the service user's that answers nothing (fuse(4)); what fusermount3(1) does is
/// done here by root. `mute file|directory OPTIONS PLACE`; it ends when it is no longer mounted.
const MUTE: &str = r#"#!/usr/bin/python3
import ctypes, os, pwd, stat, sys
kind, options, place = sys.argv[1:]
user = pwd.getpwnam("projectmeats")
device = os.open("/dev/fuse", os.O_RDWR)
mode = stat.S_IFREG if kind == "file" else stat.S_IFDIR
data = f"fd={device},rootmode={mode:o},user_id={user.pw_uid},group_id={user.pw_gid},{options}"
libc = ctypes.CDLL(None, use_errno=True)
if libc.mount(b"mute", place.encode(), b"fuse", 6, data.rstrip(",").encode()):
    sys.exit("mount: " + os.strerror(ctypes.get_errno()))
if os.fork():
    sys.exit()
for number in range(3):
    os.dup2(os.open("/dev/null", os.O_RDWR), number)
try:
    while os.read(device, 1 << 18):
        pass
except OSError:
    pass
"#;

/// Where the helpers are: `MEATS_BIN`, else where `make deb` leaves them.
fn binaries() -> PathBuf {
    let built = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/release");
    std::env::var_os("MEATS_BIN").map_or(built, PathBuf::from)
}

/// The build machine's strace(1) with its libraries; the root has the same C library.
fn tracer(inside: &Path) -> Result<()> {
    let program = "/usr/bin/strace";
    let lib = inside.join("lib");
    fs::create_dir(&lib)?;
    fs::copy(program, inside.join("strace.bin")).context("no strace; run `make tools`")?;
    let text = run::tool("ldd", &[program], Duration::from_secs(10))?;
    for path in text.lines().filter_map(|l| l.split(" => ").nth(1)?.split(' ').next()) {
        fs::copy(path, lib.join(Path::new(path).file_name().context("a library without name")?))?;
    }
    let script = "#!/bin/sh\nexec /lib64/ld-linux-x86-64.so.2 --library-path /bout/lib /bout/strace.bin \"$@\"\n";
    fs::write(inside.join("strace"), script)?;
    Ok(fs::set_permissions(inside.join("strace"), fs::Permissions::from_mode(0o755))?)
}

/// What a user would slip under a program of root's by LD_PRELOAD.
fn evil_library(inside: &Path) -> Result<()> {
    const SOURCE: &str = "#include <fcntl.h>\n#include <unistd.h>\n\
        unsigned la_version(unsigned v) { return v; }\n\
        __attribute__((constructor)) static void run(void)\n\
        { int f = open(\"/root/pwned\", O_CREAT | O_WRONLY, 0600); if (f >= 0) close(f); }\n";
    let source = inside.join("evil.c");
    fs::write(&source, SOURCE)?;
    let library = inside.join("evil.so");
    let words = [
        source.as_os_str(),
        "-shared".as_ref(),
        "-fPIC".as_ref(),
        "-o".as_ref(),
        library.as_os_str(),
    ];
    run::tool("gcc", &words, Duration::from_secs(60)).map(drop)
}
