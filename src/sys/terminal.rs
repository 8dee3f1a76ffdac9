//! What the standard streams are and what the user wants to see on them.

use std::io::IsTerminal;

/// The streams and the variables that steer colour (no-color.org, bixense.com/clicolors).
#[derive(Clone, Copy, Debug, Default)]
pub struct Terminal {
    pub stdin: bool,
    pub stdout: bool,
    pub stderr: bool,
    /// None: decide by the stream.
    pub color: Option<bool>,
}

/// Looks at the streams and at `NO_COLOR`, `CLICOLOR_FORCE`, `CLICOLOR` and `TERM`, in this order.
pub fn observe() -> Terminal {
    let set = |name: &str| std::env::var_os(name).filter(|v| !v.is_empty());
    let color = if set("NO_COLOR").is_some() {
        Some(false)
    } else if set("CLICOLOR_FORCE").is_some_and(|v| v != "0") {
        Some(true)
    } else if set("CLICOLOR").is_some_and(|v| v == "0") || set("TERM").is_some_and(|v| v == "dumb")
    {
        Some(false)
    } else {
        None
    };
    Terminal {
        stdin: std::io::stdin().is_terminal(),
        stdout: std::io::stdout().is_terminal(),
        stderr: std::io::stderr().is_terminal(),
        color,
    }
}

/// One line from standard input, without its end; None at its end.
pub fn read_line() -> Option<String> {
    let mut line = String::new();
    match std::io::stdin().read_line(&mut line) {
        Ok(n) if n > 0 => Some(line.trim().to_owned()),
        _ => None,
    }
}
