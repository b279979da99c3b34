//! One message to one connection: encoded into its outbox, written through if it is large.

use crate::links::Links;
use crate::links::protocol::Protocol;
use crate::message::{Overflow, Prepared, Sent};
use jackfield_proto::sse;
use jackfield_proto::websocket::{self, Message};
use jackfield_reactor::{ConnectionId, WRITE_THROUGH_BYTES_MIN, Wires};

impl Links {
    /// Sends a message as a WebSocket frame. Who calls it knows that the connection is a WebSocket.
    #[inline(always)]
    pub(crate) fn send_frame<'m>(
        &mut self,
        wires: &mut Wires,
        id: ConnectionId,
        message: Message<'m>,
    ) -> Sent<'m> {
        let high = wires.limits().outbox_bytes_high;
        let Some(outbox) = wires.outbox(id) else { return Sent::Gone(message) };
        if outbox.queued() < high && message.len() < WRITE_THROUGH_BYTES_MIN {
            websocket::encode(message, outbox.tail());
            self.metrics.messages_out.add(1);
            return Sent::Queued;
        }
        self.send_large_frame(wires, id, message)
    }

    #[inline(never)]
    fn send_large_frame<'m>(
        &mut self,
        wires: &mut Wires,
        id: ConnectionId,
        message: Message<'m>,
    ) -> Sent<'m> {
        let opcode = match message {
            Message::Text(_) => websocket::Opcode::Text,
            Message::Binary(_) => websocket::Opcode::Binary,
        };
        let header = websocket::frame_header(opcode, true, message.len());
        self.send_bytes(wires, id, message, header.as_bytes(), message.as_bytes())
    }

    /// Sends an event on an event stream.
    pub(crate) fn send_event<'m>(
        &mut self,
        wires: &mut Wires,
        id: ConnectionId,
        event: &sse::Event<'_>,
        message: Message<'m>,
    ) -> Sent<'m> {
        // The answer to a HEAD ended with its head.
        if !matches!(self.link(id).protocol, Protocol::Events) {
            return Sent::Gone(message);
        }
        let mut scratch = std::mem::take(&mut self.scratch);
        scratch.clear();
        let sent = match event.encode(&mut scratch) {
            Ok(()) => self.send_bytes(wires, id, message, &[], &scratch),
            Err(_) => Sent::Unfit(message),
        };
        self.keep_scratch(scratch);
        sent
    }

    /// Sends bytes, if the backlog before them is below the cap. `message` is what is given back otherwise.
    pub(crate) fn send_bytes<'m>(
        &mut self,
        wires: &mut Wires,
        id: ConnectionId,
        message: Message<'m>,
        header: &[u8],
        payload: &[u8],
    ) -> Sent<'m> {
        let (high, cap) = (wires.limits().outbox_bytes_high, wires.limits().outbox_bytes_max);
        let Some(mut outbox) = wires.outbox(id) else { return Sent::Gone(message) };
        if outbox.counted() >= cap {
            if Self::is_full(wires, id) {
                self.overflow(wires, id, false);
                return Sent::Full(message);
            }
            let Some(relieved) = wires.outbox(id) else { return Sent::Gone(message) };
            outbox = relieved;
        }
        self.metrics.messages_out.add(1);
        let congested = if payload.len() >= WRITE_THROUGH_BYTES_MIN {
            wires.write_through(id, header, payload) == Some(true)
        } else {
            outbox.tail().extend_from_slice(header);
            outbox.tail().extend_from_slice(payload);
            outbox.queued() > high && Self::relieve(wires, id)
        };
        if congested { Sent::Congested } else { Sent::Queued }
    }

    /// Sends a message to any connection of this reactor, in whatever that speaks.
    pub(crate) fn send<'m>(&mut self, wires: &mut Wires, id: ConnectionId, message: Message<'m>) -> Sent<'m> {
        if !wires.is_open(id) {
            return Sent::Gone(message);
        }
        match (&self.link(id).protocol, message) {
            (Protocol::WebSocket(_), message) => self.send_frame(wires, id, message),
            (Protocol::Events, Message::Text(text)) => {
                self.send_event(wires, id, &sse::Event::data(text), message)
            }
            (Protocol::Raw | Protocol::Lines { .. }, message) => {
                self.send_bytes(wires, id, message, &[], message.as_bytes())
            }
            (Protocol::Events | Protocol::Http(_) | Protocol::Refused | Protocol::None, message) => {
                Sent::Unfit(message)
            }
        }
    }

    /// Sends a message that is encoded already to one connection. Its sender is not there any more to get the
    /// outcome.
    pub(crate) fn send_prepared(&mut self, wires: &mut Wires, id: ConnectionId, message: &Prepared) {
        if !wires.is_open(id) {
            return;
        }
        if !matches!(self.link(id).protocol, Protocol::WebSocket(_)) {
            let sent = self.send(wires, id, message.message());
            if matches!(sent, Sent::Full(_)) && self.link(id).overflow == Overflow::GiveBack {
                self.count_dropped(id);
            }
            return;
        }
        let high = wires.limits().outbox_bytes_high;
        let Some(outbox) = self.outbox_for_published(wires, id) else { return };
        outbox.share(message.frame());
        self.metrics.messages_out.add(1);
        if outbox.queued() > high {
            Self::relieve(wires, id);
        }
    }
}
