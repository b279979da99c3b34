//! A response as it lies in the receive buffer.

use std::fmt;

use super::request::HeaderIter;
use super::slots::{Span, find};
use super::version::Version;

/// The head of a response, borrowed from the bytes it came in.
#[derive(Clone, Copy)]
pub struct Response<'b> {
    status: u16,
    reason: &'b str,
    version: Version,
    head: &'b [u8],
    spans: &'b [Span],
}

impl<'b> Response<'b> {
    pub(crate) const fn new(
        status: u16,
        reason: &'b str,
        version: Version,
        head: &'b [u8],
        spans: &'b [Span],
    ) -> Self {
        Self { status, reason, version, head, spans }
    }

    pub(crate) const fn head(&self) -> &'b [u8] {
        self.head
    }

    pub(crate) const fn spans(&self) -> &'b [Span] {
        self.spans
    }

    /// The status, from 100 to 999.
    #[must_use]
    pub const fn status(&self) -> u16 {
        self.status
    }

    /// The reason phrase. A client should ignore it (RFC 9112 section 4). Empty if it is not ASCII.
    #[must_use]
    pub const fn reason(&self) -> &'b str {
        self.reason
    }

    /// The version the server speaks.
    #[must_use]
    pub const fn version(&self) -> Version {
        self.version
    }

    /// The value of the first field with this name. The case of the name does not matter.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&'b [u8]> {
        find(self.head, self.spans, name).next()
    }

    /// As [`Response::header`], if the value is UTF-8.
    #[must_use]
    pub fn header_str(&self, name: &str) -> Option<&'b str> {
        std::str::from_utf8(self.header(name)?).ok()
    }

    /// The values of all fields with this name, in order.
    pub fn header_all(&self, name: &str) -> impl Iterator<Item = &'b [u8]> {
        find(self.head, self.spans, name)
    }

    /// All fields, in order.
    #[must_use]
    pub fn headers(&self) -> HeaderIter<'b> {
        HeaderIter::new(self.head, self.spans)
    }
}

impl fmt::Debug for Response<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Response")
            .field("status", &self.status)
            .field("reason", &self.reason)
            .field("version", &self.version)
            .field("headers", &self.headers())
            .finish()
    }
}
