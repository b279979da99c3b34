//! Threads for blocking work, on which each job takes some time.

use crate::shared::{HeldJobs, Job};
use crate::sim::Random;

/// Jobs that wait, and jobs that run.
pub(super) struct Workers {
    queue: HeldJobs,
    under_way: Vec<(u64, Job)>,
    /// Separate random numbers, so that seeds without jobs run as before.
    random: Random,
}

/// The longest time of a slow job, in milliseconds.
const LONG: usize = 20_000;

impl Workers {
    pub(super) fn new(queue: HeldJobs, seed: u64) -> Self {
        Self { queue, under_way: Vec::new(), random: Random::new(seed ^ 0x10b5) }
    }

    /// When the next job is done.
    pub(super) fn next(&self) -> Option<u64> {
        self.under_way.iter().map(|(until, _)| *until).min()
    }

    /// Takes a job that is done. Without faults every job is.
    pub(super) fn take_done(&mut self, now: u64, faults: Option<u16>) -> Option<Job> {
        while let Some(job) = self.queue.take() {
            let is_late = faults.is_some_and(|per_mille| self.random.chance(per_mille));
            let wait = if is_late { self.random.size(LONG) } else { 0 };
            self.under_way.push((now + wait as u64, job));
        }
        let done = self.under_way.iter().position(|(until, _)| faults.is_none() || *until <= now)?;
        Some(self.under_way.remove(done).1)
    }
}
