//! The counts of one thread: operations, latencies, and errors by kind.

use hdrhistogram::Histogram;
use std::borrow::Cow;
use std::collections::BTreeMap;

/// The name of an error, under which it is counted and shown.
pub(crate) type Kind = Cow<'static, str>;

/// What was counted since the last [`Tally::restart`].
#[derive(Debug)]
pub(crate) struct Tally {
    /// Operations that ended within the measured time.
    pub(crate) operations: u64,
    /// The same of slow readers, whose latencies are not counted.
    pub(crate) slow_operations: u64,
    /// Operations at a fixed rate that were begun within the measured time. A publication is one, wherever it comes.
    pub(crate) paced_operations: u64,
    /// Those of them that this program began late, although a connection was free for them.
    pub(crate) late_operations: u64,
    /// Errors by kind.
    pub(crate) errors: BTreeMap<Kind, u64>,
    /// TLS handshakes that ended within the measured time.
    pub(crate) handshakes: Handshakes,
    /// Latencies in nanoseconds since they were last taken.
    latencies: Histogram<u64>,
    /// Latencies of operations that were due earlier are not counted.
    from: u64,
    counts: Counts,
}

/// TLS handshakes, by their kind.
#[derive(Debug)]
pub struct Handshakes {
    /// The server had to prove who it is.
    pub full: u64,
    /// A session of an earlier connection was resumed.
    pub resumed: u64,
    /// From the beginning of the connect to the end of the handshake, in nanoseconds.
    pub latencies: Histogram<u64>,
}

/// What is counted, in the order of the phases of a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Counts {
    All,
    /// The measured time is over: operations are not counted any more.
    Latencies,
    Nothing,
}

/// One minute: a histogram has room for latencies up to this, and grows for longer ones.
const LATENCY_NS_USUAL: u64 = 60_000_000_000;
/// Significant decimal digits of a latency.
const DIGITS: u8 = 3;

impl Tally {
    pub(crate) fn new() -> Self {
        Self {
            operations: 0,
            slow_operations: 0,
            paced_operations: 0,
            late_operations: 0,
            errors: BTreeMap::new(),
            handshakes: Handshakes::new(),
            latencies: new_histogram(),
            from: 0,
            counts: Counts::All,
        }
    }

    /// An operation that began at `since` has ended at `now`.
    #[inline]
    pub(crate) fn record(&mut self, since: u64, now: u64) {
        if self.counts == Counts::All {
            self.operations += 1;
        }
        if since >= self.from {
            self.latencies += now.saturating_sub(since);
        }
    }

    /// Counts an operation of a slow reader.
    pub(crate) fn record_slow(&mut self) {
        self.slow_operations += u64::from(self.counts == Counts::All);
    }

    /// Counts an operation at a fixed rate that is begun at `now`. It was due and could be begun at `since`: the rest is this
    /// program's own delay.
    #[inline]
    pub(crate) fn record_delay(&mut self, since: u64, now: u64) {
        if self.counts == Counts::All {
            self.paced_operations += 1;
            self.late_operations += u64::from(now.saturating_sub(since) > LATE_NS);
        }
    }

    /// A handshake of a connection that was begun at `since` has ended at `now`.
    pub(crate) fn record_handshake(&mut self, is_resumed: bool, since: u64, now: u64) {
        if self.counts == Counts::All {
            self.handshakes.full += u64::from(!is_resumed);
            self.handshakes.resumed += u64::from(is_resumed);
            self.handshakes.latencies += now.saturating_sub(since);
        }
    }

    /// Counts an error of this kind.
    pub(crate) fn error(&mut self, kind: impl Into<Kind>) {
        self.count_errors(kind, 1);
    }

    /// Counts this many of them.
    pub(crate) fn count_errors(&mut self, kind: impl Into<Kind>, count: usize) {
        if self.counts != Counts::Nothing && count > 0 {
            *self.errors.entry(kind.into()).or_default() += count as u64;
        }
    }

    /// Resets all counts. Latencies of operations that were due before `from` will not be counted, but their ends will.
    pub(crate) fn restart(&mut self, from: u64) {
        *self = Self { from, ..Self::new() };
    }

