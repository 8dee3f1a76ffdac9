//! meats-env: one env file, or many, as the programs that read them do.
//!
//! Invariant: a file gets other content only through `Session::replace`, which keeps a backup first; a
//! value is printed only where the user asked for values.

mod backups;
mod check;
mod edit;
mod files;
mod fix;
mod generate;
mod links;
mod view;

use std::ffi::OsString;
use std::io::{self, Write};
use std::process::ExitCode;

use clap::Parser;

use crate::cli::diagnose::Color;
use crate::cli::env::{Cli, Command};
use crate::report;
use crate::sys::{process, terminal};
use files::Session;

const PROGRAM: &str = "meats-env";

/// Exit statuses beside 0 and 1.
const USAGE: u8 = 2;
const REFUSED: u8 = 3;
const FAILED: u8 = 4;

/// What ends a command early: the exit status and the message.
#[derive(Debug)]
struct Stop {
    code: u8,
    text: String,
}

impl Stop {
    fn new(code: u8, text: impl Into<String>) -> Self {
        Self { code, text: text.into() }
    }
}

type Done = Result<u8, Stop>;

/// Standard output, and the first error that a write to it gave: what was not printed is no success.
struct Output<'a> {
    inner: &'a mut dyn Write,
    lost: Option<io::Error>,
}

impl Output<'_> {
    fn note<T>(&mut self, result: io::Result<T>) -> io::Result<T> {
        result.map_err(|error| {
            let copy = error
                .raw_os_error()
                .map_or_else(|| error.kind().into(), io::Error::from_raw_os_error);
            if self.lost.is_none() && error.kind() != io::ErrorKind::Interrupted {
                self.lost = Some(error);
            }
            copy
        })
    }

    /// The status at the end. A reader who went away (`| head -1`) has what he wanted.
    fn end(mut self, code: u8) -> Done {
        self.flush().ok();
        match self.lost {
            Some(error) if error.kind() != io::ErrorKind::BrokenPipe => {
                Err(Stop::new(FAILED, format!("standard output: {error}")))
            }
            _ => Ok(code),
        }
    }
}

impl Write for Output<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let result = self.inner.write(bytes);
        self.note(result)
    }

    fn flush(&mut self) -> io::Result<()> {
        let result = self.inner.flush();
        self.note(result)
    }
}

/// Runs the command.
pub fn main(
    args: impl Iterator<Item = OsString>,
    out: &mut dyn Write,
    err: &mut dyn Write,
) -> ExitCode {
    let cli = match Cli::try_parse_from(args) {
        Ok(cli) => cli,
        Err(error) => {
            let help = !error.use_stderr();
            let stream: &mut dyn Write = if help { out } else { err };
            write!(stream, "{error}").ok();
            return ExitCode::from(if help { 0 } else { USAGE });
        }
    };
    let terminal = terminal::observe();
    let color = match cli.color {
        Color::Always => true,
        Color::Never => false,
        Color::Auto => terminal.color.unwrap_or(terminal.stdout),
    };
    let mut out = Output { inner: out, lost: None };
    let done = Session::open(cli.root.as_deref(), &process::current_directory())
        .and_then(|s| run(&s, cli.command, color, &mut out, err));
    match done.and_then(|code| out.end(code)) {
        Ok(code) => ExitCode::from(code),
        Err(stop) => {
            writeln!(err, "{PROGRAM}: {}", report::escape(&stop.text)).ok();
            ExitCode::from(stop.code)
        }
    }
}

fn run(
    session: &Session,
    command: Command,
    color: bool,
    out: &mut dyn Write,
    err: &mut dyn Write,
) -> Done {
    match command {
        Command::Check(asked) => check::run(session, &asked, color, out),
        Command::Fix(asked) => fix::run(session, &asked, out, err),
        Command::Get { key, file } => view::get(session, &key, file.as_deref(), out),
        Command::Set(asked) => edit::set(session, &asked, out, err),
        Command::Unset { key, file, dry_run } => {
            edit::unset(session, &key, file.as_deref(), dry_run, out)
        }
        Command::Generate(asked) => generate::run(session, &asked, out, err),
        Command::Read { reader, json, null, file } => {
            view::read(session, &reader, view::Form::of(json, null), file.as_deref(), out, err)
        }
        Command::Readers { file, json } => view::readers(session, file.as_deref(), json, out),
        Command::Export { reader, file } => {
            view::export(session, &reader, file.as_deref(), out, err)
        }
        Command::Restore { list, backup } => backups::restore(session, backup.words(), list, out),
        Command::Diff { backup } => backups::diff(session, backup.words(), out),
    }
}
