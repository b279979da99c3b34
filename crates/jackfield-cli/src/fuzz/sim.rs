//! `jackfield sim`: schedules of the simulation, on all cores.

use super::args::Sim;
use super::jobs::jobs;
use crate::base::error::Error;
use crate::base::output::say;
use crate::base::progress::Progress;
use crate::base::units;
use jackfield::sim::{Violation, options_of};
use jackfield_fuzz::bad_day;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

/// The state that the jobs share.
struct Run {
    end: u64,
    /// The next free seed.
    next: AtomicU64,
    done: AtomicU64,
    turns: AtomicU64,
    is_over: AtomicBool,
    violation: Mutex<Option<Violation>>,
}

/// The time between two updates of the progress line.
const LOOK: Duration = Duration::from_millis(100);

/// Runs the seeds. Returns whether all invariants held.
///
/// # Errors
/// There are fewer seeds than requested, or the result can't be written.
pub(crate) fn sim(args: &Sim) -> Result<bool, Error> {
    if let Some(seed) = args.replay {
        return replay(seed);
    }
    let end = args.from.checked_add(args.seeds).filter(|_| args.seeds > 0).ok_or_else(|| {
        let most = u64::MAX - args.from;
        Error::Usage(format!("--seeds must be between 1 and {most}, the number of seeds behind --from"))
    })?;
    let run = Run {
        end,
        next: AtomicU64::new(args.from),
        done: AtomicU64::new(0),
        turns: AtomicU64::new(0),
        is_over: AtomicBool::new(false),
        violation: Mutex::new(None),
    };
    let (began, line) = (Instant::now(), Progress::new());
    thread::scope(|scope| {
        let jobs: Vec<_> = (0..jobs(args.jobs)).map(|_| scope.spawn(|| run.work())).collect();
        while jobs.iter().any(|job| !job.is_finished()) {
            // Only the progress line waits here.
            thread::park_timeout(LOOK);
            let done = run.done.load(Ordering::Relaxed);
            line.along(
                "sim",
                Duration::from_millis(done),
                Duration::from_millis(args.seeds),
                run.describe(began.elapsed()) + &run.left(began.elapsed()),
            );
        }
    });
    drop(line);
    let mut text = run.summary(args.from, began.elapsed());
    let violation = run.violation.into_inner().unwrap_or_else(PoisonError::into_inner);
    text.extend(violation.as_ref().map(failure));
    say(&text)?;
    Ok(violation.is_none())
}

impl Run {
    fn work(&self) {
        while !self.is_over.load(Ordering::Relaxed) {
            // Never past the end, because the last seed has no successor.
            let more = |next: u64| (next < self.end).then(|| next + 1);
            let Ok(seed) = self.next.fetch_update(Ordering::Relaxed, Ordering::Relaxed, more) else { return };
            match bad_day(seed, options_of(seed, false)).try_run() {
                Ok(report) => {
                    self.done.fetch_add(1, Ordering::Relaxed);
                    self.turns.fetch_add(report.turns as u64, Ordering::Relaxed);
                }
                Err(violation) => {
                    self.is_over.store(true, Ordering::Relaxed);
                    self.violation.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(violation);
                }
            }
        }
    }

    /// What is said at the end.
    fn summary(&self, from: u64, passed: Duration) -> String {
        format!("seeds {from} to {}: {}\n", self.end - 1, self.describe(passed))
    }

    fn describe(&self, passed: Duration) -> String {
        let done = self.done.load(Ordering::Relaxed) as f64;
        let turns = self.turns.load(Ordering::Relaxed) as f64;
        format!(
            "{} schedules held ({}/s), {} turns",
            units::count(done),
            units::rate(self.rate(passed)),
            units::count(turns)
        )
    }

    /// How long the other seeds will take.
    fn left(&self, passed: Duration) -> String {
        let seeds = self.end.saturating_sub(self.next.load(Ordering::Relaxed)) as f64;
        format!(", {:.0} s left", seeds / self.rate(passed).max(0.001))
    }

    /// Schedules a second, after this time.
    fn rate(&self, passed: Duration) -> f64 {
        self.done.load(Ordering::Relaxed) as f64 / passed.as_secs_f64().max(0.001)
    }
}

fn replay(seed: u64) -> Result<bool, Error> {
    match bad_day(seed, options_of(seed, true)).try_run() {
        Ok(report) => {
            say(&format!("{}seed {seed}: {} turns, all invariants held\n", report.trace, report.turns))?;
            Ok(true)
        }
        Err(violation) => {
            say(&format!("{}{}", violation.trace, failure(&violation)))?;
            Ok(false)
        }
    }
}

fn failure(violation: &Violation) -> String {
    let Violation { seed, oracle, text, .. } = violation;
    format!("seed {seed} failed ({oracle}): {text}\nreplay: jackfield sim --replay {seed}\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The faults: the seed behind the last one was named, and behind a violation the time that the others would have taken.
    #[test]
    fn i501_the_end_names_the_last_seed_and_no_time_that_is_left() {
        let run = Run {
            end: 140,
            next: AtomicU64::new(120),
            done: AtomicU64::new(19),
            turns: AtomicU64::new(1900),
            is_over: AtomicBool::new(true),
            violation: Mutex::new(None),
        };
        let said = run.summary(100, Duration::from_secs(1));
        assert!(said.starts_with("seeds 100 to 139: 19 schedules held (19/s), "), "{said}");
        assert!(said.ends_with(", 1,900 turns\n"), "{said}");
    }
}
