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

/// The listeners that can have limits of their own: those with a lower index.
pub(crate) const LISTENERS_WITH_LIMITS_MAX: usize = u8::MAX as usize;

/// The peer of a wire: nearly always the whole address, otherwise an index into the table of peers.
#[derive(Clone, Copy, Debug)]
pub(crate) enum PeerSlot {
    V4 {
        listener: u8,
        port: u16,
        ip: [u8; 4],
    },
    /// The listener is [`LISTENERS_WITH_LIMITS_MAX`] if it has a higher number.
    Kept {
        listener: u8,
        place: u32,
    },
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

    /// A peer at this place in the table.
    pub(crate) fn kept(listener: usize, place: usize) -> Self {
        let listener = listener.min(LISTENERS_WITH_LIMITS_MAX) as u8;
        Self::Kept { listener, place: place as u32 }
    }

    /// The index of its listener, by which its limits are found.
    #[inline(always)]
    pub(crate) fn listener(self) -> usize {
        match self {
            Self::V4 { listener, .. } | Self::Kept { listener, .. } => listener.into(),
        }
    }

    /// The peer, or else its place in the table.
    pub(crate) fn peer(self) -> Result<Peer, usize> {
        match self {
            Self::V4 { listener, port, ip } => {
                Ok(Peer::new(SocketAddr::from((Ipv4Addr::from(ip), port)), listener.into()))
            }
            Self::Kept { place, .. } => Err(place as usize),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_peer_knows_its_listener() {
        let addr = |text: &str| text.parse::<SocketAddr>().expect("it is valid");
        for listener in [0, 1, 254, 255, 256, 70_000] {
            let here = PeerSlot::of(&Peer::new(addr("192.0.2.1:7"), listener));
            assert_eq!(here.is_some(), listener < 256);
            assert!(PeerSlot::of(&Peer::new(addr("[2001:db8::1]:7"), listener)).is_none());
            for slot in here.into_iter().chain([PeerSlot::kept(listener, 7)]) {
                assert_eq!(slot.listener(), listener.min(LISTENERS_WITH_LIMITS_MAX));
            }
        }
    }
}
