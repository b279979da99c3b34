//! Reports of finished exchanges.

use jackfield_proto::http1::Version;
use jackfield_reactor::ConnectionId;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::Duration;

/// A finished exchange: the request, and how it was answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Finished<'e> {
    /// The connection.
    pub connection: ConnectionId,
    /// The index of the listener that it came to.
    pub listener: usize,
    /// The peer's address, if it has one of IP; of a client behind a trusted proxy the one that the proxy names, with port 0
    /// ([`Listener::trusted_proxies`](crate::Listener::trusted_proxies)).
    pub peer: Option<SocketAddr>,
    /// The method of the request.
    pub method: &'e str,
    /// Its path, without the query.
    pub path: &'e str,
    /// The query after the first `?`, as it was sent. It may contain secrets, which
    /// [`MaskedQuery`](crate::proto::http1::MaskedQuery) masks.
    pub query: Option<&'e str>,
    /// The version that the peer speaks.
    pub version: Version,
    /// The status of the answer; 0 if none was sent.
    pub status: u16,
    /// Bytes of the request: its head as it came, and its body without the framing of chunks. A body that was refused
    /// doesn't count.
    pub bytes_in: u64,
    /// Bytes of the answer, head and body, and of a `100 Continue` before it. They are counted before encryption, and those
    /// that the kernel has not taken yet too.
    pub bytes_out: u64,
    /// When it finished, in seconds since 1970.
    pub unix_seconds: u64,
    /// The time from the turn in which the head was complete to the turn in which the last byte of the answer was
    /// queued, or the connection ended. In milliseconds; a simulation and a test server have their own clock.
    pub duration: Duration,
    /// How it was answered.
    pub answered: AnsweredAs,
    /// True if the answer is complete. False if the connection ended earlier.
    pub is_complete: bool,
}

/// Gets finished exchanges besides the observer: the access log.
pub(crate) trait FinishedSink: Send + Sync {
    /// Whether it wants the exchanges of this listener.
    fn wants(&self, listener: usize) -> bool;

    fn take(&self, finished: &Finished<'_>);

    /// Takes an exchange that was answered in its event, if this data is enough. False: call `take`.
    fn take_entry(&self, entry: &LogEntry<'_>) -> bool;

    /// The number of exchanges that it has dropped so far, for any thread.
    fn dropped(&self) -> Arc<AtomicU64>;
}

/// The data of an exchange that costs nothing to get.
pub(crate) struct LogEntry<'e> {
    pub(crate) reactor: usize,
    pub(crate) peer: Option<SocketAddr>,
    pub(crate) method: &'e str,
    /// The target as it was sent.
    pub(crate) target: &'e [u8],
    pub(crate) version: Version,
    pub(crate) status: u16,
    pub(crate) bytes_out: u64,
    pub(crate) unix_seconds: u64,
}

/// How an exchange was answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum AnsweredAs {
    /// In the request's own callback, or by the server itself.
    AtOnce,
    /// Later, in one piece.
    Later,
    /// With a body in parts, at once or later.
    Stream,
    /// With a stream of events.
    Events,
    /// It became a WebSocket.
    WebSocket,
}
