//! A message in fragments: given piece by piece by its sender, or read from a reader as the connection drains. Other
//! messages for the same connection wait for its end; control frames don't (RFC 6455, section 5.4).

use crate::disconnect::Reason;
use crate::guard::guard;
use crate::links::Links;
use crate::links::fragments::Fragments;
use crate::links::link::Link;
use crate::message::{Content, MessageFormat, Prepared, Sent};
use crate::topics::Overflow;
use jackfield_proto::websocket::{Message, Opcode, encode_frame, encode_masked};
use jackfield_reactor::{ConnectionId, WRITE_THROUGH_BYTES_MIN, Wires};
use std::io::{self, Read};

/// A reader's piece, which becomes one frame.
const PIECE_BYTES: usize = 16 << 10;

/// Pieces that one connection may read in a turn.
const PIECES_PER_TURN: usize = 4;

/// Connections whose readers a turn continues. The others are first in the next turn.
const READERS_PER_TURN: usize = 16;

impl Links {
    /// Begins a message in fragments. If it is not accepted, no message has begun; `Full` also means that an earlier
    /// one has not ended.
    pub(crate) fn begin_fragments(
        &mut self,
        wires: &mut Wires,
        id: ConnectionId,
        kind: Opcode,
        reader: Option<Box<dyn Read>>,
    ) -> Sent {
        if !wires.is_open(id) {
            return Sent::Gone;
        }
        if !matches!(
            self.link(id).protocol.message_format(),
            Some(MessageFormat::Frame | MessageFormat::Masked)
        ) {
            return Sent::Unsupported;
        }
        if self.link(id).extra().fragments.is_some() {
            return Sent::Full;
        }
        self.end_fan_out(wires);
        let fragments = Fragments {
            kind,
            has_begun: false,
            waiting: Vec::new(),
            notices: Vec::new(),
            reader,
            is_listed: false,
        };
        self.link(id).extra().fragments = Some(Box::new(fragments));
        self.count_fragmenting(1);
        self.charge(wires, id);
        self.pull_fragments(wires, id);
        Sent::Queued
    }

    /// Sends a fragment of the message that has begun, of the same kind. An empty fragment is not sent.
    pub(crate) fn send_fragment(&mut self, wires: &mut Wires, id: ConnectionId, part: Message<'_>) -> Sent {
        let Some(fragments) = self.fragments(id) else { return Sent::Gone };
        let is_text = matches!(part, Message::Text(_));
        match is_text == (fragments.kind == Opcode::Text) {
            true if part.is_empty() => Sent::Queued,
            // It is no message, so it does not count as a dropped one: its sender may send it again.
            true if self.link(id).overflow.is_some_and(|own| own != Overflow::Close)
                && Self::has_no_room(wires, id) =>
            {
                Sent::Full
            }
            true => self.send_frame_of_message(wires, id, part.as_bytes(), false),
            false => Sent::Unsupported,
        }
    }

    /// Ends the message, and sends what has waited for that. If none of its fragments was accepted, the outbox may refuse it as
    /// it may refuse any other message; it is over all the same.
    pub(crate) fn end_fragments(&mut self, wires: &mut Wires, id: ConnectionId) -> Sent {
        let Some(fragments) = self.fragments(id) else { return Sent::Gone };
        let sent = match fragments.has_begun {
            true => self.send_end_of_begun(wires, id),
            false => self.send_frame_of_message(wires, id, &[], true),
        };
        if !wires.is_open(id) {
            return sent;
        }
        let Some(fragments) = self.link(id).extra().fragments.take() else { return Sent::Gone };
        self.count_fragmenting(-1);
        self.metrics.messages_out.add(sent.is_accepted().into());
        let (at, notices) = (wires.bytes_submitted(id), fragments.notices.iter());
        let notices = notices.map(|(behind, tag)| (at + *behind as u64, *tag));
        let due = self.link(id).extra().notices.as_mut();
        due.into_iter().for_each(|due| notices.clone().for_each(|(at, tag)| due.push(at, tag)));
        let high = wires.lowest_marks().high;
        if let Some(outbox) = wires.outbox(id) {
            // These messages were accepted when they were sent.
            outbox.tail().extend_from_slice(&fragments.waiting);
            if outbox.queued_bytes() > high {
                Self::flush_early(wires, id);
            }
        }
        self.charge(wires, id);
        self.send_queued(wires, id);
        self.queue_replay(wires, id);
        sent
    }

