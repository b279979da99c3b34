//! From HTTP to WebSocket.

use crate::disconnect::{ConnectError, Limit, Reason, Timeout};
use crate::links::Links;
use crate::links::link::{Awaited, key};
use crate::links::protocol::{Protocol, WebSocketState};
use crate::shared::{Acceptance, Callback, Switching};
use jackfield_proto::http1::{Fields, Owed};
use jackfield_proto::websocket::Offer;
use jackfield_reactor::{ConnectionId, Wires};

/// Bytes that a peer may send before it knows whether its WebSocket is accepted; fewer, if fewer may be carried.
const EARLY_BYTES_MAX: usize = 4 << 10;

impl Links {
    /// Sends the 101, and makes the connection a WebSocket. This ends its exchange, whatever is sent next.
    pub(crate) fn switch_to_websocket(&mut self, wires: &mut Wires, id: ConnectionId, switching: Switching) {
        let Switching { accept, mut fields, deflate } = switching;
        let Some(outbox) = wires.outbox(id) else { return };
        let link = &mut self.table[id.slot()];
        let Protocol::Http(machine) = &mut link.protocol else { return };
        let mut socket = WebSocketState::server();
        self.compressors.agree(deflate, &mut socket, &mut fields);
        machine.encode_switching(&accept, &fields, outbox.tail());
        outbox.begin_messages();
        link.protocol = Protocol::WebSocket(socket);
        link.has_own_idle_timeout = false;
        wires.set_label(id, Callback::Message as u8);
        self.apply_idle_timeout(wires, id);
        if deflate.is_some() {
            self.charge_tables(wires);
        }
        if self.link(id).checks.records_exchanges() {
            self.settle_exchange(wires, id);
        }
    }

    /// `rest_bytes` came after a request that is not answered yet. A peer that asked for a WebSocket must wait for the
    /// answer.
    #[cold]
    #[inline(never)]
    pub(crate) fn limit_early_bytes(&mut self, wires: &mut Wires, id: ConnectionId, rest_bytes: usize) {
        let early_bytes_max = EARLY_BYTES_MAX.min(self.limits_of(id).reactor.carry_bytes_max);
        if rest_bytes <= early_bytes_max || self.link(id).awaited != Awaited::Early {
            return;
        }
        if let Protocol::Http(machine) = &mut self.link(id).protocol {
            machine.close_after();
        }
        self.respond_with_status(wires, id, 400);
    }

    /// An overloaded reactor refuses an upgrade with 1013, because scripts in browsers can see this code and not a 503
    /// (RFC 6455 section 7.4.2, and IANA's registry of codes).
    #[cold]
    pub(crate) fn refuse_try_again_later(&mut self, wires: &mut Wires, id: ConnectionId, offer: &Offer<'_>) {
        let switching = Switching { accept: offer.accept_key(), fields: Fields::new(), deflate: None };
        self.switch_to_websocket(wires, id, switching);
        self.close(wires, id, Reason::Limit(Limit::Overload));
    }

    /// Carries out a deferred decision: the connection becomes a WebSocket, unless its exchange is over or its peer is
    /// gone. True if it does.
    pub(crate) fn accept_deferred(&mut self, wires: &mut Wires, acceptance: Acceptance) -> bool {
        let Acceptance { id, sequence, switching } = acceptance;
        if !self.is_owed(wires, id, sequence) {
            return false;
        }
        wires.cancel_timer(id, key::UPGRADE);
        if wires.has_peer_ended(id) {
            self.close(wires, id, Reason::Peer);
            return false;
        }
        self.switch_to_websocket(wires, id, switching);
        self.read_after_answer(wires, id);
        true
    }

    /// An upgrade was not decided on in time, here or by the other server.
    pub(crate) fn on_undecided(&mut self, wires: &mut Wires, id: ConnectionId) {
        match &self.link(id).protocol {
            Protocol::Http(machine) if machine.owed() == Owed::Deferred => {
                self.close(wires, id, Reason::Timeout(Timeout::Upgrade));
            }
            Protocol::Opening => self.abort(wires, id, Reason::Connect(ConnectError::Timeout)),
            _ => {}
        }
    }
}
