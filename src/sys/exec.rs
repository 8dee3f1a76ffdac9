//! Children: absolute program, closed environment, deadline, bounded output.

use std::fs::File;
use std::io::{self, Read, Write};
use std::os::unix::fs::OpenOptionsExt as _;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::Duration;

use nix::sys::signal::{Signal, kill, killpg};
use nix::sys::wait::{Id, WaitPidFlag, WaitStatus, waitid};
use nix::unistd::{AccessFlags, Pid, access};

use super::child;
use super::clock::{Deadline, pause};
use crate::model::Owner;

/// The only PATH a child gets.
pub const PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// What to run.
#[derive(Clone, Debug)]
pub struct Request {
    argv: Vec<String>,
    stdin: Vec<u8>,
    from: Option<PathBuf>,
    into: Option<PathBuf>,
    env: Vec<(String, std::ffi::OsString)>,
    owner: Option<Owner>,
    groups: Vec<u32>,
    directory: PathBuf,
    deadline: Duration,
    max_output: u64,
}

impl Request {
    /// `argv[0]` is an absolute path. 30 s, 1 MiB a stream, directory `/`, only `PATH` and
    /// `LC_ALL=C.UTF-8` in the environment.
    pub fn new<S: AsRef<str>>(argv: &[S]) -> Self {
        Self {
            argv: argv.iter().map(|word| word.as_ref().to_owned()).collect(),
            stdin: Vec::new(),
            from: None,
            into: None,
            env: Vec::new(),
            owner: None,
            groups: Vec::new(),
            directory: PathBuf::from("/"),
            deadline: Duration::from_secs(30),
            max_output: 1 << 20,
        }
    }

    /// The longest time it may take.
    #[must_use]
    pub fn deadline(mut self, limit: Duration) -> Self {
        self.deadline = limit;
        self
    }

    /// Bytes for its standard input.
    #[must_use]
    pub fn stdin(mut self, bytes: impl Into<Vec<u8>>) -> Self {
        self.stdin = bytes.into();
        self
    }

    /// A file of root's for its standard input.
    #[must_use]
    pub fn from_file(mut self, path: impl Into<PathBuf>) -> Self {
        self.from = Some(path.into());
        self
    }

    /// A new file of root's, 0600, for its standard output; the directory is root's alone.
    #[must_use]
    pub fn into_file(mut self, path: impl Into<PathBuf>) -> Self {
        self.into = Some(path.into());
        self
    }

    /// One more variable.
    #[must_use]
    pub fn env(mut self, name: &str, value: impl Into<std::ffi::OsString>) -> Self {
        self.env.push((name.to_owned(), value.into()));
        self
    }

    /// Runs as this user and group, without supplementary groups but [`Self::groups`].
    #[must_use]
    pub fn owner(mut self, owner: Owner) -> Self {
        self.owner = Some(owner);
        self
    }

    /// Supplementary groups of the owner.
    #[must_use]
    pub fn groups(mut self, groups: Vec<u32>) -> Self {
        self.groups = groups;
        self
    }

    /// Working directory.
    #[must_use]
    pub fn directory(mut self, path: impl Into<PathBuf>) -> Self {
        self.directory = path.into();
        self
    }

    /// The most that is kept of each output stream, in bytes.
    #[must_use]
    pub fn max_output(mut self, bytes: u64) -> Self {
        self.max_output = bytes;
        self
    }
}

/// How it ended and what it said.
#[derive(Clone, Debug)]
pub struct Output {
    pub program: String,
    /// None when the deadline ended it.
    pub status: Option<ExitStatus>,
    pub stdout: Vec<u8>,
    pub stderr: Vec<u8>,
}

impl Output {
    /// Exit status 0 in time.
    pub fn success(&self) -> bool {
        self.status.is_some_and(|s| s.success())
    }

    /// The exit status, if it exited by itself.
    pub fn code(&self) -> Option<i32> {
        self.status.and_then(|s| s.code())
    }

    /// "exit status 1", "killed by signal 9", "took too long and was ended".
    pub fn how(&self) -> String {
        match self.status {
            None => "took too long and was ended".to_owned(),
            Some(status) => match (status.code(), status.signal()) {
                (Some(code), _) => format!("exit status {code}"),
                (None, Some(signal)) => format!("killed by signal {signal}"),
                (None, None) => "ended in an unknown way".to_owned(),
            },
        }
    }

    /// "/bin/x: exit status 1: last line of stderr".
    pub fn describe(&self) -> String {
        let how = self.how();
        let text = String::from_utf8_lossy(&self.stderr);
        match text.lines().rev().find(|line| !line.trim().is_empty()) {
            Some(line) => format!("{}: {how}: {}", self.program, line.trim()),
            None => format!("{}: {how}", self.program),
        }
    }
}

