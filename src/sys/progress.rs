//! A word on the terminal while something takes longer than half a second.

use std::io::IsTerminal;
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::thread::{self, JoinHandle};
use std::time::Duration;

/// Nobody needs a word about less.
const QUIET: Duration = Duration::from_millis(500);

/// Shows its text until it is dropped, if that takes long enough.
#[derive(Debug)]
pub struct Progress {
    end: Option<(Sender<()>, JoinHandle<()>)>,
}

impl Progress {
    /// Nothing is shown when standard error is no terminal.
    pub fn start(text: &'static str) -> Self {
        if !std::io::stderr().is_terminal() {
            return Self { end: None };
        }
        let (sender, receiver) = channel();
        let handle = thread::spawn(move || {
            if receiver.recv_timeout(QUIET) == Err(RecvTimeoutError::Timeout) {
                show(text);
                receiver.recv().ok();
                show(&format!("\r{}\r", " ".repeat(text.chars().count())));
            }
        });
        Self { end: Some((sender, handle)) }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        if let Some((sender, handle)) = self.end.take() {
            drop(sender);
            handle.join().ok();
        }
    }
}

/// Past the lock on standard error, which the program's main thread holds.
fn show(text: &str) {
    nix::unistd::write(std::io::stderr(), text.as_bytes()).ok();
}
