//! The laps of all threads, summed.

use super::tally::new_histogram;
use hdrhistogram::Histogram;
use std::collections::BTreeMap;
use std::sync::mpsc::Sender;

/// The counts of one thread in one lap of the measured time or of the warm-up. A delayed thread counts several laps as one.
#[derive(Debug)]
pub(crate) struct Lap {
    pub(crate) is_measured: bool,
    /// The last lap that is in it, from the beginning of the phase on.
    pub(crate) number: u64,
    /// The phase is over for this thread.
    pub(crate) is_last: bool,
    pub(crate) operations: u64,
    pub(crate) latencies: Histogram<u64>,
}

/// Where a thread tells of its laps.
#[derive(Debug)]
pub(crate) struct Teller {
    /// The number of the thread.
    pub(crate) thread: usize,
    pub(crate) laps: Sender<(usize, Lap)>,
}

impl Teller {
    pub(crate) fn tell(&self, lap: Lap) {
        // The receiver is gone only if the run has failed.
        let _ = self.laps.send((self.thread, lap));
    }
}

/// The sum of laps.
#[derive(Debug)]
pub(crate) struct Sum {
    pub(crate) is_measured: bool,
    pub(crate) operations: u64,
    pub(crate) latencies: Histogram<u64>,
}

/// When a lap is, in the order of time: whether it is in the measured time, and its number.
type Key = (bool, u64);

/// Laps that not all threads have ended yet.
#[derive(Debug)]
pub(crate) struct Laps {
    /// Up to where each thread has counted.
    told: Vec<Key>,
    waiting: BTreeMap<Key, Sum>,
}

impl Laps {
    /// Of so many threads.
    pub(crate) fn new(threads: usize) -> Self {
        Self { told: vec![(false, 0); threads], waiting: BTreeMap::new() }
    }

    /// True if the measured time is over on all threads.
    pub(crate) fn are_over(&self) -> bool {
        self.told.iter().all(|told| *told == (true, u64::MAX))
    }

    /// Takes a lap of one thread. Returns the sum of those that all threads have ended by it, if there are any.
    pub(crate) fn take(&mut self, thread: usize, lap: &Lap) -> Option<Sum> {
        let key = (lap.is_measured, lap.number);
        self.waiting
            .entry(key)
            .or_insert_with(|| Sum::new(lap.is_measured))
            .add(lap.operations, &lap.latencies);
        self.told[thread] = if lap.is_last { (lap.is_measured, u64::MAX) } else { key };
        let upto = self.told.iter().min().copied()?;
        let still_waiting = self.waiting.split_off(&(upto.0, upto.1.saturating_add(1)));
        let ended = std::mem::replace(&mut self.waiting, still_waiting);
        ended.into_values().reduce(|mut all, lap| {
            all.add(lap.operations, &lap.latencies);
            all
        })
    }

    /// Laps that not all threads have come to, because the run was ended.
    pub(crate) fn rest(self) -> impl Iterator<Item = Sum> {
        self.waiting.into_values()
    }
}

impl Sum {
    fn new(is_measured: bool) -> Self {
        Self { is_measured, operations: 0, latencies: new_histogram() }
    }

    fn add(&mut self, operations: u64, latencies: &Histogram<u64>) {
        self.operations += operations;
        self.latencies += latencies;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The lap of a thread: which thread, whether it is measured, its number, whether it is the last one, and its operations. Then the
    /// operations of the sum that is complete with it.
    type Told = (usize, bool, u64, bool, u64, Option<u64>);

    /// Tells of the laps of two threads.
    fn check(told: &[Told]) -> Laps {
        let mut laps = Laps::new(2);
        for &(thread, is_measured, number, is_last, operations, expected) in told {
            assert!(!laps.are_over());
            let lap = Lap { is_measured, number, is_last, operations, latencies: new_histogram() };
            let sum = laps.take(thread, &lap);
            assert!(sum.as_ref().is_none_or(|sum| sum.is_measured == is_measured));
            assert_eq!(sum.map(|sum| sum.operations), expected, "lap {number} of thread {thread}");
        }
        laps
    }

    #[test]
    fn a_lap_is_whole_when_all_threads_have_ended_it() {
        let laps = check(&[
            (0, false, 1, true, 1, None),
            (0, true, 1, false, 2, None),
            (1, false, 1, true, 4, Some(5)),
            (1, true, 1, false, 8, Some(10)),
            (1, true, 2, true, 16, None),
            (0, true, 2, true, 32, Some(48)),
        ]);
        assert!(laps.are_over());
    }

    /// The fault: when one thread had done its part of a number of operations, no lap was whole any more.
    #[test]
    fn i462_a_thread_that_is_done_holds_up_no_lap() {
        let laps = check(&[
            (0, true, 1, false, 1, None),
            (1, true, 1, false, 2, Some(3)),
            (0, true, 2, true, 4, None),
            (1, true, 2, false, 8, Some(12)),
            (1, true, 3, false, 16, Some(16)),
            (1, true, 4, true, 32, Some(32)),
        ]);
        assert!(laps.are_over());
    }

    /// The fault: the laps that it had left out were never whole, so their operations were in no sample.
    #[test]
    fn i462_a_thread_that_was_held_up_counts_several_laps_as_one() {
        let laps = check(&[
            (1, true, 1, false, 1, None),
            (1, true, 2, false, 2, None),
            (1, true, 3, false, 4, None),
            (0, true, 2, false, 8, Some(11)),
            (0, true, 3, false, 16, Some(20)),
            (0, true, 4, false, 32, None),
        ]);
        assert!(!laps.are_over());
        assert_eq!(laps.rest().map(|sum| sum.operations).sum::<u64>(), 32);
    }
}
