//! What a command shows while it runs.

use super::output::tell;
use indicatif::{ProgressBar, ProgressStyle};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// A line on the terminal that is rewritten.
#[derive(Debug)]
pub(crate) struct Progress {
    bar: ProgressBar,
    /// What is shown in place of it without a terminal.
    lines: Option<Lines>,
}

/// Lines on the standard error, one below the other.
#[derive(Debug)]
struct Lines {
    began: Instant,
    /// When the next line is due, in milliseconds from the beginning.
    due_ms: AtomicU64,
}

/// The time between two lines.
const LINE_AFTER_MS: u64 = 1000;

impl Progress {
    /// Without a terminal it shows nothing.
    pub(crate) fn new() -> Self {
        let bar = ProgressBar::new(0);
        if let Ok(style) = ProgressStyle::with_template("{prefix:>12} [{bar:20}] {msg}") {
            bar.set_style(style.progress_chars("=> "));
        }
        Self { bar, lines: None }
    }

    /// Without a terminal it prints a line each second.
    pub(crate) fn or_lines() -> Self {
        let mut progress = Self::new();
        progress.lines = progress.bar.is_hidden().then(Lines::new);
        progress
    }

    /// Shows how many connections are open.
    pub(crate) fn opening(&self, ready: usize, wanted: usize, errors: u64) {
        let message = format!("{ready} of {wanted} connections, errors {errors}");
        self.counted("opening", ready as u64, wanted as u64, message);
    }

    /// Shows how much of a count is done.
    pub(crate) fn counted(&self, phase: &'static str, done: u64, whole: u64, message: String) {
        self.print_line(phase, &message);
        self.bar.set_prefix(phase);
        self.bar.set_length(whole);
        self.bar.set_position(done.min(whole));
        self.bar.set_message(message);
    }

    /// Shows how much of a time has passed.
    pub(crate) fn along(&self, phase: &'static str, passed: Duration, whole: Duration, message: String) {
        self.counted(phase, millis(passed), millis(whole), message);
    }

    fn print_line(&self, phase: &str, message: &str) {
        if self.lines.as_ref().is_some_and(|lines| lines.is_due(lines.began.elapsed())) {
            tell(&format!("{phase}: {message}"));
        }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
}

impl Lines {
    fn new() -> Self {
        Self { began: Instant::now(), due_ms: AtomicU64::new(LINE_AFTER_MS) }
    }

    /// Whether a line is due after this time. Lines that were missed do not come later.
    fn is_due(&self, passed: Duration) -> bool {
        let passed = millis(passed);
        let is_due = passed >= self.due_ms.load(Ordering::Relaxed);
        if is_due {
            self.due_ms.store((passed / LINE_AFTER_MS + 1) * LINE_AFTER_MS, Ordering::Relaxed);
        }
        is_due
    }
}

fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_due_once_a_second() {
        let lines = Lines::new();
        for (at_ms, is_due) in [
            (0, false),
            (999, false),
            (1000, true),
            (1001, false),
            (1999, false),
            (2300, true),
            (2999, false),
            (3000, true),
            (7500, true),
            (7600, false),
            (8000, true),
        ] {
            assert_eq!(lines.is_due(Duration::from_millis(at_ms)), is_due, "at {at_ms} ms");
        }
    }
}
