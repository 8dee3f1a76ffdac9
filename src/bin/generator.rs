//! The systemd generator.

use std::process::ExitCode;

fn main() -> ExitCode {
    meats::flow::generate::main(std::env::args_os().skip(1), &mut std::io::stdout().lock())
}
