//! The account of the demo: one line a step with the elapsed time, excerpts below it.

use std::time::{Duration, Instant, SystemTime};

/// Longest excerpt in lines; the reader wants to see the road, not every stone.
const LINES: usize = 30;

/// Prints as it goes; remembers only when it began.
pub struct Account {
    begin: Instant,
}

impl Account {
    /// `MEATS_DEMO_BEGIN` is when `make` began to build, in seconds since 1970.
    pub fn new() -> Self {
        let since = std::env::var("MEATS_DEMO_BEGIN").ok().and_then(|text| text.parse().ok());
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        let before = now.saturating_sub(since.map_or(now, Duration::from_secs));
        Self { begin: Instant::now().checked_sub(before).unwrap_or_else(Instant::now) }
    }

    /// A step begins.
    pub fn step(&self, number: usize, title: &str) {
        println!("\n[{:6.1} s] {number}/7  {title}", self.elapsed());
    }

    /// Something inside a step.
    pub fn say(&self, text: &str) {
        println!("[{:6.1} s]      {text}", self.elapsed());
    }

    /// Real output, word for word, bounded.
    pub fn show(&self, text: &str) {
        let lines: Vec<_> = text.trim_end().lines().collect();
        for line in lines.iter().take(LINES) {
            println!("             | {line}");
        }
        if let Some(left_out @ 1..) = lines.len().checked_sub(LINES) {
            println!("             | … {left_out} more lines");
        }
    }

    /// Seconds since the demo began.
    pub fn elapsed(&self) -> f32 {
        self.begin.elapsed().as_secs_f32()
    }
}
