//! The record of an exchange: the request and its result, from the head to the last byte of its answer.

use crate::shared::AnsweredAs;
use jackfield_proto::http1::{Request, Version};
use jackfield_reactor::{ConnectionId, Time};
use std::net::SocketAddr;

/// A request and its result so far.
#[derive(Debug)]
pub(crate) struct ExchangeRecord {
    pub(super) request: RequestCopy,
    /// The address that a trusted proxy gave, or that of the peer. `None`: no proxy is trusted.
    pub(super) client: Option<SocketAddr>,
    pub(super) begun_at: Time,
    pub(super) bytes_in: u64,
    /// Bytes sent on the connection before its answer.
    pub(super) sent_before: u64,
    /// The status of its answer, 0 before that.
    pub(super) status: u16,
    pub(super) answered: AnsweredAs,
}

impl ExchangeRecord {
    /// Bytes that it takes, with the parts of its request.
    pub(super) fn heap_bytes(&self) -> usize {
        size_of::<Self>() + self.request.text.capacity()
    }
}

/// The parts of a request that outlive it, one after another in one buffer: method, path and query.
#[derive(Debug)]
pub(super) struct RequestCopy {
    text: String,
    /// Where the method ends.
    path_at: usize,
    /// Where the query begins, if there is one.
    query_at: Option<usize>,
    version: Version,
}

/// Method, path and query, borrowed from a request or from a [`RequestCopy`].
#[derive(Clone, Copy)]
pub(super) struct Parts<'r> {
    pub(super) method: &'r str,
    pub(super) path: &'r str,
    pub(super) query: Option<&'r str>,
    pub(super) version: Version,
}

impl<'r> Parts<'r> {
    #[inline(always)]
    pub(super) fn of(request: &Request<'r>) -> Self {
        let (path, query) = request.path_and_query();
        Self { method: request.method(), path, query, version: request.version() }
    }
}

impl Default for ExchangeRecord {
    fn default() -> Self {
        let request =
            RequestCopy { text: String::new(), path_at: 0, query_at: None, version: Version::Http11 };
        let (begun_at, answered) = (Time(0), AnsweredAs::AtOnce);
        Self { request, client: None, begun_at, bytes_in: 0, sent_before: 0, status: 0, answered }
    }
}

impl RequestCopy {
    /// Copies the parts of a request, into the buffer of the one before.
    pub(super) fn copy_from(&mut self, request: &Request<'_>) {
        let Parts { method, path, query, version } = Parts::of(request);
        self.path_at = method.len();
        self.query_at = query.map(|_| method.len() + path.len());
        self.text.clear();
        self.text.reserve_exact(method.len() + path.len() + query.map_or(0, str::len));
        for part in [method, path, query.unwrap_or_default()] {
            self.text.push_str(part);
        }
        self.version = version;
    }

    /// The method, the path and the query.
    pub(super) fn parts(&self) -> Parts<'_> {
        let (method, target) = self.text.split_at(self.path_at);
        let path_bytes = self.query_at.map_or(target.len(), |at| at - method.len());
        let (path, query) = target.split_at(path_bytes);
        Parts { method, path, query: self.query_at.map(|_| query), version: self.version }
    }
}

/// The record of the exchange whose event is being handled. Nearly all exchanges finish in their event, so the record
/// stays here; if the exchange goes on, it moves to its link.
pub(super) struct OpenRecord {
    /// [`ConnectionId::NONE`]: there is none.
    of: ConnectionId,
    record: Box<ExchangeRecord>,
    /// The parts of the request are not in the record yet: the event has the request, and adds them at its end.
    lacks_request: bool,
    spare: SpareRecords,
}

impl OpenRecord {
    pub(super) fn new() -> Self {
        Self {
            of: ConnectionId::NONE,
            record: Box::default(),
            lacks_request: false,
            spare: SpareRecords::default(),
        }
    }

    /// Begins the record of this connection, without the parts of the request.
    #[inline(always)]
    pub(super) fn begin(&mut self, id: ConnectionId) -> &mut ExchangeRecord {
        (self.of, self.lacks_request) = (id, true);
        &mut self.record
    }

    /// Copies the parts of the request into the record.
    pub(super) fn keep_asked(&mut self, request: &Request<'_>) {
        self.record.request.copy_from(request);
        self.lacks_request = false;
    }

    /// The connection to which it belongs, if there is one.
    pub(super) fn owner(&self) -> Option<ConnectionId> {
        (self.of != ConnectionId::NONE).then_some(self.of)
    }

    /// The record, if it is of this connection.
    #[inline(always)]
    pub(super) fn of(&mut self, id: ConnectionId) -> Option<&mut ExchangeRecord> {
        (self.of == id).then_some(&mut *self.record)
    }

    /// Ends the record of this connection, unless its event has yet to add the parts of the request.
    pub(super) fn end(&mut self, id: ConnectionId) -> Option<&ExchangeRecord> {
        let is_it = self.of == id && !self.lacks_request;
        if is_it {
            self.of = ConnectionId::NONE;
        }
        is_it.then_some(&*self.record)
    }

    /// Ends the record of this connection, in the event that has the request.
    #[inline(always)]
    pub(super) fn end_in_event(&mut self, id: ConnectionId) -> Option<&ExchangeRecord> {
        let is_it = self.of == id && self.lacks_request;
        if is_it {
            self.of = ConnectionId::NONE;
        }
        is_it.then_some(&*self.record)
    }

    /// Takes out the record of this connection, because its exchange goes on after the event.
    pub(super) fn take(&mut self, id: ConnectionId) -> Option<Box<ExchangeRecord>> {
        self.end(id)?;
        Some(std::mem::replace(&mut self.record, self.spare.pop()))
    }

    /// Takes back a record that is over, to use its memory again.
    pub(super) fn recycle(&mut self, record: Box<ExchangeRecord>) {
        self.spare.keep(record);
    }
}

/// Records that no exchange uses now, kept for the next exchanges.
#[derive(Default)]
// Boxes, because it is their allocation that is saved.
#[allow(clippy::vec_box)]
struct SpareRecords(Vec<Box<ExchangeRecord>>);

impl SpareRecords {
    fn pop(&mut self) -> Box<ExchangeRecord> {
        self.0.pop().unwrap_or_default()
    }

    fn keep(&mut self, record: Box<ExchangeRecord>) {
        if self.0.len() < SPARE_RECORDS_MAX && record.request.text.capacity() <= TEXT_BYTES_KEPT {
            self.0.push(record);
        }
    }
}

/// About as many as one reactor often has open at once.
const SPARE_RECORDS_MAX: usize = 64;
/// A longer target is rare, and its buffer is not kept.
const TEXT_BYTES_KEPT: usize = 512;
