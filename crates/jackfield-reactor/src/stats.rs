//! Counters of one reactor, readable from any thread.

use std::sync::atomic::{AtomicU64, Ordering};

/// A number that one thread writes and any thread may read.
#[derive(Debug, Default)]
pub struct Counter(AtomicU64);

impl Counter {
    /// Adds. Only the owner may: it is a load and a store, without a lock on the bus.
    #[inline(always)]
    pub fn add(&self, amount: u64) {
        self.0.store(self.0.load(Ordering::Relaxed).wrapping_add(amount), Ordering::Relaxed);
    }

    /// Sets. Only the owner may.
    #[inline(always)]
    pub fn set(&self, value: u64) {
        self.0.store(value, Ordering::Relaxed);
    }

    /// The present value; from another thread it may be a moment old.
    pub fn value(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// What a reactor has done since it began.
///
/// Apart from what other threads write: a line of the cache that two reactors count in costs both of them a fifth of their
/// time. Two lines, for they are fetched in pairs.
#[derive(Debug, Default)]
#[repr(align(128))]
pub struct Stats {
    /// Connections taken up.
    pub opened: Counter,
    /// Connections that ended.
    pub closed: Counter,
    /// Bytes read, as plain text.
    pub bytes_in: Counter,
    /// Bytes handed to the kernel, as plain text.
    pub bytes_out: Counter,
    /// Turns taken.
    pub turns: Counter,
    /// Events that named a connection which had ended.
    pub stale: Counter,
    /// Bytes that the buffers of connections hold on the heap just now, those in the pools included.
    pub memory_bytes: Counter,
    /// Connections that were ended for the memory they held.
    pub evicted: Counter,
    /// New connections that were refused because no descriptor was left.
    pub exhausted: Counter,
    /// Failures to accept for which the reserve was of no help.
    pub accept_errors: Counter,
    /// Places of tables and lists that were looked at, besides those of what was ready: each walk over connections,
    /// members, timers or listeners counts its steps. What it grows by for one act is what that act costs; tests go by it,
    /// and by no clock.
    pub visits: Counter,
    /// The connection whose callback runs, as the bits of its id; those of no connection while none does. For a watchdog on
    /// another thread, which sees it a moment late.
    pub at: Counter,
    /// The label of what is done to it: see [`Wires::mark`](crate::Wires::mark).
    pub doing: Counter,
    /// Time of one turn in nanoseconds, as last timed (every long one is, and some others).
    pub turn_ns: Counter,
    /// The longest of the timed turns in nanoseconds.
    pub turn_ns_max: Counter,
    /// The time of all timed turns together in nanoseconds.
    pub turn_ns_sum: Counter,
    /// How many of the timed turns took at most so long: the first longer than the one before, up to [`TURN_NS`], and in the
    /// last place those that took longer.
    pub turn_times: [Counter; TURN_NS.len() + 1],
}

/// The bounds of [`Stats::turn_times`] in nanoseconds.
pub const TURN_NS: [u64; 11] = [
    50_000,
    100_000,
    250_000,
    500_000,
    1_000_000,
    2_500_000,
    5_000_000,
    10_000_000,
    50_000_000,
    100_000_000,
    1_000_000_000,
];

impl Stats {
    /// A turn was timed.
    pub(crate) fn time_turn(&self, nanoseconds: u64) {
        self.turn_ns.set(nanoseconds);
        self.turn_ns_max.set(self.turn_ns_max.value().max(nanoseconds));
        self.turn_ns_sum.add(nanoseconds);
        self.turn_times[TURN_NS.partition_point(|bound| *bound < nanoseconds)].add(1);
    }
}
