//! Who is at the other end, as the user sees it.

use crate::links::Links;
use crate::shared::Peer;
#[cfg(feature = "tls")]
use crate::shared::TlsInfo;
use jackfield_reactor::{self as reactor, Addr, ConnectionId, Wires};
#[cfg(feature = "tls")]
use std::sync::Arc;

impl Links {
    /// The peer of an adopted connection.
    pub(crate) fn peer(&self, wires: &Wires, id: ConnectionId) -> Peer {
        let link = &self.table[id.slot()];
        let unknown = || reactor::Peer::new(Addr::Unix(None), link.listener.into());
        let peer = self.peer_at(wires.peer(id).unwrap_or_else(unknown), id.reactor());
        let tag = link.extra.as_ref().and_then(|extra| extra.tag);
        Peer {
            tag,
            is_tls: peer.is_tls || wires.is_encrypted(id),
            #[cfg(feature = "tls")]
            tls: self.tls_info(wires, id),
            ..peer
        }
    }

    /// Takes a connection out of the counts of its reactor, its listener and its address.
    pub(crate) fn uncount(&self, wires: &Wires, id: ConnectionId, socket: usize) {
        if self.handle.counts_addresses(socket) {
            if let Some(peer) = wires.peer(id) {
                self.handle.uncount_address(&peer);
            }
        }
        self.handle.uncount(id.reactor(), socket);
    }

    /// The peer of a connection that is not adopted yet. The wire's `listener` is the index of a socket; the user sees the
    /// number of the listener.
    pub(crate) fn peer_at(&self, wire: reactor::Peer, reactor: usize) -> Peer {
        let listener = self.settings.listeners.get(wire.listener);
        let number = listener.map_or(wire.listener, |listener| listener.number);
        let is_tls = listener.is_some_and(|listener| listener.is_tls());
        let listener_name = listener.and_then(|listener| listener.name.clone());
        Peer {
            wire,
            listener: number,
            listener_name,
            reactor,
            is_tls,
            tag: None,
            #[cfg(feature = "tls")]
            tls: None,
        }
    }

    /// The facts of its TLS handshake, once that is over.
    #[cfg(feature = "tls")]
    fn tls_info(&self, wires: &Wires, id: ConnectionId) -> Option<Arc<TlsInfo>> {
        let host = self.table[id.slot()].extra.as_ref().and_then(|extra| extra.host.as_ref());
        TlsInfo::of(wires.tls(id)?, host.and_then(|host| host.tag)).map(Arc::new)
    }
}
