//! Answers to requests, and what follows them.

use crate::disconnect::Reason;
use crate::links::Links;
use crate::links::link::{Awaited, Link, key};
use crate::links::protocol::Protocol;
use crate::message::Body;
use crate::shared::{Answer, AnswerKind};
use jackfield_proto::http1::{self, BodyDue, DateBlock, Fields, Owed, ResponseToSend};
use jackfield_proto::websocket::{HandshakeError, VERSION};
use jackfield_reactor::planted::planted;
use jackfield_reactor::{ConnectionId, Outbox, Time, WRITE_THROUGH_BYTES_MIN, Wires};

impl Links {
    /// Answers the exchange that is open or deferred on a connection.
    #[inline(always)]
    pub(crate) fn respond(
        &mut self,
        wires: &mut Wires,
        id: ConnectionId,
        head: &ResponseToSend<'_>,
        body: Body<'_>,
    ) {
        let now = wires.now();
        let Some(outbox) = wires.outbox(id) else { return };
        if self.link(id).checks.records_exchanges() {
            self.record_answer(id, head.status, head.content_type, head.fields);
        }
        let (link, date) = self.link_and_date(id, now);
        let Protocol::Http(machine) = &mut link.protocol else { return };
        match machine.respond(head, body.len() as u64, date, outbox.tail()) {
            BodyDue::Yes => Self::append_answer_body(wires, id, body),
            BodyDue::No => {}
        }
    }

    /// The link and the date at once: an answer needs both.
    #[inline(always)]
    pub(crate) fn link_and_date(&mut self, id: ConnectionId, now: Time) -> (&mut Link, &DateBlock) {
        (&mut self.table[id.slot()], self.date.at(now))
    }

    /// After an answer that was not given in its own callback: goes on to the next request, or ends the connection.
    pub(crate) fn after_answer(&mut self, wires: &mut Wires, id: ConnectionId) {
        if self.link(id).checks.records_exchanges() && !planted(53) {
            self.settle_exchange(wires, id);
        }
        let has_ended = wires.has_peer_ended(id);
        let Protocol::Http(machine) = &self.link(id).protocol else { return };
        match machine.owed() {
            Owed::Done => self.end_answered(wires, id),
            Owed::Idle if has_ended => {
                // The end was read early, while an upgrade was being decided on: what came before it has its turn
                // first.
                wires.put_off_end(id);
                self.read_after_answer(wires, id);
                wires.yield_turn(id);
            }
            Owed::Idle => self.read_after_answer(wires, id),
            _ => {}
        }
    }

    /// Closes the connection after its last answer.
    pub(crate) fn end_answered(&mut self, wires: &mut Wires, id: ConnectionId) {
        let why = if self.is_drained_now(wires, id) { Reason::Shutdown } else { Reason::Local };
        if matches!(&self.link(id).protocol, Protocol::Http(machine) if machine.is_last_request()) {
            wires.set_peer_done(id);
        }
        self.end(wires, id, why);
    }

