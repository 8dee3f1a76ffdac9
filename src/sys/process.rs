//! This process (hardening) and others (what /proc tells).

use std::path::{Path, PathBuf};

use nix::sys::resource::{Resource, setrlimit};
use nix::sys::signal::{SigSet, Signal};
use nix::sys::stat::{Mode, umask};

use super::Root;
use crate::model::Fact;

/// What a helper that systemd runs as root does first: umask 077, no core dump, directory `/`, no
/// privilege by exec. The environment is not touched: nothing of it is
/// used but what the flow takes by name, and children get a closed one (`sys::exec`).
pub fn harden() {
    umask(Mode::from_bits_truncate(0o077));
    setrlimit(Resource::RLIMIT_CORE, 0, 0).ok();
    nix::unistd::chdir("/").ok();
    nix::sys::prctl::set_no_new_privs().ok();
}

/// Closes every descriptor but 0 to 2: those that the caller forgot. Only before anything is
/// opened; the one that lists them is among them and closed already.
pub fn close_inherited() {
    let Ok(entries) = std::fs::read_dir("/proc/self/fd") else { return };
    let number = |e: std::fs::DirEntry| e.file_name().to_str()?.parse::<i32>().ok();
    let open: Vec<i32> = entries.flatten().filter_map(number).filter(|fd| *fd > 2).collect();
    for fd in open {
        nix::unistd::close(fd).ok();
    }
}

/// What a command does first whose children make files that others read (static files for the web
/// server): umask 022 as systemd gives the service, no core dump, directory `/`. A lost terminal does
/// not end it half-way; SIGINT and SIGTERM do. Before any thread, for each has signals of its own.
pub fn settle() {
    outlive_terminal();
    umask(Mode::from_bits_truncate(0o022));
    setrlimit(Resource::RLIMIT_CORE, 0, 0).ok();
    nix::unistd::chdir("/").ok();
}

fn outlive_terminal() {
    SigSet::from(Signal::SIGHUP).thread_block().ok();
}

/// Ends this process with SIGALRM's default action after so many seconds, whatever it is doing:
/// the last wall of a helper that PID 1 waits for.
pub fn alarm(seconds: u32) {
    nix::unistd::alarm::set(seconds);
}

/// The environment of another process as `KEY=VALUE` entries (proc(5)); root or its owner only.
pub fn environment(root: &Root, pid: u32) -> Fact<Vec<Vec<u8>>> {
    let path = PathBuf::from(format!("/proc/{pid}/environ"));
    root.read(&path, 8 << 20).map(|bytes| {
        bytes.split(|b| *b == 0).filter(|e| !e.is_empty()).map(<[u8]>::to_vec).collect()
    })
}

/// The children of another process; none when it is gone.
pub fn children(root: &Root, pid: u32) -> Vec<u32> {
    let path = PathBuf::from(format!("/proc/{pid}/task/{pid}/children"));
    let bytes = root.read(&path, 1 << 20);
    let text = bytes.known().map(|bytes| String::from_utf8_lossy(bytes).into_owned());
    text.unwrap_or_default().split_whitespace().filter_map(|pid| pid.parse().ok()).collect()
}

/// True when systemd is PID 1 here (sd_booted(3)).
pub fn systemd_runs(root: &Root) -> bool {
    root.is_system() && root.stat(Path::new("/run/systemd/system")).known().is_some()
}

/// The real user id of this process.
pub fn uid() -> u32 {
    nix::unistd::getuid().as_raw()
}

/// Machine, release and version of the kernel (uname(2)).
pub fn uname() -> (String, String, String) {
    let text = |s: &std::ffi::OsStr| s.to_string_lossy().into_owned();
    match nix::sys::utsname::uname() {
        Ok(name) => (text(name.machine()), text(name.release()), text(name.version())),
        Err(_) => (String::new(), String::new(), String::new()),
    }
}

/// The processes of a unit but ourselves, from its control group (cgroups(7)); no systemd is asked.
pub fn of_unit(root: &Root, unit: &str) -> Vec<u32> {
    const MOUNTS: &[&str] = &["/sys/fs/cgroup", "/sys/fs/cgroup/unified", "/sys/fs/cgroup/systemd"];
    let own = nix::unistd::getpid().as_raw().unsigned_abs();
    // Instances are in a slice of their template (systemd.special(7)).
    let template = unit.split_once('@').map(|(name, _)| name.replace('-', "\\x2d"));
    let slice = template.map_or_else(String::new, |name| format!("system-{name}.slice"));
    for mount in MOUNTS {
        let group = Path::new(mount).join("system.slice").join(&slice).join(unit);
        let path = group.join("cgroup.procs");
        if let Fact::Known(bytes) = root.read(&path, 1 << 20) {
            let text = String::from_utf8_lossy(&bytes).into_owned();
            return text.lines().filter_map(|l| l.parse().ok()).filter(|p| *p != own).collect();
        }
    }
    Vec::new()
}

/// The directory that relative paths on a command line start from; `/` when it is gone.
pub fn current_directory() -> PathBuf {
    std::env::current_dir().unwrap_or_else(|_| PathBuf::from("/"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lost_terminal_ends_nothing_and_ctrl_c_does() {
        let blocked = std::thread::spawn(|| {
            outlive_terminal();
            let mask = SigSet::thread_get_mask().expect("a mask");
            [Signal::SIGHUP, Signal::SIGINT, Signal::SIGTERM].map(|signal| mask.contains(signal))
        });
        assert_eq!(blocked.join().expect("a thread"), [true, false, false]);
    }
}
