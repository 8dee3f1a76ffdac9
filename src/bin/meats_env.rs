//! meats-env(1).

use std::process::ExitCode;

fn main() -> ExitCode {
    let (mut out, mut err) = (std::io::stdout().lock(), std::io::stderr().lock());
    meats::flow::env::main(std::env::args_os(), &mut out, &mut err)
}
