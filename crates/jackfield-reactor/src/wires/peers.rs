//! The peer of each wire.

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
    /// The peer of the connection. It is known until `on_close`, also after a reset.
    pub fn peer(&self, id: ConnectionId) -> Option<Peer> {
        let slot = self.wire(id)?.peer;
        slot.peer().or_else(|place| self.peers.get(place).cloned().ok_or(place)).ok()
    }

    /// The IP address and port that the connection comes from: those that the proxy gave, if there is one. `None` for a
    /// unix socket.
    #[inline]
    pub fn source_ip(&self, id: ConnectionId) -> Option<SocketAddr> {
        match self.wire(id)?.peer {
            PeerSlot::V4 { port, ip, .. } => Some((ip, port).into()),
            PeerSlot::Kept { place, .. } => self.kept_source_ip(place as usize),
        }
    }

    #[cold]
    fn kept_source_ip(&self, place: usize) -> Option<SocketAddr> {
        self.peers.get(place)?.source().as_ip()
    }

    /// True if the connection must begin with a preamble, and it was not read: it is not complete, or not valid. It is
    /// known until `on_close`.
    pub fn awaits_preamble(&self, id: ConnectionId) -> bool {
        self.wire(id).is_some_and(|wire| wire.session.awaits_preamble())
    }

    /// The process at the other end of a unix socket. Each call asks the system. `None`: the connection is no unix socket,
    /// or the system does not tell.
    pub fn peer_credentials(&self, id: ConnectionId) -> Option<Credentials> {
        self.wire(id)?.session.stream().credentials()
    }

    /// The address of our end. Each call asks the system.
    ///
    /// # Errors
    /// The connection is gone, or the error of the system.
    pub fn local_addr(&self, id: ConnectionId) -> io::Result<Addr> {
        self.wire(id).ok_or(io::ErrorKind::NotConnected)?.session.stream().local_addr()
    }

    /// The socket of a connection; `None` if it is gone, or in memory.
    #[cfg(unix)]
    pub fn descriptor(&self, id: ConnectionId) -> Option<std::os::fd::BorrowedFd<'_>> {
        self.wire(id)?.session.stream().descriptor()
    }

    pub(super) fn keep_peer(&mut self, peer: Peer) -> PeerSlot {
        PeerSlot::of(&peer).unwrap_or_else(|| {
            table::reserve_gently(&mut self.peers);
            PeerSlot::kept(peer.listener, self.peers.insert(peer))
        })
    }

    /// Sets the addresses that a proxy has given.
    pub(crate) fn set_proxied(&mut self, id: ConnectionId, proxied: Proxied) {
        if let Some(peer) = self.peer(id) {
            self.replace_peer(id, Peer { proxied: Some(proxied), ..peer });
        }
    }

    /// Sets the address that an outgoing wire is trying.
    pub(super) fn set_peer_addr(&mut self, id: ConnectionId, addr: Addr) {
        if let Some(peer) = self.peer(id) {
            self.replace_peer(id, Peer { addr, ..peer });
        }
    }

    fn replace_peer(&mut self, id: ConnectionId, peer: Peer) {
        self.forget_peer(id);
        let slot = self.keep_peer(peer);
        if let Some(wire) = self.wire_mut(id) {
            wire.peer = slot;
        }
    }

    pub(super) fn forget_peer(&mut self, id: ConnectionId) {
        if let Some(Err(place)) = self.wire(id).map(|wire| wire.peer.peer()) {
            self.peers.try_remove(place);
        }
    }

    #[cfg(test)]
    pub(crate) fn kept_peers(&self) -> usize {
        self.peers.len()
    }
}
