//! meats-diagnose: look at everything this user may see, plan without applying, check, report;
//! with `--fix` apply that very plan, look again, and say what is left.

use std::ffi::OsString;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use clap::Parser;

use super::{look, repair};
use crate::checks::{self, Diagnosis, Facts, Word};
use crate::cli::diagnose::{Check, Cli, Color, Command, Scope};
use crate::model::{Effect, Origin, Plan, Timestamp, finding};
use crate::report::{self, Glance, Style};
use crate::sys::apply::Outcome;
use crate::sys::clock::Stopwatch;
use crate::sys::ids::Accounts;
use crate::sys::terminal::{self, Terminal};
use crate::sys::{Root, apply, clock, lock, process};

const PROGRAM: &str = "meats-diagnose";

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
    let code = match cli.command {
        Some(Command::Failures(asked)) => return super::failures::main(&asked, out, err),
        Some(Command::Explain { id, list }) => explain(id.as_deref(), list, out, err),
        Some(Command::Config { get, json, root }) => with_root(root.as_deref(), err, |root| {
            super::show::config(root, get.as_deref(), json, out)
        }),
        Some(Command::Probe(asked)) => match open(None) {
            Ok(root) => super::probe::main(&root, &asked, out),
            Err(why) => {
                writeln!(err, "{PROGRAM}: {why}").ok();
                2
            }
        },
        Some(Command::Unit(asked)) => match open(asked.root.as_deref())
            .and_then(|root| super::show_unit::main(&root, &asked, terminal::observe(), out))
        {
            Ok(code) => code,
            Err(why) => {
                writeln!(err, "{PROGRAM}: {why}").ok();
                2
            }
        },
        None => {
            let terminal = terminal::observe();
            let path = cli.check.root.clone();
            match open(path.as_deref()) {
                Ok(root) => diagnose(&root, &cli.check, terminal, out, err),
                Err(why) => {
                    writeln!(err, "{PROGRAM}: {why}").ok();
                    2
                }
            }
        }
    };
    ExitCode::from(code)
}

fn open(path: Option<&Path>) -> Result<Root, String> {
    let path = path.unwrap_or(Path::new("/"));
    Root::open(path).map_err(|why| format!("\"{}\": {why}", path.display()))
}

fn with_root(
    path: Option<&Path>,
    err: &mut dyn Write,
    run: impl FnOnce(&Root) -> Result<(), String>,
) -> u8 {
    match open(path).and_then(|root| run(&root)) {
        Ok(()) => 0,
        Err(why) => {
            writeln!(err, "{PROGRAM}: {why}").ok();
            2
        }
    }
}

