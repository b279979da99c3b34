//! Why a connection ended.

use jackfield_proto::{http1, websocket};
use jackfield_reactor as reactor;
use std::fmt;
use std::io::ErrorKind;
use std::time::Duration;

/// How a connection has ended: the reason, its age, and the bytes in each direction.
///
/// ```
/// use jackfield::{Client, Connection, Disconnect, Reason};
///
/// struct Visitor;
///
/// impl Client for Visitor {
///     fn on_disconnect(&mut self, connection: &mut Connection<'_>, end: &Disconnect) {
///         match end.reason {
///             Reason::Peer | Reason::Local | Reason::Shutdown => {}
///             reason => println!("{} after {:?}: {reason}", connection.id(), end.age),
///         }
///     }
/// }
/// ```
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Disconnect {
    /// Why it ended. If there are several reasons, the first one counts, with two exceptions: a fault in the last request of a
    /// connection that is being drained, and an eviction while it closes.
    pub reason: Reason,
    /// The code of the WebSocket Close that the peer sent, if it sent one (RFC 6455 section 7.1.5; 1005 for a Close
    /// without code). A peer that did not answer ours in time has none.
    pub close_code: Option<u16>,
    /// The reason in the peer's Close; empty if it gave none.
    pub close_reason: Box<str>,
    /// The status of a server that refused an outgoing WebSocket: see [`ConnectError::Status`].
    pub status: Option<u16>,
    /// Bytes read, after decryption.
    pub bytes_in: u64,
    /// Bytes that the kernel took, counted before encryption. Over TLS, if it took only a part of the last write, up to 200 bytes
    /// too many: the overhead of the records. They are missing in `unsent` then.
    pub bytes_out: u64,
    /// Bytes of `bytes_in` that were kept for the client and that it has not used, because the connection was
    /// read-paused, or because a message was not complete. If a client closes in `on_data`, the bytes of that call that
    /// it does not use are not counted.
    pub unread: u64,
    /// Bytes that were queued for the peer and dropped, because the connection was aborted, or closed for its backlog.
    /// Bytes that an eviction dropped are not counted.
    pub unsent: u64,
    /// How long the connection lasted.
    pub age: Duration,
}

/// Why a connection ended.
#[doc(alias = "StatusCode")]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Reason {
    /// The peer closed its side, or sent a Close.
    Peer,
    /// The peer reset the connection, or vanished while something was sent to it.
    PeerReset,
    /// This side closed or aborted it.
    Local,
    /// A deadline passed.
    Timeout(Timeout),
    /// The peer broke a protocol. It got the matching status or close code.
    Protocol(ProtocolError),
    /// A limit was exceeded.
    Limit(Limit),
    /// TLS failed, or the key of a connection by TLS 1.2 has encrypted as many records as it may.
    Tls,
    /// It did not begin with a PROXY header, as its listener requires, or the header did not come in time:
    /// [`Listener::proxy_required`](crate::Listener::proxy_required).
    Proxy,
    /// An outgoing connection failed: see [`Outgoing`](crate::Outgoing).
    Connect(ConnectError),
    /// The operating system refused an operation on the socket.
    Io(ErrorKind),
    /// A callback of the client panicked.
    Panic,
    /// The server was shut down.
    Shutdown,
}

/// Deadlines of a connection. [`Limits`](crate::Limits) has their lengths.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
#[doc(alias = "OnTimeout")]
pub enum Timeout {
    /// Nothing came for too long.
    Idle,
    /// A request's head did not come in time.
    Head,
    /// A request's body came too slowly.
    Body,
    /// The fragments of a WebSocket message did not come in time.
    Message,
    /// A WebSocket sent nothing after a ping.
    Heartbeat,
    /// The peer took nothing of what was sent.
    Write,
    /// The TLS handshake did not end in time.
    Handshake,
    /// Your code did not decide about an upgrade in time.
    Upgrade,
    /// The longest lifetime of the connection is over.
    Lifetime,
    /// An answer was not given in time, or was not continued.
    Answer,
}

/// Limits of a connection. [`Limits`](crate::Limits) has their sizes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Limit {
    /// The peer reads too slowly, and its backlog is full.
    Backlog,
    /// More bytes had to be kept between two reads than is allowed.
    ReadBuffer,
    /// A line is too long.
    Line,
    /// Its buffers held more than one connection may, or it was among the largest when the memory of all was used up.
    Memory,
    /// It sent more in a second than its [`Rate`](crate::Rate) allows.
    Rate,
    /// Too many control frames came within a second.
    ControlFrames,
    /// The reactor is overloaded.
    Overload,
    /// It was idle, and a new connection replaced it: see [`WhenFull::EvictIdle`](crate::WhenFull::EvictIdle).
    Connections,
}

/// Why an outgoing connection failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ConnectError {
    /// The target is not valid, for example TLS to a text that is not a server name, or an option has no effect with the others.
    Invalid,
    /// The name has no address.
    Name,
    /// Too many name look-ups wait.
    Busy,
    /// It was not up in time: see [`Outgoing::timeout`](crate::Outgoing::timeout).
    Timeout,
    /// The system's error for the last address that was tried: for example it refused, or there is no route to it.
    /// [`ErrorKind::QuotaExceeded`]: the process or the system has no file descriptor left.
    Io(ErrorKind),
    /// The other side closed it before it was up.
    Closed,
    /// TLS failed, or the certificate is not trusted.
    Tls,
    /// The server refused the WebSocket. [`Disconnect::status`] has its status.
    Status,
    /// The server's answer breaks the rules of the opening handshake (RFC 6455, section 4.1).
    WebSocket,
}

