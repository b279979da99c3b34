//! What the clients of raw and line connections hear of an end: that the peer has closed, and that the server will.

use crate::client::{Client, ClientFactory, Raw};
use crate::disconnect::Reason;
use crate::dispatch::Dispatcher;
use crate::links::Protocol;
use crate::shared::Callback;
use jackfield_reactor::{ConnectionId, Wires};

impl<F: ClientFactory> Dispatcher<F> {
    /// Whether a connection speaks a protocol of the user's own.
    pub(super) fn speaks_own(&self, id: ConnectionId) -> bool {
        matches!(self.links.table[id.slot()].protocol, Protocol::Raw | Protocol::Lines { .. })
    }

    /// All that came before the end was handed up: the peer's, or that of what is read at all.
    #[cold]
    pub(super) fn on_own_end(&mut self, wires: &mut Wires, id: ConnectionId) {
        match self.links.link(id).reason {
            Some(why) if !wires.has_ended(id) => self.say_goodbye(wires, id, why),
            _ => self.tell_peer_closed(wires, id),
        }
    }

    /// The peer has closed its side. Whether the connection goes on is for its client to say.
    fn tell_peer_closed(&mut self, wires: &mut Wires, id: ConnectionId) {
        let before = self.links.link(id).reason;
        self.links.link(id).reason.get_or_insert(Reason::Peer);
        let rest = wires.take_unread(id);
        if let Protocol::Lines { searched, .. } = &mut self.links.link(id).protocol {
            *searched = 0;
        }
        self.with_client(wires, id, Callback::PeerClosed, |client, connection| {
            client.on_peer_closed(&mut Raw { connection: connection.reborrow() }, &rest);
        });
        match before {
            _ if wires.is_closing(id) => {}
            // It was being drained.
            Some(why) => self.say_goodbye(wires, id, why),
            None => self.links.link(id).reason = None,
        }
    }

    /// A part of the way through all connections, while the server shuts down.
    pub(super) fn drain_on(&mut self, wires: &mut Wires) {
        for id in self.links.next_to_drain(wires) {
            self.drain(wires, id, Reason::Shutdown);
        }
    }

    /// Drains a connection. Where nothing is to be read before, a client with a protocol of its own has its last word now.
    pub(super) fn drain(&mut self, wires: &mut Wires, id: ConnectionId, why: Reason) {
        if self.speaks_own(id) && (wires.has_ended(id) || wires.is_paused_and_empty(id)) {
            self.say_goodbye(wires, id, why);
        } else {
            self.links.drain(wires, id, why);
        }
    }

    /// The client of a protocol of its own has its last word, and its connection ends.
    #[cold]
    pub(super) fn say_goodbye(&mut self, wires: &mut Wires, id: ConnectionId, why: Reason) {
        self.links.link(id).reason.get_or_insert(why);
        self.with_client(wires, id, Callback::Goodbye, |client, connection| {
            client.on_goodbye(&mut Raw { connection: connection.reborrow() }, why);
        });
        self.links.end(wires, id, why);
    }
}