    /// Holds a whole message back while another is being sent in fragments. `None`: none is being sent.
    #[cold]
    pub(super) fn hold_back(
        &mut self,
        wires: &mut Wires,
        id: ConnectionId,
        content: Content<'_>,
    ) -> Option<Sent> {
        let bounds = (self.link(id).overflow.unwrap_or_default(), wires.limits_of(id).outbox_bytes_max);
        self.hold_back_within(wires, id, content, bounds, false)
    }

    /// The same for a message that is published to a topic: the topic's policy and cap count too. With a policy that queues, the
    /// message goes to the queue if there is no more room, or if older messages wait there.
    #[cold]
    pub(super) fn hold_back_published(
        &mut self,
        wires: &mut Wires,
        id: ConnectionId,
        content: Content<'_>,
        place: usize,
        prepared: &mut Option<Prepared>,
    ) -> Option<Sent> {
        let bounds @ (policy, cap) = (self.policy_of(id, place), self.backlog_max(wires, id, place));
        let is_full = self.is_full_with_waiting(wires, id, cap)?;
        if policy.has_queue() && wires.is_open(id) && (is_full || self.has_queue(id)) {
            let message = prepared.get_or_insert_with(|| content.prepare()).clone();
            self.queue_up(wires, id, message, place, bounds);
            return Some(Sent::Queued);
        }
        self.hold_back_within(wires, id, content, bounds, true)
    }

    fn hold_back_within(
        &mut self,
        wires: &mut Wires,
        id: ConnectionId,
        content: Content<'_>,
        (policy, cap): (Overflow, usize),
        is_published: bool,
    ) -> Option<Sent> {
        let is_full = self.is_full_with_waiting(wires, id, cap)?;
        if content.payload().is_none() {
            return Some(Sent::Unsupported);
        }
        if !wires.is_open(id) {
            return Some(Sent::Gone);
        }
        if is_full {
            self.apply_overflow(wires, id, policy, is_published);
            return Some(Sent::Full);
        }
        let mask = self.mask_for(id);
        let waiting = &mut self.fragments(id)?.waiting;
        let is_taken = match mask {
            Some(mask) => content.encode_masked(mask, None, waiting),
            None => content.encode(MessageFormat::Frame, waiting),
        };
        debug_assert!(is_taken, "it has a payload");
        self.metrics.messages_out.add(1);
        self.charge(wires, id);
        Some(Sent::Queued)
    }

    /// Whether the backlog has reached the cap together with what waits for the end of the message. `None`: none is being sent.
    fn is_full_with_waiting(&mut self, wires: &mut Wires, id: ConnectionId, cap: usize) -> Option<bool> {
        let room = cap.saturating_sub(self.fragments(id)?.waiting.len());
        // A broadcast may hold bytes for it.
        Some(wires.outbox(id).is_some() && Self::is_full_after_flush(wires, id, room))
    }

    /// A connection with this link has ended.
    pub(crate) fn forget(&mut self, link: &Link) {
        self.compressors.release_reserved(link.protocol.compression());
        if let Some(extra) = &link.extra {
            self.compressors.set_reserved(None, &mut extra.agreed.clone());
        }
        if link.extra.as_ref().is_some_and(|extra| extra.fragments.is_some()) {
            self.count_fragmenting(-1);
        }
    }

    /// Continues with the readers that used up their part of the last turn.
    pub(crate) fn continue_fragments(&mut self, wires: &mut Wires) {
        for _ in 0..self.pulling.len().min(READERS_PER_TURN) {
            let Some(id) = self.pulling.pop_front() else { break };
            if wires.is_open(id) {
                self.fragments(id).into_iter().for_each(|fragments| fragments.is_listed = false);
                self.pull_fragments(wires, id);
            }
        }
        if !self.pulling.is_empty() {
            wires.request_next_turn();
        }
    }

    /// The reader of a connection goes on in the next turn, if there is one.
    pub(crate) fn queue_fragments(&mut self, wires: &mut Wires, id: ConnectionId) {
        let Some(fragments) = self.fragments(id).filter(|fragments| fragments.reader.is_some()) else {
            return;
        };
        if !std::mem::replace(&mut fragments.is_listed, true) {
            self.pulling.push_back(id);
            wires.request_next_turn();
        }
    }

