//! Opens WebSockets at other servers.

use crate::disconnect::{ConnectError, Reason};
use crate::links::Links;
use crate::links::link::key;
use crate::links::opening::{Accepted, OpeningResult};
use crate::links::protocol::WebSocketState;
use jackfield_proto::http1::HeaderSlots;
use jackfield_reactor::{ConnectionId, Wires};

impl Links {
    /// The stream below an outgoing WebSocket is up: sends the request for the upgrade. False: it is no such
    /// connection.
    pub(crate) fn ask_for_websocket(&mut self, wires: &mut Wires, id: ConnectionId) -> bool {
        let now = wires.now();
        let extra = self.table[id.slot()].extra.as_deref_mut();
        let Some(opening) = extra.and_then(|extra| extra.opening.as_deref_mut()) else { return false };
        if let Some(outbox) = wires.outbox(id) {
            outbox.tail().extend_from_slice(&std::mem::take(&mut opening.request));
        }
        wires.set_timer(id, key::UPGRADE, opening.deadline.since(now));
        true
    }

    /// Reads bytes of the answer. `None`: it is no such connection.
    pub(crate) fn read_opening(
        &mut self,
        wires: &mut Wires,
        id: ConnectionId,
        rx: &[u8],
        slots: &mut HeaderSlots,
    ) -> Option<OpeningResult> {
        let Self { table, settings, .. } = self;
        let link = &mut table[id.slot()];
        let limits = &settings.listeners[usize::from(link.listener)].limits.http;
        let opening = link.extra.as_mut()?.opening.as_mut()?;
        let mut accepted = Accepted::default();
        let opened = opening.read(rx, slots, limits, &mut accepted);
        match opened {
            OpeningResult::NotYet(_) => {}
            OpeningResult::Yes(_) => {
                wires.cancel_timer(id, key::UPGRADE);
                let extra = link.extra();
                (extra.subprotocol, extra.opening) = (accepted.subprotocol, None);
                self.compressors.set_reserved(accepted.agreed, &mut extra.agreed);
                self.charge(wires, id);
            }
            OpeningResult::No(status) => {
                link.extra().status = status;
                let error = status.map_or(ConnectError::WebSocket, |_| ConnectError::Status);
                self.abort(wires, id, Reason::Connect(error));
            }
        }
        Some(opened)
    }

    /// The state of a WebSocket that a server has accepted, with the agreed compression.
    pub(crate) fn make_client_websocket(&mut self, id: ConnectionId) -> WebSocketState {
        let agreed = self.table[id.slot()].extra.as_mut().and_then(|extra| extra.agreed.take());
        let mut socket = WebSocketState::client();
        self.compressors.begin_as_client(agreed, &mut socket);
        socket
    }
}
