//! The record of an exchange: what was asked, and what became of it, from the head to the last byte of its answer.

use crate::shared::AnsweredAs;
use jackfield_proto::http1::{Request, Version};
use jackfield_reactor::Time;

/// What was asked, and what has become of it so far.
#[derive(Debug)]
pub(crate) struct ExchangeRecord {
    pub(super) asked: Asked,
    pub(super) begun_at: Time,
    pub(super) bytes_in: u64,
    /// What was sent on the connection before its answer.
    pub(super) sent_before: u64,
    /// That of its answer, 0 so far.
    pub(super) status: u16,
    pub(super) answered: AnsweredAs,
}

impl ExchangeRecord {
    /// Bytes that it takes, with what was asked.
    pub(super) fn heap_bytes(&self) -> usize {
        size_of::<Self>() + self.asked.text.capacity()
    }
}

/// The parts of a request that outlive it, one behind the other in one buffer: the method, the path, and the query.
#[derive(Debug)]
pub(super) struct Asked {
    text: String,
    /// Where the method ends.
    path_at: usize,
    /// Where the query begins, if there is one.
    query_at: Option<usize>,
    pub(super) version: Version,
}

impl Default for ExchangeRecord {
    fn default() -> Self {
        let asked = Asked { text: String::new(), path_at: 0, query_at: None, version: Version::Http11 };
        let (begun_at, answered) = (Time(0), AnsweredAs::AtOnce);
        Self { asked, begun_at, bytes_in: 0, sent_before: 0, status: 0, answered }
    }
}

impl Asked {
    /// Takes a request, in the buffer of the one before.
    pub(super) fn take(&mut self, request: &Request<'_>) {
        let (method, path, query) = (request.method(), request.path(), request.query());
        self.path_at = method.len();
        self.query_at = query.map(|_| method.len() + path.len());
        self.text.clear();
        self.text.reserve_exact(method.len() + path.len() + query.map_or(0, str::len));
        for part in [method, path, query.unwrap_or_default()] {
            self.text.push_str(part);
        }
        self.version = request.version();
    }

    pub(super) fn method(&self) -> &str {
        &self.text[..self.path_at]
    }

    pub(super) fn path(&self) -> &str {
        &self.text[self.path_at..self.query_at.unwrap_or(self.text.len())]
    }

    pub(super) fn query(&self) -> Option<&str> {
        self.query_at.map(|at| &self.text[at..])
    }
}

/// Records that no exchange needs just now: the next ones are made in their place.
#[derive(Default)]
// The boxes are what is spared.
#[allow(clippy::vec_box)]
pub(super) struct SpareRecords(Vec<Box<ExchangeRecord>>);

impl SpareRecords {
    pub(super) fn pop(&mut self) -> Box<ExchangeRecord> {
        self.0.pop().unwrap_or_default()
    }

    pub(super) fn keep(&mut self, record: Box<ExchangeRecord>) {
        if self.0.len() < SPARE_RECORDS_MAX && record.asked.text.capacity() <= TEXT_BYTES_KEPT {
            self.0.push(record);
        }
    }
}

/// As many exchanges as are often under way at once on one reactor.
const SPARE_RECORDS_MAX: usize = 64;
/// A longer target is rare, and its buffer is not kept.
const TEXT_BYTES_KEPT: usize = 512;
