//! meats-deploy(8).
#![expect(clippy::disallowed_methods, reason = "relative paths of the command line begin here")]

use std::process::ExitCode;

fn main() -> ExitCode {
    let (mut out, mut err) = (std::io::stdout().lock(), std::io::stderr().lock());
    let directory = std::env::current_dir().ok();
    meats::flow::deploy::main(std::env::args_os(), directory.as_deref(), &mut out, &mut err)
}
