//! Closes connections: gracefully in their protocol, or at once.

use crate::config::{ListenerSettings, Speaks};
use crate::disconnect::{
    ClosingState, Disconnect, Goodbye, ProtocolState, Reason, busy_response, close_text, goodbye, retry_event,
};
use crate::links::link::key;
use crate::links::protocol::Protocol;
use crate::links::{Admission, Links};
use crate::message::Body;
use jackfield_proto::http1::{self, Awaits, Owed, ResponseToSend};
use jackfield_proto::websocket::{CloseError, CloseFrame};
use jackfield_reactor::{self as reactor, ConnectionId, ReadPause, Wires};
use std::borrow::Cow;
use std::time::Duration;

/// The code of a Close that has none (RFC 6455 section 7.1.5).
const NO_CODE: u16 = 1005;

/// How many times [`Limits::close_wait`](crate::Limits::close_wait) comes in addition, if the peer's bytes are unread because of its
/// bandwidth limit. A peer that always sends more than that allows would keep its place for ever.
const CLOSE_WAITS_MORE: u32 = 3;

/// The content type of a body that says what went wrong.
const EXPOSED: &str = "text/plain; charset=utf-8";

impl Links {
    /// Ends a connection for this reason, and sends its peer what [`goodbye`] says.
    #[cold]
    #[inline(never)]
    pub(crate) fn close(&mut self, wires: &mut Wires, id: ConnectionId, why: Reason) {
        if wires.contains(id) {
            let stands = self.standing(wires, id);
            self.say_goodbye(wires, id, goodbye(stands, why), why);
        }
    }

    /// The state of a connection that is going to end.
    pub(super) fn standing(&self, wires: &Wires, id: ConnectionId) -> ClosingState {
        let at = match &self.table[id.slot()].protocol {
            Protocol::Http(machine) => match machine.owed() {
                Owed::Idle => ProtocolState::Idle,
                Owed::Open | Owed::Deferred => ProtocolState::Owed,
                Owed::Streaming => ProtocolState::Streaming,
                Owed::Done | Owed::Switched => ProtocolState::Done,
            },
            Protocol::WebSocket(_) => ProtocolState::WebSocket,
            Protocol::Events => ProtocolState::Events,
            Protocol::Raw | Protocol::Lines { .. } => ProtocolState::Own,
            Protocol::Refused => ProtocolState::New,
            Protocol::None | Protocol::Opening => ProtocolState::Done,
        };
        ClosingState { at, has_backlog: wires.has_backlog(id), is_scarce: false }
    }

    /// True if the connection may be replaced by another: it speaks HTTP, is admitted for good, and has no open request.
    pub(crate) fn is_evictable(&self, wires: &Wires, id: ConnectionId) -> bool {
        let ClosingState { at, has_backlog, .. } = self.standing(wires, id);
        let is_admitted = self.table[id.slot()].admission == Admission::Admitted;
        at == ProtocolState::Idle && !has_backlog && is_admitted && wires.is_open(id)
    }

    pub(super) fn say_goodbye(&mut self, wires: &mut Wires, id: ConnectionId, goodbye: Goodbye, why: Reason) {
        match goodbye {
            Goodbye::Status(_) if self.is_answered(id) => self.end(wires, id, why),
            Goodbye::Status(status) => self.fail_exchange(wires, id, status, why),
            Goodbye::Close(code) => self.close_websocket_for(wires, id, code, why),
            Goodbye::CloseAndEnd(code) => {
                self.close_websocket_for(wires, id, code, why);
                self.end(wires, id, why);
            }
            Goodbye::End => self.end(wires, id, why),
            Goodbye::Reset => self.abort(wires, id, why),
            Goodbye::ReadFirst => self.read_first(wires, id, why),
            Goodbye::AnswerFirst => self.close_after_answer(id),
            Goodbye::Retry => self.end_with(wires, id, retry_event(id.slot() as u64), why),
            Goodbye::Busy => {
                let settings = self.settings.clone();
                let listener = &settings.listeners[usize::from(self.link(id).listener)];
                self.end_with(wires, id, self.busy_text(listener), why);
            }
        }
    }

