//! The systemd generator.

use std::process::ExitCode;

fn main() -> ExitCode {
    let (mut out, mut err) = (std::io::stdout().lock(), std::io::stderr().lock());
    meats::flow::generate::main(std::env::args_os().skip(1), &mut out, &mut err)
}
