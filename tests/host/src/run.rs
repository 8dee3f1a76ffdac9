//! Children with a deadline.
//!
//! Output goes to files, not pipes: a daemon that a child leaves behind keeps a pipe open for
//! ever, but not a file. The child leads a process group of its own, which is killed as a whole
//! when the time is over.

use std::ffi::OsStr;
use std::fmt;
use std::fs::File;
use std::io::{Read, Seek, Write};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::Path;
use std::process::{Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;

/// How a child ended and what it said.
#[derive(Debug)]
pub struct Output {
    /// Exit status; 128 + the signal's number for a killed child, as a shell would say.
    pub code: i32,
    pub stdout: String,
    pub stderr: String,
    pub elapsed: Duration,
}

impl Output {
    /// Both streams, stdout first.
    pub fn text(&self) -> String {
        format!("{}{}", self.stdout, self.stderr)
    }
}

impl fmt::Display for Output {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ms = self.elapsed.as_millis();
        write!(f, "exit {} after {ms} ms\n{}", self.code, self.text())
    }
}

/// Runs `command` to its end, at most for `limit`; `input` becomes its stdin.
///
/// # Errors
/// When it cannot be started, or is still running after `limit` (it is killed then, and the
/// error holds what it had said). An exit status other than 0 is no error.
pub fn run(command: &mut Command, input: &[u8], limit: Duration) -> Result<Output> {
    let name = command.get_program().to_os_string();
    let (mut out, mut err) = (scratch()?, scratch()?);
    let mut stdin = scratch()?;
    stdin.write_all(input)?;
    stdin.rewind()?;
    let begin = Instant::now();
    let mut child = command
        .stdin(Stdio::from(stdin))
        .stdout(Stdio::from(out.try_clone()?))
        .stderr(Stdio::from(err.try_clone()?))
        .process_group(0)
        .spawn()
        .with_context(|| format!("cannot start {}", name.to_string_lossy()))?;
    let mut pause = Duration::from_millis(1);
    let status = loop {
        if let Some(status) = child.try_wait()? {
            break status;
        }
        if begin.elapsed() > limit {
            let group = Pid::from_raw(i32::try_from(child.id())?);
            // an error here means that it has just ended by itself
            let _ = killpg(group, Signal::SIGKILL);
            child.wait()?;
            let said = format!("{}{}", read(&mut out)?, read(&mut err)?);
            bail!("{} not done in {} s; it said:\n{said}", name.to_string_lossy(), limit.as_secs());
        }
        std::thread::sleep(pause);
        pause = (pause * 2).min(Duration::from_millis(20));
    };
    Ok(Output {
        code: code(status),
        stdout: read(&mut out)?,
        stderr: read(&mut err)?,
        elapsed: begin.elapsed(),
    })
}

/// [`run`] for a tool of the build machine that must succeed.
///
/// # Errors
/// As [`run`], and when the exit status is not 0.
pub fn tool<S: AsRef<OsStr>>(program: &str, args: &[S], limit: Duration) -> Result<String> {
    let output = run(Command::new(program).args(args), b"", limit)?;
    if output.code != 0 {
        let words: Vec<_> = args.iter().map(|a| a.as_ref().to_string_lossy()).collect();
        bail!("{program} {}: {output}", words.join(" "));
    }
    Ok(output.stdout)
}

fn code(status: ExitStatus) -> i32 {
    status.code().unwrap_or_else(|| 128 + status.signal().unwrap_or(0))
}

/// An open file without a name.
fn scratch() -> Result<File> {
    use std::os::unix::fs::OpenOptionsExt;
    let directory = std::env::temp_dir();
    File::options()
        .read(true)
        .write(true)
        .custom_flags(nix::libc::O_TMPFILE)
        .mode(0o600)
        .open(Path::new(&directory))
        .with_context(|| format!("no scratch file in {}", directory.display()))
}

fn read(file: &mut File) -> Result<String> {
    let mut bytes = Vec::new();
    file.rewind()?;
    file.read_to_end(&mut bytes)?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sh(script: &str, limit: Duration) -> Result<Output> {
        run(Command::new("sh").args(["-c", script]), b"in\n", limit)
    }

    #[test]
    fn keeps_streams_and_status_apart() -> Result<()> {
        let output = sh("cat; echo err >&2; exit 7", Duration::from_secs(5))?;
        assert_eq!((output.code, &*output.stdout, &*output.stderr), (7, "in\n", "err\n"));
        assert_eq!(sh("kill -9 $$", Duration::from_secs(5))?.code, 137);
        Ok(())
    }

    #[test]
    fn a_daemon_left_behind_holds_nobody_up() -> Result<()> {
        let output = sh("sleep 3 & echo done", Duration::from_secs(2))?;
        assert_eq!(output.stdout, "done\n");
        Ok(())
    }

    #[test]
    fn ends_what_does_not_end() {
        let begin = Instant::now();
        let error = sh("echo before; sleep 60", Duration::from_millis(300)).unwrap_err();
        assert!(error.to_string().contains("before"), "{error}");
        assert!(begin.elapsed() < Duration::from_secs(5));
    }
}
