//! Every limit and timeout of the reactor, in one place.

use crate::id::SLOTS_MAX;
use std::time::Duration;

/// Limits and timeouts of one reactor. The defaults are made for the internet.
#[derive(Clone, Debug)]
pub struct Limits {
    /// The most connections of this reactor, at most [`SLOTS_MAX`](crate::SLOTS_MAX). The server decides what
    /// happens to one more. Default: `SLOTS_MAX`.
    pub wires_max: usize,
    /// The most bytes of one read, and also of one connection in one turn. Default: 64 KiB.
    pub read_bytes: usize,
    /// The first size of a connection's buffer for bytes between two reads; it grows when needed. Default: 512 B.
    pub carry_bytes_first: usize,
    /// The most bytes that are kept for a connection between two reads. A connection that needs more is closed with
    /// [`Limit::ReadBuffer`](crate::Limit). Default: 64 KiB and a line's end.
    pub carry_bytes_max: usize,
    /// Above this number of queued bytes, or at `outbox_bytes_max`, a connection is congested: its peer is not read. Default:
    /// 64 KiB.
    pub outbox_bytes_high: usize,
    /// When a congested connection has drained to this number of queued bytes, it is read again and `on_drain` comes.
    /// Default: 16 KiB.
    pub outbox_bytes_low: usize,
    /// From this number of queued bytes on nothing more is accepted. Bytes are counted before the next message, so no
    /// message is refused for its own size. Default: 1 MiB.
    pub outbox_bytes_max: usize,
    /// The most bytes that the buffers of one connection may hold on the heap: bytes that were read and not used, the
    /// part of a message or a body that the server keeps, and bytes that wait for the peer, without shared memory
    /// and without bodies that were given whole. A connection that needs more is evicted with
    /// [`Limit::Memory`](crate::Limit::Memory). Default: 64 MiB, which is far more than the other limits allow, unless
    /// they are raised.
    pub wire_memory_bytes_max: usize,
    /// The most new connections that are accepted in one turn; the listeners take turns. Default: 256.
    pub accepts_per_turn: usize,
    /// The most commands from other threads that are executed in one turn; the rest waits for the next turn. A turn ends them
    /// earlier when together they have visited 64 times as many connections: with a publish to 10,000 members in each,
    /// after seven. Default: 1,024.
    pub commands_per_turn: usize,
    /// The most timers that fire in one turn; the rest waits for the next turn. So do timers that come nearer in the wheel, if
    /// they are 16 times as many. Default: 1,024.
    pub timers_per_turn: usize,
    /// The most connections without a new event (the rest of their bytes was left over) that are read in one turn; the
    /// others wait for the next turn. The same for connections that the service is told of because something of theirs was
    /// written. Default: 1,024, as many as one poll reports.
    pub looks_per_turn: usize,
    /// The most connections that are drained or aborted in one turn when all connections are, such as at a shutdown; the
    /// others wait for the next turn. Default: 64, about 1 ms of work for the kernel.
    pub drains_per_turn: usize,
    /// The most TLS handshakes that are continued in one turn. Default: 64.
    pub handshakes_per_turn: usize,
    /// Longest wait for a peer to take any of the bytes queued for it. Then the connection is aborted with
    /// [`Timeout::Write`](crate::Timeout). Default: 30 s.
    #[doc(alias = "DefaultSocketSendTimeout")]
    #[doc(alias = "DefaultTimeout")]
    #[doc(alias = "KeepAliveTimeXferSec")]
    pub write_stall: Duration,
    /// The least that such a peer must take of what is queued for it in each `write_stall`, or all that is left. For a
    /// closing connection `flush_interval_bytes_min` applies too. Default: 1, so that a slow reader is kept as long as it
    /// reads at all; `outbox_bytes_max` bounds its cost.
    pub write_stall_bytes_min: usize,
    /// How often the server checks that the peer of a closing connection takes queued bytes. A connection that is closed because
    /// its peer reads too slowly is aborted after four of these intervals, and the time that its bandwidth limit takes for what is
    /// queued. Every other may take as long as its peer is fast enough, however much is queued. Default: 15 s.
    pub flush_interval: Duration,
    /// The least that it must take in such an interval, or all that is left; otherwise the connection is aborted with
    /// [`Timeout::Write`](crate::Timeout), and its first reason stands. Zero: only `write_stall` applies.
    ///
    /// The system takes what is queued in portions: of half of
    /// [`SocketOptions::unsent_bytes`](crate::SocketOptions::unsent_bytes), which is 32 KiB by default. A peer so slow that a
    /// portion lasts longer than an interval is aborted too, so the slowest that is safe takes the larger of the two in each
    /// interval: by default 32 KiB in 15 s, about 2.2 KB/s. For slower peers raise `flush_interval`. Default: 16 KiB.
    pub flush_interval_bytes_min: usize,
    /// After our FIN was sent, the longest time in which nothing comes from the peer before the connection is dropped.
    /// Bytes that come are dropped. The connection's client has been told of the end before. No longer than `linger_max`.
    /// Default: 2 s.
    #[doc(alias = "LingerTimeout")]
    pub linger: Duration,
    /// Longest wait for the peer's FIN, even if bytes come: time for the peer to read an answer while it still sends a
    /// body that is too long. Default: 30 s.
    pub linger_max: Duration,
    /// The most connections that may linger at the same time, in addition to `wires_max`; with one more the oldest is dropped.
    /// Default: 4,096.
    pub lingering_max: usize,
    /// Longest time for which a connection may stay paused with unread bytes after its peer has closed. Then it is closed
    /// with [`Reason::Peer`](crate::Reason). Without unread bytes the end is reported immediately. Other reasons not to read a
    /// connection have their own limits. Default: 30 s.
    pub unread_wait: Duration,
    /// Longest time for which a connection is not read because memory is short. Then it is evicted with
    /// [`Limit::Memory`](crate::Limit::Memory). Default: 10 s.
    pub memory_wait: Duration,
    /// Longest TLS handshake. Then the connection is aborted with [`Timeout::Handshake`](crate::Timeout), or with
    /// [`Reason::Preamble`](crate::Reason) if not even its preamble is complete. Default: 10 s.
    pub handshake: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            wires_max: SLOTS_MAX,
            read_bytes: 64 << 10,
            carry_bytes_first: 512,
            carry_bytes_max: (64 << 10) + 2,
            outbox_bytes_high: 64 << 10,
            outbox_bytes_low: 16 << 10,
            outbox_bytes_max: 1 << 20,
            wire_memory_bytes_max: 64 << 20,
            accepts_per_turn: 256,
            commands_per_turn: 1024,
            timers_per_turn: 1024,
            looks_per_turn: 1024,
            drains_per_turn: 64,
            handshakes_per_turn: 64,
            write_stall: Duration::from_secs(30),
            write_stall_bytes_min: 1,
            flush_interval: Duration::from_secs(15),
            flush_interval_bytes_min: 16 << 10,
            linger: Duration::from_secs(2),
            linger_max: Duration::from_secs(30),
            lingering_max: 4096,
            unread_wait: Duration::from_secs(30),
            memory_wait: Duration::from_secs(10),
            handshake: Duration::from_secs(10),
        }
    }
}

