//! The generator: settings and a few looks → units in the directory that systemd gives.
//!
//! systemd.generator(7): no child, no name service, no network, nothing outside the given
//! directories, exit 0 whatever is wrong. systemd itself would wait 90 s with PID 1 frozen, so
//! this process ends itself after 2 s.

use std::ffi::OsString;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use super::observe_service;
use crate::model::{Effect, Finding, Origin, Owner, Plan, finding};
use crate::sys::apply::{apply, first_failure};
use crate::sys::{Root, kmsg, process};
use crate::unit::{Emitted, plan_unit};

const PROGRAM: &str = "projectmeats-generator";
const SECONDS: u32 = 2;

/// What was asked for on the command line.
#[derive(Debug, Default, PartialEq, Eq)]
struct Asked {
    root: Option<PathBuf>,
    dry_run: bool,
    /// The first directory: the normal one. The other two are not used.
    normal: Option<PathBuf>,
    help: bool,
}

/// `projectmeats-generator [--root DIR] [--dry-run] [NORMAL EARLY LATE]`.
pub fn main(
    args: impl Iterator<Item = OsString>,
    out: &mut dyn Write,
    err: &mut dyn Write,
) -> ExitCode {
    let asked = match parse(args) {
        Ok(asked) => asked,
        Err(why) => {
            writeln!(err, "{PROGRAM}: {why}; see projectmeats-generator(8)").ok();
            return ExitCode::from(2);
        }
    };
    if asked.help {
        writeln!(out, "{USAGE}").ok();
        return ExitCode::SUCCESS;
    }
    process::alarm(SECONDS);
    if let Err(why) = run(&asked, out, err) {
        tell(&asked, err, &why);
    }
    ExitCode::SUCCESS
}

/// Says it where it is heard: in the kernel's log when systemd runs us, else to who asked.
fn tell(asked: &Asked, err: &mut dyn Write, text: &str) {
    if asked.root.is_some() || asked.dry_run {
        writeln!(err, "{PROGRAM}: {text}").ok();
    } else {
        kmsg::warn(PROGRAM, text);
    }
}

const USAGE: &str = "\
Usage: projectmeats-generator [--root DIR] [--dry-run] NORMAL EARLY LATE

Emits the unit of the service, or a drop-in for the administrator's own unit,
into the directory NORMAL. systemd runs it at boot and at every daemon-reload.

  --root DIR  look at the tree below DIR instead of /
  --dry-run   print what would be emitted; no directory is needed
  --help      this text

Exit status: 0, or 2 for wrong usage. See projectmeats-generator(8).";

fn parse(args: impl Iterator<Item = OsString>) -> Result<Asked, String> {
    let mut asked = Asked::default();
    let mut args = args.peekable();
    while let Some(arg) = args.next() {
        match arg.to_str() {
            Some("--help" | "-h") => asked.help = true,
            Some("--dry-run") => asked.dry_run = true,
            Some("--root") => {
                asked.root = Some(args.next().ok_or("--root needs a directory")?.into());
            }
            Some(option) if option.starts_with('-') => {
                return Err(format!("unknown option \"{}\"", option.escape_default()));
            }
            _ if asked.normal.is_none() => asked.normal = Some(arg.into()),
            _ => {}
        }
    }
    if asked.normal.is_none() && !asked.dry_run && !asked.help {
        return Err("no directory given".to_owned());
    }
    Ok(asked)
}

fn run(asked: &Asked, out: &mut dyn Write, err: &mut dyn Write) -> Result<(), String> {
    let path = asked.root.as_deref().unwrap_or(Path::new("/"));
    let root = Root::open_for_a_look(path).map_err(|e| format!("\"{}\": {e}", path.display()))?;
    let (config, mut findings, unit) = observe_service(&root);
    let (emitted, more) = plan_unit(&config, &unit);
    findings.extend(more);
    for finding in &findings {
        tell(asked, err, &format!("{}: {}", finding.kind.id, describe(finding)));
    }
    if asked.dry_run {
        return print(&emitted, out).map_err(|e| e.to_string());
    }
    let Some(normal) = &asked.normal else { return Ok(()) };
    let target = Root::open(normal).map_err(|e| format!("\"{}\": {e}", normal.display()))?;
    let applied = apply(&target, &plan(&target, &emitted));
    match first_failure(&applied) {
        Some((path, why)) => Err(format!("\"{}\": {why}", normal.join(relative(&path)).display())),
        None => Ok(()),
    }
}

/// Directories before what lies in them; a directory that another generator made is fine.
fn plan(target: &Root, emitted: &[Emitted]) -> Plan {
    let mut plan = Plan::default();
    let mut made: Vec<PathBuf> = vec![PathBuf::from("/")];
    let why = &finding::SVC_FAILED;
    for item in emitted {
        let path = match item {
            Emitted::File { path, .. } | Emitted::Link { path, .. } => Path::new("/").join(path),
        };
        let parent = path.parent().unwrap_or(Path::new("/")).to_owned();
        if !made.contains(&parent) && target.kind(&parent, true).is_absent() {
            let owner = Owner::ROOT;
            let effect = Effect::MakeDir { path: parent.clone(), owner, mode: 0o755 };
            plan.push(why, Origin::Default, effect);
            made.push(parent);
        }
        let effect = match item {
            Emitted::File { text, .. } => {
                Effect::Create { path, content: text.clone().into_bytes(), mode: 0o644 }
            }
            Emitted::Link { target, .. } => Effect::Symlink { path, target: target.clone() },
        };
        plan.push(why, Origin::Default, effect);
    }
    plan
}

fn relative(path: &Path) -> &Path {
    path.strip_prefix("/").unwrap_or(path)
}

fn print(emitted: &[Emitted], out: &mut dyn Write) -> std::io::Result<()> {
    for item in emitted {
        match item {
            Emitted::File { path, text } => writeln!(out, "==> {} <==\n{text}", path.display())?,
            Emitted::Link { path, target } => {
                writeln!(out, "==> {} -> {} <==\n", path.display(), target.display())?;
            }
        }
    }
    Ok(())
}

fn describe(finding: &Finding) -> String {
    let place = finding.subject.path.as_ref().map(|p| p.display().to_string()).unwrap_or_default();
    match finding.subject.line {
        Some(line) => format!("{place}:{line}: {}", finding.detail),
        None => format!("{place}: {}", finding.detail),
    }
}
