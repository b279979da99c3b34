//! What happens to a deferred answer when its peer closes its side, and when the answer does not come.

use crate::disconnect::{Reason, Timeout};
use crate::links::Links;
use crate::links::link::key;
use crate::links::protocol::Protocol;
use jackfield_proto::http1::Owed;
use jackfield_reactor::planted::planted;
use jackfield_reactor::{ConnectionId, Wires};
use std::time::Duration;

impl Links {
    /// Whether a deferred answer or a deferred decision on an upgrade is due, or an answer is being sent in parts.
    pub(super) fn owes_answer(&self, id: ConnectionId) -> bool {
        matches!(self.answer_phase(id), Some(Owed::Deferred | Owed::Streaming))
    }

    /// Whether nobody works on the answer that is due but the server: it is a file, or comes from a reader.
    fn owes_own_answer(&self, id: ConnectionId) -> bool {
        let link = &self.table[id.slot()];
        let exchange = link.extra.as_ref().and_then(|extra| extra.own_exchange);
        matches!(&link.protocol, Protocol::Http(machine) if exchange == Some(machine.exchange_number()))
    }

    /// The server itself reads the answer of this exchange.
    pub(crate) fn note_own_answer(&mut self, wires: &mut Wires, id: ConnectionId, exchange: u32) {
        self.link(id).extra().own_exchange = Some(exchange);
        self.charge(wires, id);
    }

    fn answer_phase(&self, id: ConnectionId) -> Option<Owed> {
        match &self.table[id.slot()].protocol {
            Protocol::Http(machine) => Some(machine.owed()),
            _ => None,
        }
    }

    /// The peer has closed its side. If an answer is due, the peer counts as gone, unless half-closed connections are
    /// kept or the server itself reads the answer: then the answer has a deadline. If no answer is due, the earlier bytes are read
    /// first, and then the end.
    #[cold]
    pub(crate) fn on_peer_left(&mut self, wires: &mut Wires, id: ConnectionId) {
        if !self.owes_answer(id) || planted(55) {
            return;
        }
        if !self.limits_of(id).half_closed && !self.owes_own_answer(id) {
            return self.close(wires, id, Reason::Peer);
        }
        // It may have a deadline of its own.
        if !wires.has_timer(id, key::ANSWER) {
            self.start_answer_timeout(wires, id);
        }
    }

    /// Sets a deadline for an answer that is deferred, or sent in parts. One without a body was complete with its head.
    #[cold]
    pub(crate) fn start_answer_timeout(&mut self, wires: &mut Wires, id: ConnectionId) {
        let answer_timeout = self.limits_of(id).answer_timeout;
        if self.owes_answer(id) && !answer_timeout.is_zero() {
            self.link(id).extra().answer_bytes = wires.bytes_submitted(id);
            self.charge(wires, id);
            wires.set_timer(id, key::ANSWER, answer_timeout);
        }
    }

    /// Sets a deadline for the deferred answer.
    pub(crate) fn set_answer_deadline(&mut self, wires: &mut Wires, id: ConnectionId, deadline: Duration) {
        wires.set_timer(id, key::ANSWER, deadline);
    }

    /// The deadline of an answer has passed. An answer in parts may go on if something was written to it, or if its
    /// peer still has to take bytes. A deferred answer is overdue.
    #[cold]
    pub(crate) fn on_answer_timeout(&mut self, wires: &mut Wires, id: ConnectionId) {
        let sent_before = self.link(id).extra().answer_bytes;
        let flows = wires.queued_bytes(id) > 0 || wires.bytes_submitted(id) != sent_before;
        match self.answer_phase(id) {
            Some(Owed::Streaming) if flows => self.start_answer_timeout(wires, id),
            Some(Owed::Streaming | Owed::Deferred) => {
                self.close(wires, id, Reason::Timeout(Timeout::Answer));
            }
            _ => {}
        }
    }
}
