//! Threads for work that blocks, on which each job takes its time.

use crate::shared::{HeldJobs, Job};
use crate::sim::Random;

/// Jobs that wait and jobs that are under way.
pub(super) struct Workers {
    queue: HeldJobs,
    under_way: Vec<(u64, Job)>,
    /// By chance of its own: a seed without jobs is what it was before there were any.
    random: Random,
}

/// A job that takes long takes up to so many milliseconds.
const LONG: usize = 20_000;

impl Workers {
    pub(super) fn new(queue: HeldJobs, seed: u64) -> Self {
        Self { queue, under_way: Vec::new(), random: Random::new(seed ^ 0x10b5) }
    }

    /// When the next job is done.
    pub(super) fn next(&self) -> Option<u64> {
        self.under_way.iter().map(|(until, _)| *until).min()
    }

    /// A job that is done by now. Without faults each is.
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
