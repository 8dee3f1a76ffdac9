//! The helper that `ExecStopPost=-+` runs as root after each stop, and `OnFailure=` after failures.

use std::process::ExitCode;

use meats::flow::capture::{Handed, main as capture};

fn main() -> ExitCode {
    let handed = Handed {
        args: std::env::args_os().skip(1).collect(),
        environment: std::env::vars_os().collect(),
    };
    capture(&handed, &mut std::io::stderr().lock())
}
