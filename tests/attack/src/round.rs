//! One strike against one helper, judged by what the whole root looks like afterwards.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::{Read, Seek};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;

use crate::manifest::{self, Digests};
use crate::{Attack, Outcome, ground};

/// A program that root runs before a start.
#[derive(Debug)]
pub struct Helper {
    pub name: String,
    pub argv: Vec<String>,
    /// It has hung when it takes longer.
    pub limit: Duration,
    /// Exit statuses of a start that goes on, and of one that is stopped.
    pub go: i32,
    pub stop: i32,
    /// Ours: its words are judged, too.
    pub ours: bool,
}

impl Helper {
    /// By name: `pre-start`, `fix` or `naive`.
    pub fn named(name: &str) -> Result<Self> {
        let (argv, limit, ours): (&[&str], u64, bool) = match name {
            "pre-start" => (&["/bout/pre-start"], 40, true),
            "fix" => (&["/bout/meats-diagnose", "--fix", "--yes"], 120, true),
            // Hungry scripts must not eat the machine.
            "naive" => (
                &["/bin/bash", "-c", "ulimit -v 400000 -f 100000; exec /bin/bash /bout/naive.sh"],
                3,
                false,
            ),
            other => bail!("no helper {other}"),
        };
        let argv = argv.iter().map(|w| (*w).to_owned()).collect();
        let limit = Duration::from_secs(limit);
        Ok(Self { name: name.to_owned(), argv, limit, go: 0, stop: 78, ours })
    }

    /// Runs it as systemd runs an `ExecStartPre=+`: as root, with the env file's variables.
    pub fn run(&self, environment: &[(&str, &str)]) -> Result<Outcome> {
        let (program, args) = self.argv.split_first().context("no program")?;
        let mut said = scratch()?;
        let begin = Instant::now();
        let mut child = Command::new(program)
            .args(args)
            .env_clear()
            .env("PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin")
            .envs(environment.iter().copied())
            .stdin(Stdio::null())
            .stdout(Stdio::from(said.try_clone()?))
            .stderr(Stdio::from(said.try_clone()?))
            .process_group(0)
            .spawn()
            .with_context(|| program.clone())?;
        let status = wait(&mut child, self.limit)?;
        let mut bytes = Vec::new();
        said.rewind()?;
        said.take(1 << 20).read_to_end(&mut bytes)?;
        Ok(Outcome {
            helper: self.name.clone(),
            status,
            seconds: begin.elapsed().as_secs_f64(),
            output: String::from_utf8_lossy(&bytes).into_owned(),
            runs: 1,
            ..Outcome::default()
        })
    }
}

/// One strike, one run, one judgement. The field is laid before and the root mended after.
pub fn fight(attack: &Attack, helper: &Helper, digests: &mut Digests) -> Result<Outcome> {
    ground::lay()?;
    ground::root(attack.given).context("given")?;
    let mut striker = strike(attack.strike)?;
    let before = manifest::take(digests);
    let known = readable()?;
    // An operator's command does not inherit the env file.
    let environment = if helper.name == "fix" { &[] } else { attack.environment };
    let mut outcome = helper.run(environment)?;
    end_group(&striker);
    striker.wait()?;
    let after = manifest::take(digests);
    outcome.attack = attack.name.to_owned();
    outcome.escapes = manifest::differences(&before, &after);
    let told = readable()?.difference(&known).cloned().collect::<Vec<_>>();
    outcome.escapes.extend(told.iter().map(|path| format!("the service can now read {path}")));
    for line in ground::root(attack.verify).context("verify")?.lines() {
        outcome.escapes.push(line.to_owned());
    }
    match outcome.status {
        None => outcome.escapes.push("it hung".to_owned()),
        Some(status) if helper.ours => words(attack, helper, status, &mut outcome),
        Some(_) => {}
    }
    if before != after {
        ground::restore(&before, &after)?;
        let now = manifest::take(digests);
        let left = manifest::differences(&before, &now);
        // Another link to a victim may be gone with the field; that is not a difference to mend.
        let left: Vec<_> = left.into_iter().filter(|l| !l.contains("links")).collect();
        if !left.is_empty() {
            bail!("{}: the root could not be mended: {left:?}", attack.name);
        }
    }
    Ok(outcome)
}

