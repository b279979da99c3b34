//! Closes connections, in the good order of what they speak or at once.

use crate::disconnect::{Disconnect, Fault, Limit, Reason};
use crate::links::Links;
use crate::links::link::key;
use crate::links::protocol::Protocol;
use crate::message::Body;
use jackfield_proto::http1::{self, Phase, ResponseHead};
use jackfield_proto::websocket::{self, CloseError, CloseFrame};
use jackfield_reactor::planted::planted;
use jackfield_reactor::{self as reactor, ConnectionId, Wires};
use std::time::Duration;

/// The code of a Close that has none (RFC 6455 section 7.1.5).
const NO_CODE: u16 = 1005;

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

    /// Closes a connection on behalf of the user, with a code where there are codes.
    pub(crate) fn close_with(&mut self, wires: &mut Wires, id: ConnectionId, code: u16, text: &str) {
        if let Err(error) = self.close_websocket(wires, id, Some(code), text, Reason::Local) {
            log::error!("{id}: a WebSocket was to be closed with {code}: {error}; 1000 goes out instead");
        }
        // What is no WebSocket, and what got a code that must not be sent; another one is closing already.
        if wires.is_open(id) {
            self.close(wires, id, Reason::Local);
        }
    }

    /// Closes the connection after what is queued; nothing is added.
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

    /// Begins the closing handshake: our Close is the last thing that is sent, and the peer's is awaited for a while.
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
        wires.set_timer(id, key::CLOSE, self.limits_of(id).close_wait);
        Ok(())
    }

    /// The peer broke HTTP: it is told so with a status, if an answer can still be given, and the connection closes.
    /// What exactly was wrong is in the reason of its end.
    #[cold]
    #[inline(never)]
    pub(crate) fn refuse_request(&mut self, wires: &mut Wires, id: ConnectionId, error: http1::Error) {
        if let Protocol::Http(machine) = &mut self.link(id).protocol {
            machine.close_after();
        }
        let text = http1::reason_phrase(error.status());
        self.respond(wires, id, &ResponseHead::new(error.status(), "text/plain"), Body::from(text));
        self.end(wires, id, Reason::Protocol(Fault::Http(error)));
    }

    /// The peer broke WebSocket: it is told so with a code, and the connection ends.
    #[cold]
    #[inline(never)]
    pub(crate) fn refuse_frame(&mut self, wires: &mut Wires, id: ConnectionId, error: websocket::Error) {
        let why = Reason::Protocol(Fault::WebSocket(error));
        // The codes of errors may be sent.
        let _ = self.close_websocket(wires, id, Some(error.close_code()), &error.to_string(), why);
        self.end(wires, id, why);
    }

    /// Ends an exchange, begun or not, with a status if an answer can still be given, and the connection with it.
    #[cold]
    pub(crate) fn fail_exchange(&mut self, wires: &mut Wires, id: ConnectionId, status: u16, why: Reason) {
        if let Protocol::Http(machine) = &mut self.link(id).protocol {
            machine.give_up();
        }
        self.respond(wires, id, &ResponseHead::new(status, ""), Body::Borrowed(&[]));
        self.end(wires, id, why);
    }

    /// Ends a connection whose peer sends too much, with what its protocol says in that case.
    #[cold]
    pub(crate) fn cut_off(&mut self, wires: &mut Wires, id: ConnectionId, limit: Limit, text: &str) {
        let why = Reason::Limit(limit);
        match &mut self.link(id).protocol {
            Protocol::Http(_) => return self.fail_exchange(wires, id, 429, why),
            Protocol::WebSocket(_) => {
                // 1008 may be sent.
                let _ = self.close_websocket(wires, id, Some(1008), text, why);
            }
            _ => {}
        }
        self.end(wires, id, why);
    }

    /// Ends a connection one of whose callbacks has panicked, with what can still be said.
    #[cold]
    pub(crate) fn end_panicked(&mut self, wires: &mut Wires, id: ConnectionId) {
        match &mut self.link(id).protocol {
            _ if planted(39) => {}
            Protocol::Http(machine) if matches!(machine.phase(), Phase::Open) => {
                machine.close_after();
                self.respond(wires, id, &ResponseHead::new(500, ""), Body::Borrowed(&[]));
                self.end(wires, id, Reason::Panic);
            }
            // What was answered before is on its way.
            Protocol::Http(machine)
                if matches!(machine.phase(), Phase::Idle | Phase::Done) && wires.queued(id) > 0 =>
            {
                self.end(wires, id, Reason::Panic);
            }
            Protocol::WebSocket(_) => {
                // 1011 may be sent.
                let _ = self.close_websocket(wires, id, Some(1011), "", Reason::Panic);
                self.end(wires, id, Reason::Panic);
            }
            _ => self.abort(wires, id, Reason::Panic),
        }
    }

    /// The peer's Close: it is answered with its own code, unless it is the answer to ours, and the connection ends.
    #[inline(never)]
    pub(crate) fn on_peer_close(&mut self, wires: &mut Wires, id: ConnectionId, frame: &CloseFrame<'_>) {
        let link = self.link(id);
        link.extra().close = Some((frame.code.unwrap_or(NO_CODE), frame.reason.into()));
        if let Some(outbox) = wires.outbox(id) {
            if let Protocol::WebSocket(machine) = &mut link.protocol {
                // What a peer may send, may be sent back.
                let _ = machine.close(frame.code, "", None, outbox.tail());
            }
        }
        // Nothing may follow a Close (RFC 6455 section 5.5.1), so the peer's end need not be waited for.
        wires.take_as_ended(id);
        self.end(wires, id, Reason::Peer);
    }

    /// The peer has ended its side. What is still owed to it, an answer or the closing handshake, comes first.
    pub(crate) fn on_peer_end(&mut self, wires: &mut Wires, id: ConnectionId) {
        // With an answer that is still open the rest of the body is missing, and will not come any more, if it is the
        // peer that has ended, and not this side that reads no further request.
        let more_comes = !wires.has_ended(id);
        let owed = matches!(&self.link(id).protocol, Protocol::Http(machine)
            if matches!(machine.phase(), Phase::Deferred | Phase::Streaming)
                || (more_comes && machine.phase() == Phase::Open));
        // What became a WebSocket with the last bytes has begun its closing handshake, and the peer's part is
        // awaited.
        let is_awaited = more_comes && matches!(self.link(id).protocol, Protocol::WebSocket(_));
        if !owed && !is_awaited {
            self.end(wires, id, Reason::Peer);
        }
    }

    /// The account of a connection's end. It is counted.
    pub(crate) fn disconnect(
        &mut self,
        wires: &Wires,
        id: ConnectionId,
        reason: reactor::Reason,
    ) -> Disconnect {
        let stats = wires.wire_stats(id);
        let link = &mut self.table[id.slot()];
        let reason = link.reason.unwrap_or_else(|| Reason::from_wire(reason));
        self.metrics.count_end(reason);
        let (close_code, close_reason) = match link.extra.as_mut().and_then(|extra| extra.close.take()) {
            Some((code, text)) => (Some(code), text),
            None => (None, Box::default()),
        };
        Disconnect {
            reason,
            close_code,
            close_reason,
            bytes_in: stats.map_or(0, |stats| stats.bytes_in),
            bytes_out: stats.map_or(0, |stats| stats.bytes_out),
            age: stats.map_or(Duration::ZERO, |stats| stats.age),
        }
    }
}
