//! A booted root.
//!
//! systemd-nspawn boots it with a private network, its own systemd as process 1 and a cgroup of
//! its own: two roots in one cgroup see each other's units. Commands run inside by entering the
//! namespaces of process 1 with a clean environment.

use std::fs::{self, File, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::cache::Lock;
use crate::cgroup::Cgroup;
use crate::copy::{self, Copy};
use crate::recipe::Recipe;
use crate::run::{self, Output};
use crate::transcript::Transcript;

/// The longest that a command may take when the caller says nothing else.
pub const COMMAND: Duration = Duration::from_secs(60);
const BOOT: Duration = Duration::from_secs(60);
const STOP: Duration = Duration::from_secs(60);

/// A private copy of a root, booted or not.
#[derive(Debug)]
pub struct Machine {
    copy: Copy,
    running: Option<Running>,
    transcript: Transcript,
    finished: bool,
    engine: bool,
}

#[derive(Debug)]
struct Running {
    nspawn: Child,
    leader: Option<Pid>,
    _cgroup: Cgroup,
    _slot: Lock,
}

impl Machine {
    /// A new machine, not yet booted, with the root that `recipe` makes.
    ///
    /// # Errors
    /// When the root cannot be made or copied.
    pub fn of(recipe: &Recipe) -> Result<Self> {
        let copy = Copy::of(&recipe.root()?)?;
        let transcript = Transcript::default();
        Ok(Self { copy, running: None, transcript, finished: false, engine: false })
    }

    /// [`Self::of`] in which a container engine can run: it may make namespaces and filters, and its
    /// data lies outside of the copy, since overlays do not lie on overlays.
    pub fn with_engine(recipe: &Recipe) -> Result<Self> {
        let mut machine = Self::of(recipe)?;
        machine.engine = true;
        fs::create_dir_all(machine.engine_data())?;
        Ok(machine)
    }

    fn engine_data(&self) -> PathBuf {
        self.copy.directory().join("engine")
    }

    fn engine_options(&self) -> Vec<String> {
        if !self.engine {
            return Vec::new();
        }
        vec![
            "--capability=all".to_owned(),
            "--system-call-filter=add_key keyctl bpf".to_owned(),
            format!("--bind={}:/var/lib/docker", self.engine_data().display()),
        ]
    }

    /// The tree of files, for changes before [`Self::boot`]. Absolute links in it lead out of it.
    pub fn root(&self) -> PathBuf {
        self.copy.root()
    }

    /// Boots and waits until systemd has nothing more to start.
    ///
    /// # Errors
    /// When no slot gets free, process 1 does not come up, or start-up takes over a minute.
    pub fn boot(&mut self) -> Result<()> {
        ensure!(self.running.is_none(), "the machine runs already");
        check_dev_null()?;
        let options = self.engine_options();
        let running = self.running.insert(Running::begin(&self.copy, &options)?);
        let begin = Instant::now();
        running.await_leader().with_context(|| console(&self.copy))?;
        let state = self.await_state(begin).with_context(|| console(&self.copy))?;
        self.transcript.note(&format!("booted: {state} after {} ms", begin.elapsed().as_millis()));
        Ok(())
    }

    /// `running` or `degraded`, once start-up is over.
    fn await_state(&self, begin: Instant) -> Result<String> {
        loop {
            let left = BOOT.saturating_sub(begin.elapsed());
            ensure!(!left.is_zero(), "still starting after {} s", BOOT.as_secs());
            let mut enter = self.enter("systemctl is-system-running --wait")?;
            let output = run::run(&mut enter, b"", left)?;
            match output.stdout.trim() {
                state @ ("running" | "degraded") => return Ok(state.to_owned()),
                _ => std::thread::sleep(Duration::from_millis(50)),
            }
        }
    }

    /// Runs a bash script as root inside, for at most a minute. An exit status other than 0 is
    /// no error.
    ///
    /// # Errors
    /// When the machine does not run, or the script does not end.
    pub fn run(&self, script: &str) -> Result<Output> {
        self.run_with(script, b"", COMMAND)
    }

    /// [`Self::run`] with bytes for its stdin and a time limit.
    pub fn run_with(&self, script: &str, input: &[u8], limit: Duration) -> Result<Output> {
        let result = run::run(&mut self.enter(script)?, input, limit);
        match &result {
            Ok(output) => self.transcript.command(script, output),
            Err(error) => self.transcript.note(&format!("# {script}\n{error:#}")),
        }
        result.with_context(|| format!("inside the machine: {script}"))
    }

    /// [`Self::run`] that must exit with 0; what it printed.
    pub fn ok(&self, script: &str) -> Result<String> {
        let output = self.run(script)?;
        ensure!(output.code == 0, "{script}: {output}");
        Ok(output.stdout)
    }

    /// Repeats `script` until it exits with 0; what it printed then.
    ///
    /// # Errors
    /// With the last output, when `limit` is over.
    pub fn wait_for(&self, script: &str, limit: Duration) -> Result<String> {
        let begin = Instant::now();
        loop {
            let output = run::run(&mut self.enter(script)?, b"", limit)?;
            if output.code == 0 {
                self.transcript.command(script, &output);
                return Ok(output.stdout);
            }
            if begin.elapsed() > limit {
                self.transcript.command(script, &output);
                bail!("not within {} s: {script}: {output}", limit.as_secs());
            }
            std::thread::sleep(Duration::from_millis(100));
        }
    }

    /// The bytes of a file inside, read by its root.
    pub fn fetch(&self, path: &str) -> Result<String> {
        self.ok(&format!("cat -- '{path}'"))
    }

    /// Writes a file inside, as root with this mode.
    pub fn put(&self, path: &str, content: &[u8], mode: u32) -> Result<()> {
        let script = format!("install -D -m {mode:o} /dev/stdin '{path}'");
        let output = self.run_with(&script, content, COMMAND)?;
        ensure!(output.code == 0, "{script}: {output}");
        Ok(())
    }

    /// Writes a line for the reader of a failed test.
    pub fn note(&self, what: &str) {
        self.transcript.note(what);
    }

    /// Runs a script in the root while it is not booted, as the build of an image does: there is no
    /// systemd to talk to, and no network.
    pub fn in_image(&self, script: &str, limit: Duration) -> Result<Output> {
        ensure!(self.running.is_none(), "the machine runs");
        let cgroup = Cgroup::new(&self.copy.name())?;
        let mut command = cgroup.nspawn();
        command.args(["--pipe", "--as-pid2", "--private-network", "--resolv-conf=off"]);
        command.args(["--setenv=DEBIAN_FRONTEND=noninteractive", "--setenv=LC_ALL=C.UTF-8", "-D"]);
        command.arg(self.copy.root()).args(["/bin/bash", "-c", script]);
        let output = run::run(&mut command, b"", limit)?;
        self.transcript.command(script, &output);
        Ok(output)
    }

    /// An orderly power-off.
    ///
    /// # Errors
    /// When it takes over a minute, or the build machine's /dev/null was changed.
    pub fn power_off(&mut self) -> Result<()> {
        self.leave("systemctl poweroff")
    }

    /// An orderly reboot on the same tree.
    pub fn reboot(&mut self) -> Result<()> {
        self.leave("systemctl reboot")?;
        self.boot()
    }

    fn leave(&mut self, how: &str) -> Result<()> {
        // the command may be cut off by its own effect
        let _ = self.run(how)?;
        let mut running = self.running.take().context("the machine does not run")?;
        let begin = Instant::now();
        while running.nspawn.try_wait()?.is_none() {
            ensure!(begin.elapsed() < STOP, "{how}: still up after {} s", STOP.as_secs());
            std::thread::sleep(Duration::from_millis(20));
        }
        self.transcript.note(&format!("{how}: down after {} ms", begin.elapsed().as_millis()));
        check_dev_null()
    }

    /// A shell inside, on the caller's terminal, until it is left.
    pub fn shell(&self) -> Result<()> {
        let term = std::env::var("TERM").unwrap_or_else(|_| "linux".to_owned());
        let script = format!("export TERM='{term}'; cd /root; exec bash -i");
        self.enter(&script)?.status().context("cannot start the shell")?;
        Ok(())
    }

    /// The end of a test that went well: powers off and says nothing.
    pub fn finish(mut self) -> Result<()> {
        if self.running.is_some() {
            self.power_off()?;
        }
        self.finished = true;
        Ok(())
    }

    fn enter(&self, script: &str) -> Result<Command> {
        let running = self.running.as_ref().context("the machine does not run")?;
        let leader = running.leader.context("the machine has no process 1 yet")?;
        let mut command = Command::new("nsenter");
        command.arg("--target").arg(leader.to_string());
        command.args(["--all", "--root", "--wd", "--", "/usr/bin/env", "-i"]);
        command.args(["PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"]);
        command.args(["HOME=/root", "LC_ALL=C.UTF-8", "TERM=dumb"]);
        command.args(["DEBIAN_FRONTEND=noninteractive", "/bin/bash", "-o", "pipefail"]);
        command.args(["-c", script]);
        Ok(command)
    }
}

impl Drop for Machine {
    fn drop(&mut self) {
        if !self.finished {
            if self.running.is_some() {
                let _ = self.run("journalctl --no-pager --boot --lines=60 --output=short-precise");
            }
            eprintln!("--- transcript of the machine ---\n{}--- end ---", self.transcript);
        }
        // before the tree goes
        self.running = None;
    }
}

impl Running {
    fn begin(copy: &Copy, options: &[String]) -> Result<Self> {
        let slot = Lock::slot()?;
        let name = copy.name();
        let cgroup = Cgroup::new(&name)?;
        let console = copy.directory().join("console");
        let console = File::options().create(true).append(true).open(console)?;
        let nspawn = cgroup
            .nspawn()
            .args(["--boot", "--private-network", "--resolv-conf=off", "--link-journal=no"])
            .args(options)
            .arg("-D")
            .arg(copy.root())
            .stdin(Stdio::null())
            .stdout(Stdio::from(console.try_clone()?))
            .stderr(Stdio::from(console))
            .spawn()
            .context("cannot start systemd-nspawn")?;
        let id = nspawn.id();
        let running = Self { nspawn, leader: None, _cgroup: cgroup, _slot: slot };
        fs::write(copy.directory().join("process"), id.to_string())?;
        Ok(running)
    }

    /// Waits for process 1 to be systemd and no more nspawn's own child.
    fn await_leader(&mut self) -> Result<()> {
        let begin = Instant::now();
        while self.leader.is_none() {
            if let Some(status) = self.nspawn.try_wait()? {
                bail!("systemd-nspawn ended: {status}");
            }
            ensure!(begin.elapsed() < BOOT, "no process 1 after {} s", BOOT.as_secs());
            std::thread::sleep(Duration::from_millis(10));
            self.leader = leader(self.nspawn.id());
        }
        Ok(())
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if let Ok(None) = self.nspawn.try_wait() {
            end(self.nspawn.id());
            let _ = self.nspawn.wait();
        }
        if let Err(error) = check_dev_null() {
            eprintln!("{error}");
        }
    }
}

fn console(copy: &Copy) -> String {
    let bytes = fs::read(copy.directory().join("console")).unwrap_or_default();
    format!("the machine did not boot; its console:\n{}", String::from_utf8_lossy(&bytes))
}

/// Ends what a process that died without cleaning up has left running for `directory`.
pub fn end_leftover(directory: &Path) {
    let Ok(id) = fs::read_to_string(directory.join("process")) else { return };
    let ours = fs::read(Path::new("/proc").join(&id).join("cmdline"))
        .is_ok_and(|line| String::from_utf8_lossy(&line).contains(&*directory.to_string_lossy()));
    if let (true, Ok(id)) = (ours, id.parse()) {
        end(id);
    }
    // made again only to be removed by its drop
    drop(Cgroup::new(&copy::name(directory)));
}

/// Ends a machine at once: its process 1, with which its other processes die, then nspawn.
fn end(nspawn: u32) {
    children(nspawn).into_iter().for_each(|child| signal(child, Signal::SIGKILL));
    std::thread::sleep(Duration::from_millis(50));
    signal(nspawn, Signal::SIGKILL);
}

fn signal(id: u32, signal: Signal) {
    if let Ok(id) = i32::try_from(id) {
        let _ = kill(Pid::from_raw(id), signal);
    }
}

/// The child of `nspawn` that is process 1 of its own namespace and runs systemd.
fn leader(nspawn: u32) -> Option<Pid> {
    children(nspawn).into_iter().find_map(|child| {
        let comm = fs::read_to_string(format!("/proc/{child}/comm")).ok()?;
        let status = fs::read_to_string(format!("/proc/{child}/status")).ok()?;
        let ids = status.lines().find_map(|line| line.strip_prefix("NSpid:"))?;
        let first = ids.split_whitespace().skip(1).last() == Some("1");
        let systemd = matches!(comm.trim(), "systemd" | "init");
        (first && systemd).then(|| Pid::from_raw(i32::try_from(child).unwrap_or(0)))
    })
}

fn children(parent: u32) -> Vec<u32> {
    let Ok(entries) = fs::read_dir("/proc") else { return Vec::new() };
    let ids = entries.flatten().filter_map(|e| e.file_name().to_str()?.parse::<u32>().ok());
    ids.filter(|id| parent_of(*id) == Some(parent)).collect()
}

fn parent_of(id: u32) -> Option<u32> {
    let stat = fs::read_to_string(format!("/proc/{id}/stat")).ok()?;
    // the name may hold blanks and brackets: fields count from the last one
    stat.rsplit_once(')')?.1.split_whitespace().nth(1)?.parse().ok()
}

/// A root has the build machine's /dev/null, and its boot can change the mode of it: 644 breaks
/// every process that is not root, apt's sandbox first.
fn check_dev_null() -> Result<()> {
    let mode = fs::metadata("/dev/null")?.permissions().mode() & 0o7777;
    if mode != 0o666 {
        fs::set_permissions("/dev/null", Permissions::from_mode(0o666))?;
        bail!("/dev/null of the build machine had mode {mode:o}; set back to 666");
    }
    Ok(())
}