/// How a peer broke a protocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ProtocolError {
    /// It broke HTTP.
    Http(http1::Error),
    /// It broke WebSocket.
    WebSocket(websocket::Error),
}

impl Reason {
    pub(crate) fn from_reactor(reason: reactor::Reason) -> Self {
        match reason {
            reactor::Reason::Peer => Self::Peer,
            reactor::Reason::Reset => Self::PeerReset,
            reactor::Reason::Timeout(reactor::Timeout::Write) => Self::Timeout(Timeout::Write),
            reactor::Reason::Timeout(reactor::Timeout::Handshake) => Self::Timeout(Timeout::Handshake),
            reactor::Reason::Timeout(_) => Self::Timeout(Timeout::Idle),
            reactor::Reason::Limit(reactor::Limit::ReadBuffer) => Self::Limit(Limit::ReadBuffer),
            reactor::Reason::Limit(reactor::Limit::Memory) => Self::Limit(Limit::Memory),
            reactor::Reason::Limit(_) => Self::Limit(Limit::Backlog),
            reactor::Reason::Tls => Self::Tls,
            reactor::Reason::Preamble => Self::Proxy,
            reactor::Reason::Io(kind) => Self::Io(kind),
            reactor::Reason::Connect(kind) => Self::Connect(ConnectError::Io(kind)),
            reactor::Reason::Panic => Self::Panic,
            reactor::Reason::Shutdown => Self::Shutdown,
            _ => Self::Local,
        }
    }
}

/// The number of classes of reasons.
pub(crate) const CLASSES: usize = TIMEOUTS + LIMITS + 11;

const TIMEOUTS: usize = Timeout::Answer as usize + 1;

const LIMITS: usize = Limit::Connections as usize + 1;

impl Reason {
    /// The index of its counter, below [`CLASSES`].
    pub(crate) fn class(self) -> usize {
        match self {
            Self::Timeout(timeout) => timeout as usize,
            Self::Limit(limit) => TIMEOUTS + limit as usize,
            others => {
                TIMEOUTS
                    + LIMITS
                    + match others {
                        Self::PeerReset => 1,
                        Self::Local => 2,
                        Self::Protocol(ProtocolError::Http(_)) => 3,
                        Self::Protocol(ProtocolError::WebSocket(_)) => 4,
                        Self::Tls => 5,
                        Self::Io(_) => 6,
                        Self::Panic => 7,
                        Self::Shutdown => 8,
                        Self::Connect(_) => 9,
                        Self::Proxy => 10,
                        _ => 0,
                    }
            }
        }
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Peer => f.write_str("the peer closed it"),
            Self::PeerReset => f.write_str("the peer reset it"),
            Self::Local => f.write_str("this side closed it"),
            Self::Timeout(timeout) => write!(f, "timeout: {timeout}"),
            Self::Protocol(ProtocolError::Http(error)) => write!(f, "the peer broke HTTP: {error}"),
            Self::Protocol(ProtocolError::WebSocket(error)) => write!(f, "the peer broke WebSocket: {error}"),
            Self::Limit(limit) => write!(f, "limit: {limit}"),
            Self::Tls => f.write_str("TLS failed"),
            Self::Proxy => f.write_str("it did not begin with a PROXY header"),
            Self::Connect(error) => write!(f, "the connection failed: {error}"),
            Self::Io(kind) => write!(f, "the operating system reported: {kind}"),
            Self::Panic => f.write_str("a callback panicked"),
            Self::Shutdown => f.write_str("the server was shut down"),
        }
    }
}

impl fmt::Display for Timeout {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Idle => "nothing came for too long",
            Self::Head => "the head of a request did not come in time",
            Self::Body => "the body of a request came too slowly",
            Self::Message => "the fragments of a message did not come in time",
            Self::Heartbeat => "nothing came after a ping",
            Self::Write => "the peer took nothing of what was sent",
            Self::Handshake => "the TLS handshake did not end in time",
            Self::Upgrade => "an upgrade was not decided in time",
            Self::Lifetime => "the longest lifetime is over",
            Self::Answer => "an answer was not given or continued in time",
        })
    }
}

impl fmt::Display for Limit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Backlog => "the peer reads too slowly",
            Self::ReadBuffer => "too many bytes had to be kept between two reads",
            Self::Line => "a line is too long",
            Self::Memory => "too much memory",
            Self::Rate => "too much in a second",
            Self::ControlFrames => "too many control frames in a second",
            Self::Overload => "the reactor is overloaded",
            Self::Connections => "a new connection replaced it while it was idle",
        })
    }
}

impl fmt::Display for ConnectError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Invalid => f.write_str("the target is not valid"),
            Self::Name => f.write_str("the name has no address"),
            Self::Busy => f.write_str("too many name look-ups wait"),
            Self::Timeout => f.write_str("it was not up in time"),
            Self::Io(kind) => write!(f, "the operating system reported: {kind}"),
            Self::Closed => f.write_str("the other side closed it"),
            Self::Tls => f.write_str("TLS failed"),
            Self::Status => f.write_str("the server refused the WebSocket"),
            Self::WebSocket => f.write_str("the server broke the rules of the opening handshake"),
        }
    }
}

impl std::error::Error for ConnectError {}
