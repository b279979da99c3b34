//! The record of an exchange: what was asked, and what became of it, from the head to the last byte of its answer.

use crate::shared::AnsweredAs;
use jackfield_reactor::Time;

/// What was asked, and what has become of it so far.
#[derive(Debug)]
pub(crate) struct ExchangeRecord {
    pub(super) method: Box<str>,
    pub(super) path: Box<str>,
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
        size_of::<Self>() + self.method.len() + self.path.len()
    }
}