fn explain(id: Option<&str>, list: bool, out: &mut dyn Write, err: &mut dyn Write) -> u8 {
    if list {
        for kind in finding::ALL {
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

/// One look and its judgement.
struct Round {
    facts: Facts,
    plan: Plan,
    diagnosis: Diagnosis,
    started: Timestamp,
    millis: u128,
}

fn round(root: &Root, asked: &Check) -> Round {
    let watch = Stopwatch::new();
    let started = clock::now();
    let assessment = repair::assess(root);
    let mut plan = assessment.plan.clone();
    let facts = look::observe(root, assessment);
    let reachable = asked.scope == Scope::Reachable;
    let diagnosis = checks::diagnose(&facts, &asked.only, reachable);
    only(&mut plan, &asked.only);
    leave_memory_to_starts(&mut plan);
    restart(&mut plan, &facts);
    Round { facts, plan, diagnosis, started, millis: watch.elapsed().as_millis() }
}

/// Which key a start ran with is for pre-start to note; and directories of our own are made for a
/// repair, not instead of one.
fn leave_memory_to_starts(plan: &mut Plan) {
    plan.actions
        .retain(|a| !(matches!(a.effect, Effect::Write { .. }) && repair::is_own_state(&a.effect)));
    if plan.actions.iter().all(|a| repair::is_own_state(&a.effect)) {
        plan.actions.clear();
    }
}

/// With `--only`, the actions that repair one of these findings.
fn only(plan: &mut Plan, ids: &[String]) {
    if !ids.is_empty() {
        plan.actions.retain(|a| ids.iter().any(|id| id.eq_ignore_ascii_case(a.why.id)));
    }
}

/// A service that died of what the plan repairs is started again as its last step.
fn restart(plan: &mut Plan, facts: &Facts) {
    let Some(state) = facts.service.known() else { return };
    let died = state.active == "failed"
        || state.sub == "auto-restart"
        || state.active == "inactive" && state.exec_main_status != 0;
    let wanted = state.load == "loaded"
        && (state.unit_file_state == "enabled" || state.unit_file_state == "generated");
    let blocked = plan.findings.iter().any(|f| f.blocks_start);
    if died && wanted && !blocked && !plan.is_idle() {
        let unit = facts.config.unit();
        for verb in ["reset-failed", "restart"] {
            let argv = ["/usr/bin/systemctl", verb, &unit].map(str::to_owned).to_vec();
            let effect = Effect::Run { argv, seconds: 120 };
            plan.push(&finding::SVC_FAILED, Origin::Fact("state of the unit"), effect);
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
    if asked.plugin {
        return plugin(&first, out);
    }
    if asked.dry_run || asked.fix {
        return fix(root, asked, terminal, first, out);
    }
    if let Some(file) = &asked.html {
        if !write_page(root, file, &first, err) {
            return 2;
        }
    }
    show(root, asked, terminal, &first, out);
    first.diagnosis.word.exit_status()
}

/// The page is written beside and renamed, so that a web server never shows half of it.
fn write_page(root: &Root, file: &Path, round: &Round, err: &mut dyn Write) -> bool {
    let host = root.read(Path::new("/etc/hostname"), 256);
    let host = host.known().map(|b| String::from_utf8_lossy(b).trim().to_owned());
    let page = report::Page {
        service: &round.facts.config.service.value,
        host: host.as_deref().unwrap_or("this host"),
        time: &clock::local_text(round.started.secs),
    };
    let html = report::render_html(&round.diagnosis, &page);
    match apply::write_output(file, html.as_bytes()) {
        Ok(()) => true,
        Err(why) => {
            writeln!(err, "{PROGRAM}: \"{}\" was not written: {why}", file.display()).ok();
            false
        }
    }
}

fn show(root: &Root, asked: &Check, terminal: Terminal, round: &Round, out: &mut dyn Write) {
    let service = &round.facts.config.service.value;
    if asked.json {
        let run = report::Run {
            started: round.started.secs,
            milliseconds: round.millis,
            uid: process::uid(),
            root: root.path().display().to_string(),
        };
        let failures = recent_failures(root);
        write!(out, "{}", report::render_json(&round.diagnosis, service, &run, failures)).ok();
        return;
    }
    let text = report::render_text(&round.diagnosis, &glance(round), style(asked, terminal, root));
    write!(out, "{text}").ok();
}

/// The newest failure records, as they are stored; null when this user may not see them.
fn recent_failures(root: &Root) -> serde_json::Value {
    const NEWEST: usize = 20;
    let records = super::failures::observe(root);
    let newest = records.known().map(|r| r.iter().take(NEWEST).collect::<Vec<_>>());
    serde_json::to_value(newest).unwrap_or_default()
}

fn style(asked: &Check, terminal: Terminal, root: &Root) -> Style {
    let color = match asked.color {
        Color::Always => true,
        Color::Never => false,
        Color::Auto => terminal.color.unwrap_or(terminal.stdout),
    };
    let sudo = !root.is_privileged();
    Style { color, flat: asked.flat, verbose: asked.verbose, brief: asked.brief, sudo }
}

fn glance(round: &Round) -> Glance {
    let state = match round.facts.service.known() {
        Some(state) => {
            let since = state.active_since.map(|t| format!(" since {}", clock::local_text(t)));
            let restarts = match state.restarts {
                0 => "no restart since".to_owned(),
                1 => "1 restart since".to_owned(),
                n => format!("{n} restarts since"),
            };
            format!("{}{}, {restarts}", state.active, since.unwrap_or_default())
        }
        None => "not looked at".to_owned(),
    };
    let listeners = round.facts.listeners.known().map(Vec::as_slice).unwrap_or_default();
    let answers = listeners.iter().map(|l| match &l.answer {
        Ok(answer) => format!("{} says {} in {} ms", l.address, answer.status, answer.millis),
        Err(why) => format!("{}: {why}", l.address),
    });
    Glance {
        service: round.facts.config.service.value.clone(),
        state,
        answers: answers.collect(),
        millis: round.millis,
    }
}

/// One line as monitoring plugins print it: 0 OK, 1 WARNING, 2 CRITICAL, 3 UNKNOWN.
fn plugin(round: &Round, out: &mut dyn Write) -> u8 {
    use crate::model::Severity::{Error, Warning};
    let d = &round.diagnosis;
    let (code, word) = match d.word {
        Word::Healthy => (0, "OK"),
        Word::Warnings => (1, "WARNING"),
        Word::Broken => (2, "CRITICAL"),
        Word::Incomplete => (3, "UNKNOWN"),
    };
    let text = match d.findings.first() {
        Some(p) => format!("{} {}", p.finding.kind.id, p.finding.kind.name),
        None => d.word.text().to_owned(),
    };
    writeln!(
        out,
        "MEATS {word} - {text} | errors={};;0;0 warnings={};0;;0 not_checked={};;;0 time={:.3}s;;;0",
        d.count(Error),
        d.count(Warning),
        d.not_checked_count(),
        round.millis as f64 / 1000.0
    )
    .ok();
    code
}

/// `--fix` and `--dry-run`: the same text up to the question.
fn fix(root: &Root, asked: &Check, terminal: Terminal, first: Round, out: &mut dyn Write) -> u8 {
    let accounts = Accounts::observe(root);
    if first.plan.is_idle() {
        writeln!(out, "Nothing to repair.").ok();
        show(root, asked, terminal, &first, out);
        return first.diagnosis.word.exit_status();
    }
    let count = first.plan.actions.len();
    writeln!(out, "{count} repairs. Nothing has been changed yet.\n").ok();
    for (number, action) in first.plan.actions.iter().enumerate() {
        let text = report::describe_action(&action.effect, &accounts);
        writeln!(out, "{:>3}  {}  {text}", number + 1, action.why.id).ok();
        if matches!(action.effect, Effect::Replace { .. }) {
            for mended in &first.plan.mended {
                writeln!(out, "       {}", report::one_line(mended)).ok();
            }
        }
    }
    writeln!(out).ok();
    if asked.dry_run {
        return first.diagnosis.word.exit_status();
    }
    if !root.is_privileged() {
        writeln!(out, "Repairs need root: sudo meats-diagnose --fix").ok();
        return 4;
    }
    if !asked.yes && !agreed(terminal, count, out) {
        return first.diagnosis.word.exit_status();
    }
    repair_now(root, asked, terminal, out)
}

/// Asks only where both the question can be seen and the answer can be given; default is no.
pub(super) fn agreed(terminal: Terminal, count: usize, out: &mut dyn Write) -> bool {
    if !(terminal.stdin && terminal.stderr) {
        writeln!(out, "Not applied: nobody can be asked here. Use --yes.").ok();
        return false;
    }
    write!(out, "Apply 1-{count}? [y/N] ").ok();
    out.flush().ok();
    let yes = terminal::read_line().is_some_and(|l| matches!(l.as_str(), "y" | "Y" | "yes"));
    if !yes {
        writeln!(out, "Nothing was changed.").ok();
    }
    yes
}

/// Looks again under the lock, so that what is applied is what is true now.
fn repair_now(root: &Root, asked: &Check, terminal: Terminal, out: &mut dyn Write) -> u8 {
    let path = Path::new(crate::config::RUN_DIR).join("lock");
    let held = lock::take(root, &path, Duration::from_secs(10));
    let plan = {
        let now = round(root, asked);
        now.plan
    };
    let (restarts, repairs): (Vec<_>, Vec<_>) =
        plan.actions.into_iter().partition(|a| matches!(a.effect, Effect::Run { .. }));
    let repairs = Plan { actions: repairs, mended: plan.mended, ..Plan::default() };
    let mut applied = repair::perform(root, PROGRAM, &repairs);
    // The restart runs pre-start, which takes the lock itself.
    drop(held);
    if applied.iter().all(|a| a.outcome == Outcome::Done) {
        let restarts = Plan { actions: restarts, ..Plan::default() };
        applied.extend(repair::perform(root, PROGRAM, &restarts));
    }
    for (number, a) in applied.iter().enumerate() {
        let text = match &a.outcome {
            Outcome::Done => "done".to_owned(),
            Outcome::Failed(why) => format!("FAILED: {}", report::escape(why)),
            Outcome::Skipped => "not tried, an earlier step failed".to_owned(),
        };
        writeln!(out, "{:>3}  {}  {text}", number + 1, a.action.why.id).ok();
    }
    let backups = applied.iter().filter_map(|a| match &a.action.effect {
        Effect::Backup { to, .. } if a.outcome == Outcome::Done => Some(to.clone()),
        _ => None,
    });
    for backup in backups.collect::<Vec<PathBuf>>() {
        writeln!(out, "The env file as it was is kept in {}", backup.display()).ok();
        writeln!(out, "Undo:\n    meats-env restore").ok();
    }
    writeln!(out, "\nChecked again:\n").ok();
    look::wait_for_service(root);
    let again = round(root, asked);
    show(root, asked, terminal, &again, out);
    again.diagnosis.word.exit_status()
}
