//! Answers to requests, and what follows them.

use crate::disconnect::Reason;
use crate::links::Links;
use crate::links::link::{Awaited, Link};
use crate::links::protocol::Protocol;
use crate::message::Body;
use jackfield_proto::http1::{DateBlock, Phase, ResponseHead, SendBody};
use jackfield_reactor::{ConnectionId, Outbox, Time, WRITE_THROUGH_BYTES_MIN, Wires};

impl Links {
    /// Answers the exchange that is open or deferred on a connection.
    #[inline(always)]
    pub(crate) fn respond(
        &mut self,
        wires: &mut Wires,
        id: ConnectionId,
        head: &ResponseHead<'_>,
        body: Body<'_>,
    ) {
        let now = wires.now();
        let Some(outbox) = wires.outbox(id) else { return };
        let (link, date) = self.link_and_date(id, now);
        let Protocol::Http(machine) = &mut link.protocol else { return };
        match machine.respond(head, body.len() as u64, date, outbox.tail()) {
            SendBody::Yes => Self::append_body(wires, id, body),
            SendBody::No => {}
        }
    }

    /// The link and the date at once: an answer needs both.
    #[inline(always)]
    pub(crate) fn link_and_date(&mut self, id: ConnectionId, now: Time) -> (&mut Link, &DateBlock) {
        (&mut self.table[id.slot()], self.date.at(now))
    }

    /// After an answer that was not given in its own callback: on to the next request, or to the end.
    pub(crate) fn after_answer(&mut self, wires: &mut Wires, id: ConnectionId) {
        let has_ended = wires.has_ended(id);
        let Protocol::Http(machine) = &self.link(id).protocol else { return };
        match machine.phase() {
            Phase::Done => self.end_answered(wires, id),
            Phase::Idle if has_ended => {
                // The end was read early, while an upgrade was being decided on: what came before it has its turn
                // first.
                wires.put_off_end(id);
                self.read_on(wires, id);
                wires.yield_turn(id);
            }
            Phase::Idle => self.read_on(wires, id),
            _ => {}
        }
    }

    /// Closes the connection after its last answer.
    pub(crate) fn end_answered(&mut self, wires: &mut Wires, id: ConnectionId) {
        let why = if self.drain_until.is_some() { Reason::Shutdown } else { Reason::Local };
        if matches!(&self.link(id).protocol, Protocol::Http(machine) if machine.is_last_request()) {
            wires.take_as_ended(id);
        }
        self.end(wires, id, why);
    }

    /// After an answer, or a decision, that was waited for: what the peer has sent meanwhile is looked at.
    pub(crate) fn read_on(&mut self, wires: &mut Wires, id: ConnectionId) {
        wires.release(id);
        if self.link(id).awaited == Awaited::Early {
            self.link(id).awaited = Awaited::Nothing;
            wires.yield_turn(id);
        }
    }

    /// A callback has left its exchange or upgrade unanswered. In debug builds its client's type is named, once for
    /// each callback and reactor.
    #[cold]
    pub(crate) fn report_unanswered(&mut self, client: &'static str, status: u16) {
        if cfg!(debug_assertions) && !self.reported.contains(&(client, status)) {
            self.reported.push((client, status));
            let callback = if status == 503 { "on_upgrade" } else { "on_request" };
            log::warn!("`{client}` gave no answer in `{callback}`: its peer gets {status}");
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
        Self::append_large_body(wires, id, body);
    }

    #[inline(never)]
    fn append_large_body(wires: &mut Wires, id: ConnectionId, body: Body<'_>) {
        let high = wires.limits().outbox_bytes_high;
        match body {
            Body::Borrowed(bytes) => {
                wires.write_through(id, &[], bytes);
            }
            Body::Owned(bytes) => Self::append_piece(wires, id, high, |outbox| outbox.own_body(bytes)),
            Body::Shared(bytes) => Self::append_piece(wires, id, high, |outbox| outbox.share_body(bytes)),
        }
    }

    fn append_piece(wires: &mut Wires, id: ConnectionId, high: usize, append: impl FnOnce(&mut Outbox)) {
        let Some(outbox) = wires.outbox(id) else { return };
        append(outbox);
        if outbox.queued() > high {
            Self::relieve(wires, id);
        }
    }
}
