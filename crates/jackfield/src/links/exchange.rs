//! Keeps the record of an exchange, if an observer wants reports of finished exchanges.

use crate::links::Links;
use crate::links::date::Date;
use crate::links::link::Link;
use crate::links::protocol::Protocol;
use crate::links::record::{ExchangeRecord, Parts};
use crate::shared::{AnsweredAs, Finished, LogEntry, Settings};
use jackfield_proto::http1::{Fields, Owed, Request, ResponseToSend};
use jackfield_reactor::{ConnectionId, Wires};

impl Links {
    /// Begins the record of a request that is whole in the receive buffer. [`Links::end_event`] must follow in the same
    /// event. Until then nothing is reported or copied.
    #[inline(never)]
    pub(crate) fn begin_exchange(&mut self, wires: &mut Wires, id: ConnectionId, request: &Request<'_>) {
        if let Some(last) = self.open_record.owner() {
            // A panic ended that event early.
            self.keep_exchange(wires, last);
        }
        let (now, sent) = (wires.now(), wires.bytes_submitted(id));
        let client = self.addr_behind_proxies(wires, id, request);
        let record = self.open_record.begin(id);
        (record.client, record.begun_at) = (client, now);
        // Its body counts when it is taken: it may be refused.
        record.bytes_in = request.head_bytes() as u64;
        record.sent_before = sent;
        record.status = 0;
        record.answered = AnsweredAs::AtOnce;
    }

    /// Begins the record of a request whose body is still to come, or which may become another protocol.
    #[cold]
    pub(crate) fn begin_long_exchange(&mut self, wires: &mut Wires, id: ConnectionId, request: &Request<'_>) {
        self.begin_exchange(wires, id, request);
        self.open_record.keep_asked(request);
    }

    /// Ends the event that began an exchange. If the exchange has finished too, it is reported.
    #[inline(never)]
    pub(crate) fn end_event(&mut self, wires: &mut Wires, id: ConnectionId, request: &Request<'_>) {
        let Self { open_record, table, settings, date, .. } = self;
        let link = &table[id.slot()];
        let is_over = matches!(&link.protocol, Protocol::Http(machine)
            if matches!(machine.owed(), Owed::Idle | Owed::Done));
        if !is_over {
            return self.go_on(wires, id, request);
        }
        if let Some(record) = open_record.end_in_event(id) {
            if !log_fast(record, request, settings, date, link, wires, id) {
                tell(record, Parts::of(request), settings, date, link, wires, id, true);
            }
        }
    }

    /// Keeps what the record needs of the request, because the exchange goes on after its event.
    #[cold]
    fn go_on(&mut self, wires: &mut Wires, id: ConnectionId, request: &Request<'_>) {
        if self.open_record.owner() == Some(id) {
            self.open_record.keep_asked(request);
            self.settle_exchange(wires, id);
        }
    }

    /// Counts a part of the request's body.
    pub(crate) fn count_body(&mut self, id: ConnectionId, part: &[u8]) {
        if let Some(record) = self.record(id) {
            record.bytes_in += part.len() as u64;
        }
    }

    /// Records the head of the answer. Its parts are separate arguments, so that the usual path needs no head in
    /// memory.
    #[inline(never)]
    pub(crate) fn record_answer(
        &mut self,
        id: ConnectionId,
        status: u16,
        content_type: &str,
        fields: &Fields,
    ) {
        let head = ResponseToSend { status, content_type, fields };
        if let Some(record) = self.record(id) {
            record.status = head.sent_status();
        }
    }

    /// Records how it is answered.
    #[cold]
    pub(crate) fn record_kind(&mut self, id: ConnectionId, answered: AnsweredAs) {
        if let Some(record) = self.record(id) {
            record.answered = answered;
        }
    }

