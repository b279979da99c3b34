//! When the next operation is due.
//!
//! At a fixed rate each operation has a time at which it should begin. Its latency counts from that time, even if it is
//! sent later. So a server that stalls for a second delays all operations of that second, and not only the one in
//! flight (the *coordinated omission* of other load generators).

/// Gives out the times at which operations should begin.
#[derive(Debug)]
pub(crate) struct Pace {
    /// Nanoseconds between two operations; `None`: whenever there is room.
    gap_ns: Option<f64>,
    begin: u64,
    /// Operations that are due at this time or later are not given out.
    end: u64,
    taken: u64,
    /// The most operations that are given out.
    most: u64,
}

impl Pace {
    /// Operations a second, and altogether. `None`: without limit.
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

    /// Takes the next operation, if it is due. Returns its due time.
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

    /// When the next operation will be due, if one will.
    pub(crate) fn next(&self) -> Option<u64> {
        let due = self.begin.checked_add(due_after(self.taken, self.gap_ns?))?;
        (due < self.end && self.taken < self.most).then_some(due)
    }

    /// Operations that were given out.
    pub(crate) fn taken(&self) -> u64 {
        self.taken
    }

    /// How many operations are due and were not taken. Without fixed times there are none.
    pub(crate) fn owed(&self, now: u64) -> usize {
        let Some(gap) = self.gap_ns.filter(|_| now >= self.begin) else { return 0 };
        let passed = now.min(self.end - 1) - self.begin.min(self.end - 1);
        let mut due = (passed as f64 / gap) as u64;
        // Operations that were rounded to the same time are counted by that time.
        while due_after(due, gap) <= passed {
            due += 1;
        }
        due.min(self.most).saturating_sub(self.taken) as usize
    }

    /// True if operations are due at fixed times.
    #[inline]
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

/// The shortest time between two wake-ups: more would cost this program more than the server. At higher rates the
/// operations between two steps are due together with the first.
const STEP_NS_MIN: f64 = 100_000.0;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_given_out_however_late_it_is() {
        let mut pace = Pace::new(Some(1000.0), None);
        assert_eq!((pace.take(5_000_000), pace.next()), (None, None), "it has not begun");
        pace.start(1_000_000);
        pace.stop(4_000_000);
        assert_eq!((pace.take(999_999), pace.owed(999_999)), (None, 0));
        assert_eq!((pace.owed(1_000_000), pace.owed(3_500_000), pace.owed(9_000_000)), (1, 3, 3));
        assert_eq!((pace.take(1_000_000), pace.next()), (Some(1_000_000), Some(2_000_000)));
        let taken: Vec<u64> = std::iter::from_fn(|| pace.take(9_000_000)).collect();
        assert_eq!(taken, [2_000_000, 3_000_000]);
        assert_eq!((pace.taken(), pace.next()), (3, None), "that was the last one");
    }

    #[test]
    fn at_high_rates_operations_are_due_together() {
        let mut pace = Pace::new(Some(40_000.0), None);
        pace.start(0);
        let taken: Vec<u64> = std::iter::from_fn(|| pace.take(99_999)).collect();
        assert_eq!(taken, [0; 4]);
        assert_eq!((pace.owed(99_999), pace.owed(100_000), pace.owed(250_000)), (0, 4, 8));
        assert_eq!((pace.next(), pace.take(100_000)), (Some(100_000), Some(100_000)));
    }

    #[test]
    fn operations_are_due_at_the_requested_rate() {
        // The steps of a second, with one wake-up each: they are the cost of pacing, and not the operations.
        for (rate, steps) in [(500.0, 500), (10_000.0, 10_000), (60_000.0, 10_000), (1e6, 10_000)] {
            let mut pace = Pace::new(Some(rate), None);
            pace.start(0);
            pace.stop(1_000_000_000);
            let mut woken = 0;
            while let Some(next) = pace.next() {
                woken += 1;
                while pace.take(next).is_some() {}
            }
            assert_eq!((woken, pace.taken()), (steps, rate as u64), "{rate}");
        }
    }

    #[test]
    fn without_a_rate_it_is_always_time() {
        let mut pace = Pace::new(None, Some(3));
        assert_eq!(pace.take(7), None);
        pace.start(5);
        assert_eq!((pace.take(7), pace.take(7), pace.next()), (Some(7), Some(7), None));
        pace.stop(8);
        assert_eq!((pace.take(9), pace.take(7)), (None, Some(7)));
        assert_eq!(pace.take(7), None, "there were to be three");
    }
}
