//! meats-diagnose: look at everything this user may see, plan without applying, check, report;
//! with `--fix` apply that very plan, look again, and say what is left.

use std::ffi::OsString;
use std::io::{ErrorKind, Write};
use std::path::Path;
use std::process::ExitCode;

use clap::Parser;

use super::fix::fix;
use super::round::{PROGRAM, round};
use super::tell::{plugin, show, write_files};
use crate::cli::diagnose::{Check, Cli, Command};
use crate::model::finding;
use crate::report;
use crate::sys::Root;
use crate::sys::terminal::{self, Terminal};

/// Runs the command.
pub fn main(
    args: impl Iterator<Item = OsString>,
    out: &mut dyn Write,
    err: &mut dyn Write,
) -> ExitCode {
    let args: Vec<OsString> = args.collect();
    let plugin = args.iter().any(|a| a == "--plugin");
    let cli = match Cli::try_parse_from(args) {
        Ok(cli) => cli,
        Err(error) => {
            let help = !error.use_stderr();
            let stream: &mut dyn Write = if help { out } else { err };
            write!(stream, "{error}").ok();
            // A monitoring plugin says 3 (unknown) for wrong usage.
            return ExitCode::from(if help {
                0
            } else if plugin {
                3
            } else {
                2
            });
        }
    };
    let mut told = Told { out, failed: None };
    let out: &mut dyn Write = &mut told;
    let code = match cli.command {
        Some(Command::Failures(asked)) => return super::failures::main(&asked, out, err),
        Some(Command::Explain { id, list }) => explain(id.as_deref(), list, out, err),
        Some(Command::Config { get, json, root }) => with_root(root.as_deref(), err, |root, _| {
            super::show::config(root, get.as_deref(), json, out).map(|()| 0)
        }),
        Some(Command::Probe(asked)) => {
            with_root(None, err, |root, _| Ok(super::probe::main(root, &asked, out)))
        }
        Some(Command::Unit(asked)) => with_root(asked.root.as_deref(), err, |root, _| {
            super::show_unit::main(root, &asked, terminal::observe(), out)
        }),
        Some(Command::Bundle(asked)) => {
            with_root(asked.root.as_deref(), err, |root, _| super::bundle::main(root, &asked, out))
        }
        Some(Command::Undo(asked)) => with_root(asked.root.as_deref(), err, |root, _| {
            super::undo::main(root, &asked, terminal::observe(), out)
        }),
        None => {
            let cannot = if cli.check.plugin { 3 } else { 2 };
            begun(cannot, cli.check.root.as_deref(), err, |root, err| {
                Ok(diagnose(root, &cli.check, terminal::observe(), out, err))
            })
        }
    };
    out.flush().ok();
    match told.failed {
        Some(kind) => {
            writeln!(err, "{PROGRAM}: standard output: {kind}").ok();
            ExitCode::from(if plugin { 3 } else { 4 })
        }
        None => ExitCode::from(code),
    }
}

/// Remembers that something could not be written; a reader who has seen enough is no failure.
struct Told<'a> {
    out: &'a mut dyn Write,
    failed: Option<ErrorKind>,
}

impl Told<'_> {
    fn noted<T>(&mut self, result: std::io::Result<T>) -> std::io::Result<T> {
        let kind = result.as_ref().err().map(std::io::Error::kind);
        self.failed = self.failed.or(kind.filter(|kind| *kind != ErrorKind::BrokenPipe));
        result
    }
}

impl Write for Told<'_> {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        let result = self.out.write(bytes);
        self.noted(result)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        let result = self.out.flush();
        self.noted(result)
    }
}

/// Exit status 2 where the command could not begin.
fn with_root(
    path: Option<&Path>,
    err: &mut dyn Write,
    run: impl FnOnce(&Root, &mut dyn Write) -> Result<u8, String>,
) -> u8 {
    begun(2, path, err, run)
}

fn begun(
    cannot: u8,
    path: Option<&Path>,
    err: &mut dyn Write,
    run: impl FnOnce(&Root, &mut dyn Write) -> Result<u8, String>,
) -> u8 {
    let path = path.unwrap_or(Path::new("/"));
    let root = Root::open(path).map_err(|why| format!("\"{}\": {why}", path.display()));
    match root.and_then(|root| run(&root, err)) {
        Ok(code) => code,
        Err(why) => {
            writeln!(err, "{PROGRAM}: {why}").ok();
            cannot
        }
    }
}

fn explain(id: Option<&str>, list: bool, out: &mut dyn Write, err: &mut dyn Write) -> u8 {
    if list {
        for kind in finding::all() {
            writeln!(out, "{} {}: {}", kind.id, kind.name, kind.summary).ok();
        }
        return 0;
    }
    let word = id.unwrap_or_default();
    match finding::by_word(word) {
        Some(kind) => {
            write!(out, "{}", report::render_explanation(kind)).ok();
            0
        }
        None => {
            let near: Vec<String> =
                report::nearest(word).iter().map(|k| format!("{} ({})", k.id, k.name)).collect();
            let hint = match near.is_empty() {
                true => "see meats-diagnose explain --list".to_owned(),
                false => format!("did you mean {}?", near.join(", ")),
            };
            writeln!(err, "{PROGRAM}: no finding is called \"{}\"; {hint}", report::escape(word))
                .ok();
            2
        }
    }
}

fn diagnose(
    root: &Root,
    asked: &Check,
    terminal: Terminal,
    out: &mut dyn Write,
    err: &mut dyn Write,
) -> u8 {
    let first = round(root, asked);
    if asked.dry_run || asked.fix {
        return fix(root, asked, terminal, first, (out, err));
    }
    if let Some(seconds) = asked.watch {
        return super::watch::watch(root, asked, terminal, first, seconds, (out, err));
    }
    if !write_files(root, asked, &first, err) {
        return if asked.plugin { 3 } else { 2 };
    }
    if asked.plugin {
        return plugin(&first, out);
    }
    show(root, asked, terminal, &first, out);
    first.diagnosis.word.exit_status()
}
