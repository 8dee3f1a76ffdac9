//! The helper that `ExecStartPre=+` runs as root before each start.
#![expect(clippy::disallowed_methods, reason = "the two variables that systemd sets are read here")]

use std::process::ExitCode;

use meats::flow::prestart::{Handed, main as pre_start};

fn main() -> ExitCode {
    let handed = Handed {
        notify_socket: std::env::var("NOTIFY_SOCKET").ok(),
        invocation_id: std::env::var("INVOCATION_ID").ok(),
        ..Handed::default()
    };
    pre_start(handed, std::env::args_os().skip(1), &mut std::io::stderr().lock())
}
