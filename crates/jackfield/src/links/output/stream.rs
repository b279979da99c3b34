//! Answers whose bodies are sent in parts.

use crate::disconnect::Reason;
use crate::links::Links;
use crate::links::link::key;
use crate::links::protocol::Protocol;
use crate::message::{Sent, Source};
use crate::shared::{AnsweredAs, Part, PartKind, Permit};
use jackfield_proto::http1::{BodyError, Fields, Owed, ResponseToSend};
use jackfield_reactor::{ConnectionId, Wires};

impl Links {
    /// Begins the answer that is owed. Its body follows in parts, unless it has none: then it is complete.
    pub(crate) fn begin_stream(
        &mut self,
        wires: &mut Wires,
        id: ConnectionId,
        head: &ResponseToSend<'_>,
        body_bytes: Option<u64>,
    ) {
        let now = wires.now();
        let Some(outbox) = wires.outbox(id) else { return };
        if self.link(id).checks.records_exchanges() {
            self.record_answer(id, head.status, head.content_type, head.fields);
            self.record_kind(id, AnsweredAs::Stream);
        }
        let (link, date) = self.link_and_date(id, now);
        if let Protocol::Http(machine) = &mut link.protocol {
            machine.respond_stream(head, body_bytes, date, outbox.tail());
        }
    }

    /// Sends a part of a body. A part beyond the announced length is `Unsupported`; a part of an answer without a body is `Gone`.
    pub(crate) fn send_part(&mut self, wires: &mut Wires, id: ConnectionId, part: &[u8]) -> Sent {
        let cap = wires.lowest_marks().max;
        let Some(outbox) = wires.outbox(id) else { return Sent::Gone };
        // Checked first, because the machine counts what was encoded.
        if outbox.counted_bytes() >= cap && Self::has_no_room(wires, id) {
            let policy = self.link(id).overflow.unwrap_or_default();
            self.apply_overflow(wires, id, policy, false);
            return Sent::Full;
        }
        let mut scratch = std::mem::take(&mut self.scratch);
        scratch.clear();
        let encoded = match &mut self.link(id).protocol {
            Protocol::Http(machine) => {
                machine.encode_part(part, &mut scratch).map(|()| machine.owed() == Owed::Streaming)
            }
            _ => Err(BodyError::NotStreaming),
        };
        let sent = match encoded {
            Ok(true) => self.send_uncounted(wires, id, &scratch),
            // The answer has no body, and its head was all of it.
            Ok(false) => Sent::Gone,
            Err(_) => Sent::Unsupported,
        };
        self.return_scratch(scratch);
        sent
    }

    /// Ends a body.
    pub(crate) fn end_stream(
        &mut self,
        wires: &mut Wires,
        id: ConnectionId,
        trailers: &Fields,
    ) -> Result<(), BodyError> {
        let Some(outbox) = wires.outbox(id) else { return Ok(()) };
        let Protocol::Http(machine) = &mut self.link(id).protocol else { return Ok(()) };
        let ended = machine.encode_end(trailers, outbox.tail());
        wires.cancel_timer(id, key::ANSWER);
        self.after_answer(wires, id);
        ended
    }

    /// A piece of a pulled body was sent: the next is read now, or when the connection has drained.
    fn pull_next(&mut self, wires: &mut Wires, id: ConnectionId, sequence: u32, source: Box<dyn Source>) {
        if wires.is_congested(id) {
            self.link(id).extra().source = Some((sequence, source));
            self.charge(wires, id);
        } else {
            self.handle.pull(id, sequence, source);
        }
    }

    /// Sends a part that its window has let in. The window and high water together are the cap, so none is too much.
    fn send_admitted(&mut self, wires: &mut Wires, id: ConnectionId, part: &[u8]) -> Sent {
        let high = wires.lowest_marks().high;
        let Some(outbox) = wires.outbox(id) else { return Sent::Gone };
        let Protocol::Http(machine) = &mut self.link(id).protocol else { return Sent::Unsupported };
        if machine.encode_part(part, outbox.tail()).is_err() {
            return Sent::Unsupported;
        }
        let is_high = outbox.queued_bytes() > high;
        if is_high && Self::flush_early(wires, id) { Sent::Congested } else { Sent::Queued }
    }

    /// A part was sent: it leaves its window, unless it waits because the connection is congested.
    fn hold_if_congested(&mut self, wires: &mut Wires, id: ConnectionId, permit: Permit) {
        if !wires.is_congested(id) {
            return;
        }
        match &mut self.link(id).extra().permit {
            Some(earlier) => earlier.join(permit),
            none => *none = Some(permit),
        }
        self.charge(wires, id);
    }

    /// The connection has drained: there is room for more of its body, or the next piece of it is read.
    pub(crate) fn continue_pull(&mut self, wires: &mut Wires, id: ConnectionId) {
        let Some(extra) = &mut self.link(id).extra else { return };
        extra.permit = None;
        if let Some((sequence, source)) = extra.source.take() {
            self.charge(wires, id);
            if self.is_current_exchange(wires, id, sequence, Owed::Streaming) {
                self.handle.pull(id, sequence, source);
            }
        }
    }

    /// Sends a part of a deferred answer, unless its exchange is over.
    pub(crate) fn continue_deferred(&mut self, wires: &mut Wires, part: Part) {
        let Part { id, sequence, kind } = part;
        if !self.is_current_exchange(wires, id, sequence, Owed::Streaming) {
            return;
        }
        // The sender does not wait for the result. A part that was not taken leaves a gap, so nothing may follow it; a
        // body that is shorter than announced closes the connection.
        match kind {
            PartKind::Bytes(bytes, permit)
                if self.send_admitted(wires, id, bytes.as_bytes()).is_accepted() =>
            {
                self.hold_if_congested(wires, id, permit);
            }
            PartKind::End(trailers) => drop(self.end_stream(wires, id, &trailers)),
            PartKind::Pulled(bytes, source) if self.send_part(wires, id, &bytes).is_accepted() => {
                self.pull_next(wires, id, sequence, source);
            }
            PartKind::Bytes(..) | PartKind::Pulled(..) | PartKind::Broken => {
                self.abort(wires, id, Reason::Local);
            }
        }
    }
}
