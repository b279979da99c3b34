//! Closes connections, in the good order of what they speak or at once.

use crate::disconnect::Reason;
use crate::links::Links;
use crate::links::link::key;
use crate::links::protocol::Protocol;
use jackfield_proto::websocket::CloseError;
use jackfield_reactor::{self as reactor, ConnectionId, Wires};

impl Links {
    /// Closes a connection in the good order of whatever it speaks.
    pub(crate) fn close(&mut self, wires: &mut Wires, id: ConnectionId, why: Reason) {
        if !wires.contains(id) {
            return;
        }
        match self.link(id).protocol {
            Protocol::WebSocket(_) => {
                let code = if why == Reason::Shutdown { 1001 } else { 1000 };
                // Both codes may be sent.
                let _ = self.close_websocket(wires, id, Some(code), "", why);
            }
            _ => self.end(wires, id, why),
        }
    }

    /// Closes the connection after what is queued, without another word.
    pub(crate) fn end(&mut self, wires: &mut Wires, id: ConnectionId, why: Reason) {
        if wires.contains(id) {
            self.link(id).reason.get_or_insert(why);
            wires.close(id, reactor::Reason::Local);
        }
    }

    /// Drops what is queued and resets the connection.
    pub(crate) fn abort(&mut self, wires: &mut Wires, id: ConnectionId, why: Reason) {
        if wires.contains(id) {
            self.link(id).reason.get_or_insert(why);
            wires.abort(id, reactor::Reason::Local);
        }
    }

    /// Begins the closing handshake: our Close is the last word, and the peer's is awaited for a while.
    pub(crate) fn close_websocket(
        &mut self,
        wires: &mut Wires,
        id: ConnectionId,
        code: Option<u16>,
        text: &str,
        why: Reason,
    ) -> Result<(), CloseError> {
        let Some(outbox) = wires.outbox(id) else { return Ok(()) };
        let link = &mut self.table[id.slot()];
        let Protocol::WebSocket(machine) = &mut link.protocol else { return Ok(()) };
        machine.close(code, text, None, outbox.tail())?;
        link.reason.get_or_insert(why);
        self.charge(wires, id);
        wires.close_output(id);
        // The answer to it must be heard.
        wires.unthrottle(id);
        wires.set_timer(id, key::CLOSE, self.settings.limits.close_wait);
        Ok(())
    }
}
