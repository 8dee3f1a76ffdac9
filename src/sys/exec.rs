//! Children: absolute program, closed environment, deadline, bounded output.

use std::fs::File;
use std::io::{Read, Write};
use std::os::unix::fs::OpenOptionsExt as _;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::Duration;

use nix::sys::signal::Signal;

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

    /// Runs as this user and group, without supplementary groups.
    #[must_use]
    pub fn owner(mut self, owner: Owner) -> Self {
        self.owner = Some(owner);
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
    let mut command = Command::new(program);
    command
        .args(request.argv.iter().skip(1))
        .env_clear()
        .env("PATH", PATH)
        .env("LC_ALL", "C.UTF-8")
        .envs(request.env.iter().map(|(name, value)| (name, value)))
        .current_dir(&request.directory)
        .stdin(source(request)?)
        .stdout(sink(request)?)
        .stderr(Stdio::piped())
        .process_group(0);
    if let Some(owner) = request.owner {
        command.uid(owner.uid).gid(owner.gid);
    }
    let mut child =
        command.spawn().map_err(|error| format!("\"{program}\" could not be started: {error}"))?;
    if let Some(mut pipe) = child.stdin.take() {
        let bytes = request.stdin.clone();
        // A child that does not read must not block us: the thread ends with the pipe.
        thread::spawn(move || pipe.write_all(&bytes).ok());
    }
    let stdout = child.stdout.take().map(|pipe| collect(pipe, request.max_output));
    let stderr = child.stderr.take().map(|pipe| collect(pipe, request.max_output));
    Ok(Running { child, program: program.clone(), stdout, stderr, ended: false })
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
    stdout: Option<Receiver<Vec<u8>>>,
    stderr: Option<Receiver<Vec<u8>>>,
    ended: bool,
}

impl Running {
    /// True once it has ended by itself.
    pub fn has_ended(&mut self) -> bool {
        self.ended = self.ended || matches!(self.child.try_wait(), Ok(Some(_)));
        self.ended
    }

    /// Asks the process group to end (SIGTERM), and kills it when it takes longer than `grace`.
    ///
    /// # Errors
    /// It could not be waited for.
    pub fn stop(self, grace: Duration) -> Result<Output, String> {
        signal_group(self.child.id(), Signal::SIGTERM);
        self.finish(grace)
    }

    /// Waits, at most `limit`; then the process group is killed.
    ///
    /// # Errors
    /// It could not be waited for.
    pub fn finish(mut self, limit: Duration) -> Result<Output, String> {
        let deadline = Deadline::after(limit);
        // The usual child closes its pipes by ending; to wait for that wakes us at once.
        let closed = |reader: &Option<Receiver<Vec<u8>>>| {
            reader.as_ref().and_then(|r| r.recv_timeout(deadline.left()).ok())
        };
        let (stdout, stderr) = (closed(&self.stdout), closed(&self.stderr));
        let status = self.status(&deadline)?;
        self.ended = true;
        // What was killed has closed them by now, unless a grandchild of its own group holds them.
        let late = |reader: Option<Receiver<Vec<u8>>>| {
            reader.and_then(|r| r.recv_timeout(Duration::from_millis(200)).ok()).unwrap_or_default()
        };
        Ok(Output {
            program: std::mem::take(&mut self.program),
            status,
            stdout: stdout.unwrap_or_else(|| late(self.stdout.take())),
            stderr: stderr.unwrap_or_else(|| late(self.stderr.take())),
        })
    }

    /// How it ended; None when the deadline passed and its group was killed.
    fn status(&mut self, deadline: &Deadline) -> Result<Option<ExitStatus>, String> {
        let mut step = Duration::from_micros(100);
        loop {
            match self.child.try_wait() {
                Ok(Some(status)) => return Ok(Some(status)),
                Ok(None) if deadline.passed() => {
                    signal_group(self.child.id(), Signal::SIGKILL);
                    self.child.wait().ok();
                    return Ok(None);
                }
                Ok(None) => {
                    pause(step.min(deadline.left()));
                    step = (step * 2).min(Duration::from_millis(20));
                }
                Err(error) => return Err(format!("\"{}\": {error}", self.program)),
            }
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if !self.has_ended() {
            signal_group(self.child.id(), Signal::SIGKILL);
            self.child.wait().ok();
        }
    }
}

fn collect(mut pipe: impl Read + Send + 'static, limit: u64) -> Receiver<Vec<u8>> {
    let (sender, receiver) = channel();
    thread::spawn(move || {
        let mut kept = Vec::new();
        pipe.by_ref().take(limit).read_to_end(&mut kept).ok();
        // The rest is read and dropped, so that the child does not block on a full pipe.
        std::io::copy(&mut pipe, &mut std::io::sink()).ok();
        sender.send(kept).ok();
    });
    receiver
}

fn signal_group(pid: u32, signal: Signal) {
    if let Ok(pid) = i32::try_from(pid) {
        nix::sys::signal::killpg(nix::unistd::Pid::from_raw(pid), signal).ok();
    }
}