/// Runs it and waits, at most until the deadline; then its whole process group is killed.
///
/// # Errors
/// It could not be started: the text names the program and the cause.
pub fn run(request: &Request) -> Result<Output, String> {
    start(request)?.finish(request.deadline)
}

/// Starts it and does not wait.
///
/// # Errors
/// As [`run`].
pub fn start(request: &Request) -> Result<Running, String> {
    let program = request.argv.first().ok_or("no program given")?;
    if !program.starts_with('/') {
        return Err(format!("\"{program}\": only absolute programs are run"));
    }
    let failed = |error: io::Error| format!("\"{program}\" could not be started: {error}");
    let directory = request.directory.clone().into_os_string();
    let user = request.owner.map(|owner| (owner, request.groups.as_slice()));
    let mut command = match child::starter(program, directory, user) {
        Some(starter) => starter,
        None if request.owner.is_some() => {
            return Err(format!(
                "\"{program}\": only the program itself starts it for another user"
            ));
        }
        None => {
            let mut command = Command::new(program);
            command.current_dir(&request.directory).process_group(0);
            command
        }
    };
    if request.owner.is_none() {
        access(program.as_str(), AccessFlags::X_OK).map_err(|errno| failed(errno.into()))?;
    }
    command
        .args(request.argv.iter().skip(1))
        .env_clear()
        .env("PATH", PATH)
        .env("LC_ALL", "C.UTF-8")
        .envs(request.env.iter().map(|(name, value)| (name, value)))
        .stdin(source(request)?)
        .stdout(sink(request)?)
        .stderr(Stdio::piped());
    let mut child = command.spawn().map_err(failed)?;
    if let Some(mut pipe) = child.stdin.take() {
        let bytes = request.stdin.clone();
        // A child that does not read must not block us: the thread ends with the pipe.
        thread::spawn(move || pipe.write_all(&bytes).ok());
    }
    let stdout = child.stdout.take().map(|pipe| Stream::of(pipe, request.max_output));
    let stderr = child.stderr.take().map(|pipe| Stream::of(pipe, request.max_output));
    Ok(Running { child, program: program.clone(), stdout, stderr, reaped: false })
}

fn source(request: &Request) -> Result<Stdio, String> {
    match &request.from {
        Some(path) => File::open(path)
            .map(Stdio::from)
            .map_err(|error| format!("\"{}\": {error}", path.display())),
        None if request.stdin.is_empty() => Ok(Stdio::null()),
        None => Ok(Stdio::piped()),
    }
}

fn sink(request: &Request) -> Result<Stdio, String> {
    let Some(path) = &request.into else { return Ok(Stdio::piped()) };
    let file = File::options().write(true).create_new(true).mode(0o600).open(path);
    file.map(Stdio::from).map_err(|error| format!("\"{}\": {error}", path.display()))
}

/// A child that goes on; dropping it kills its process group.
#[derive(Debug)]
pub struct Running {
    child: Child,
    program: String,
    stdout: Option<Stream>,
    stderr: Option<Stream>,
    reaped: bool,
}

/// What a child leaves behind may hold its pipes so long after its end.
const LEFT_BEHIND: Duration = Duration::from_secs(1);

impl Running {
    /// True once it has ended by itself. It is not taken leave of: until that its number, and so its
    /// group's, is nobody else's.
    pub fn has_ended(&mut self) -> bool {
        let flags = WaitPidFlag::WEXITED | WaitPidFlag::WNOHANG | WaitPidFlag::WNOWAIT;
        self.reaped || waitid(Id::Pid(self.pid()), flags) != Ok(WaitStatus::StillAlive)
    }

    /// Asks the process group to end (SIGTERM), and kills it when it takes longer than `grace`.
    ///
    /// # Errors
    /// It could not be waited for.
    pub fn stop(self, grace: Duration) -> Result<Output, String> {
        self.signal_group(Signal::SIGTERM);
        self.finish(grace)
    }

    /// Waits, at most `limit`; then the process group is killed. It is killed, too, when the child
    /// has ended and something of it goes on and holds its output.
    ///
    /// # Errors
    /// It could not be waited for.
    pub fn finish(mut self, limit: Duration) -> Result<Output, String> {
        let deadline = Deadline::after(limit);
        let mut step = Duration::from_micros(100);
        while !self.has_ended() && !deadline.passed() {
            // The usual child closes its pipes by ending; to wait for that wakes us at once.
            let wait = step.min(deadline.left());
            if self.closes_within(wait) {
                pause(wait);
            }
            step = (step * 2).min(Duration::from_millis(20));
        }
        let in_time = self.has_ended();
        if !in_time || !self.closes_within(LEFT_BEHIND) {
            self.signal_group(Signal::SIGKILL);
        }
        let status = self.child.wait().map_err(|error| format!("\"{}\": {error}", self.program))?;
        self.reaped = true;
        // Whoever left the group may hold them still.
        self.closes_within(Duration::from_millis(200));
        let kept = |stream: Option<Stream>| stream.and_then(|s| s.kept).unwrap_or_default();
        Ok(Output {
            program: std::mem::take(&mut self.program),
            status: in_time.then_some(status),
            stdout: kept(self.stdout.take()),
            stderr: kept(self.stderr.take()),
        })
    }

