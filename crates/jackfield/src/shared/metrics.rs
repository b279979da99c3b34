//! Figures of a running server.

use crate::disconnect::{CLASSES, Reason};
use jackfield_reactor::{Counter, Stats, TURN_NS};
use std::sync::Arc;
use std::time::Duration;

/// Counters of a server, summed over its reactors: [`Handle::metrics`](crate::Handle::metrics).
///
/// ```
/// use jackfield::Handle;
///
/// fn report(handle: &Handle) {
///     let metrics = handle.metrics();
///     println!("{} messages in, {} out", metrics.messages_in, metrics.messages_out);
///     print!("{}", metrics.prometheus());
/// }
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Metrics {
    /// Connections that were opened.
    pub opened: u64,
    /// Connections that ended.
    pub closed: u64,
    /// Outgoing connections at this moment, those that are not up yet included.
    pub outgoing: u64,
    /// New connections that were refused.
    pub refused: u64,
    /// Those of them that were refused because no descriptor was left.
    pub refused_descriptors: u64,
    /// Those of them that were refused because a reactor was overloaded. A connection whose upgrade is refused with 1013 is not
    /// new: [`Metrics::ended`] counts it, with [`Limit::Overload`](crate::Limit::Overload).
    pub refused_overload: u64,
    /// Those of them that were refused because their network is not allowed, or is denied, or the listener's own rule says no.
    pub refused_denied: u64,
    /// Those of them that were refused because their address had as many connections as it may.
    pub refused_address_full: u64,
    /// Those of them that were refused because their address connected too often.
    pub refused_address_rate: u64,
    /// Failures to accept new connections, each tried again.
    pub accept_errors: u64,
    /// HTTP requests whose head has come, refused ones included.
    pub requests: u64,
    /// WebSocket messages and lines received, lines that were too long included.
    pub messages_in: u64,
    /// Messages and events sent. A published message counts once for each subscriber, and not while it waits in the queue of a
    /// slow one; a message in fragments counts at its end. Bodies of answers do not count.
    pub messages_out: u64,
    /// Messages that were compressed. A published message is compressed once. 0 without the feature `deflate`.
    pub compressed: u64,
    /// Messages dropped because their receiver was too slow.
    pub dropped: u64,
    /// Bytes read, after decryption.
    pub bytes_in: u64,
    /// Bytes that the kernel took, counted before encryption. Over TLS a byte counts once it is encrypted: up to 64 KiB of each
    /// connection may still wait for the kernel, or were dropped when the connection ended.
    pub bytes_out: u64,
    /// Callbacks that panicked.
    pub panics: u64,
    /// Bytes that are now charged on the heap: bytes that were read and not used, messages and bodies that are not
    /// complete, bytes that wait for peers (without shared memory), buffers that wait for their next use, and commands
    /// in the mailboxes of the reactors.
    pub memory_bytes: u64,
    /// Connections that were evicted because of the memory that they held.
    pub evicted: u64,
    /// How often a connection was not read for a while because its peer sent more than its rate allows.
    pub throttled: u64,
    /// Callbacks that were seen to run for longer than [`Limits::callback_slow`](crate::Limits::callback_slow).
    pub slow_callbacks: u64,
    /// Those of them that were seen to run for longer than [`Limits::callback_stall`](crate::Limits::callback_stall).
    pub stalled_callbacks: u64,
    /// Ticks of [`Setup::every`](crate::Setup::every) that were skipped because their reactor was late by a period or
    /// more.
    pub ticks_missed: u64,
    /// Turns of the reactors.
    pub turns: u64,
    /// Events for connections that had ended.
    pub stale: u64,
    /// Time of the last timed turn in nanoseconds, of the slowest reactor (every long one is timed, and some others).
    pub turn_ns: u64,
    /// The longest of the timed turns in nanoseconds.
    pub turn_ns_max: u64,
    /// The time of all timed turns together in nanoseconds.
    pub turn_ns_sum: u64,
    /// How long an event waited for its reactor in the last timed turn, in nanoseconds, on the reactor that lags most. A reactor that
    /// has nothing to do keeps its last figure.
    pub lag_ns: u64,
    /// Reactors that are overloaded now.
    pub overloaded: u64,
    /// Publications that were refused because too many wait for the broker.
    pub broker_refused: u64,
    /// 1 while there is a broker that can't be reached.
    pub broker_down: u64,
    /// Lines of the access log that were dropped, because too many waited to be written.
    pub access_log_dropped: u64,
    ends: [u64; CLASSES],
    turn_times: [u64; TURN_NS.len() + 1],
}