    /// After an answer or a decision: reads on, beginning with what the peer has sent meanwhile.
    pub(crate) fn read_after_answer(&mut self, wires: &mut Wires, id: ConnectionId) {
        wires.resume_after_answer(id);
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
            log::warn!(target: "jackfield::client", "`{client}` gave no answer in `{callback}`: its peer gets {status}");
        }
    }

    /// Appends a body behind the head that was encoded just now. A body handed over whole is always taken.
    #[inline(always)]
    pub(crate) fn append_answer_body(wires: &mut Wires, id: ConnectionId, body: Body<'_>) {
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
        let high = wires.lowest_marks().high;
        match body {
            Body::Borrowed(bytes) => {
                wires.write_through(id, &[], bytes);
            }
            Body::Owned(bytes) => Self::append_piece(wires, id, high, |outbox| outbox.push_owned_body(bytes)),
            Body::Shared(bytes) => {
                Self::append_piece(wires, id, high, |outbox| outbox.push_shared_body(bytes));
            }
        }
    }

    fn append_piece(wires: &mut Wires, id: ConnectionId, high: usize, append: impl FnOnce(&mut Outbox)) {
        let Some(outbox) = wires.outbox(id) else { return };
        append(outbox);
        if outbox.queued_bytes() > high {
            Self::flush_early(wires, id);
        }
    }

    /// Answers with a status alone, and goes on or closes as that says.
    #[cold]
    #[inline(never)]
    pub(crate) fn respond_with_status(&mut self, wires: &mut Wires, id: ConnectionId, status: u16) {
        self.respond(wires, id, &ResponseToSend::new(status, ""), Body::Borrowed(&[]));
        self.after_answer(wires, id);
    }

    /// Answers an invalid upgrade. 426 names the version that is supported (RFC 6455 section 4.4).
    #[cold]
    pub(crate) fn decline_upgrade(&mut self, wires: &mut Wires, id: ConnectionId, error: HandshakeError) {
        let mut fields = Fields::new();
        if error.status() == 426 {
            let pushed = fields.push("Sec-WebSocket-Version", VERSION);
            debug_assert!(pushed.is_ok(), "the line is valid");
        }
        let text = http1::reason_phrase(error.status());
        let head = ResponseToSend { status: error.status(), content_type: "text/plain", fields: &fields };
        self.respond(wires, id, &head, Body::from(text));
        self.after_answer(wires, id);
    }

    /// The answer is deferred: keeps the last event id of its request, if it has one.
    pub(crate) fn keep_last_event_id(&mut self, wires: &mut Wires, id: ConnectionId, last: Option<&str>) {
        if last.is_some() || self.link(id).extra.is_some() {
            self.link(id).extra().last_event_id = last.map(Into::into);
            self.charge(wires, id);
        }
    }

    /// The last event id of the request whose answer was deferred.
    pub(crate) fn take_last_event_id(&mut self, wires: &mut Wires, id: ConnectionId) -> Option<Box<str>> {
        let last = self.link(id).extra.as_mut()?.last_event_id.take()?;
        self.charge(wires, id);
        Some(last)
    }

    /// Gives a deferred answer or its beginning, unless its exchange is over.
    pub(crate) fn answer_deferred(&mut self, wires: &mut Wires, answer: Answer) {
        let Answer { id, sequence, status, content_type, fields, kind } = answer;
        if !self.is_owed(wires, id, sequence) || planted(40) {
            return;
        }
        wires.cancel_timer(id, key::UPGRADE);
        wires.cancel_timer(id, key::ANSWER);
        if matches!(kind, AnswerKind::Events) && wires.has_peer_ended(id) {
            // A stream whose peer has gone would never end.
            return self.close(wires, id, Reason::Peer);
        }
        let head = ResponseToSend { status, content_type: &content_type, fields: &fields };
        match kind {
            AnswerKind::Whole(body) => self.respond(wires, id, &head, body),
            AnswerKind::Stream(body_bytes) => {
                self.begin_stream(wires, id, &head, body_bytes);
                self.start_answer_timeout(wires, id);
            }
            AnswerKind::Events => self.begin_events(wires, id, fields),
        }
        if matches!(self.link(id).protocol, Protocol::Events) {
            wires.resume_after_answer(id);
        }
        self.after_answer(wires, id);
    }

    /// Whether the deferred answer of this exchange is still to be given.
    pub(crate) fn is_owed(&self, wires: &Wires, id: ConnectionId, sequence: u32) -> bool {
        self.is_current_exchange(wires, id, sequence, Owed::Deferred)
    }

    /// Whether this exchange is the present one, and this is owed.
    pub(super) fn is_current_exchange(
        &self,
        wires: &Wires,
        id: ConnectionId,
        sequence: u32,
        owed: Owed,
    ) -> bool {
        wires.contains(id)
            && matches!(&self.table[id.slot()].protocol, Protocol::Http(machine)
                if machine.exchange_number() == sequence && machine.owed() == owed)
    }
}
