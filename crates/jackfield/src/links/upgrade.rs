//! From HTTP to WebSocket.

use crate::links::Links;
use crate::links::protocol::{Protocol, Socket};
use crate::shared::Callback;
use jackfield_proto::http1::Fields;
use jackfield_reactor::{ConnectionId, Wires};

impl Links {
    /// Says 101; from now on the connection is a WebSocket.
    pub(crate) fn switch_to_websocket(
        &mut self,
        wires: &mut Wires,
        id: ConnectionId,
        accept: &[u8; 28],
        fields: &Fields,
    ) {
        let Some(outbox) = wires.outbox(id) else { return };
        let link = &mut self.table[id.slot()];
        let Protocol::Http(machine) = &mut link.protocol else { return };
        machine.encode_switching(accept, fields, outbox.tail());
        link.protocol = Protocol::WebSocket(Socket::server());
        link.has_own_idle_timeout = false;
        wires.set_label(id, Callback::Message as u8);
        self.await_idle(wires, id);
    }
}
