//! When the next operation is due.
//!
//! At a fixed rate each operation has a time at which it should begin, and its latency counts from there, however late
//! it could really be sent: a server that stalls for a second delays all operations of that second, not only the one
//! that is on its way (the *coordinated omission* of load generators that wait for their turn).

use jackfield_reactor::mio::Waker;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

/// Hands out the times at which operations should begin.
#[derive(Debug)]
pub(crate) struct Pace {
    /// Nanoseconds between two operations; `None`: whenever there is room.
    gap_ns: Option<f64>,
    begin: u64,
    /// Nothing that is due then or later is handed out.
    end: u64,
    taken: u64,
    /// So many are handed out, and no more.
    most: u64,
}

impl Pace {
    /// So many operations a second, and so many altogether; `None`: as many as can be.
    pub(crate) fn new(rate: Option<f64>, most: Option<u64>) -> Self {
        let gap_ns = rate.map(|rate| 1e9 / rate);
        Self { gap_ns, begin: u64::MAX, end: u64::MAX, taken: 0, most: most.unwrap_or(u64::MAX) }
    }

    /// The first operation is due at `begin`.
    pub(crate) fn start(&mut self, begin: u64) {
        self.begin = begin;
    }

    /// No operation is due at `end` or later.
    pub(crate) fn stop(&mut self, end: u64) {
        self.end = end;
    }

    /// When the next operation should have begun, if it is due.
    #[inline]
    pub(crate) fn take(&mut self, now: u64) -> Option<u64> {
        let due = self.due(now)?;
        self.taken += 1;
        Some(due)
    }

    /// The same without taking it.
    #[inline]
    pub(crate) fn due(&self, now: u64) -> Option<u64> {
        let due = match self.gap_ns {
            None => now,
            Some(gap) => self.begin.saturating_add(due_after(self.taken, gap)),
        };
        (now >= self.begin && due <= now && due < self.end && self.taken < self.most).then_some(due)
    }

    /// How many operations are due and were not taken. Without fixed times there are none.
    pub(crate) fn owed(&self, now: u64) -> usize {
        let Some(gap) = self.gap_ns.filter(|_| now >= self.begin) else { return 0 };
        let passed = now.min(self.end - 1) - self.begin.min(self.end - 1);
        let mut due = (passed as f64 / gap) as u64;
        // What is rounded to a common time is counted by it.
        while due_after(due, gap) <= passed {
            due += 1;
        }
        due.saturating_sub(self.taken) as usize
    }

    /// True if operations are due at fixed times.
    pub(crate) fn is_fixed(&self) -> bool {
        self.gap_ns.is_some()
    }
}

/// When the operation of this number is due, in nanoseconds after the first.
#[inline]
fn due_after(number: u64, gap_ns: f64) -> u64 {
    let due = number as f64 * gap_ns;
    if gap_ns < STEP_NS_MIN { ((due / STEP_NS_MIN).floor() * STEP_NS_MIN) as u64 } else { due as u64 }
}

/// A thread that rings the reactor's bell whenever something is due: the reactor's own timers count milliseconds.
#[derive(Debug)]
pub(crate) struct Bell {
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Bell {
    /// Rings at each time at which something is due, at this rate and from `begin` on.
    ///
    /// # Errors
    /// If the system gives no thread.
    pub(crate) fn start(waker: Waker, begin: Instant, rate: f64) -> io::Result<Self> {
        let step_ns = (1e9 / rate).max(STEP_NS_MIN);
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = stop.clone();
        let ring = move || {
            sleep_exactly();
            let mut rung = 0;
            while !stopped.load(Ordering::Relaxed) {
                let passed = begin.elapsed().as_nanos() as f64;
                // What was slept through is rung for once.
                let due = (passed / step_ns) as u64;
                if due > rung {
                    rung = due;
                    if waker.wake().is_err() {
                        return;
                    }
                }
                let left = Duration::from_nanos(((rung + 1) as f64 * step_ns - passed).max(0.0) as u64);
                thread::sleep(left.min(STOP_WITHIN));
            }
        };
        let thread = thread::Builder::new().name("bell".into()).spawn(ring)?;
        Ok(Self { stop, thread: Some(thread) })
    }
}

/// Linux wakes sleepers up to 50 microseconds late, to wake several at once, unless it is told not to.
fn sleep_exactly() {
    #[cfg(target_os = "linux")]
    // Without it latencies are a little longer.
    let _ = rustix::thread::set_current_timer_slack(std::num::NonZeroU64::new(1));
}

/// More often the bell does not ring: that would cost the load generator more than the server. At higher rates, what
/// falls due between two rings is due with the first.
const STEP_NS_MIN: f64 = 100_000.0;
/// The bell looks so often whether it is to stop.
const STOP_WITHIN: Duration = Duration::from_millis(20);

impl Drop for Bell {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            // It has nothing to say.
            let _ = thread.join();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_handed_out_however_late_it_is() {
        let mut pace = Pace::new(Some(1000.0), None);
        assert_eq!(pace.take(5_000_000), None, "it has not begun");
        pace.start(1_000_000);
        pace.stop(4_000_000);
        assert_eq!((pace.take(999_999), pace.owed(999_999)), (None, 0));
        assert_eq!((pace.owed(1_000_000), pace.owed(3_500_000), pace.owed(9_000_000)), (1, 3, 3));
        let taken: Vec<u64> = std::iter::from_fn(|| pace.take(9_000_000)).collect();
        assert_eq!(taken, [1_000_000, 2_000_000, 3_000_000]);
    }

    #[test]
    fn at_high_rates_operations_are_due_together() {
        let mut pace = Pace::new(Some(40_000.0), None);
        pace.start(0);
        let taken: Vec<u64> = std::iter::from_fn(|| pace.take(99_999)).collect();
        assert_eq!(taken, [0; 4]);
        assert_eq!((pace.owed(99_999), pace.owed(100_000), pace.owed(250_000)), (0, 4, 8));
        assert_eq!(pace.take(100_000), Some(100_000));
    }

    #[test]
    fn without_a_rate_it_is_always_time() {
        let mut pace = Pace::new(None, Some(3));
        assert_eq!(pace.take(7), None);
        pace.start(5);
        assert_eq!((pace.take(7), pace.take(7)), (Some(7), Some(7)));
        pace.stop(8);
        assert_eq!((pace.take(9), pace.take(7)), (None, Some(7)));
        assert_eq!(pace.take(7), None, "there were to be three");
    }
}
