//! Who is at the other end, kept for as long as the wire is there: after a reset the system does not tell it any more.

use crate::session::preamble::Proxied;
use crate::stream::addr::Addr;
use std::net::{Ipv4Addr, SocketAddr};

/// Who is at the other end of a connection, and where it came in.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Peer {
    /// The address that the connection comes from. Of a unix socket it has seldom a path.
    pub addr: Addr,
    /// The index of the listener that it came to.
    pub listener: usize,
    /// For which connection it speaks, if it is a proxy that has said so in its preamble.
    pub proxied: Option<Proxied>,
}

impl Peer {
    /// A peer that speaks for itself.
    pub fn new(addr: impl Into<Addr>, listener: usize) -> Self {
        Self { addr: addr.into(), listener, proxied: None }
    }

    /// Where the connection comes from, as the proxy says if there is one.
    pub fn source(&self) -> &Addr {
        self.proxied.as_ref().map_or(&self.addr, |proxied| &proxied.source)
    }
}

/// What a wire has of its peer: nearly always all of it, and else a place in the table of peers.
#[derive(Clone, Copy, Debug)]
pub(crate) enum PeerSlot {
    V4 { listener: u8, port: u16, ip: [u8; 4] },
    Kept(u32),
}

/// It is part of every wire.
const _: () = assert!(size_of::<PeerSlot>() == 8);

impl PeerSlot {
    /// A peer that needs no place in the table: one with an address of IPv4 that speaks for itself.
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
