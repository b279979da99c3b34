//! A message to one connection: encoded into its outbox, or written through if it is large.

use crate::links::Links;
use crate::message::{Content, MessageFormat, Prepared, Sent};
use crate::shared::Busy;
use crate::topics::Overflow;
use jackfield_proto::websocket::{self, Message};
use jackfield_reactor::{ConnectionId, SHARE_BYTES_MIN, WRITE_THROUGH_BYTES_MIN, Wires};
use std::sync::Arc;

impl Links {
    /// Sends to any connection of this reactor, in the form of its protocol.
    pub(crate) fn send(&mut self, wires: &mut Wires, id: ConnectionId, content: Content<'_>) -> Sent {
        if !wires.is_open(id) {
            return Sent::Gone;
        }
        let Some(form) = self.link(id).protocol.message_format() else { return Sent::Unsupported };
        if form == MessageFormat::Masked {
            return self.send_masked(wires, id, content);
        }
        if let Content::Prepared(prepared) = content {
            return self.send_prepared(wires, id, prepared, form);
        }
        match (form, content.message()) {
            (MessageFormat::Frame, Some(message)) => self.send_frame(wires, id, message),
            (MessageFormat::Bytes, Some(message)) => self.send_bytes(wires, id, &[], message.as_bytes()),
            (MessageFormat::Event, _) => self.send_event(wires, id, content),
            (MessageFormat::Frame | MessageFormat::Masked | MessageFormat::Bytes, _) => Sent::Unsupported,
        }
    }

    /// Sends to any connection of any reactor.
    pub(crate) fn send_anywhere(
        &mut self,
        wires: &mut Wires,
        id: ConnectionId,
        content: Content<'_>,
    ) -> Sent {
        if id.reactor() == wires.reactor() {
            return self.send(wires, id, content);
        }
        match self.handle.send_content(id, content) {
            Ok(()) => Sent::Queued,
            Err(Busy::Full) => Sent::Full,
            Err(Busy::Unknown | Busy::Gone | Busy::Stopped) => Sent::Gone,
        }
    }

    /// Sends to all connections of this reactor that have a client, but one. Returns to how many.
    pub(crate) fn send_to_others(
        &mut self,
        wires: &mut Wires,
        content: Content<'_>,
        but: ConnectionId,
    ) -> usize {
        // A large message is encoded once. A small one is encoded as fast as it is copied.
        let is_prepared = content.len() >= SHARE_BYTES_MIN || self.is_long(content.len());
        let prepared = is_prepared.then(|| content.prepare());
        let content = prepared.as_ref().map_or(content, Content::Prepared);
        let others = wires.listed_ids().into_iter().filter(|id| *id != but);
        others.filter(|id| self.send(wires, *id, content).is_accepted()).count()
    }

    /// Sends where nobody learns the result: what would be given back is counted as dropped.
    pub(crate) fn send_or_count(&mut self, wires: &mut Wires, id: ConnectionId, message: &Prepared) {
        let sent = self.send(wires, id, Content::Prepared(message));
        if sent == Sent::Full && self.link(id).overflow == Some(Overflow::GiveBack) {
            self.count_dropped(wires, id);
        }
    }

    /// Sends a message as a WebSocket frame. The connection must be a WebSocket.
    #[inline(always)]
    pub(crate) fn send_frame(&mut self, wires: &mut Wires, id: ConnectionId, message: Message<'_>) -> Sent {
        let high = wires.lowest_marks().high;
        let Some(outbox) = wires.outbox(id) else { return Sent::Gone };
        if outbox.queued_bytes() < high && message.len() < self.short_bytes {
            websocket::encode(message, outbox.tail());
            self.metrics.messages_out.add(1);
            return Sent::Queued;
        }
        self.send_large_frame(wires, id, message)
    }

    #[inline(never)]
    fn send_large_frame(&mut self, wires: &mut Wires, id: ConnectionId, message: Message<'_>) -> Sent {
        if self.fragmenting > 0 {
            if let Some(sent) = self.hold_back(wires, id, Content::Message(message)) {
                return sent;
            }
        }
        if let Some(sent) = self.send_deflated(wires, id, message, None) {
            return sent;
        }
        let opcode = match message {
            Message::Text(_) => websocket::Opcode::Text,
            Message::Binary(_) => websocket::Opcode::Binary,
        };
        let header = websocket::frame_header(opcode, true, message.len());
        self.send_bytes(wires, id, header.as_bytes(), message.as_bytes())
    }