    /// True if only the rest of a body is awaited, whose request is answered: a second answer would be taken for that to the next
    /// request.
    fn is_answered(&self, id: ConnectionId) -> bool {
        matches!(&self.table[id.slot()].protocol, Protocol::Http(machine)
            if machine.owed() == Owed::Idle && machine.awaits() == Awaits::Body)
    }

    /// The bytes that a new connection at this listener gets when the server is full.
    pub(crate) fn busy_text<'l>(&self, listener: &'l ListenerSettings) -> &'l [u8] {
        match listener.speaks {
            // This refusal is counted already.
            Speaks::Http => busy_response(self.metrics.refused.value().wrapping_sub(1)),
            Speaks::Raw | Speaks::Lines => &listener.busy_banner,
        }
    }

    /// Appends some last bytes, and ends the connection.
    pub(crate) fn end_with(&mut self, wires: &mut Wires, id: ConnectionId, last: &[u8], why: Reason) {
        if let Some(outbox) = wires.outbox(id) {
            outbox.tail().extend_from_slice(last);
        }
        self.end(wires, id, why);
    }

    /// Answers a request that has arrived but was not read yet, with `Connection: close`. If the connection is
    /// read-paused, the server waits until it is resumed.
    fn read_first(&mut self, wires: &mut Wires, id: ConnectionId, why: Reason) {
        if wires.is_paused_and_empty(id) {
            return self.end(wires, id, why);
        }
        self.close_after_answer(id);
        self.link(id).reason.get_or_insert(why);
        wires.read_finally(id);
    }

    /// The answer that is due, or the next one, has `Connection: close`.
    fn close_after_answer(&mut self, id: ConnectionId) {
        if let Protocol::Http(machine) = &mut self.link(id).protocol {
            machine.close_after();
        }
    }

    /// Closes a connection on behalf of the user, with a code where there are codes.
    pub(crate) fn close_with(&mut self, wires: &mut Wires, id: ConnectionId, code: u16, text: &str) {
        if !wires.contains(id) {
            return;
        }
        if let Err(error) = self.close_websocket(wires, id, Some(code), text, Reason::Local) {
            log::error!(target: "jackfield::client", connection:% = id; "{id}: closed with 1000 instead of {code}: {error}");
        }
        // Not a WebSocket, or a code that must not be sent. A WebSocket that is not open has sent its Close.
        if wires.is_open(id) || !matches!(self.link(id).protocol, Protocol::WebSocket(_)) {
            self.close(wires, id, Reason::Local);
        }
    }

    /// Closes the connection after the queued bytes, and adds none. An outgoing connection that is not up yet ends at once:
    /// its peer may never take what is queued.
    pub(crate) fn end(&mut self, wires: &mut Wires, id: ConnectionId, why: Reason) {
        if wires.contains(id) && self.is_on_its_way(id) {
            self.abort(wires, id, why);
        } else if wires.contains(id) {
            self.note_reason(wires, id, why);
            wires.close(id, reactor::Reason::Local);
            self.leave_soon(wires, id);
        }
    }

    /// Half-closes the connection after the queued bytes and messages.
    pub(crate) fn shutdown_write(&mut self, wires: &mut Wires, id: ConnectionId) {
        if wires.is_closing(id) {
            return;
        }
        // In a handshake of STARTTLS nothing can be sent. The wire keeps the half-close in mind.
        if wires.is_open(id) {
            self.empty_queue(wires, id);
        } else {
            self.drop_queue(wires, id);
        }
        wires.shutdown_write(id);
        self.leave_soon(wires, id);
    }

    fn is_on_its_way(&self, id: ConnectionId) -> bool {
        let link = &self.table[id.slot()];
        link.admission == Admission::Outgoing && matches!(link.protocol, Protocol::None | Protocol::Opening)
    }

    /// Drops what is queued and resets the connection.
    pub(crate) fn abort(&mut self, wires: &mut Wires, id: ConnectionId, why: Reason) {
        if wires.contains(id) {
            self.note_reason(wires, id, why);
            wires.abort(id, reactor::Reason::Local);
        }
    }

    /// Resets the connection after the queued bytes.
    pub(crate) fn abort_after_flush(&mut self, wires: &mut Wires, id: ConnectionId, why: Reason) {
        if wires.contains(id) {
            self.note_reason(wires, id, why);
            wires.abort_after_flush(id, reactor::Reason::Local);
            self.leave_soon(wires, id);
        }
    }

    /// Sets why a connection ends, unless a reason is known. A connection that reads its last request has a reason
    /// already, but an error of the answer may still replace it.
    fn note_reason(&mut self, wires: &Wires, id: ConnectionId, why: Reason) {
        let is_closing = wires.is_closing(id);
        let link = self.link(id);
        let goes_wrong = !is_closing
            && !matches!(why, Reason::Local | Reason::Peer)
            && !matches!(link.protocol, Protocol::WebSocket(_));
        if goes_wrong {
            link.reason = Some(why);
        } else {
            link.reason.get_or_insert(why);
        }
    }

    /// Closes a WebSocket with a code of the table, each of which may be sent.
    fn close_websocket_for(&mut self, wires: &mut Wires, id: ConnectionId, code: u16, why: Reason) {
        let closed = self.close_websocket(wires, id, Some(code), &close_text(why), why);
        debug_assert!(closed.is_ok(), "{code} may be sent");
    }

    /// Begins the closing handshake: nothing is sent after our Close, and the peer's Close is awaited for a while.
    pub(super) fn close_websocket(
        &mut self,
        wires: &mut Wires,
        id: ConnectionId,
        code: Option<u16>,
        text: &str,
        why: Reason,
    ) -> Result<(), CloseError> {
        let mask = self.mask_for(id);
        let Some(outbox) = wires.outbox(id) else { return Ok(()) };
        let link = &mut self.table[id.slot()];
        let Protocol::WebSocket(machine) = &mut link.protocol else { return Ok(()) };
        machine.close(code, text, mask, outbox.tail())?;
        link.reason.get_or_insert(why);
        self.charge(wires, id);
        wires.close_output(id);
        // The peer's Close must be read.
        wires.unthrottle(id);
        wires.resume(id);
        // First our Close must reach the peer.
        let wait = self.limits_of(id).close_wait.saturating_add(wires.output_time(id));
        wires.set_timer(id, key::CLOSE, wait);
        self.leave_soon(wires, id);
        Ok(())
    }

    /// The peer's Close has not come in time. If bytes of the peer are unread only because of its bandwidth limit, waits for it
    /// once more, and returns true.
    #[cold]
    pub(crate) fn awaits_close_unread(&self, wires: &mut Wires, id: ConnectionId) -> bool {
        let is_held_back = match wires.read_pause(id) {
            Some(pause) => pause == ReadPause::Bandwidth,
            // In the turn in which it gets its tokens it is not read yet.
            None => {
                wires.incoming_bytes_within(id, Duration::ZERO).is_some()
                    && wires.wire_stats(id).is_some_and(|stats| stats.quiet.is_zero())
            }
        };
        if is_held_back {
            let wait = self.limits_of(id).close_wait.saturating_mul(CLOSE_WAITS_MORE);
            wires.set_timer(id, key::CLOSE_UNREAD, wait);
        }
        is_held_back
    }

    /// Ends an exchange and its connection, with a status if an answer can still be given.
    fn fail_exchange(&mut self, wires: &mut Wires, id: ConnectionId, status: u16, why: Reason) {
        if let Protocol::Http(machine) = &mut self.link(id).protocol {
            machine.give_up();
        }
        let (content_type, text) = match why {
            Reason::Panic if self.settings.exposes_errors => {
                (EXPOSED, Cow::Owned(std::mem::take(&mut self.panic_text)))
            }
            why if self.settings.exposes_errors => (EXPOSED, Cow::Owned(why.to_string())),
            Reason::Protocol(_) => ("text/plain", Cow::Borrowed(http1::reason_phrase(status))),
            _ => ("", Cow::Borrowed("")),
        };
        self.respond(wires, id, &ResponseToSend::new(status, content_type), Body::from(text));
        self.end(wires, id, why);
    }

    /// Handles the peer's Close: answers it with its own code, unless it answers ours, and ends the connection.
    #[inline(never)]
    pub(crate) fn on_peer_close(&mut self, wires: &mut Wires, id: ConnectionId, frame: &CloseFrame<'_>) {
        self.link(id).extra().close = Some((frame.code.unwrap_or(NO_CODE), frame.reason.into()));
        self.charge(wires, id);
        let mask = self.mask_for(id);
        if let Some(outbox) = wires.outbox(id) {
            if let Protocol::WebSocket(machine) = &mut self.link(id).protocol {
                // A code that a peer may send may be sent back.
                let _ = machine.close(frame.code, "", mask, outbox.tail());
            }
        }
        // Nothing may follow a Close (RFC 6455 section 5.5.1), so in plain text there is no need to wait for the peer's FIN.
        wires.set_peer_done(id);
        self.end(wires, id, Reason::Peer);
    }

    /// The peer has closed its side, and all bytes before that were read. Also called when this side reads no further
    /// request: then an answer that is owed, or the closing handshake, comes first.
    pub(crate) fn on_peer_end(&mut self, wires: &mut Wires, id: ConnectionId) {
        // While an answer is open, the rest of the request's body is missing. If the peer has closed, it will never
        // come; if only this side stopped reading requests, it may.
        let more_comes = !wires.has_peer_ended(id);
        if !more_comes && self.is_end_kept(id) && !wires.may_handle_bytes(id) {
            return wires.put_off_end(id);
        }
        if !more_comes && self.owes_answer(id) {
            return self.on_peer_left(wires, id);
        }
        let owed = self.owes_answer(id)
            || (more_comes
                && matches!(&self.link(id).protocol, Protocol::Http(machine) if machine.owed() == Owed::Open));
        // If the last bytes made it a WebSocket, its closing handshake has begun, and the peer's Close is awaited.
        let is_awaited = more_comes && matches!(self.link(id).protocol, Protocol::WebSocket(_));
        if !owed && !is_awaited {
            self.close(wires, id, Reason::Peer);
        }
    }

    /// Whether a request or a frame has come whole, but its end was not delivered to the client.
    fn is_end_kept(&self, id: ConnectionId) -> bool {
        let link = &self.table[id.slot()];
        match &link.protocol {
            Protocol::Http(machine) => machine.is_end_due(),
            _ => link.extra.as_ref().is_some_and(|extra| extra.frame.is_end_due()),
        }
    }

    /// Makes the [`Disconnect`] of a connection, and counts its end.
    pub(crate) fn make_disconnect(
        &mut self,
        wires: &Wires,
        id: ConnectionId,
        reason: reactor::Reason,
    ) -> Disconnect {
        let stats = wires.wire_stats(id);
        let link = &mut self.table[id.slot()];
        let reason = link.reason.unwrap_or_else(|| Reason::from_reactor(reason));
        self.metrics.count_end(reason);
        let status = link.extra.as_ref().and_then(|extra| extra.status);
        let (dropped, held) = link.extra.as_ref().map_or((0, 0), |extra| {
            let held = extra.fragments.as_ref().map_or(0, |fragments| fragments.waiting.len());
            (extra.unsent, held as u64)
        });
        let (close_code, close_reason) = match link.extra.as_mut().and_then(|extra| extra.close.take()) {
            Some((code, text)) => (Some(code), text),
            None => (None, Box::default()),
        };
        Disconnect {
            reason,
            close_code,
            close_reason,
            status,
            bytes_in: stats.map_or(0, |stats| stats.bytes_in),
            bytes_out: stats.map_or(0, |stats| stats.bytes_out),
            unread: wires.unread(id) as u64,
            unsent: dropped + held + stats.map_or(0, |stats| stats.queued as u64),
            age: stats.map_or(Duration::ZERO, |stats| stats.age),
        }
    }
}
