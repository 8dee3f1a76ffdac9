//! `stopwatch ROUNDS [--before PROGRAM] -- PROGRAM ARG… -- PROGRAM ARG… …`: runs the commands in
//! turn, ABAB…, so that what else the machine does falls on all of them alike, and prints one line a
//! round: nanoseconds of each. Output of the commands is thrown away. The first round warms up
//! and is not printed. `--before` runs a program before each command, outside the time.
//!
//! It is built static, to run in any root.

use std::process::{Command, ExitCode, Stdio};
use std::time::Instant;

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let mut groups = args.split(|arg| arg == "--");
    let head = groups.next().unwrap_or_default();
    let commands: Vec<&[String]> = groups.filter(|group| !group.is_empty()).collect();
    let rounds: usize = head.first().and_then(|n| n.parse().ok()).unwrap_or(0);
    let before = head.iter().position(|a| a == "--before").and_then(|at| head.get(at + 1));
    if rounds == 0 || commands.is_empty() {
        eprintln!("usage: stopwatch ROUNDS [--before PROGRAM] -- PROGRAM ARG... -- ...");
        return ExitCode::from(2);
    }
    for round in 0..=rounds {
        let mut line = Vec::new();
        for command in &commands {
            if let Some(program) = before {
                if !run(std::slice::from_ref(program)) {
                    return ExitCode::FAILURE;
                }
            }
            let begin = Instant::now();
            if !run(command) {
                return ExitCode::FAILURE;
            }
            line.push(begin.elapsed().as_nanos().to_string());
        }
        if round > 0 {
            println!("{}", line.join(" "));
        }
    }
    ExitCode::SUCCESS
}

/// False when it could not be started; its exit status is its own affair.
fn run(command: &[String]) -> bool {
    let Some((program, args)) = command.split_first() else { return false };
    let status = Command::new(program)
        .args(args)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status();
    if let Err(error) = &status {
        eprintln!("stopwatch: {program}: {error}");
    }
    status.is_ok()
}