/// One start over a log directory with `entries` more files of the user's, or links. No manifest:
/// what is asked is time and memory (largest resident size, KiB).
pub fn crowd(helper: &Helper, entries: u64, links: bool) -> Result<Outcome> {
    use std::os::unix::fs::symlink;
    let directory = std::path::Path::new("/var/log/projectmeats/");
    let user = nix::unistd::User::from_name("projectmeats")?.context("no service user")?;
    let web = nix::unistd::User::from_name("www-data")?.context("no www-data")?;
    for number in 0..entries {
        let path = directory.join(format!("old.log.{number}"));
        if links {
            std::fs::remove_file(&path)?;
            symlink("/etc/shadow", &path)?;
        } else {
            File::create(&path)?;
            std::os::unix::fs::chown(&path, Some(user.uid.as_raw()), Some(web.gid.as_raw()))?;
        }
    }
    let before =
        nix::sys::resource::getrusage(nix::sys::resource::UsageWho::RUSAGE_CHILDREN)?.max_rss();
    let mut outcome = helper.run(&[])?;
    let after =
        nix::sys::resource::getrusage(nix::sys::resource::UsageWho::RUSAGE_CHILDREN)?.max_rss();
    // Children before it were bash, which is smaller than nothing that we want to hear of.
    outcome.rss = after.max(before);
    outcome.attack = format!("crowd of {entries} {}", if links { "links" } else { "files" });
    Ok(outcome)
}

/// What a helper of ours may say, and how it may end.
fn words(attack: &Attack, helper: &Helper, status: i32, outcome: &mut Outcome) {
    if helper.name == "pre-start" {
        let expected = if attack.starts { helper.go } else { helper.stop };
        if status != expected {
            outcome.escapes.push(format!("exit status {status} instead of {expected}"));
        }
        let forged = outcome.output.lines().any(|l| !l.starts_with("pre-start: "));
        if forged {
            outcome.escapes.push("a line of its output is not its own".to_owned());
        }
    }
    if outcome
        .output
        .chars()
        .any(|c| c != '\n' && (c.is_control() || ('\u{202a}'..='\u{202e}').contains(&c)))
    {
        outcome.escapes.push("it printed a control character".to_owned());
    }
    if outcome.output.contains("victim-secret") || outcome.output.contains("env-secret") {
        outcome.escapes.push("it printed a secret".to_owned());
    }
}

/// The strike, as the service user. What it leaves running goes on until its group is ended.
fn strike(script: &str) -> Result<Child> {
    let mut command = ground::user();
    command.args(["/bin/bash", "-c", &format!("{script}\n:")]).stdin(Stdio::null());
    let mut said = scratch()?;
    command.stdout(Stdio::from(said.try_clone()?)).stderr(Stdio::from(said.try_clone()?));
    let mut child = command.process_group(0).spawn()?;
    let status = wait(&mut child, Duration::from_secs(60))?;
    let mut text = String::new();
    said.rewind()?;
    said.read_to_string(&mut text)?;
    if status != Some(0) {
        bail!("the strike failed ({status:?}): {script}\n{text}");
    }
    Ok(child)
}

fn end_group(child: &Child) {
    if let Ok(id) = i32::try_from(child.id()) {
        let _ = killpg(Pid::from_raw(id), Signal::SIGKILL);
    }
}

/// Exit status, 128 + signal, or None when it had to be ended.
fn wait(child: &mut Child, limit: Duration) -> Result<Option<i32>> {
    let begin = Instant::now();
    loop {
        if let Some(status) = child.try_wait()? {
            return Ok(Some(status.code().unwrap_or_else(|| 128 + status.signal().unwrap_or(0))));
        }
        if begin.elapsed() > limit {
            end_group(child);
            child.wait()?;
            return Ok(None);
        }
        std::thread::sleep(Duration::from_millis(1));
    }
}

/// The files with a victim's words that the service user can read.
pub(crate) fn readable() -> Result<BTreeSet<String>> {
    let search = "timeout 3 find /var/log/projectmeats /etc/projectmeats /opt/projectmeats/backend \
                  /var/lib/projectmeats-fixes /srv /root -maxdepth 3 -type f -size -1024k \
                  -exec grep -l -s victim-secret {} + 2>/dev/null";
    let output = ground::user().args(["/bin/sh", "-c", search]).stdin(Stdio::null()).output()?;
    Ok(String::from_utf8_lossy(&output.stdout).lines().map(str::to_owned).collect())
}

fn scratch() -> Result<File> {
    use std::os::unix::fs::OpenOptionsExt;
    let mut options = File::options();
    options.read(true).write(true).mode(0o600).custom_flags(nix::libc::O_TMPFILE);
    options.open("/run/bout").context("no scratch file")
}