    /// The measured time is over. Where operations were due at fixed times (`is_fixed`), the latencies of those that
    /// were due within it count, however late they end.
    pub(crate) fn end(&mut self, is_fixed: bool) {
        self.counts = Counts::Latencies;
        if !is_fixed {
            self.from = u64::MAX;
        }
    }

    /// Counts nothing from now on.
    pub(crate) fn freeze(&mut self) {
        (self.counts, self.from) = (Counts::Nothing, u64::MAX);
    }

    /// The latencies since the last call.
    pub(crate) fn take_latencies(&mut self) -> Histogram<u64> {
        std::mem::replace(&mut self.latencies, new_histogram())
    }

    /// Errors of all kinds.
    pub(crate) fn error_count(&self) -> u64 {
        self.errors.values().sum()
    }
}

impl Handshakes {
    pub(crate) fn new() -> Self {
        Self { full: 0, resumed: 0, latencies: new_histogram() }
    }

    /// Adds the counts of another thread.
    pub(crate) fn add(&mut self, other: &Self) {
        self.full += other.full;
        self.resumed += other.resumed;
        self.latencies += &other.latencies;
    }
}

/// An operation that begins later than this counts as late.
pub(crate) const LATE_NS: u64 = 1_000_000;

pub(crate) fn new_histogram() -> Histogram<u64> {
    let histogram = Histogram::new_with_bounds(1, LATENCY_NS_USUAL, DIGITS);
    let mut histogram = histogram.expect("the bounds are constant and valid");
    histogram.auto(true);
    histogram
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_end_of_an_operation_counts_where_it_falls_and_its_latency_where_it_was_due() {
        let mut tally = Tally::new();
        tally.record(1, 10);
        tally.error("early");
        tally.record_handshake(false, 1, 10);
        tally.restart(100);
        tally.record_handshake(true, 90, 110);
        tally.record(99, 120);
        tally.record(100, 130);
        tally.error("odd");
        tally.count_errors("odd", 2);
        tally.count_errors("none", 0);
        tally.record_delay(7, 7 + LATE_NS);
        tally.record_delay(7, 8 + LATE_NS);
        assert_eq!((tally.operations, tally.take_latencies().max()), (2, 30));
        tally.end(true);
        tally.record_handshake(false, 130, 140);
        let Handshakes { full, resumed, latencies } = &tally.handshakes;
        assert_eq!((*full, *resumed, latencies.max()), (0, 1, 20));
        tally.record(140, 200);
        tally.record_delay(7, 8 + LATE_NS);
        assert_eq!((tally.paced_operations, tally.late_operations), (2, 1));
        assert_eq!((tally.operations, tally.take_latencies().len()), (2, 1));
        tally.freeze();
        tally.record(200, 230);
        tally.error("late");
        assert_eq!((tally.operations, tally.take_latencies().len(), tally.error_count()), (2, 0, 3));
        assert_eq!(tally.errors.len(), 1);
    }

    /// The fault: what took longer than a minute counted as a minute, and nothing said so.
    #[test]
    fn i305_no_latency_is_cut() {
        const SECOND: u64 = 1_000_000_000;
        for seconds in [1, 59, 69, 3600, 365 * 24 * 3600] {
            let ns = seconds * SECOND;
            let mut tally = Tally::new();
            tally.record(7, 7 + ns);
            tally.record_handshake(false, 7, 7 + ns);
            // Threads and laps are summed, whatever each of them has seen.
            let (mut latencies, mut handshakes) = (new_histogram(), Handshakes::new());
            latencies += SECOND;
            latencies += &tally.take_latencies();
            handshakes.add(&tally.handshakes);
            for seen in [latencies.max(), handshakes.latencies.max()] {
                assert!(seen >= ns && seen - ns <= ns / 1000, "{seen} for {ns}");
            }
        }
    }

    #[test]
    fn without_fixed_times_nothing_counts_after_the_end() {
        let mut tally = Tally::new();
        tally.record(1, 10);
        tally.end(false);
        tally.record(5, 20);
        tally.error("no answer");
        assert_eq!((tally.operations, tally.take_latencies().len(), tally.error_count()), (1, 1, 1));
    }
}
