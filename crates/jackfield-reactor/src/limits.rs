//! Every bound and time of the reactor, in one place.

use crate::id::SLOTS_MAX;
use std::time::Duration;

/// Bounds and times of one reactor. The defaults are meant for the open network.
#[derive(Clone, Debug)]
pub struct Limits {
    /// Connections of this reactor, at most [`SLOTS_MAX`](crate::SLOTS_MAX). What happens to one more is decided by
    /// the layer above. Default: `SLOTS_MAX`.
    pub wires_max: usize,
    /// Bytes that one read may take, which is also what one connection may read in one turn. Default: 64 KiB.
    pub read_bytes: usize,
    /// Room for bytes kept between two reads that a connection is given at first; it grows with what comes.
    /// Default: 512 B.
    pub carry_bytes_first: usize,
    /// Bytes kept for a connection between two reads, while it is read. A connection that needs more is closed with
    /// [`Limit::ReadBuffer`](crate::Limit). Default: 64 KiB and a line's end.
    pub carry_bytes_max: usize,
    /// Above so many queued bytes, or at `outbox_bytes_max`, a connection is congested: its peer is not read. Default: 64 KiB.
    pub outbox_bytes_high: usize,
    /// At so many queued bytes a congested connection is drained: it is read again and `on_drain` comes.
    /// Default: 16 KiB.
    pub outbox_bytes_low: usize,
    /// From so many counted bytes on nothing more is accepted. The bound is on what lay there before, so that no
    /// message is refused for its own size. Default: 1 MiB.
    pub outbox_bytes_max: usize,
    /// Bytes that the buffers of one connection may hold on the heap: what was read and not used, what the layer above
    /// keeps of a message or a body, and what waits for the peer, without what is shared and without bodies that were
    /// handed over whole. A connection that needs more is evicted with
    /// [`Limit::Memory`](crate::Limit::Memory). Default: 64 MiB, which is far beyond what the other bounds allow unless
    /// they are raised.
    pub wire_memory_bytes_max: usize,
    /// New connections accepted in one turn, of all listeners, one after the other in turns. Default: 256.
    pub accepts_per_turn: usize,
    /// Commands from other threads carried out in one turn; the rest waits for the next one. Default: 1,024.
    pub commands_per_turn: usize,
    /// Timers that fire in one turn; the rest waits for the next one. Default: 1,024.
    pub timers_per_turn: usize,
    /// Connections of which no event tells, because the rest of their bytes was put off, that are read in one turn; the
    /// others wait for the next one. Default: 1,024, as many as one poll tells of.
    pub looks_per_turn: usize,
    /// Connections that are drained or aborted in one turn when all of them are, such as at a shutdown; the others wait for
    /// the next one. Default: 128, about 2 ms of work for the kernel.
    pub drains_per_turn: usize,
    /// TLS handshakes carried on in one turn. Default: 64.
    pub handshakes_per_turn: usize,
    /// Longest wait for a peer to take any of the bytes queued for it. Then the connection is aborted with
    /// [`Timeout::Write`](crate::Timeout). Default: 30 s.
    #[doc(alias = "DefaultSocketSendTimeout")]
    #[doc(alias = "DefaultTimeout")]
    pub write_stall: Duration,
    /// The least that such a peer must take of what is queued for it in each `write_stall`, or all that is left. For a
    /// connection that closes `flush_interval_bytes_min` holds besides. Default: 1, so that a slow reader is kept as long as
    /// it reads at all; what it costs is bounded by `outbox_bytes_max`.
    pub write_stall_bytes_min: usize,
    /// How often it is looked at whether a closing connection's peer takes what is queued for it. Default: 15 s.
    pub flush_interval: Duration,
    /// The least that it must take in such an interval, or all that is left; otherwise the connection is aborted with
    /// [`Timeout::Write`](crate::Timeout), and its first reason stands. Zero: anything, within `write_stall`.
    ///
    /// The system takes what is queued in portions: of half of
    /// [`SocketOptions::unsent_bytes`](crate::SocketOptions::unsent_bytes), which is 32 KiB by default. A peer so slow that a
    /// portion lasts longer than an interval is aborted too, so the slowest that is safe takes the larger of the two in each
    /// interval: by default 32 KiB in 15 s, about 2.2 KB/s. For slower peers raise `flush_interval`. Default: 16 KiB.
    pub flush_interval_bytes_min: usize,
    /// Longest time for which nothing comes from a peer whose end is waited for after ours was sent; what comes is
    /// dropped. Then the connection is dropped. `on_close` has come before. Default: 2 s.
    #[doc(alias = "LingerTimeout")]
    pub linger: Duration,
    /// Longest wait for the peer's end, whatever comes: time for it to read an answer while it still sends a body that is
    /// too long. Default: 30 s.
    pub linger_max: Duration,
    /// Connections that may linger at once, beside `wires_max`; with one more the oldest is dropped. Default: 4,096.
    pub lingering_max: usize,
    /// Longest time for which a connection whose peer has closed may be paused with bytes that were not handed up. Then it
    /// is closed with [`Reason::Peer`](crate::Reason). One that has no such bytes is told of the end at once, and what
    /// else keeps a connection from being read has bounds of its own. Default: 30 s.
    pub unread_wait: Duration,
    /// Longest time for which a connection is not read because memory is scarce. Then it is evicted with
    /// [`Limit::Memory`](crate::Limit::Memory). Default: 10 s.
    pub memory_wait: Duration,
    /// Longest TLS handshake. Then the connection is aborted with [`Timeout::Handshake`](crate::Timeout).
    /// Default: 10 s.
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
            drains_per_turn: 128,
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

/// How many bytes a connection may receive and send in a second: a token bucket in each direction, which holds one second's
/// worth, is full at first and fills evenly. So in any time of *n* seconds at most *n* + 1 times as much passes.
///
/// Bytes are counted as plain text; what TLS adds is not. What the peer sends above `bytes_in` is left in the socket, so that
/// TCP slows the peer down; what is sent to it above `bytes_out` waits in its queue, in portions of a tenth of a second. No
/// deadline counts the time for which only this limit holds the connection up.
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
    /// So many bytes a second in, and so many out; each is disabled by zero.
    #[must_use]
    pub const fn new(bytes_in: u32, bytes_out: u32) -> Self {
        Self { bytes_in, bytes_out }
    }
}
