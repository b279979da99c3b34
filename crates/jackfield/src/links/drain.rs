//! Drains connections: what has been asked is answered first.

use crate::disconnect::Reason;
use crate::links::Links;
use crate::links::protocol::Protocol;
use jackfield_proto::http1::Phase;
use jackfield_reactor::{ConnectionId, Wires};

impl Links {
    /// Drains a connection: requests that have come, or whose head has, are answered first.
    pub(crate) fn drain(&mut self, wires: &mut Wires, id: ConnectionId, close_code: u16, why: Reason) {
        let is_idle = wires.is_paused_and_empty(id);
        match &mut self.link(id).protocol {
            Protocol::Http(machine)
                if matches!(machine.phase(), Phase::Open | Phase::Deferred | Phase::Streaming) =>
            {
                machine.close_after();
            }
            // A request may be there that nobody has read yet: it is answered, with the word that it is the last. If
            // the connection is not read just now, that is waited for.
            Protocol::Http(machine) if machine.phase() == Phase::Idle && !is_idle => {
                machine.close_after();
                self.link(id).reason.get_or_insert(why);
                wires.read_finally(id);
            }
            Protocol::WebSocket(_) => {
                let closed = self.close_websocket(wires, id, Some(close_code), "", why);
                if closed.is_err() {
                    self.end(wires, id, why);
                }
            }
            _ => self.end(wires, id, why),
        }
    }
}