/// The counters of one reactor. Its thread writes them, any thread reads them. They share no cache line with another
/// reactor's, like [`Stats`].
#[derive(Debug, Default)]
#[repr(align(128))]
pub(crate) struct ReactorMetrics {
    pub(crate) wires: std::sync::OnceLock<Arc<Stats>>,
    pub(crate) refused: Counter,
    pub(crate) refused_overload: Counter,
    pub(crate) refused_denied: Counter,
    pub(crate) refused_address_full: Counter,
    pub(crate) refused_address_rate: Counter,
    pub(crate) lag_ns: Counter,
    /// 1 while it is overloaded.
    pub(crate) overloaded: Counter,
    pub(crate) requests: Counter,
    pub(crate) messages_in: Counter,
    /// Calls of the user's code for a connection or a reactor, but those that the two above count.
    pub(crate) callbacks: Counter,
    pub(crate) messages_out: Counter,
    pub(crate) compressed: Counter,
    pub(crate) dropped: Counter,
    pub(crate) panics: Counter,
    pub(crate) throttled: Counter,
    pub(crate) ticks_missed: Counter,
    /// The watchdog's thread writes these two.
    pub(crate) slow_callbacks: Counter,
    pub(crate) stalled_callbacks: Counter,
    ends: [Counter; CLASSES],
}

impl ReactorMetrics {
    /// A connection has ended.
    pub(crate) fn count_end(&self, why: Reason) {
        self.ends[why.class()].add(1);
    }
}

impl Metrics {
    /// Connections that ended for this reason, including those whose TLS handshake failed. The detail of a protocol
    /// error or of a system error makes no difference.
    ///
    /// ```
    /// use jackfield::{Limit, Reason, Server, Timeout};
    ///
    /// # fn main() -> jackfield::Result<()> {
    /// let metrics = Server::bind("127.0.0.1:0")?.handle().metrics();
    /// assert_eq!(metrics.ended(Reason::Timeout(Timeout::Head)), 0);
    /// assert_eq!(metrics.ended(Reason::Limit(Limit::Rate)), 0);
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub fn ended(&self, why: Reason) -> u64 {
        self.ends[why.class()]
    }

    /// The histogram of the timed turns: for each of these times, how many turns took at most that long; the last entry has
    /// no bound and counts all. Of short turns one in 64 is timed; of turns over a millisecond nearly all are.
    pub fn turn_times(&self) -> impl Iterator<Item = (Option<Duration>, u64)> {
        let bounds = TURN_NS.map(|bound| Some(Duration::from_nanos(bound))).into_iter().chain([None]);
        let below = self.turn_times.into_iter().scan(0, |sum, turns| {
            *sum += turns;
            Some(*sum)
        });
        bounds.zip(below)
    }

    pub(crate) fn sum<'a>(reactors: impl Iterator<Item = &'a ReactorMetrics>) -> Self {
        let mut sum = Self::default();
        for reactor in reactors {
            sum.add(reactor);
            if let Some(wires) = reactor.wires.get() {
                sum.add_wires(wires);
            }
        }
        sum
    }

    fn add(&mut self, reactor: &ReactorMetrics) {
        self.refused += reactor.refused.value();
        self.refused_overload += reactor.refused_overload.value();
        self.refused_denied += reactor.refused_denied.value();
        self.refused_address_full += reactor.refused_address_full.value();
        self.refused_address_rate += reactor.refused_address_rate.value();
        self.lag_ns = self.lag_ns.max(reactor.lag_ns.value());
        self.overloaded += reactor.overloaded.value();
        self.requests += reactor.requests.value();
        self.messages_in += reactor.messages_in.value();
        self.messages_out += reactor.messages_out.value();
        self.compressed += reactor.compressed.value();
        self.dropped += reactor.dropped.value();
        self.panics += reactor.panics.value();
        self.throttled += reactor.throttled.value();
        self.ticks_missed += reactor.ticks_missed.value();
        for (sum, end) in self.ends.iter_mut().zip(&reactor.ends) {
            *sum += end.value();
        }
        self.slow_callbacks += reactor.slow_callbacks.value();
        self.stalled_callbacks += reactor.stalled_callbacks.value();
    }

    fn add_wires(&mut self, wires: &Stats) {
        self.opened += wires.opened.value();
        self.closed += wires.closed.value();
        self.bytes_in += wires.bytes_in.value();
        self.bytes_out += wires.bytes_out.value();
        self.refused_descriptors += wires.exhausted.value();
        self.accept_errors += wires.accept_errors.value();
        self.turns += wires.turns.value();
        self.memory_bytes += wires.memory_bytes.value();
        self.evicted += wires.evicted.value();
        self.stale += wires.stale.value();
        self.turn_ns = self.turn_ns.max(wires.turn_ns.value());
        self.turn_ns_max = self.turn_ns_max.max(wires.turn_ns_max.value());
        self.turn_ns_sum += wires.turn_ns_sum.value();
        for (sum, turns) in self.turn_times.iter_mut().zip(&wires.turn_times) {
            *sum += turns.value();
        }
    }
}
