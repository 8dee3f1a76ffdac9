//! What the standard streams are and what the user wants to see on them.

use std::io::{BufRead, IsTerminal, Write};

use nix::sys::termios::{LocalFlags, SetArg, SpecialCharacterIndices, tcgetattr, tcsetattr};

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

/// Asks for one line, blanks kept; what is typed is not shown. Echo is off before the question stands
/// there, and as with getpass(3) no key ends the program meanwhile, which would leave the terminal
/// without it: Ctrl-C gives None.
pub fn ask_hidden(out: &mut dyn Write, question: &str) -> Option<String> {
    const INTERRUPT: u8 = 3;
    let stdin = std::io::stdin();
    let before = tcgetattr(&stdin).ok();
    if let Some(mut quiet) = before.clone() {
        quiet.local_flags.remove(LocalFlags::ECHO | LocalFlags::ISIG);
        quiet.local_flags.insert(LocalFlags::ECHONL);
        if let Some(end) = quiet.control_chars.get_mut(SpecialCharacterIndices::VEOL as usize) {
            *end = INTERRUPT;
        }
        tcsetattr(&stdin, SetArg::TCSADRAIN, &quiet).ok();
    }
    out.write_all(question.as_bytes()).and_then(|()| out.flush()).ok();
    // A terminal gives one line at a time.
    let line = stdin.lock().fill_buf().map(<[u8]>::to_vec);
    if let Some(before) = before {
        tcsetattr(&stdin, SetArg::TCSADRAIN, &before).ok();
    }
    let line = String::from_utf8(line.ok()?).ok()?;
    let meant = !line.is_empty() && !line.contains(char::from(INTERRUPT));
    meant.then(|| line.trim_end_matches(['\n', '\r']).to_owned())
}

/// One line from standard input, without its end; None at its end.
pub fn read_line() -> Option<String> {
    let mut line = String::new();
    match std::io::stdin().read_line(&mut line) {
        Ok(n) if n > 0 => Some(line.trim().to_owned()),
        _ => None,
    }
}
