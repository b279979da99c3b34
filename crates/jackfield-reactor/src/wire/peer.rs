//! The peer of a wire. It is stored, because after a reset the system does not know it any more.

use crate::session::preamble::Proxied;
use crate::stream::addr::Addr;
use std::net::{Ipv4Addr, SocketAddr};

/// The other end of a connection, and the listener that it came to.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Peer {
    /// The address that the connection comes from. The client of a unix socket usually has no path.
    pub addr: Addr,
    /// The index of the listener.
    pub listener: usize,
    /// The connection for which a proxy speaks, if the peer is a proxy that sent a preamble.
    pub proxied: Option<Proxied>,
}

impl Peer {
    /// A peer without a proxy.
    pub fn new(addr: impl Into<Addr>, listener: usize) -> Self {
        Self { addr: addr.into(), listener, proxied: None }
    }

    /// The address that the connection comes from: the one that the proxy gave, if there is one, otherwise `addr`.
    pub fn source(&self) -> &Addr {
        self.proxied.as_ref().map_or(&self.addr, |proxied| &proxied.source)
    }
}

/// The peer of a wire: nearly always the whole address, otherwise an index into the table of peers.
#[derive(Clone, Copy, Debug)]
pub(crate) enum PeerSlot {
    V4 { listener: u8, port: u16, ip: [u8; 4] },
    Kept(u32),
}

/// It is part of every wire, so it must be small.
const _: () = assert!(size_of::<PeerSlot>() == 8);

impl PeerSlot {
    /// A peer that needs no place in the table: one with an IPv4 address and without a proxy.
    pub(crate) fn of(peer: &Peer) -> Option<Self> {
        match (peer.addr.as_ip(), u8::try_from(peer.listener), &peer.proxied) {
            (Some(SocketAddr::V4(addr)), Ok(listener), None) => {
                Some(Self::V4 { listener, port: addr.port(), ip: addr.ip().octets() })
            }
            _ => None,
        }
    }

    /// The peer, or else its place in the table.
    pub(crate) fn peer(self) -> Result<Peer, usize> {
        match self {
            Self::V4 { listener, port, ip } => {
                Ok(Peer::new(SocketAddr::from((Ipv4Addr::from(ip), port)), listener.into()))
            }
            Self::Kept(place) => Err(place as usize),
        }
    }
}
