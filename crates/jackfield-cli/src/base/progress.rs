//! The progress line.

use indicatif::{ProgressBar, ProgressStyle};
use std::time::Duration;

/// A line on the terminal that is rewritten. Without a terminal there is no line.
#[derive(Debug)]
pub(crate) struct Progress {
    bar: ProgressBar,
}

impl Progress {
    pub(crate) fn new() -> Self {
        let bar = ProgressBar::new(0);
        if let Ok(style) = ProgressStyle::with_template("{prefix:>12} [{bar:20}] {msg}") {
            bar.set_style(style.progress_chars("=> "));
        }
        Self { bar }
    }

    /// Shows how many connections are open.
    pub(crate) fn opening(&self, ready: usize, wanted: usize, errors: u64) {
        self.bar.set_prefix("opening");
        self.bar.set_length(wanted as u64);
        self.bar.set_position(ready as u64);
        self.bar.set_message(format!("{ready} of {wanted} connections, errors {errors}"));
    }

    /// Shows how much of a count is done.
    pub(crate) fn counted(&self, phase: &'static str, done: u64, whole: u64, message: String) {
        self.bar.set_prefix(phase);
        self.bar.set_length(whole);
        self.bar.set_position(done.min(whole));
        self.bar.set_message(message);
    }

    /// Shows how much of a time has passed.
    pub(crate) fn along(&self, name: &'static str, passed: Duration, whole: Duration, message: String) {
        let millis = |time: Duration| u64::try_from(time.as_millis()).unwrap_or(u64::MAX);
        self.bar.set_message(message);
        self.bar.set_prefix(name);
        self.bar.set_length(millis(whole));
        self.bar.set_position(millis(passed.min(whole)));
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
}
