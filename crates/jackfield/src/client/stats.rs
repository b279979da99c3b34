//! The counters of a connection.

use crate::client::connection::Connection;
use crate::links::Protocol;
use std::time::Duration;

/// The counters of a connection: see [`Connection::stats`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ConnectionStats {
    /// Bytes that were read, counted as plain text.
    pub bytes_in: u64,
    /// Bytes that were written to the kernel, counted as plain text. Over TLS, as long as the kernel has taken only a part of
    /// a write, up to 200 bytes too many: the overhead of the records.
    #[doc(alias = "BytesSent")]
    pub bytes_out: u64,
    /// Bytes that wait for the kernel, also those that TLS has encrypted already.
    pub queued: usize,
    /// Time since the connection began.
    pub age: Duration,
    /// How long it has been idle: the time since the last byte came from the peer, or since reading it went on after a pause.
    /// On an event stream, and on a WebSocket without heartbeat, what is sent counts too.
    pub quiet: Duration,
    /// The last round trip of its heartbeat: [`WebSocket::round_trip`](crate::WebSocket::round_trip). `None`: none is known, or
    /// it is no WebSocket.
    pub round_trip: Option<Duration>,
}

impl Connection<'_> {
    /// Its counters: bytes in and out, age and the like. `None`: it has ended.
    ///
    /// ```
    /// use jackfield::{Client, Exchange, Request};
    ///
    /// struct Status;
    ///
    /// impl Client for Status {
    ///     fn on_request(&mut self, exchange: Exchange<'_>, _request: &Request<'_>) {
    ///         let age = exchange.stats().map_or(0, |stats| stats.age.as_secs());
    ///         exchange.ok("text/plain", format!("you are here for {age} s"));
    ///     }
    /// }
    /// ```
    #[doc(alias = "Counter")]
    #[doc(alias = "ReadCount")]
    #[doc(alias = "WriteCount")]
    #[must_use]
    pub fn stats(&self) -> Option<ConnectionStats> {
        let wire = self.wires.wire_stats(self.id)?;
        Some(ConnectionStats {
            bytes_in: wire.bytes_in,
            bytes_out: wire.bytes_out,
            queued: wire.queued,
            age: wire.age,
            quiet: wire.quiet,
            round_trip: self.last_round_trip(),
        })
    }

    /// The last round trip of its heartbeat.
    pub(crate) fn last_round_trip(&self) -> Option<Duration> {
        let kept = match &self.links.table[self.id.slot()].protocol {
            Protocol::WebSocket(socket) => socket.round_trip.get(),
            _ => None,
        };
        self.links.round_trip.or(kept)
    }
}
