//! Runs inside a container, as its root: one strike after the other, a line of JSON for each.

use std::process::ExitCode;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use attack::manifest::Digests;
use attack::round::{self, Helper};
use attack::{Outcome, attacks, faults, ground, races};

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = args.iter().map(String::as_str).collect();
    match act(&words) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("bout: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn act(words: &[&str]) -> Result<()> {
    if !matches!(words, ["prepare" | "swap", ..]) {
        begin()?;
    }
    match words {
        ["fight", helper, names @ ..] => fight(helper, names),
        ["race", helper, seconds, names @ ..] => race(helper, seconds, names),
        ["faults", how, errors @ ..] => report(faults::all(errors, *how == "every")),
        ["together", times] => report(faults::together(times.parse()?)),
        ["crowd", entries] => crowd(entries.parse()?),
        ["prepare", name] => races::prepare(name),
        ["swap", name] => races::swap(name),
        _ => bail!("what?"),
    }
}

/// All strikes, or those named.
fn fight(helper: &str, names: &[&str]) -> Result<()> {
    let helper = Helper::named(helper)?;
    let mut digests = Digests::default();
    for attack in attacks::all() {
        if names.is_empty() || names.contains(&attack.name) {
            let broken = |error| Outcome {
                attack: attack.name.to_owned(),
                helper: helper.name.clone(),
                broken: Some(format!("{error:#}")),
                ..Outcome::default()
            };
            let begin = Instant::now();
            let outcome = round::fight(&attack, &helper, &mut digests);
            let mut outcome = outcome.unwrap_or_else(broken);
            outcome.whole = begin.elapsed().as_secs_f64();
            println!("{}", serde_json::to_string(&outcome)?);
        }
    }
    Ok(())
}

fn race(helper: &str, seconds: &str, names: &[&str]) -> Result<()> {
    let helper = Helper::named(helper)?;
    for name in names {
        let race = races::named(name).context("no such race")?;
        let outcome = races::run(race, &helper, Duration::from_secs(seconds.parse()?))?;
        println!("{}", serde_json::to_string(&outcome)?);
    }
    Ok(())
}

fn report(report: Result<faults::Report>) -> Result<()> {
    println!("{}", serde_json::to_string(&report?)?);
    Ok(())
}

/// A log directory with so many healthy files, then so many links: time and memory of one start.
fn crowd(entries: u64) -> Result<()> {
    let helper = Helper::named("pre-start")?;
    ground::lay()?;
    for link in [false, true] {
        let outcome = round::crowd(&helper, entries, link)?;
        println!("{}", serde_json::to_string(&outcome)?);
    }
    Ok(())
}

fn begin() -> Result<()> {
    std::fs::create_dir_all("/run/bout")?;
    ground::victims()
}
