//! The service user against root's helpers. See ../src/lib.rs. The figures of a run are left in
//! target/tmp. `MEATS_FAULTS=every` injects each fault at each call, not each call one fault.

use std::time::Duration;

use anyhow::Result;
use attack::arena::Arena;
use attack::faults::Report;
use attack::{Outcome, attacks, races};

const BOUT: &str = env!("CARGO_BIN_EXE_bout");
const LONG: Duration = Duration::from_secs(300);

/// Where the figures of a run are left.
fn note(name: &str, lines: &[String]) {
    let directory = std::path::Path::new(env!("CARGO_TARGET_TMPDIR"));
    std::fs::write(directory.join(name), lines.join("\n") + "\n").unwrap();
}

fn figures(outcomes: &[Outcome]) -> Vec<String> {
    let line = |o: &Outcome| {
        let (name, helper, n) = (&o.attack, &o.helper, o.escapes.len());
        format!(
            "{name} {helper}: escapes {n}, status {:?}, {:.3} of {:.1} s, swaps {}, runs {}",
            o.status, o.seconds, o.whole, o.swaps, o.runs
        )
    };
    outcomes.iter().map(line).collect()
}

fn carried_out(outcomes: &[Outcome]) {
    let broken = outcomes.iter().filter_map(|o| o.broken.as_ref().map(|why| (&o.attack, why)));
    let broken: Vec<_> = broken.collect();
    assert!(broken.is_empty(), "{broken:#?}");
}

fn held(outcomes: &[Outcome]) {
    carried_out(outcomes);
    let fallen: Vec<_> = outcomes.iter().filter(|o| !o.escapes.is_empty()).collect();
    assert!(fallen.is_empty(), "{fallen:#?}");
}

#[test]
fn every_strike_is_told_apart() {
    let mut names: Vec<_> = attacks::all().iter().map(|a| a.name).collect();
    names.extend(races::RACES.iter().map(|r| r.name));
    let count = names.len();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), count);
    assert!(count >= 60, "{count} attacks");
}

#[test]
fn no_strike_gets_past_pre_start() -> Result<()> {
    let outcomes = Arena::new(BOUT)?.bout(&["fight", "pre-start"], LONG)?;
    note("attacks-pre-start", &figures(&outcomes));
    assert_eq!(outcomes.len(), attacks::all().len());
    held(&outcomes);
    Ok(())
}

#[test]
fn no_strike_gets_past_fix() -> Result<()> {
    let outcomes = Arena::new(BOUT)?.bout(&["fight", "fix"], LONG)?;
    note("attacks-fix", &figures(&outcomes));
    assert_eq!(outcomes.len(), attacks::all().len());
    held(&outcomes);
    Ok(())
}

/// The strikes are real: a script as the original's falls for each that says so.
#[test]
fn the_naive_script_falls() -> Result<()> {
    let outcomes = Arena::new(BOUT)?.bout(&["fight", "naive"], LONG)?;
    note("attacks-naive", &figures(&outcomes));
    carried_out(&outcomes);
    let survived: Vec<_> = outcomes
        .iter()
        .filter(|o| o.escapes.is_empty() && attacks::named(&o.attack).is_some_and(|a| a.real))
        .collect();
    assert!(survived.is_empty(), "broken attacks: {survived:#?}");
    Ok(())
}

/// Four races one after the other, half a minute each.
fn race(part: usize) -> Result<()> {
    let names: Vec<&str> = races::RACES.iter().map(|r| r.name).skip(part * 4).take(4).collect();
    let words = [["race", "pre-start", "30"].as_slice(), &names].concat();
    let outcomes = Arena::new(BOUT)?.bout(&words, LONG)?;
    note(&format!("races-{part}"), &figures(&outcomes));
    assert_eq!(outcomes.len(), 4);
    held(&outcomes);
    for o in &outcomes {
        assert!(o.swaps >= 100_000, "{}: only {} swaps", o.attack, o.swaps);
        assert!(o.runs >= 50, "{}: only {} runs", o.attack, o.runs);
    }
    Ok(())
}

#[test]
fn no_race_is_won_on_links_and_names() -> Result<()> {
    race(0)
}

#[test]
fn no_race_is_won_on_kinds_and_directories() -> Result<()> {
    race(1)
}

#[test]
fn the_naive_script_loses_every_race() -> Result<()> {
    let names: Vec<&str> = races::RACES.iter().map(|r| r.name).collect();
    let words = [["race", "naive", "30"].as_slice(), &names].concat();
    let outcomes = Arena::new(BOUT)?.bout(&words, LONG)?;
    note("races-naive", &figures(&outcomes));
    let won: Vec<_> = outcomes.iter().filter(|o| o.escapes.is_empty()).collect();
    assert!(won.is_empty(), "broken races: {won:#?}");
    Ok(())
}

fn report(words: &[&str], limit: Duration) -> Result<Report> {
    let argv: Vec<&str> = ["/bout/bout"].iter().chain(words).copied().collect();
    Ok(serde_json::from_str(&Arena::new(BOUT)?.run(&argv, limit)?)?)
}

#[test]
fn whatever_fails_the_env_file_is_whole_and_the_next_run_heals() -> Result<()> {
    let every = std::env::var_os("MEATS_FAULTS").is_some_and(|how| how == "every");
    let how = if every { "every" } else { "turn" };
    let faults = ["ENOSPC", "EDQUOT", "EIO", "EROFS", "EINTR"];
    let words = [["faults", how].as_slice(), &faults].concat();
    let report = report(&words, if every { LONG * 12 } else { LONG })?;
    note("faults", &[format!("{report:?}")]);
    assert!(report.injections >= 100 && report.old >= 10 && report.new >= 10, "{report:?}");
    assert!(report.killed >= 50, "{report:?}");
    assert!(report.losses.is_empty(), "{report:#?}");
    Ok(())
}

#[test]
fn two_starts_and_an_edit_lose_nothing() -> Result<()> {
    let report = report(&["together", "200"], LONG)?;
    assert_eq!(report.injections, 200);
    assert!(report.losses.is_empty(), "{report:#?}");
    Ok(())
}

/// A directory that somebody filled costs time in proportion and no memory.
#[test]
fn a_million_entries_are_looked_at_within_bounds() -> Result<()> {
    let outcomes = Arena::new(BOUT)?.bout(&["crowd", "1000000"], LONG)?;
    let lines = outcomes.iter().map(|o| format!("{}: {:.2} s, {} KiB", o.attack, o.seconds, o.rss));
    note("crowd", &lines.collect::<Vec<_>>());
    assert_eq!(outcomes.len(), 2);
    for o in &outcomes {
        assert_eq!(o.status, Some(0), "{o:?}");
        assert!(
            o.seconds < 10.0 && o.rss <= 4 << 10,
            "{}: {} s, {} KiB",
            o.attack,
            o.seconds,
            o.rss
        );
        assert!(o.output.contains("LOG-005"), "the limit is not told: {}", o.output);
    }
    Ok(())
}
