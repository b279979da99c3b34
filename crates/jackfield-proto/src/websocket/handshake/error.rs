//! Errors of the opening handshake.

use std::fmt;

/// What is wrong with a client's opening handshake. It is an error of the client: answer with [`status`](Self::status).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum HandshakeError {
    /// The method is not `GET`.
    Method,
    /// The version of HTTP is below 1.1.
    HttpVersion,
    /// No `Host`, more than one, or one that is not text.
    Host,
    /// No `Upgrade` with the token `websocket`.
    Upgrade,
    /// No `Connection` with the token `upgrade`.
    Connection,
    /// No `Sec-WebSocket-Version`, more than one, or another than [`VERSION`](super::VERSION).
    Version,
    /// No `Sec-WebSocket-Key`, more than one, or one that is not base64 of 16 bytes.
    Key,
    /// More than one `Origin`, or one that is not text.
    Origin,
    /// A `Sec-WebSocket-Protocol` whose elements are not tokens, or that has the same one twice.
    Protocol,
    /// A `Sec-WebSocket-Extensions` that is no list of extensions (RFC 6455, section 9.1).
    Extensions,
}

impl HandshakeError {
    /// The status of the answer: 405 for another method; 426 for a wrong version, and the answer must have the field
    /// `Sec-WebSocket-Version:` [`VERSION`](super::VERSION); 400 for all other errors.
    pub const fn status(self) -> u16 {
        match self {
            Self::Method => 405,
            Self::Version => 426,
            _ => 400,
        }
    }
}

impl fmt::Display for HandshakeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Method => "a WebSocket handshake needs the method GET",
            Self::HttpVersion => "a WebSocket handshake needs HTTP/1.1",
            Self::Host => "a WebSocket handshake needs one Host field",
            Self::Upgrade => "a WebSocket handshake needs an Upgrade field with the token websocket",
            Self::Connection => "a WebSocket handshake needs a Connection field with the token upgrade",
            Self::Version => "a WebSocket handshake needs Sec-WebSocket-Version 13",
            Self::Key => "a WebSocket handshake needs one Sec-WebSocket-Key of 16 bytes in base64",
            Self::Origin => "a WebSocket handshake may have one Origin field, and that must be text",
            Self::Protocol => "Sec-WebSocket-Protocol must be a list of different tokens",
            Self::Extensions => "Sec-WebSocket-Extensions must be a list of extensions",
        })
    }
}

impl std::error::Error for HandshakeError {}

/// What is wrong with a server's answer to our opening handshake. It is an error of the server: close the connection (RFC
/// 6455, section 4.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ResponseError {
    /// The server answered with this status instead of 101: a refusal, a redirection, or a request for credentials.
    Status(u16),
    /// No `Upgrade` with the value `websocket`.
    Upgrade,
    /// No `Connection` with the token `upgrade`.
    Connection,
    /// No `Sec-WebSocket-Accept`, more than one, or one that does not match our key.
    Accept,
    /// A `Sec-WebSocket-Protocol` that we did not offer, or more than one.
    Protocol,
    /// A `Sec-WebSocket-Extensions` that agrees to what was not offered, or more than one.
    Extensions,
}

impl fmt::Display for ResponseError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Status(status) => {
                return write!(f, "the server answered the WebSocket handshake with status {status}");
            }
            Self::Upgrade => "the server's answer has no Upgrade field with the value websocket",
            Self::Connection => "the server's answer has no Connection field with the token upgrade",
            Self::Accept => "the server's Sec-WebSocket-Accept does not belong to our key",
            Self::Protocol => "the server chose a subprotocol that was not offered",
            Self::Extensions => "the server chose an extension that was not offered",
        })
    }
}

impl std::error::Error for ResponseError {}

/// Why a head was not encoded. It is an error of the caller, and nothing was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum EncodeError {
    /// The target does not begin with a slash, or contains something other than visible ASCII, or `#`.
    Target,
    /// The host is no name or address, with or without a port.
    Host,
    /// A subprotocol is not a token, or is offered twice.
    Protocol,
    /// A further field has a name that is not a token or that the handshake writes itself, or a value that would end its
    /// line.
    Field,
}

impl fmt::Display for EncodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Target => "the target of the handshake is no path with a query, in visible ASCII",
            Self::Host => "the host of the handshake is malformed",
            Self::Protocol => "a subprotocol is not a token, or is offered twice",
            Self::Field => "a field of the handshake has a bad name or value, or is not free to choose",
        })
    }
}

impl std::error::Error for EncodeError {}
