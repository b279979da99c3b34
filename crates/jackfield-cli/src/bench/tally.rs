//! What was counted: operations, their latencies, and errors by kind.

use hdrhistogram::Histogram;
use std::borrow::Cow;
use std::collections::BTreeMap;

/// The name of an error, under which it is counted and shown.
pub(crate) type Kind = Cow<'static, str>;

/// What was counted since the last [`Tally::restart`].
#[derive(Debug)]
pub(crate) struct Tally {
    /// Operations whose latency is in one of the histograms.
    pub(crate) operations: u64,
    /// Operations of slow readers, whose latency says nothing about the server.
    pub(crate) slow_operations: u64,
    /// Errors by kind.
    pub(crate) errors: BTreeMap<Kind, u64>,
    /// Latencies in nanoseconds, without those of the current interval.
    total: Histogram<u64>,
    /// Latencies of the current interval.
    interval: Histogram<u64>,
    /// What began before is not counted.
    from: u64,
}

/// What happened in one interval.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Interval {
    /// The median latency in nanoseconds.
    pub(crate) p50: u64,
    /// The 99th percentile.
    pub(crate) p99: u64,
}

/// One minute: a longer latency is counted as this.
const LATENCY_NS_MAX: u64 = 60_000_000_000;
/// Significant decimal digits of a latency.
const DIGITS: u8 = 3;

impl Tally {
    pub(crate) fn new() -> Self {
        Self {
            operations: 0,
            slow_operations: 0,
            errors: BTreeMap::new(),
            total: new_histogram(),
            interval: new_histogram(),
            from: 0,
        }
    }

    /// An operation that began at `since` has ended at `now`.
    #[inline]
    pub(crate) fn record(&mut self, since: u64, now: u64) {
        if since >= self.from {
            self.operations += 1;
            self.interval.saturating_record(now.saturating_sub(since));
        }
    }

    /// Counts an error of this kind.
    pub(crate) fn error(&mut self, kind: impl Into<Kind>) {
        self.count_errors(kind, 1);
    }

    /// Counts so many of them.
    pub(crate) fn count_errors(&mut self, kind: impl Into<Kind>, count: usize) {
        if self.from < u64::MAX && count > 0 {
            *self.errors.entry(kind.into()).or_default() += count as u64;
        }
    }

    /// Forgets everything. What began before `from` will not be counted.
    pub(crate) fn restart(&mut self, from: u64) {
        (self.operations, self.slow_operations, self.from) = (0, 0, from);
        self.errors.clear();
        self.total.clear();
        self.interval.clear();
    }

    /// Counts nothing from now on.
    pub(crate) fn freeze(&mut self) {
        self.end_interval();
        self.from = u64::MAX;
    }

    /// Begins a new interval, and says what happened in the last one.
    pub(crate) fn end_interval(&mut self) -> Interval {
        let quantile = |q| if self.interval.is_empty() { 0 } else { self.interval.value_at_quantile(q) };
        let interval = Interval { p50: quantile(0.5), p99: quantile(0.99) };
        let added = self.total.add(&self.interval);
        debug_assert!(added.is_ok(), "both have the same bounds");
        self.interval.clear();
        interval
    }

    /// All latencies up to the last [`Tally::end_interval`].
    pub(crate) fn latencies(&self) -> &Histogram<u64> {
        &self.total
    }

    /// Errors of all kinds.
    pub(crate) fn error_count(&self) -> u64 {
        self.errors.values().sum()
    }
}

pub(crate) fn new_histogram() -> Histogram<u64> {
    Histogram::new_with_bounds(1, LATENCY_NS_MAX, DIGITS).expect("the bounds are constant and valid")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_began_before_the_start_is_not_counted() {
        let mut tally = Tally::new();
        tally.record(1, 10);
        tally.error("early");
        tally.restart(100);
        tally.record(99, 120);
        tally.record(100, 130);
        tally.error("odd");
        tally.count_errors("odd", 2);
        tally.count_errors("none", 0);
        assert_eq!(tally.end_interval().p50, 30);
        tally.freeze();
        tally.record(200, 230);
        tally.error("late");
        assert_eq!((tally.operations, tally.latencies().len(), tally.error_count()), (1, 1, 3));
        assert_eq!(tally.errors.len(), 1);
    }
}
