//! One line a step: number, name, how it went, how long it took, a note.

use std::io::Write;
use std::time::Duration;

use crate::report::escape;

/// Writes the lines of one run.
pub(super) struct Progress<'a> {
    out: &'a mut dyn Write,
    total: usize,
    width: usize,
}

impl<'a> Progress<'a> {
    /// For so many steps with these names.
    pub(super) fn new<'n>(
        out: &'a mut dyn Write,
        names: impl Iterator<Item = &'n str> + Clone,
    ) -> Self {
        let width = names.clone().map(str::len).max().unwrap_or(0);
        Self { out, total: names.count(), width }
    }

    /// A step begins.
    pub(super) fn begin(&mut self, index: usize, name: &str) {
        let (number, total, width) = (index + 1, self.total, self.width);
        write!(self.out, "{number:2}/{total}  {name:width$}  ").ok();
        self.out.flush().ok();
    }

    /// It went well.
    pub(super) fn good(&mut self, took: Duration, note: Option<&str>) {
        self.end("ok", took, note);
    }

    /// It failed; the reason and the last lines follow.
    pub(super) fn failed(&mut self, took: Duration, why: &str, lines: &[String]) {
        self.end("FAIL", took, None);
        writeln!(self.out, "      why  {}", escape(why)).ok();
        for line in lines {
            writeln!(self.out, "         | {}", escape(line)).ok();
        }
    }

    fn end(&mut self, word: &str, took: Duration, note: Option<&str>) {
        let note = note.map(|n| format!("  {}", escape(n))).unwrap_or_default();
        writeln!(self.out, "{word:4}  {:5.1} s{note}", took.as_secs_f64()).ok();
    }

    /// A step that another one's failure kept from being tried, or that was taken back.
    pub(super) fn remark(&mut self, index: usize, name: &str, remark: &str) {
        self.begin(index, name);
        writeln!(self.out, "{}", escape(remark)).ok();
    }

    /// A line of its own.
    pub(super) fn line(&mut self, text: &str) {
        writeln!(self.out, "{text}").ok();
    }
}