    /// Sends the next pieces of a connection's reader, if it has one and is not congested.
    fn pull_fragments(&mut self, wires: &mut Wires, id: ConnectionId) {
        let Some(mut reader) = self.fragments(id).and_then(|fragments| fragments.reader.take()) else {
            return;
        };
        let mut scratch = std::mem::take(&mut self.scratch);
        scratch.resize(PIECE_BYTES, 0);
        let mut pieces = PIECES_PER_TURN;
        let is_over = loop {
            if !wires.is_open(id) {
                break true;
            }
            if wires.is_congested(id) || pieces == 0 || Self::has_no_room(wires, id) {
                break false;
            }
            pieces -= 1;
            match self.read_piece(id, &mut *reader, &mut scratch) {
                Ok(0) => {
                    self.end_fragments(wires, id);
                    break true;
                }
                Ok(bytes) => {
                    self.send_frame_of_message(wires, id, &scratch[..bytes], false);
                }
                Err(error) => {
                    log::error!(target: "jackfield::client", connection:% = id; "{id}: the reader of a message failed: {error}");
                    self.close_with(wires, id, 1011, "");
                    break true;
                }
            }
        };
        self.return_scratch(scratch);
        if is_over {
            if let Err(payload) = guard(|| drop(reader)) {
                self.report_panic(id, payload);
            }
        } else if let Some(fragments) = self.fragments(id) {
            fragments.reader = Some(reader);
            if !wires.is_congested(id) {
                self.queue_fragments(wires, id);
            }
        }
    }

    /// Reads one piece. A panic of the reader ends only its connection.
    fn read_piece(&mut self, id: ConnectionId, reader: &mut dyn Read, piece: &mut [u8]) -> io::Result<usize> {
        loop {
            match guard(|| reader.read(piece)) {
                Ok(Err(error)) if error.kind() == io::ErrorKind::Interrupted => {}
                Ok(read) => return read.map(|bytes| bytes.min(piece.len())),
                Err(payload) => {
                    self.report_panic(id, payload);
                    return Err(io::Error::other(Reason::Panic.to_string()));
                }
            }
        }
    }

    fn send_frame_of_message(
        &mut self,
        wires: &mut Wires,
        id: ConnectionId,
        payload: &[u8],
        fin: bool,
    ) -> Sent {
        let mask = self.mask_for(id);
        let Some(fragments) = self.fragments(id) else { return Sent::Gone };
        let opcode = if fragments.has_begun { Opcode::Continuation } else { fragments.kind };
        let mut frame = Vec::with_capacity(14 + payload.len().min(WRITE_THROUGH_BYTES_MIN));
        append_frame(opcode, fin, payload, mask, &mut frame);
        let sent = self.send_uncounted(wires, id, &frame);
        if let Some(fragments) = self.fragments(id).filter(|_| sent.is_accepted()) {
            fragments.has_begun = true;
        }
        sent
    }

    /// The empty last frame of a message of which a fragment was accepted. It always has room, or the message would never end: it
    /// has 6 bytes at most, and comes once for such a message.
    fn send_end_of_begun(&mut self, wires: &mut Wires, id: ConnectionId) -> Sent {
        let mask = self.mask_for(id);
        let high = wires.lowest_marks().high;
        let Some(outbox) = wires.outbox(id) else { return Sent::Gone };
        append_frame(Opcode::Continuation, true, &[], mask, outbox.tail());
        let is_high = outbox.queued_bytes() > high;
        if is_high && Self::flush_early(wires, id) { Sent::Congested } else { Sent::Queued }
    }

    pub(super) fn fragments(&mut self, id: ConnectionId) -> Option<&mut Fragments> {
        self.link(id).extra.as_mut()?.fragments.as_deref_mut()
    }

    /// While any message is being sent in fragments, no message of this reactor takes the short path.
    fn count_fragmenting(&mut self, change: isize) {
        self.fragmenting = self.fragmenting.saturating_add_signed(change);
        let message_bytes_min = self.compressors.message_bytes_min();
        self.short_bytes =
            if self.fragmenting > 0 { 0 } else { message_bytes_min.min(WRITE_THROUGH_BYTES_MIN) };
    }
}

fn append_frame(opcode: Opcode, fin: bool, payload: &[u8], mask: Option<[u8; 4]>, out: &mut Vec<u8>) {
    match mask {
        Some(mask) => encode_masked(opcode, fin, payload, mask, out),
        None => encode_frame(opcode, fin, payload, out),
    }
}
