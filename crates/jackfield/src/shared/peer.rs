//! A new connection, before it has a client.

use std::net::SocketAddr;

/// A new connection, as the factory sees it.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Peer {
    /// Where it comes from.
    pub addr: SocketAddr,
    /// The index of the listener that it came to, in the order in which they were given.
    #[doc(alias = "MultiListenIndex")]
    pub listener: usize,
    /// The number of the reactor that takes it up.
    pub reactor: usize,
    /// True if it speaks TLS.
    pub is_tls: bool,
}
