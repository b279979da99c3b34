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
/// There are fewer seeds than requested.
pub(crate) fn sim(args: &Sim) -> Result<bool, Error> {
    if let Some(seed) = args.replay {
        return Ok(replay(seed));
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
                run.describe(began),
            );
        }
    });
    drop(line);
    say(&format!("seeds {} to {}: {}\n", args.from, run.end, run.describe(began)));
    let violation = run.violation.into_inner().unwrap_or_else(PoisonError::into_inner);
    if let Some(violation) = &violation {
        tell(violation);
    }
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

    fn describe(&self, began: Instant) -> String {
        let done = self.done.load(Ordering::Relaxed) as f64;
        let rate = done / began.elapsed().as_secs_f64().max(0.001);
        let turns = self.turns.load(Ordering::Relaxed) as f64;
        let seconds = (self.end.saturating_sub(self.next.load(Ordering::Relaxed))) as f64 / rate.max(0.001);
        let left = if seconds > 0.0 { format!(", {seconds:.0} s left") } else { String::new() };
        format!(
            "{} schedules held ({}/s), {} turns{left}",
            units::count(done),
            units::rate(rate),
            units::count(turns)
        )
    }
}

fn replay(seed: u64) -> bool {
    match bad_day(seed, options_of(seed, true)).try_run() {
        Ok(report) => {
            say(&format!("{}seed {seed}: {} turns, all invariants held\n", report.trace, report.turns));
            true
        }
        Err(violation) => {
            say(&violation.trace.to_string());
            tell(&violation);
            false
        }
    }
}

fn tell(violation: &Violation) {
    let Violation { seed, oracle, text, .. } = violation;
    say(&format!("seed {seed} failed ({oracle}): {text}\nreplay: jackfield sim --replay {seed}\n"));
}
