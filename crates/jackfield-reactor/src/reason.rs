//! Why a connection ended.

use std::io::{self, ErrorKind};

/// Why a connection ended, as far as the transport can tell.
///
/// What a protocol means by it is the business of the layer above, which keeps its own account under
/// [`Reason::Service`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Reason {
    /// The peer finished its side in good order.
    Peer,
    /// The peer reset the connection, or vanished while something was written to it.
    Reset,
    /// This side closed or aborted it.
    Local,
    /// A deadline passed.
    Timeout(Timeout),
    /// A bound was exceeded.
    Limit(Limit),
    /// The TLS handshake failed, or a record was forged or malformed.
    Tls,
    /// What came before the session was no preamble: see [`Session::behind_preamble`](crate::Session::behind_preamble).
    Preamble,
    /// A connection of our own did not come about: see [`Wires::connect`](crate::Wires::connect).
    Connect(ErrorKind),
    /// The operating system refused an operation on the socket.
    Io(ErrorKind),
    /// A callback of the layer above panicked.
    Panic,
    /// The server is going down.
    Shutdown,
    /// A reason that only the layer above understands: a number of its own.
    Service(u8),
}

impl Reason {
    /// Why a connection ended whose socket gave this error.
    pub(crate) fn of_error(error: &io::Error) -> Self {
        match error.kind() {
            ErrorKind::ConnectionReset | ErrorKind::BrokenPipe | ErrorKind::ConnectionAborted => Self::Reset,
            // No socket says so. A session does that is written to after what it has read broke it.
            ErrorKind::InvalidData => Self::Tls,
            kind => Self::Io(kind),
        }
    }
}

/// The deadlines of the transport.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Timeout {
    /// Nothing was heard for as long as the layer above allowed.
    Idle,
    /// Bytes were queued and the peer took none of them.
    Write,
    /// The TLS handshake did not end in time.
    Handshake,
}

/// The bounds of the transport.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Limit {
    /// More bytes had to be kept between two reads than the carry holds.
    ReadBuffer,
    /// More bytes were queued for the peer than its outbox may hold.
    Backlog,
    /// Its buffers held too much memory: for one connection, or when there was none left for all.
    Memory,
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The last was `Io(InvalidData)`: the simulation found it (seed 62743), where an answer was written to a TLS session after a
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
