//! How messages leave: encoded into the outbox of their connection, written through when they are large, shared when
//! they go to many.

use crate::handle::Published;
use crate::hub::Hub;
use crate::link::Protocol;
use crate::sent::{Overflow, Sent};
use crate::{Body, ConnectionId, Message, Prepared};
use std::sync::Arc;
use switchboard_proto::{sse, websocket};
use switchboard_reactor::planted::planted;
use switchboard_reactor::{Outbox, SHARE_BYTES_MIN, WRITE_THROUGH_BYTES_MIN, Wires};

impl Hub {
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
            (Protocol::Events | Protocol::Http(_) | Protocol::None, message) => Sent::Unfit(message),
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

    /// Publishes a message on all reactors.
    pub(crate) fn publish(
        &mut self,
        wires: &mut Wires,
        topic: &str,
        message: Message<'_>,
        but: ConnectionId,
    ) -> Published {
        let Some(local) = self.topics.get(topic) else {
            // Nobody here: another reactor may have subscribers.
            return self.handle.publish_but(topic, message, wires.reactor());
        };
        let elsewhere = local.counts.total() > local.members.len();
        if !elsewhere && message.len() < SHARE_BYTES_MIN {
            let here = self.publish_small(wires, topic, message, but);
            return Published { here, ..Published::default() };
        }
        let prepared = Prepared::new(message);
        let published = if elsewhere {
            self.handle.pass_on(&local.name, &local.counts, &prepared, wires.reactor())
        } else {
            Published::default()
        };
        let here = self.publish_here(wires, topic, &prepared, but);
        Published { here, ..published }
    }

    /// A small message that stays on this reactor is copied to each subscriber and allocates nothing.
    fn publish_small(
        &mut self,
        wires: &mut Wires,
        topic: &str,
        message: Message<'_>,
        but: ConnectionId,
    ) -> usize {
        let mut scratch = std::mem::take(&mut self.scratch);
        scratch.clear();
        websocket::encode(message, &mut scratch);
        let frame_end = scratch.len();
        let event = match message {
            Message::Text(text) => sse::Event::data(text).encode(&mut scratch).is_ok(),
            Message::Binary(_) => false,
        };
        let (frame, event_bytes) = scratch.split_at(frame_end);
        let count = self.for_each_member(wires, topic, but, |protocol, outbox| {
            let bytes = match protocol {
                Protocol::WebSocket(_) => frame,
                Protocol::Events if event => event_bytes,
                Protocol::Raw | Protocol::Lines { .. } => message.as_bytes(),
                _ => return false,
            };
            outbox.tail().extend_from_slice(bytes);
            true
        });
        self.keep_scratch(scratch);
        count
    }

    /// Publishes a message that is encoded already to the subscribers of this reactor.
    pub(crate) fn publish_here(
        &mut self,
        wires: &mut Wires,
        topic: &str,
        message: &Prepared,
        but: ConnectionId,
    ) -> usize {
        let mut scratch = std::mem::take(&mut self.scratch);
        // Made when the first event stream wants it.
        let mut event = None;
        let count = self.for_each_member(wires, topic, but, |protocol, outbox| {
            match protocol {
                Protocol::WebSocket(_) => outbox.share(message.frame()),
                Protocol::Events => match event.get_or_insert_with(|| shared_event(message, &mut scratch)) {
                    Some(event) => outbox.share(event),
                    None => return false,
                },
                Protocol::Raw | Protocol::Lines { .. } => outbox.tail().extend_from_slice(message.payload()),
                Protocol::Http(_) | Protocol::None => return false,
            }
            true
        });
        self.keep_scratch(scratch);
        count
    }

    fn for_each_member(
        &mut self,
        wires: &mut Wires,
        topic: &str,
        but: ConnectionId,
        mut append: impl FnMut(&Protocol, &mut Outbox) -> bool,
    ) -> usize {
        let high = wires.limits().outbox_bytes_high;
        let Some(place) = self.topics.place(topic) else { return 0 };
        // The policy for a slow member needs all of the hub, and changes no membership.
        let members = self.topics.lend_members(place);
        let mut count = 0;
        for &id in members.iter().filter(|id| **id != but) {
            let outbox = match wires.gathering(id) {
                Some(outbox) if outbox.queued() < high => outbox,
                _ => match self.outbox_for_published(wires, id) {
                    Some(outbox) => outbox,
                    None => continue,
                },
            };
            if append(&self.links[id.slot()].protocol, outbox) {
                count += 1;
                if outbox.queued() > high {
                    relieve(wires, id);
                }
            }
        }
        self.topics.give_members_back(place, members);
        self.metrics.messages_out.add(count as u64);
        count
    }

    /// Where something that is published goes, unless the connection is gone or too much is queued for it.
    #[inline(never)]
    fn outbox_for_published<'w>(&mut self, wires: &'w mut Wires, id: ConnectionId) -> Option<&'w mut Outbox> {
        let cap = wires.limits().outbox_bytes_max;
        if wires.outbox(id)?.counted() >= cap && is_full(wires, id) {
            self.overflow(wires, id, true);
            return None;
        }
        wires.outbox(id)
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

/// A text message as an event; an event stream carries no binary ones.
fn shared_event(message: &Prepared, scratch: &mut Vec<u8>) -> Option<Arc<[u8]>> {
    let Message::Text(text) = message.message() else { return None };
    scratch.clear();
    sse::Event::data(text).encode(scratch).ok()?;
    Some(scratch[..].into())
}

/// Above high water: written at once, unless that was tried before and the kernel would take nothing.
#[cold]
fn relieve(wires: &mut Wires, id: ConnectionId) -> bool {
    wires.is_congested(id) || wires.relieve(id)
}

/// Whether no more is taken for a connection, even when what the kernel takes was written: a cork that nobody has tried
/// to write yet says nothing of its peer.
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
