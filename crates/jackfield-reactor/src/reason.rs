//! Why a connection ended.

use std::io::{self, ErrorKind};

/// Why a connection ended, as far as the transport knows.
///
/// Reasons of a protocol belong to the layer above, which has its own list for [`Reason::Service`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Reason {
    /// The peer closed its side in good order.
    Peer,
    /// The peer reset the connection, or was gone when something was written to it.
    Reset,
    /// This side closed or aborted it.
    Local,
    /// A timeout of the transport.
    Timeout(Timeout),
    /// A limit of the transport was exceeded.
    Limit(Limit),
    /// The TLS handshake failed, or a TLS record was invalid, or the key of a connection by TLS 1.2 may encrypt no more records.
    Tls,
    /// The first bytes were no valid preamble, or it was not complete in time: see
    /// [`Session::with_preamble`](crate::Session::with_preamble).
    Preamble,
    /// An outgoing connection could not be established: see [`Wires::connect`](crate::Wires::connect).
    Connect(ErrorKind),
    /// An operation on the socket failed.
    Io(ErrorKind),
    /// A callback of the service panicked.
    Panic,
    /// The server shuts down.
    Shutdown,
    /// A reason that only the service knows, as a number of its own.
    Service(u8),
}

impl Reason {
    /// The reason for an error of a socket.
    pub(crate) fn of_error(error: &io::Error) -> Self {
        match error.kind() {
            ErrorKind::ConnectionReset | ErrorKind::BrokenPipe | ErrorKind::ConnectionAborted => Self::Reset,
            // No socket gives this error. A TLS session gives it, if it is written to after invalid bytes were read,
            // and if its key is used up.
            ErrorKind::InvalidData => Self::Tls,
            kind => Self::Io(kind),
        }
    }
}

/// The timeouts of the transport.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Timeout {
    /// Nothing came from the peer for the idle timeout.
    Idle,
    /// Output was queued, and the peer took too little of it in time.
    Write,
    /// The TLS handshake or the outgoing connection was not complete in time.
    Handshake,
}

/// The limits of the transport.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Limit {
    /// More unused bytes than [`Limits::carry_bytes_max`](crate::Limits::carry_bytes_max) had to be kept between two reads.
    ReadBuffer,
    /// More bytes were queued for the peer than its outbox may hold.
    Backlog,
    /// The connection was evicted: its buffers held too much memory, or the memory for all connections was used up.
    Memory,
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The last one was `Io(InvalidData)`. The simulation found that (seed 62743): an answer was written to a TLS session after a
    /// forged record.
    #[test]
    fn an_error_has_its_reason() {
        for (kind, reason) in [
            (ErrorKind::ConnectionReset, Reason::Reset),
            (ErrorKind::BrokenPipe, Reason::Reset),
            (ErrorKind::ConnectionAborted, Reason::Reset),
            (ErrorKind::TimedOut, Reason::Io(ErrorKind::TimedOut)),
            (ErrorKind::InvalidData, Reason::Tls),
        ] {
            assert_eq!(Reason::of_error(&kind.into()), reason);
        }
    }
}
