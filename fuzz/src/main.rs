//! Fuzzing on a stable compiler: `fuzz SECONDS [TARGET…]`.
//!
//! Inputs are mutations of the committed corpora (tests/corpus/env, fuzz/corpus). An input that
//! reaches a new combination of outcomes joins the pool of its thread. An input that breaks an
//! invariant is written to fuzz/findings and ends the run with status 1.

mod mutate;
mod targets;

use std::collections::HashSet;
use std::panic;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant, SystemTime};

use mutate::Mutator;
use targets::{TARGETS, Target};

/// The pool of a thread; old inputs give way.
const POOL: usize = 4096;

fn main() -> ExitCode {
    let mut args = std::env::args().skip(1);
    let seconds = args.next().and_then(|s| s.parse().ok()).unwrap_or(10);
    let wanted: Vec<String> = args.collect();
    let chosen: Vec<Target> = TARGETS
        .iter()
        .copied()
        .filter(|(name, _)| wanted.is_empty() || wanted.iter().any(|w| w == name))
        .collect();
    if chosen.is_empty() {
        let names: Vec<&str> = TARGETS.iter().map(|(name, _)| *name).collect();
        eprintln!("fuzz: no such target; there are {}", names.join(", "));
        return ExitCode::from(2);
    }
    panic::set_hook(Box::new(|_| {}));
    let seeds = seeds();
    let each = Duration::from_secs(seconds) / u32::try_from(chosen.len()).unwrap_or(1);
    let mut failed = false;
    for target in chosen {
        failed |= !run(target, &seeds, each);
    }
    ExitCode::from(u8::from(failed))
}

fn here(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

fn seeds() -> Vec<Vec<u8>> {
    let mut found = Vec::new();
    for directory in ["../tests/corpus/env", "corpus"] {
        let Ok(entries) = std::fs::read_dir(here(directory)) else { continue };
        let mut paths: Vec<PathBuf> = entries.flatten().map(|e| e.path()).collect();
        paths.sort();
        found.extend(paths.iter().filter_map(|p| std::fs::read(p).ok()).filter(|b| b.len() < 4096));
    }
    assert!(found.len() > 150, "the seed corpus is missing");
    found
}

/// True when nothing was found.
fn run((name, target): Target, seeds: &[Vec<u8>], limit: Duration) -> bool {
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    let executions = AtomicU64::new(0);
    let stop = AtomicBool::new(false);
    let broken: Mutex<Option<Vec<u8>>> = Mutex::new(None);
    let begin = Instant::now();
    let start =
        SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).map_or(0, |t| t.as_nanos());
    std::thread::scope(|scope| {
        for thread in 0..threads {
            let (executions, stop, broken) = (&executions, &stop, &broken);
            let seed = u64::try_from(start & u128::from(u64::MAX)).unwrap_or(0) + thread as u64;
            scope.spawn(move || {
                let mut mutator = Mutator::new(seed, seeds);
                let mut seen: HashSet<u64> = HashSet::new();
                while !stop.load(Ordering::Relaxed) && begin.elapsed() < limit {
                    for _ in 0..256 {
                        let input = mutator.next();
                        let shape = panic::catch_unwind(|| target(&input));
                        let Ok(shape) = shape else {
                            *broken.lock().unwrap_or_else(|e| e.into_inner()) = Some(input);
                            stop.store(true, Ordering::Relaxed);
                            return;
                        };
                        if seen.insert(shape) {
                            mutator.keep(input, POOL);
                        }
                    }
                    executions.fetch_add(256, Ordering::Relaxed);
                }
            });
        }
    });
    let total = executions.load(Ordering::Relaxed);
    println!("{name}: {total} executions in {} s", begin.elapsed().as_secs());
    let broken = broken.into_inner().unwrap_or_else(|e| e.into_inner());
    let Some(input) = broken else { return true };
    let directory = here("findings");
    let file = directory.join(format!("{name}-{start}.env"));
    let written = std::fs::create_dir_all(&directory).and_then(|()| std::fs::write(&file, &input));
    println!("{name}: an invariant is broken by {} ({written:?})\n{input:?}", file.display());
    false
}