    /// Reports the exchange if it has finished. Called after anything that may finish it.
    #[cold]
    pub(crate) fn settle_exchange(&mut self, wires: &mut Wires, id: ConnectionId) {
        let answered = match &self.table[id.slot()].protocol {
            Protocol::Http(machine) => match machine.owed() {
                Owed::Idle | Owed::Done | Owed::Switched => return self.finish_exchange(wires, id, true),
                Owed::Open => return self.keep_exchange(wires, id),
                Owed::Deferred => AnsweredAs::Later,
                Owed::Streaming => AnsweredAs::Stream,
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
        self.keep_exchange(wires, id);
        self.record_kind(id, answered);
    }

    /// The connection has ended, and its exchange with it.
    #[cold]
    pub(crate) fn end_exchange(&mut self, wires: &mut Wires, id: ConnectionId) {
        let is_complete = match &self.table[id.slot()].protocol {
            Protocol::Http(machine) => {
                !matches!(machine.owed(), Owed::Open | Owed::Deferred | Owed::Streaming)
            }
            // An event stream ends only with its connection.
            Protocol::Events => true,
            _ => false,
        };
        self.finish_exchange(wires, id, is_complete);
    }

    fn finish_exchange(&mut self, wires: &mut Wires, id: ConnectionId, is_complete: bool) {
        let Self { open_record, table, settings, date, .. } = self;
        let link = &mut table[id.slot()];
        if let Some(record) = open_record.end(id) {
            return tell(record, record.request.parts(), settings, date, link, wires, id, is_complete);
        }
        let Some(record) = link.extra.as_mut().and_then(|extra| extra.exchange.take()) else { return };
        tell(&record, record.request.parts(), settings, date, link, wires, id, is_complete);
        open_record.recycle(record);
        self.charge(wires, id);
    }

    /// The exchange goes on after its event: its record moves to its link.
    #[cold]
    fn keep_exchange(&mut self, wires: &mut Wires, id: ConnectionId) {
        if let Some(record) = self.open_record.take(id) {
            self.link(id).extra().exchange = Some(record);
            self.charge(wires, id);
        }
    }

    fn record(&mut self, id: ConnectionId) -> Option<&mut ExchangeRecord> {
        let Self { open_record, table, .. } = self;
        match open_record.of(id) {
            None => table[id.slot()].extra.as_mut()?.exchange.as_deref_mut(),
            open => open,
        }
    }
}

/// Gives a finished exchange to the access log, if only the log wants it and this data is enough. False if it was not
/// given.
#[inline(always)]
fn log_fast(
    record: &ExchangeRecord,
    request: &Request<'_>,
    settings: &Settings,
    date: &mut Date,
    link: &Link,
    wires: &Wires,
    id: ConnectionId,
) -> bool {
    let Some(log) = settings.access_log.as_ref().filter(|_| link.checks.only_logs_access()) else {
        return false;
    };
    log.take_entry(&LogEntry {
        reactor: id.reactor(),
        peer: record.client.or_else(|| wires.source_ip(id)),
        method: request.method(),
        target: request.raw_target(),
        version: request.version(),
        status: record.status,
        bytes_out: wires.bytes_submitted(id).saturating_sub(record.sent_before),
        unix_seconds: date.at(wires.now()).unix_seconds(),
    })
}

/// Reports a finished exchange to its observers.
#[inline(always)]
#[allow(clippy::too_many_arguments)]
fn tell(
    record: &ExchangeRecord,
    Parts { method, path, query, version }: Parts<'_>,
    settings: &Settings,
    date: &mut Date,
    link: &Link,
    wires: &Wires,
    id: ConnectionId,
    is_complete: bool,
) {
    let now = wires.now();
    let finished = Finished {
        connection: id,
        listener: settings.listeners[usize::from(link.listener)].number,
        peer: record.client.or_else(|| wires.source_ip(id)),
        method,
        path,
        query,
        version,
        status: record.status,
        bytes_in: record.bytes_in,
        bytes_out: wires.bytes_submitted(id).saturating_sub(record.sent_before),
        unix_seconds: date.at(now).unix_seconds(),
        duration: now.since(record.begun_at),
        answered: record.answered,
        is_complete,
    };
    if link.checks.tells_observer() {
        settings.observer.on_finished(&finished);
    }
    if let Some(log) = settings.access_log.as_ref().filter(|_| link.checks.logs_access()) {
        log.take(&finished);
    }
}
