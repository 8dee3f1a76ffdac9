//! What was done to a machine, for the reader of a failed test.

use std::cell::RefCell;
use std::fmt;
use std::time::{Duration, Instant};

use crate::run::Output;

/// Lines of one output that are kept; the middle of a longer one is left out.
const KEPT: usize = 80;

/// Steps in order, each with its time since the start.
#[derive(Debug)]
pub struct Transcript {
    begin: Instant,
    steps: RefCell<Vec<(Duration, String)>>,
}

impl Default for Transcript {
    fn default() -> Self {
        Self { begin: Instant::now(), steps: RefCell::default() }
    }
}

impl Transcript {
    /// Adds a step without output.
    pub fn note(&self, what: &str) {
        self.steps.borrow_mut().push((self.begin.elapsed(), what.to_owned()));
    }

    /// Adds a command with its end and its output.
    pub fn command(&self, script: &str, output: &Output) {
        let shown = shorten(&output.to_string());
        self.note(&format!("# {}\n{shown}", script.trim()));
    }
}

impl fmt::Display for Transcript {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, what) in self.steps.borrow().iter() {
            let mut lines = what.lines();
            writeln!(f, "[{:8.3}] {}", at.as_secs_f32(), lines.next().unwrap_or_default())?;
            for line in lines {
                writeln!(f, "           {line}")?;
            }
        }
        Ok(())
    }
}

fn shorten(text: &str) -> String {
    let lines: Vec<_> = text.lines().collect();
    if lines.len() <= KEPT {
        return lines.join("\n");
    }
    let left_out = lines.len() - KEPT;
    let (head, rest) = lines.split_at(KEPT / 2);
    let tail = &rest[left_out..];
    format!("{}\n… {left_out} lines left out …\n{}", head.join("\n"), tail.join("\n"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_output_keeps_both_ends() {
        let text = (1..=100).map(|n| n.to_string()).collect::<Vec<_>>().join("\n");
        let short = shorten(&text);
        assert!(short.starts_with("1\n2\n") && short.ends_with("99\n100"), "{short}");
        assert!(short.contains("40\n… 20 lines left out …\n61\n"), "{short}");
        assert_eq!(shorten("a\nb"), "a\nb");
    }
}
