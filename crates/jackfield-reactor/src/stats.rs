//! Counters of one reactor, readable from any thread.

use std::sync::atomic::{AtomicU64, Ordering};

/// A number that one thread writes and any thread may read.
#[derive(Debug, Default)]
pub struct Counter(AtomicU64);

impl Counter {
    /// Adds `amount`; wraps on overflow. Only the thread that owns the counter may call it: it is a load and a store, and
    /// no atomic addition.
    #[inline(always)]
    pub fn add(&self, amount: u64) {
        self.0.store(self.0.load(Ordering::Relaxed).wrapping_add(amount), Ordering::Relaxed);
    }

    /// Sets the value. Only the thread that owns the counter may call it.
    #[inline(always)]
    pub fn set(&self, value: u64) {
        self.0.store(value, Ordering::Relaxed);
    }

    /// The value. Another thread may see a value that is slightly old.
    pub fn value(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// Counters of one reactor since it was created.
///
/// The alignment keeps them away from data that other threads write. A cache line that two reactors write costs each of
/// them a fifth of its time, and processors fetch lines in pairs, hence 128 bytes.
#[derive(Debug, Default)]
#[repr(align(128))]
pub struct Stats {
    /// Connections that were added.
    pub opened: Counter,
    /// Connections that were removed, after their linger time if they had one.
    pub closed: Counter,
    /// Bytes that were read, counted as plain text.
    pub bytes_in: Counter,
    /// Bytes that were written to the kernel, counted as plain text. Over TLS a byte counts once it is encrypted: up to 64 KiB
    /// of each connection may still wait for the kernel, or were dropped when the connection ended.
    pub bytes_out: Counter,
    /// Turns.
    pub turns: Counter,
    /// Events for a connection that had already been removed.
    pub stale: Counter,
    /// Bytes that are charged now: the buffers of connections on the heap, the buffers in the pools, and tables that the
    /// service has charged.
    pub memory_bytes: Counter,
    /// Connections that were evicted because of the memory that they held.
    pub evicted: Counter,
    /// New connections that were refused because no descriptor was free.
    pub exhausted: Counter,
    /// Accepts that failed, without those in which the reserve descriptor helped.
    pub accept_errors: Counter,
    /// How many entries of tables and lists were looked at, without those of connections that were ready. Each loop over
    /// connections, members, timers or listeners counts its steps. So the difference between two values is the cost of what
    /// was done in between, and a test can check that cost without a clock.
    pub visits: Counter,
    /// Steps of TLS handshakes: reads before a handshake was complete, and answers to hellos that had waited.
    pub handshake_steps: Counter,
    /// Connections that a drain of all connections has come to, once to drain them and once to abort them.
    pub drains: Counter,
    /// The connection whose callback runs now, as [`ConnectionId::to_bits`](crate::ConnectionId::to_bits). If no callback
    /// runs, the bits name no connection. For a watchdog on another thread, which may see a value that is slightly old.
    pub at: Counter,
    /// What the callback does, as the label that was given to [`Wires::show_watchdog`](crate::Wires::show_watchdog).
    pub doing: Counter,
    /// The duration of the turn that was timed last, in nanoseconds. All turns of more than a millisecond are timed, and
    /// some others.
    pub turn_ns: Counter,
    /// The longest of the timed turns, in nanoseconds.
    pub turn_ns_max: Counter,
    /// The sum of all timed turns, in nanoseconds.
    pub turn_ns_sum: Counter,
    /// A histogram of the timed turns. Element *i* counts the turns that took at most `TURN_NS[i]` and more than `TURN_NS[i
    /// - 1]` nanoseconds. The last element counts the turns that took longer than the last value of [`TURN_NS`].
    pub turn_times: [Counter; TURN_NS.len() + 1],
}

/// The upper bounds of [`Stats::turn_times`], in nanoseconds.
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
    /// Counts a timed turn.
    pub(crate) fn time_turn(&self, nanoseconds: u64) {
        self.turn_ns.set(nanoseconds);
        self.turn_ns_max.set(self.turn_ns_max.value().max(nanoseconds));
        self.turn_ns_sum.add(nanoseconds);
        self.turn_times[TURN_NS.partition_point(|bound| *bound < nanoseconds)].add(1);
    }
}
