//! The end of raw and line connections: `on_peer_closed` and `on_goodbye`.

use crate::client::{Client, ClientFactory, Raw};
use crate::disconnect::Reason;
use crate::dispatch::Dispatcher;
use crate::links::Protocol;
use crate::shared::Callback;
use jackfield_reactor::{ConnectionId, Wires};

impl<F: ClientFactory> Dispatcher<F> {
    /// Whether a connection is raw or in lines.
    pub(super) fn speaks_own(&self, id: ConnectionId) -> bool {
        matches!(self.links.table[id.slot()].protocol, Protocol::Raw | Protocol::Lines { .. })
    }

    /// All bytes before the end were delivered: before the peer's FIN, or before the point where this side stops
    /// reading.
    #[cold]
    pub(super) fn on_input_end(&mut self, wires: &mut Wires, id: ConnectionId) {
        match self.links.link(id).reason {
            Some(why) if !wires.has_peer_ended(id) => self.say_goodbye(wires, id, why),
            _ => self.tell_peer_closed(wires, id),
        }
    }

    /// The peer has closed its side. The client decides whether the connection goes on.
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

    /// Drains the next part of all connections, while the server shuts down.
    pub(super) fn drain_next(&mut self, wires: &mut Wires) {
        for id in self.links.next_to_drain(wires) {
            self.drain(wires, id, Reason::Shutdown);
        }
    }

    /// Drains a connection. If nothing has to be read first, a raw or line client gets `on_goodbye` now.
    pub(super) fn drain(&mut self, wires: &mut Wires, id: ConnectionId, why: Reason) {
        if self.speaks_own(id) && (wires.has_peer_ended(id) || wires.is_paused_and_empty(id)) {
            self.say_goodbye(wires, id, why);
        } else {
            self.links.drain(wires, id, why);
        }
    }

    /// Calls `on_goodbye` of a raw or line client, and ends its connection.
    #[cold]
    pub(super) fn say_goodbye(&mut self, wires: &mut Wires, id: ConnectionId, why: Reason) {
        self.links.link(id).reason.get_or_insert(why);
        self.with_client(wires, id, Callback::Goodbye, |client, connection| {
            client.on_goodbye(&mut Raw { connection: connection.reborrow() }, why);
        });
        self.links.end(wires, id, why);
    }
}
