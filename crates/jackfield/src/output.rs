//! How messages leave: encoded into the outbox of their connection, written through when they are large.

use crate::hub::Links;
use crate::link::Protocol;
use crate::sent::{Overflow, Sent};
use crate::{Body, ConnectionId, Message, Prepared};
use jackfield_proto::{sse, websocket};
use jackfield_reactor::planted::planted;
use jackfield_reactor::{Outbox, WRITE_THROUGH_BYTES_MIN, Wires};

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
            if is_full(wires, id) {
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
            outbox.queued() > high && relieve(wires, id)
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

    /// Appends a body behind the head that was encoded just now. A body handed over whole is always taken.
    #[inline(always)]
    pub(crate) fn append_body(wires: &mut Wires, id: ConnectionId, body: Body<'_>) {
        if let Body::Borrowed(bytes) = body {
            if bytes.len() < WRITE_THROUGH_BYTES_MIN {
                if let Some(outbox) = wires.outbox(id) {
                    outbox.tail().extend_from_slice(bytes);
                }
                return;
            }
        }
        append_large_body(wires, id, body);
    }

    /// Sends a message that is encoded already to one connection. Its sender is not there any more to be told.
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
            relieve(wires, id);
        }
    }
}

/// Above high water: written at once, unless that was tried before and the kernel would take nothing.
#[cold]
pub(crate) fn relieve(wires: &mut Wires, id: ConnectionId) -> bool {
    wires.is_congested(id) || wires.flush_early(id)
}

/// Whether no more is taken for a connection, even when what the kernel takes was written: a cork that nobody has
/// tried to write yet says nothing of its peer.
#[cold]
pub(crate) fn is_full(wires: &mut Wires, id: ConnectionId) -> bool {
    let cap = wires.limits().outbox_bytes_max;
    relieve(wires, id);
    wires.outbox(id).is_some_and(|outbox| outbox.counted() >= cap && !planted(42))
}

#[inline(never)]
fn append_large_body(wires: &mut Wires, id: ConnectionId, body: Body<'_>) {
    let high = wires.limits().outbox_bytes_high;
    match body {
        Body::Borrowed(bytes) => {
            wires.write_through(id, &[], bytes);
        }
        Body::Owned(bytes) => append_piece(wires, id, high, |outbox| outbox.own_body(bytes)),
        Body::Shared(bytes) => append_piece(wires, id, high, |outbox| outbox.share_body(bytes)),
    }
}

fn append_piece(wires: &mut Wires, id: ConnectionId, high: usize, append: impl FnOnce(&mut Outbox)) {
    let Some(outbox) = wires.outbox(id) else { return };
    append(outbox);
    if outbox.queued() > high {
        relieve(wires, id);
    }
}
