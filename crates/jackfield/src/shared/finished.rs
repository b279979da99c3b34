//! What an observer is told of an exchange that is over.

use jackfield_proto::http1::Version;
use jackfield_reactor::ConnectionId;
use std::net::SocketAddr;
use std::time::Duration;

/// An exchange that is over: what was asked, and what became of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Finished<'e> {
    /// The connection.
    pub connection: ConnectionId,
    /// The index of the listener that it came to.
    pub listener: usize,
    /// The peer's address, if it has one of IP.
    pub peer: Option<SocketAddr>,
    /// The method of the request.
    pub method: &'e str,
    /// Its path, without the query.
    pub path: &'e str,
    /// What follows the first `?`, as it was sent: it may have secrets in it, which
    /// [`MaskedQuery`](crate::proto::http1::MaskedQuery) leaves out.
    pub query: Option<&'e str>,
    /// The version that the peer speaks.
    pub version: Version,
    /// The status of the answer; 0 if none was sent.
    pub status: u16,
    /// Bytes of the request: its head as it came, and its body without the framing of chunks. A body that was refused
    /// doesn't count.
    pub bytes_in: u64,
    /// Bytes of the answer, head and body, as plain text; those that the kernel has not taken yet included.
    pub bytes_out: u64,
    /// When it was over, in seconds since 1970.
    pub unix_seconds: u64,
    /// From the turn in which the head had come to that in which the last byte of the answer was queued, or the
    /// connection ended. In milliseconds; a simulation and a test server have their own clock.
    pub duration: Duration,
    /// How it was answered.
    pub answered: AnsweredAs,
    /// The answer is whole. False if the connection ended before that.
    pub is_complete: bool,
}

/// Who is told of exchanges besides the observer.
pub(crate) trait FinishedSink: Send + Sync {
    /// Whether it wants to be told of those of this listener.
    fn wants(&self, listener: usize) -> bool;

    fn take(&self, finished: &Finished<'_>);
}

/// How an exchange was answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum AnsweredAs {
    /// In its callback, or by the server itself.
    AtOnce,
    /// Later, whole.
    Later,
    /// With a body in parts, at once or later.
    Stream,
    /// With a stream of events.
    Events,
    /// It became a WebSocket.
    WebSocket,
}
