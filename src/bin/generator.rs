//! The systemd generator.
#![expect(clippy::disallowed_methods, reason = "arguments are read and output begins here")]

use std::process::ExitCode;

fn main() -> ExitCode {
    meats::flow::generate::main(std::env::args_os().skip(1), &mut std::io::stdout().lock())
}
