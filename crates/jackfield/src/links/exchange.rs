//! Keeps the record of an exchange, where an observer wants to be told of those that are finished.

use crate::links::Links;
use crate::links::protocol::Protocol;
use crate::links::record::ExchangeRecord;
use crate::shared::{AnsweredAs, Finished};
use jackfield_proto::http1::{Fields, Phase, Request, ResponseHead};
use jackfield_reactor::{ConnectionId, Wires};

impl Links {
    /// A head has come.
    #[cold]
    pub(crate) fn begin_exchange(&mut self, wires: &mut Wires, id: ConnectionId, request: &Request<'_>) {
        if self.link(id).extra.is_none() {
            self.link(id).extra();
            self.charge(wires, id);
        }
        let mut record = self.spare_records.pop();
        let ExchangeRecord { asked, begun_at, bytes_in, sent_before, status, answered } = &mut *record;
        asked.take(request);
        *begun_at = wires.now();
        *bytes_in = (request.head_bytes() + request.body().len()) as u64;
        *sent_before = wires.sent(id);
        *status = 0;
        *answered = AnsweredAs::AtOnce;
        self.link(id).extra().exchange = Some(record);
    }

    /// Part of the body of the request has come.
    pub(crate) fn count_body(&mut self, id: ConnectionId, part: &[u8]) {
        if let Some(record) = self.record(id) {
            record.bytes_in += part.len() as u64;
        }
    }

    /// Its answer begins with a head of these parts: by themselves, so that the usual way need not have one in memory.
    #[cold]
    #[inline(never)]
    pub(crate) fn record_answer(
        &mut self,
        id: ConnectionId,
        status: u16,
        content_type: &str,
        fields: &Fields,
    ) {
        let head = ResponseHead { status, content_type, fields };
        if let Some(record) = self.record(id) {
            // What can't be written has become a 500.
            let is_final = matches!(status, 200..=999) && head.check().is_ok();
            record.status = if is_final { status } else { 500 };
        }
    }

    /// After anything that may have finished an exchange: its observer is told if it has.
    #[cold]
    pub(crate) fn settle_exchange(&mut self, wires: &mut Wires, id: ConnectionId) {
        let link = &self.table[id.slot()];
        let answered = match &link.protocol {
            Protocol::Http(machine) => match machine.phase() {
                Phase::Open => return,
                Phase::Deferred => AnsweredAs::Later,
                Phase::Streaming => AnsweredAs::Stream,
                Phase::Idle | Phase::Done | Phase::Switched => return self.finish_exchange(wires, id, true),
            },
            Protocol::Events => AnsweredAs::Events,
            Protocol::WebSocket(_) => {
                if let Some(record) = self.record(id) {
                    (record.status, record.answered) = (101, AnsweredAs::WebSocket);
                }
                return self.finish_exchange(wires, id, true);
            }
            _ => return,
        };
        if let Some(record) = self.record(id) {
            record.answered = answered;
            // It outlives the event.
            self.charge(wires, id);
        }
    }

    /// The connection has ended, and its exchange with it.
    #[cold]
    pub(crate) fn end_exchange(&mut self, wires: &mut Wires, id: ConnectionId) {
        let is_complete = match &self.table[id.slot()].protocol {
            Protocol::Http(machine) => {
                !matches!(machine.phase(), Phase::Open | Phase::Deferred | Phase::Streaming)
            }
            // It has no other end.
            Protocol::Events => true,
            _ => false,
        };
        self.finish_exchange(wires, id, is_complete);
    }

    fn finish_exchange(&mut self, wires: &mut Wires, id: ConnectionId, is_complete: bool) {
        let unix_seconds = self.date.at(wires.now()).unix_seconds();
        let link = &mut self.table[id.slot()];
        let Some(record) = link.extra.as_mut().and_then(|extra| extra.exchange.take()) else { return };
        let finished = Finished {
            connection: id,
            listener: self.settings.listeners[usize::from(link.listener)].number,
            peer: wires.peer(id).and_then(|peer| peer.source().as_ip()),
            method: record.asked.method(),
            path: record.asked.path(),
            query: record.asked.query(),
            version: record.asked.version,
            status: record.status,
            bytes_in: record.bytes_in,
            bytes_out: wires.sent(id).saturating_sub(record.sent_before),
            unix_seconds,
            duration: wires.now().since(record.begun_at),
            answered: record.answered,
            is_complete,
        };
        if link.asks.for_the_observer() {
            self.settings.observer.on_finished(&finished);
        }
        if let Some(log) = self.settings.access_log.as_ref().filter(|_| link.asks.for_the_access_log()) {
            log.take(&finished);
        }
        let was_charged = record.answered != AnsweredAs::AtOnce;
        self.spare_records.keep(record);
        if was_charged {
            self.charge(wires, id);
        }
    }

    fn record(&mut self, id: ConnectionId) -> Option<&mut ExchangeRecord> {
        self.link(id).extra.as_mut()?.exchange.as_deref_mut()
    }
}