    /// Takes what it says for so long; true as soon as both of its streams are closed.
    fn closes_within(&mut self, time: Duration) -> bool {
        let deadline = Deadline::after(time);
        let closes = |stream: &mut Stream| stream.closes_before(&deadline);
        let (out, err) = (self.stdout.as_mut().is_none_or(closes), self.stderr.as_mut());
        err.is_none_or(closes) && out
    }

    fn pid(&self) -> Pid {
        Pid::from_raw(i32::try_from(self.child.id()).unwrap_or(i32::MAX))
    }

    /// Before it has a group of its own there is only itself.
    fn signal_group(&self, signal: Signal) {
        if killpg(self.pid(), signal).is_err() {
            kill(self.pid(), signal).ok();
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if !self.reaped {
            self.signal_group(Signal::SIGKILL);
            self.child.wait().ok();
        }
    }
}

/// What a child writes; a thread reads it to its end.
#[derive(Debug)]
struct Stream {
    whole: Receiver<Vec<u8>>,
    kept: Option<Vec<u8>>,
}

impl Stream {
    fn of(mut pipe: impl Read + Send + 'static, limit: u64) -> Self {
        let (sender, whole) = channel();
        thread::spawn(move || {
            let mut kept = Vec::new();
            pipe.by_ref().take(limit).read_to_end(&mut kept).ok();
            // The rest is read and dropped, so that the child does not block on a full pipe.
            io::copy(&mut pipe, &mut io::sink()).ok();
            sender.send(kept).ok();
        });
        Self { whole, kept: None }
    }

    fn closes_before(&mut self, deadline: &Deadline) -> bool {
        if self.kept.is_none() {
            self.kept = self.whole.recv_timeout(deadline.left()).ok();
        }
        self.kept.is_some()
    }
}

#[cfg(test)]
mod tests {
    use super::super::clock::Stopwatch;
    use super::*;

    fn sh(script: &str, limit: Duration) -> (Output, Duration) {
        let watch = Stopwatch::new();
        let output = run(&Request::new(&["/bin/sh", "-c", script]).deadline(limit)).expect("sh");
        (output, watch.elapsed())
    }

    /// The end of the child counts, not that of what holds its pipes; its own group goes with it.
    #[test]
    fn what_is_left_behind_is_not_waited_for() {
        let long = Duration::from_secs(60);
        let (output, took) = sh("echo said; sleep 50 & echo $! >&2; exit 3", long);
        assert_eq!((output.code(), output.stdout.as_slice()), (Some(3), &b"said\n"[..]));
        assert!(took < Duration::from_secs(10), "{took:?}");
        let pid = String::from_utf8(output.stderr).expect("a number");
        let stat = format!("/proc/{}/stat", pid.trim());
        let lives = || std::fs::read_to_string(&stat).is_ok_and(|s| !s.contains(") Z "));
        let deadline = Deadline::after(Duration::from_secs(10));
        while lives() {
            assert!(!deadline.passed(), "it goes on");
            pause(Duration::from_millis(10));
        }
        let (output, took) = sh("setsid sleep 20 & exit 0", long);
        assert!(output.success() && took < Duration::from_secs(10), "{took:?}");
    }

    #[test]
    fn both_streams_are_whole_and_bounded() {
        let (output, _) = sh("head -c 300000 /dev/zero; echo x >&2", Duration::from_secs(30));
        assert_eq!((output.stdout.len(), output.stderr.as_slice()), (300_000, &b"x\n"[..]));
        let request = Request::new(&["/usr/bin/head", "-c", "300000", "/dev/zero"]).max_output(7);
        assert_eq!(run(&request).expect("head").stdout.len(), 7);
        let (output, _) = sh("echo early; sleep 50", Duration::from_millis(300));
        assert_eq!((output.status, output.stdout.as_slice()), (None, &b"early\n"[..]));
    }

    /// Only the program itself has what gives it another user and a session of its own.
    #[test]
    fn nobody_else_starts_a_child_of_another_user() {
        let owner = Owner { uid: 65534, gid: 65534 };
        assert!(run(&Request::new(&["/bin/true"]).owner(owner)).is_err());
        assert!(run(&Request::new(&["/no/such/program"])).is_err());
    }
}