/// The lowest marks of all limits of a reactor: an outbox below them is below the marks of its connection, whichever
/// listener that has. So most output needs no look at the limits of its connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct LowestMarks {
    /// The lowest [`Limits::outbox_bytes_high`].
    pub high: usize,
    /// The lowest [`Limits::outbox_bytes_max`].
    pub max: usize,
}

impl LowestMarks {
    pub(crate) fn of(limits: &Limits) -> Self {
        Self { high: limits.outbox_bytes_high, max: limits.outbox_bytes_max }
    }

    pub(crate) fn and(self, limits: &Limits) -> Self {
        Self { high: self.high.min(limits.outbox_bytes_high), max: self.max.min(limits.outbox_bytes_max) }
    }
}

/// How many bytes a connection may receive and send in a second: a token bucket in each direction, which holds one second's
/// worth, is full at first and fills evenly. So in any time of *n* seconds at most *n* + 1 times as much passes.
///
/// Bytes are counted as plain text; what TLS adds is not. What the peer sends above `bytes_in` is left in the socket, so that
/// TCP slows the peer down; what is sent to it above `bytes_out` waits in its queue, in portions of a tenth of a second. No
/// deadline counts the time for which only this limit holds the connection up; the server above may bound its wait for a
/// peer's last answer all the same.
///
/// ```
/// use jackfield_reactor::Bandwidth;
///
/// let bandwidth = Bandwidth::new(0, 64 << 10);
/// assert_eq!((bandwidth.bytes_in, bandwidth.bytes_out), (0, 65_536));
/// ```
#[doc(alias = "BandwidthLimit")]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Bandwidth {
    /// Bytes from the peer in a second; disabled by zero. Default: zero.
    pub bytes_in: u32,
    /// Bytes to the peer in a second; disabled by zero. Default: zero.
    pub bytes_out: u32,
}

impl Bandwidth {
    /// The limits for bytes in and bytes out, each in bytes a second; each is disabled by zero.
    #[must_use]
    pub const fn new(bytes_in: u32, bytes_out: u32) -> Self {
        Self { bytes_in, bytes_out }
    }
}
