//! The helper that `ExecStartPre=+` runs as root before each start.
#![expect(clippy::disallowed_methods, reason = "the two variables that systemd sets are read here")]

use std::process::ExitCode;

use meats::flow::prestart::{Handed, main as pre_start};

fn main() -> ExitCode {
    let args: Vec<_> = std::env::args_os().skip(1).collect();
    let after = |name: &str| args.iter().skip_while(|a| *a != name).nth(1);
    let handed = Handed {
        notify_socket: std::env::var("NOTIFY_SOCKET").ok(),
        invocation_id: std::env::var("INVOCATION_ID").ok(),
        root: after("--root").map(Into::into),
        remember: args.iter().any(|a| a == "--remember"),
    };
    pre_start(&handed, &mut std::io::stderr().lock())
}
