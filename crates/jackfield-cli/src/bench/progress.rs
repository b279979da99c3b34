//! The line that tells how it goes.

use super::outcome::Sample;
use crate::units;
use indicatif::{ProgressBar, ProgressStyle};
use std::time::Duration;

/// A line on the terminal that is written over again and again. Where there is no terminal, there is no line.
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

    /// Connections are being opened.
    pub(crate) fn opening(&self, ready: usize, wanted: usize, errors: u64) {
        self.bar.set_prefix("opening");
        self.bar.set_length(wanted as u64);
        self.bar.set_position(ready as u64);
        self.bar.set_message(format!("{ready} of {wanted} connections, errors {errors}"));
    }

    /// So much of something is done.
    pub(crate) fn counted(&self, phase: &'static str, done: u64, whole: u64, message: String) {
        self.bar.set_prefix(phase);
        self.bar.set_length(whole);
        self.bar.set_position(done.min(whole));
        self.bar.set_message(message);
    }

    /// Load is on; `phase` is so far along.
    pub(crate) fn loaded(&self, phase: &'static str, passed: Duration, whole: Duration, sample: &Sample) {
        self.along(phase, passed, whole, describe(sample));
    }

    /// What has this name is so far along.
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

fn describe(sample: &Sample) -> String {
    let mut text = format!(
        "{}/s, p50 {}, p99 {}, errors {}",
        units::count(sample.rate),
        units::time(sample.p50 as f64),
        units::time(sample.p99 as f64),
        units::count(sample.errors as f64),
    );
    if sample.memory > 0 {
        text.push_str(", server ");
        text.push_str(&units::bytes(sample.memory as f64));
    }
    text
}
