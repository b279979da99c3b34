//! Who is at the other end of each wire.

use super::Wires;
use crate::id::ConnectionId;
use crate::session::preamble::Proxied;
use crate::stream::addr::Addr;
use crate::stream::credentials::Credentials;
use crate::table;
use crate::wire::peer::{Peer, PeerSlot};
use std::io;
use std::net::SocketAddr;

impl Wires {
    /// Who is at the other end. Known from the accept to `on_close`, after a reset too.
    pub fn peer(&self, id: ConnectionId) -> Option<Peer> {
        let slot = self.peek(id)?.peer;
        slot.peer().or_else(|place| self.peers.get(place).cloned().ok_or(place)).ok()
    }

    /// Where the connection comes from, as its proxy says if there is one; `None`: it has no address of IP.
    #[inline]
    pub fn source_ip(&self, id: ConnectionId) -> Option<SocketAddr> {
        match self.peek(id)?.peer {
            PeerSlot::V4 { port, ip, .. } => Some((ip, port).into()),
            PeerSlot::Kept(place) => self.kept_source_ip(place as usize),
        }
    }

    #[cold]
    fn kept_source_ip(&self, place: usize) -> Option<SocketAddr> {
        self.peers.get(place)?.source().as_ip()
    }

    /// Which process is at the other end of a unix socket, asked of the system each time; `None`: it is none, or the system
    /// does not tell.
    pub fn peer_credentials(&self, id: ConnectionId) -> Option<Credentials> {
        self.peek(id)?.session.stream().credentials()
    }

    /// This side's address, asked of the system each time.
    ///
    /// # Errors
    /// If the connection is gone.
    pub fn local_addr(&self, id: ConnectionId) -> io::Result<Addr> {
        self.peek(id).ok_or(io::ErrorKind::NotConnected)?.session.stream().local_addr()
    }

    pub(super) fn keep_peer(&mut self, peer: Peer) -> PeerSlot {
        PeerSlot::of(&peer).unwrap_or_else(|| {
            table::reserve_gently(&mut self.peers);
            PeerSlot::Kept(self.peers.insert(peer) as u32)
        })
    }

    /// A proxy has said for whom it speaks.
    pub(crate) fn set_proxied(&mut self, id: ConnectionId, proxied: Proxied) {
        if let Some(peer) = self.peer(id) {
            self.replace_peer(id, Peer { proxied: Some(proxied), ..peer });
        }
    }

    /// The address of a wire of our own that is being tried.
    pub(super) fn set_peer_addr(&mut self, id: ConnectionId, addr: Addr) {
        if let Some(peer) = self.peer(id) {
            self.replace_peer(id, Peer { addr, ..peer });
        }
    }

    fn replace_peer(&mut self, id: ConnectionId, peer: Peer) {
        self.forget_peer(id);
        let slot = self.keep_peer(peer);
        if let Some(wire) = self.get(id) {
            wire.peer = slot;
        }
    }

    pub(super) fn forget_peer(&mut self, id: ConnectionId) {
        if let Some(Err(place)) = self.peek(id).map(|wire| wire.peer.peer()) {
            self.peers.try_remove(place);
        }
    }

    #[cfg(test)]
    pub(crate) fn kept_peers(&self) -> usize {
        self.peers.len()
    }
}
