//! The one program of the package. The name by which it is called says what it is: a helper that
//! systemd runs as root, or one of the three commands (CONTRIBUTING.md, "Size").
#![expect(
    clippy::disallowed_methods,
    reason = "what the caller handed over is read here: relative paths, systemd's variables"
)]

use std::ffi::OsStr;
use std::io::Write;
use std::path::Path;
use std::process::ExitCode;

use meats::flow;

fn main() -> ExitCode {
    let (mut out, mut err) = (std::io::stdout().lock(), std::io::stderr().lock());
    let mut args = std::env::args_os();
    let called = args.next().unwrap_or_default();
    flow::child::is_here();
    match Path::new(&called).file_name().and_then(OsStr::to_str) {
        Some("projectmeats-generator") => flow::generate::main(args, &mut out, &mut err),
        Some("pre-start") => flow::prestart::main(start(), args, &mut err),
        Some("capture-failure") => flow::capture::main(&stop(), &mut err),
        Some("meats-diagnose") => flow::diagnose::main(std::env::args_os(), &mut out, &mut err),
        Some("meats-env") => flow::env::main(std::env::args_os(), &mut out, &mut err),
        Some("meats-deploy") => {
            let directory = std::env::current_dir().ok();
            flow::deploy::main(std::env::args_os(), directory.as_deref(), &mut out, &mut err)
        }
        Some("child") => flow::child::main(args, &mut err),
        _ => {
            let text = "meats: call it as meats-diagnose, meats-env or meats-deploy";
            writeln!(err, "{text}").ok();
            ExitCode::from(2)
        }
    }
}

/// What systemd hands to `ExecStartPre=+`.
fn start() -> flow::prestart::Handed {
    flow::prestart::Handed {
        notify_socket: std::env::var("NOTIFY_SOCKET").ok(),
        invocation_id: std::env::var("INVOCATION_ID").ok(),
        ..Default::default()
    }
}

/// What systemd hands to `ExecStopPost=-+` and to the unit of `OnFailure=`.
fn stop() -> flow::capture::Handed {
    flow::capture::Handed {
        args: std::env::args_os().skip(1).collect(),
        environment: std::env::vars_os().collect(),
    }
}
