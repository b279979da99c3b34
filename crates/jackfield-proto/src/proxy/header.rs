//! The contents of a header.

use core::net::SocketAddr;

use super::tlv::Tlvs;

/// A header, borrowed from the bytes it came in.
#[derive(Clone, Copy, Debug)]
pub struct Header<'b> {
    version: Version,
    is_local: bool,
    addresses: Addresses<'b>,
    tlvs: Tlvs<'b>,
}

/// The versions of the protocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Version {
    /// A line of text.
    V1,
    /// Binary.
    V2,
}

/// The source and the destination of the connection, as the proxy sees them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Addresses<'b> {
    /// The proxy gives no addresses. Only the addresses of the connection itself are known.
    Unknown,
    /// Two addresses of one family, IPv4 or IPv6.
    Ip {
        /// How the peer reached the proxy.
        transport: Transport,
        /// The peer.
        source: SocketAddr,
        /// What the peer connected to.
        destination: SocketAddr,
    },
    /// Two unix sockets.
    Unix {
        /// How the peer reached the proxy.
        transport: Transport,
        /// The path of the peer's socket, at most 108 bytes; empty if it has none. An abstract name begins with a NUL.
        source: &'b [u8],
        /// The path of the socket that the peer connected to.
        destination: &'b [u8],
    },
}

/// How a peer reached the proxy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Transport {
    /// A stream, such as TCP.
    Stream,
    /// Datagrams, such as UDP.
    Datagram,
}

impl<'b> Header<'b> {
    /// The header of a proxy's own connection, such as a health check.
    pub(super) const fn local() -> Self {
        Self { version: Version::V2, is_local: true, addresses: Addresses::Unknown, tlvs: Tlvs::NONE }
    }

    /// The header of a connection that a proxy passes on.
    pub(super) const fn proxied(version: Version, addresses: Addresses<'b>, tlvs: Tlvs<'b>) -> Self {
        Self { version, is_local: false, addresses, tlvs }
    }

    /// The version.
    #[must_use]
    pub const fn version(&self) -> Version {
        self.version
    }

    /// Whether the proxy has made the connection for itself, for example for a health check (`LOCAL`, version 2 only). Then
    /// the addresses of the connection itself count; the header has neither addresses nor vectors.
    #[must_use]
    pub const fn is_local(&self) -> bool {
        self.is_local
    }

    /// The addresses.
    #[must_use]
    pub const fn addresses(&self) -> Addresses<'b> {
        self.addresses
    }

    /// The type-length-value vectors, in order. There are none in version 1.
    #[must_use]
    pub const fn tlvs(&self) -> Tlvs<'b> {
        self.tlvs
    }
}
