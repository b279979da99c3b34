//! What each attack is given: its options, the line that shows its progress, and whether Ctrl-C has ended it.

use super::args::Attack;
use crate::base::error::Error;
use crate::base::progress::Progress;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

/// Set by Ctrl-C.
pub type Stop = Arc<AtomicBool>;

/// One attack.
#[derive(Debug)]
pub(crate) struct Task<'a> {
    pub(crate) args: &'a Attack,
    pub(crate) progress: Progress,
    pub(crate) stop: Stop,
}

/// How soon an attack that waits notices Ctrl-C.
pub(super) const LOOK: Duration = Duration::from_millis(50);

impl Task<'_> {
    /// Waits.
    ///
    /// # Errors
    /// Ctrl-C came.
    pub(crate) fn sleep(&self, time: Duration) -> Result<(), Error> {
        let end = Instant::now() + time;
        loop {
            check(&self.stop)?;
            match end.saturating_duration_since(Instant::now()) {
                Duration::ZERO => return Ok(()),
                left => thread::sleep(left.min(LOOK)),
            }
        }
    }
}

/// # Errors
/// Ctrl-C came.
pub(crate) fn check(stop: &Stop) -> Result<(), Error> {
    if stop.load(Ordering::Relaxed) { Err(Error::Interrupted) } else { Ok(()) }
}
