//! `docker run --env-file`. Source: docker/cli, `pkg/kvfile`; measured with 28.2.2.
//!
//! No quotes, no escapes: the value is everything behind the first `=`.

use super::View;

/// bufio.MaxScanTokenSize.
const LONGEST_LINE: usize = 64 * 1024;

pub(super) fn read(bytes: &[u8]) -> View {
    let mut view = View::whole();
    let lines = bytes.strip_suffix(b"\n").unwrap_or(bytes).split(|b| *b == b'\n');
    for (number, line) in lines.enumerate() {
        let number = number + 1;
        // The scanner's buffer holds the line and its end.
        if line.len() >= LONGEST_LINE {
            return View::error(number, "the line is longer than 64 KiB");
        }
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        let Ok(text) = std::str::from_utf8(line) else {
            return View::error(number, "the line is not UTF-8");
        };
        let text = if number == 1 { text.strip_prefix('\u{feff}').unwrap_or(text) } else { text };
        let text = text.trim_start();
        if text.is_empty() || text.starts_with('#') {
            continue;
        }
        let (key, value) = match text.split_once('=') {
            Some((key, value)) => (key, Some(value)),
            None => (text, None),
        };
        if key.is_empty() {
            return View::error(number, "no name in front of the equals sign");
        }
        if key.contains([' ', '\t']) {
            return View::error(number, "a blank in the name");
        }
        // A name alone takes the value of the environment, where it has none it is left out.
        if let Some(value) = value {
            view.set(key, value);
        }
    }
    view
}