    /// Sends a frame with a mask, on an outgoing WebSocket.
    #[cold]
    #[inline(never)]
    pub(crate) fn send_masked(&mut self, wires: &mut Wires, id: ConnectionId, content: Content<'_>) -> Sent {
        if self.fragmenting > 0 {
            if let Some(sent) = self.hold_back(wires, id, content) {
                return sent;
            }
        }
        let mask = self.masks.mask();
        let deflated = match content {
            Content::Prepared(prepared) => self.deflated(id, prepared),
            Content::Message(_) | Content::Event(_) => {
                let message = content.message();
                if let Some(sent) =
                    message.and_then(|message| self.send_deflated(wires, id, message, Some(mask)))
                {
                    return sent;
                }
                None
            }
        };
        let mut scratch = std::mem::take(&mut self.scratch);
        scratch.clear();
        let sent = match content.encode_masked(mask, deflated.map(|frame| &**frame), &mut scratch) {
            true => self.send_bytes(wires, id, &[], &scratch),
            false => Sent::Unsupported,
        };
        self.return_scratch(scratch);
        sent
    }

    fn send_event(&mut self, wires: &mut Wires, id: ConnectionId, content: Content<'_>) -> Sent {
        let mut scratch = std::mem::take(&mut self.scratch);
        scratch.clear();
        let sent = match content.encode(MessageFormat::Event, &mut scratch) {
            true => self.send_bytes(wires, id, &[], &scratch),
            false => Sent::Unsupported,
        };
        self.return_scratch(scratch);
        sent
    }

    fn send_prepared(
        &mut self,
        wires: &mut Wires,
        id: ConnectionId,
        prepared: &Prepared,
        form: MessageFormat,
    ) -> Sent {
        if self.fragmenting > 0 && form == MessageFormat::Frame {
            if let Some(sent) = self.hold_back(wires, id, Content::Prepared(prepared)) {
                return sent;
            }
        }
        if let Some(deflated) = self.deflated(id, prepared).filter(|_| form == MessageFormat::Frame) {
            return self.send_shared(wires, id, deflated);
        }
        match (prepared.shared(form), prepared.encoded(form)) {
            (Some(shared), _) => self.send_shared(wires, id, shared),
            (None, Some(bytes)) => self.send_bytes(wires, id, &[], bytes),
            (None, None) => Sent::Unsupported,
        }
    }

    /// Sends shared bytes, if the backlog before them is below the cap. Large ones are not copied.
    fn send_shared(&mut self, wires: &mut Wires, id: ConnectionId, bytes: &Arc<[u8]>) -> Sent {
        let marks = wires.lowest_marks();
        let outbox = match wires.outbox(id) {
            Some(outbox) if outbox.counted_bytes() < marks.max => outbox,
            _ => match self.outbox_at_cap(wires, id) {
                Ok(outbox) => outbox,
                Err(sent) => return sent,
            },
        };
        outbox.push_shared(bytes);
        self.metrics.messages_out.add(1);
        let congested = outbox.queued_bytes() > marks.high && Self::flush_early(wires, id);
        if congested { Sent::Congested } else { Sent::Queued }
    }

    /// Sends a whole message as bytes, if the backlog before it is below the cap.
    pub(crate) fn send_bytes(
        &mut self,
        wires: &mut Wires,
        id: ConnectionId,
        header: &[u8],
        payload: &[u8],
    ) -> Sent {
        self.send_counted(wires, id, header, payload, 1)
    }

    /// The same for a part of a message or of a body, which is not counted.
    pub(super) fn send_uncounted(&mut self, wires: &mut Wires, id: ConnectionId, part: &[u8]) -> Sent {
        self.send_counted(wires, id, &[], part, 0)
    }

    #[inline(always)]
    fn send_counted(
        &mut self,
        wires: &mut Wires,
        id: ConnectionId,
        header: &[u8],
        payload: &[u8],
        messages: u64,
    ) -> Sent {
        let marks = wires.lowest_marks();
        let outbox = match wires.outbox(id) {
            Some(outbox) if outbox.counted_bytes() < marks.max => outbox,
            _ => match self.outbox_at_cap(wires, id) {
                Ok(outbox) => outbox,
                Err(sent) => return sent,
            },
        };
        self.metrics.messages_out.add(messages);
        let congested = if payload.len() >= WRITE_THROUGH_BYTES_MIN {
            wires.write_through(id, header, payload) == Some(true)
        } else {
            outbox.tail().extend_from_slice(header);
            outbox.tail().extend_from_slice(payload);
            outbox.queued_bytes() > marks.high && Self::flush_early(wires, id)
        };
        if congested { Sent::Congested } else { Sent::Queued }
    }
}
